"""Requests' heads as bytes.

Source: RFC 9112, section 3; RFC 9110, section 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from .errors import BadHead

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9112, section 3: what would split the request line, or end it.
_BAD_IN_TARGET: Final = re.compile(rb"[^!-~\x80-\xff]")
_BAD_IN_VALUE: Final = re.compile(rb"[\r\n\0]")


def encode_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A request line and its headers, with the empty line that ends them.

    Args:
        method: A token, such as ``b"GET"``.
        target: Path and query, percent-encoded; or ``*``, or an absolute URL.
        headers: All of them, ``Host`` and ``Content-Length`` too.

    Raises:
        BadHead: A part would be read as something else: line breaks, NUL, spaces in the target, a name
            that is no token.
    """
    return encode_request_line(method, target) + encode_headers(headers) + b"\r\n"


def encode_request_line(method: bytes, target: bytes) -> bytes:
    """The first line of a request.

    Raises:
        BadHead: See `encode_head`.
    """
    if not _TOKEN.fullmatch(method):
        raise BadHead("the method is no token")
    if not target or _BAD_IN_TARGET.search(target):
        raise BadHead("the request target is empty, or holds a space or a control character")
    return b"%b %b HTTP/1.1\r\n" % (method, target)


def encode_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The lines of *headers*, without the empty one that ends them.

    Raises:
        BadHead: See `encode_head`.
    """
    return b"".join([header_start(name) + checked_value(name, value) + b"\r\n" for name, value in headers])


@lru_cache(maxsize=1024)
def header_start(name: bytes) -> bytes:
    """*name* and what parts it from its value.

    Raises:
        BadHead: It is no token.
    """
    if not _TOKEN.fullmatch(name):
        raise BadHead(f"{name[:40]!r} is no name of a header")
    return name + b": "


def checked_value(name: bytes, value: bytes) -> bytes:
    """*value*, which ends no line.

    Raises:
        BadHead: It holds a line break or a NUL.
    """
    if _BAD_IN_VALUE.search(value):
        raise BadHead(f"the value of {name[:40]!r} holds a line break or a NUL")
    return value


def decode_head(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """Method, target and headers of what `encode_head` gave."""
    first, *lines = head.decode("utf-8", "surrogateescape").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(": ") for line in lines)
    return method, target, [(name, value) for name, _, value in pairs]
