"""The requests of one function as bytes. What is the same for every call is encoded once.

Source: RFC 9112, section 3; RFC 9110, sections 5 and 8.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ...schemas.catalog import Function, HttpBinding
from ...schemas.errors import BadArguments
from ...schemas.openapi.media import media_kind
from .http1 import BadHead
from .http1.head import encode_headers, encode_request_line, header_start
from .http_bodies import Unwritable
from .http_request import Request, build_request, merge_headers
from .http_target import compile_target

_UNSAFE_IN_PATH: Final = re.compile(r"[^!-~]+")
# What the connection says itself, whatever settings and arguments hold: two lengths would be smuggling.
_OF_THE_CONNECTION: Final = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip
# RFC 9110, section 8.6: methods whose requests say that they have no body.
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_FORWARDED: Final = "\x01"
"""Stands for a forwarded value while a layout is made."""
_MOST_LAYOUTS: Final = 64
_VERSION: Final = b" HTTP/1.1\r\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """The headers of a call as far as they do not depend on values.

    Attributes:
        lines: The end of the request line, and the lines that are the same in every call.
        forwarded: Names of the forwarded headers that are sent, each with the start of its line.
    """

    lines: bytes
    forwarded: tuple[tuple[str, bytes], ...]


LayoutKey: TypeAlias = tuple[object, ...]
"""Whether there is a body, and the names of the headers that the caller forwards."""


class RequestWriter:
    """Writes the requests of one function. Called with a call's arguments and forwarded headers.

    Args:
        function: Its binding is an OpenAPI operation's.
        base_url: The upstream's URL, without trailing slash.
        prefix: The path of the function's server, percent-encoded.
        defaults: Headers that are sent where no other source says them, by lower-case name.
        headers: Of every call; they may be secrets.
        cookies: Likewise, as they stand in ``Cookie``.
        query: Likewise, at the end of every target; percent-encoded.
    """

    def __init__(
        self,
        function: Function,
        *,
        base_url: str,
        prefix: str,
        defaults: Mapping[str, tuple[bytes, bytes]],
        headers: Mapping[str, str],
        cookies: str = "",
        query: str = "",
    ) -> None:
        binding = function.binding
        if not isinstance(binding, HttpBinding):
            raise TypeError(f"{function.id} is no HTTP function")
        self._function = function
        self._base_url = base_url
        self._prefix = prefix
        self._cut = len(binding.server or base_url)
        self._method = binding.method.encode()
        self._start = self._method + b" "
        self._without_body = b"Content-Length: 0\r\n\r\n" if binding.method in _WITH_BODY else b"\r\n"
        self._defaults = defaults
        self._headers = headers
        self._cookies = cookies
        self._query = query
        self._write_target = compile_target(binding, prefix)
        as_headers = any(p.location in {"header", "cookie"} for p in binding.parameters)
        # Their Content-Type differs from call to call.
        varies = binding.body is not None and (
            bool(binding.other_bodies or binding.body.choice)
            or media_kind(binding.body.media_type) == "multipart"
        )
        self._layouts: dict[LayoutKey, Layout] | None = None if as_headers or varies else {}

    def __call__(self, arguments: Mapping[str, Any], forwarded: Mapping[str, str]) -> tuple[bytes, bytes]:
        """The head and the body of one call's request.

        Raises:
            BadArguments: They cannot be sent.
        """
        function = self._function
        try:
            target = None if self._write_target is None else self._write_target(arguments)
            if target is not None:
                return self._plain_head(target, arguments, forwarded), b""
            request = build_request(function, arguments, self._base_url)
            return self._head(request, forwarded), request.body or b""
        except (Unwritable, BadHead) as error:
            raise BadArguments(function.upstream, function.id, reason=str(error)) from error
        except UnicodeEncodeError as error:
            reason = "a header holds half a character (a lone surrogate)"
            raise BadArguments(function.upstream, function.id, reason=reason) from error

    def _plain_head(self, target: str, arguments: Mapping[str, Any], forwarded: Mapping[str, str]) -> bytes:
        layouts = self._layouts
        assert layouts is not None
        key = (True, *forwarded)
        layout = layouts.get(key)
        if layout is None:
            request = build_request(self._function, arguments, self._base_url)
            layout = self._keep_layout(layouts, key, request, forwarded)
        if self._query:
            target = _joined_query(target, self._query)
        parts = [self._start, target.encode(), layout.lines]
        for name, start in layout.forwarded:
            parts += (start, _forwarded_value(name, forwarded[name]), b"\r\n")
        parts.append(self._without_body)
        return b"".join(parts)

    def _head(self, request: Request, forwarded: Mapping[str, str]) -> bytes:
        target = self._prefix + request.url[self._cut :]
        if "#" in target:
            target = target.partition("#")[0]
        if not target.startswith("/"):
            target = "/" + target
        if self._query:
            target = _joined_query(target, self._query)
        body = request.body
        line = encode_request_line(self._method, target.encode())
        layouts = self._layouts
        if layouts is None:
            parts = [line, self._lines(self._merged(request, forwarded))]
        else:
            key = (body is None, *forwarded)
            layout = layouts.get(key) or self._keep_layout(layouts, key, request, forwarded)
            parts = [line.removesuffix(_VERSION), layout.lines]
            for name, start in layout.forwarded:
                parts.append(b"%b%b\r\n" % (start, _forwarded_value(name, forwarded[name])))
        parts.append(self._without_body if body is None else b"Content-Length: %d\r\n\r\n" % len(body))
        return b"".join(parts)

    def _keep_layout(
        self,
        layouts: dict[LayoutKey, Layout],
        key: LayoutKey,
        request: Request,
        forwarded: Mapping[str, str],
    ) -> Layout:
        if len(layouts) >= _MOST_LAYOUTS:
            layouts.clear()
        layout = layouts[key] = self._layout(request, forwarded)
        return layout

    def _layout(self, request: Request, forwarded: Mapping[str, str]) -> Layout:
        """Which headers are sent depends on names alone, so `merge_headers` is asked once for a set of them."""
        merged = self._merged(request, dict.fromkeys(forwarded, _FORWARDED))
        varying = [name for name, value in merged.items() if value == _FORWARDED and name in forwarded]
        sent = tuple(
            (name, header_start(name.encode())) for name in varying if name.lower() not in _OF_THE_CONNECTION
        )
        lines = self._lines(merged, left_out=frozenset(varying))
        return Layout(_VERSION + lines, sent)

    def _merged(self, request: Request, forwarded: Mapping[str, str]) -> dict[str, str]:
        merged = merge_headers(request, settings=self._headers, forwarded=forwarded, base_url=self._base_url)
        if self._cookies:
            name = next((name for name in merged if name.lower() == "cookie"), "Cookie")
            others = merged.get(name)
            merged[name] = f"{others}; {self._cookies}" if others else self._cookies
        return merged

    def _lines(self, merged: Mapping[str, str], *, left_out: frozenset[str] = frozenset()) -> bytes:
        """The lines of *merged* without those *left_out*, and of the defaults that *merged* does not say."""
        said = {name.lower() for name in merged}
        lines = [pair for name, pair in self._defaults.items() if name not in said]
        lines += [
            (name.encode(), value.encode())
            for name, value in merged.items()
            if name not in left_out and name.lower() not in _OF_THE_CONNECTION
        ]
        return encode_headers(lines)


def percent_encoded(path: str) -> str:
    """*path* with all that cannot stand in a request target percent-encoded."""
    return _UNSAFE_IN_PATH.sub(lambda odd: _percent(odd.group(0)), path)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _forwarded_value(name: str, value: str) -> bytes:
    """A caller's header as bytes; raises `Unwritable` where it would end its line."""
    # What is printable breaks no line, and is told in one go.
    if not value.isprintable() and ("\r" in value or "\n" in value or "\0" in value):
        raise Unwritable(f"{name!r} holds a line break, which no header can carry")
    return value.strip().encode()


def _joined_query(target: str, query: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}{query}"
