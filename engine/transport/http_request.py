"""Requests: a function and its arguments as what goes on the wire. Nothing here touches a socket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ...schemas.catalog import Function, HttpBinding
from ...schemas.errors import BadArguments
from .http_bodies import Unwritable, chosen_body, encode_body
from .http_styles import cookie_pairs, header_text, path_text, query_pairs

_PLACEHOLDER: Final = re.compile(r"\{([^{}/]+)\}")
_UNSENDABLE: Final = re.compile(r"[\r\n\0]")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_IN_PATH: Final = re.compile(r"[^!-~]+")
_DOTS: Final = re.compile(r"(?:\.|%2[eE]){1,2}")

# RFC 9110, section 7.6.1, and what this request says itself.
_NOT_FORWARDED: Final = frozenset(
    {"host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive",
     "te", "trailer", "upgrade", "proxy-authorization", "proxy-authenticate", "proxy-connection", "accept",
     "accept-encoding", "expect"}
)  # fmt: skip
_HARMLESS: Final = frozenset(
    {"traceparent", "tracestate", "x-request-id", "x-amzn-trace-id", "accept-language", "user-agent"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes on the wire.

    Attributes:
        method: Upper case.
        url: Absolute, and percent-encoded already.
        headers: Without those that the connection needs (``Host``, ``Content-Length``). May hold secrets.
        body: ``None`` for a request without one.
    """

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def build_request(function: Function, arguments: Mapping[str, Any], base_url: str) -> Request:
    """The request that calls *function*.

    An argument that is absent or null is left out.

    Args:
        function: One with an ``HttpBinding``.
        arguments: By the names of ``function.arguments``.
        base_url: The upstream's URL, without trailing slash; an operation's own server wins.

    Raises:
        BadArguments: An argument that cannot be written in its place.
    """
    binding = _binding(function)
    try:
        return _build(binding, arguments, base_url)
    except Unwritable as error:
        raise BadArguments(function.upstream, function.id, reason=str(error)) from error
    except UnicodeEncodeError as error:
        reason = "an argument holds half a character (a lone surrogate)"
        raise BadArguments(function.upstream, function.id, reason=reason) from error


def merge_headers(
    request: Request, *, settings: Mapping[str, str], forwarded: Mapping[str, str], base_url: str
) -> dict[str, str]:
    """The headers to send: the request's own, the settings', the forwarded ones.

    What the settings say, no argument changes; a forwarded header wins over the settings' of its name. An
    operation whose server has another origin than the upstream gets neither: a description must not be
    able to send credentials elsewhere.

    Args:
        request: What `build_request` gave.
        settings: Headers for every call to the upstream.
        forwarded: Headers of the caller; names in lower case.
        base_url: The upstream's URL.

    Raises:
        Unwritable: A header's value holds a line break.
    """
    foreign = urlsplit(request.url)[:2] != urlsplit(base_url)[:2]
    merged = {name.lower(): (name, value) for name, value in request.headers.items()}
    given = set(merged)
    configured = set()
    for name, value in settings.items():
        if not foreign or name.lower() in _HARMLESS:
            merged[name.lower()] = (name, value)
            configured.add(name.lower())
    for name, value in forwarded.items():
        lower = name.lower()
        if lower in _NOT_FORWARDED or (foreign and lower not in _HARMLESS):
            continue
        if lower in configured or lower not in given:
            merged[lower] = (name, value)
    return {name: _header_value(name, value) for name, value in merged.values()}


def _binding(function: Function) -> HttpBinding:
    if not isinstance(function.binding, HttpBinding):
        raise TypeError(f"{function.id} is no HTTP function")
    return function.binding


def _build(binding: HttpBinding, arguments: Mapping[str, Any], base_url: str) -> Request:
    headers: dict[str, str] = {}
    if binding.accept:
        headers["Accept"] = ", ".join(binding.accept)
    in_path: dict[str, str] = {}
    pairs: list[str] = []
    cookies: list[str] = []
    for parameter in binding.parameters:
        value = arguments.get(parameter.argument)
        if parameter.location == "path":
            if value is None or value == "" or value == [] or value == {}:
                raise Unwritable(
                    f"argument {parameter.argument!r} must not be empty: it is a part of the path"
                )
            in_path[parameter.name] = path_text(parameter, value)
        elif value is None:
            continue
        elif parameter.location == "query":
            pairs += query_pairs(parameter, value)
        elif parameter.location == "header":
            if not _TOKEN.fullmatch(parameter.name):
                raise Unwritable(f"{parameter.name!r} is no name of a header")
            headers[parameter.name] = _header_value(parameter.argument, header_text(parameter, value))
        else:
            cookies += cookie_pairs(parameter, value)
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    body: bytes | None = None
    chosen = chosen_body(binding, arguments)
    if chosen is not None:
        body, headers["Content-Type"] = encode_body(*chosen)
    url = (binding.server or base_url) + _expand(binding.path, in_path)
    if pairs:
        url += ("&" if "?" in url else "?") + "&".join(pairs)
    return Request(binding.method, url, headers, body)


def _expand(template: str, in_path: Mapping[str, str]) -> str:
    """The path with its placeholders filled. A fragment of the template never goes on the wire."""
    path = template.partition("#")[0]

    def fill(found: re.Match[str]) -> str:
        text = in_path.get(found.group(1))
        if text is None:
            raise Unwritable(f"nothing fills {found.group(0)} in the path")
        return text

    if "{" in path:
        segments = path.split("/")
        for at, segment in enumerate(segments):
            if "{" in segment:
                segments[at] = _PLACEHOLDER.sub(fill, segment)
                if _DOTS.fullmatch(segments[at]):
                    raise Unwritable(f"{segment} in the path must not be '.' or '..'")
        path = "/".join(segments)
    return _UNSAFE_IN_PATH.sub(lambda odd: _percent(odd.group(0)), path)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def _header_value(name: str, value: str) -> str:
    if _UNSENDABLE.search(value):
        raise Unwritable(f"{name!r} holds a line break, which no header can carry")
    return value.strip()
