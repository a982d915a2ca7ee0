"""What the endpoint uses of RSGI, and the small things each answer needs of it.

Source: RSGI specification 1.5, "HTTP protocol".
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Final, Protocol

import msgspec

# granian's own names for them; it does not mark them as exported.
from granian.rsgi import ProtocolClosed as ProtocolClosed  # type: ignore[attr-defined]
from granian.rsgi import ProtocolError as ProtocolError  # type: ignore[attr-defined]

from .cors import Headers
from .negotiate import RESPONSE
from .requests import HttpProblem, body_too_large

logger = logging.getLogger(__name__)

JSON: Final = "application/json; charset=utf-8"
NO_STORE: Final[Headers] = (("cache-control", "no-store"),)
NOSNIFF: Final = ("x-content-type-options", "nosniff")
GET_ONLY: Final = HttpProblem(
    405, "only GET and HEAD are allowed here", "METHOD_NOT_ALLOWED", (("allow", "GET, HEAD"),)
)


class RequestHeaders(Protocol):
    """The headers of a request; names in lower case."""

    def get(self, key: str, default: Any = None) -> Any:
        """The first value of a header."""
        ...

    def items(self) -> list[tuple[str, str]]:
        """Every header, in the order they came."""
        ...


class Scope(Protocol):
    """What is known of a request before its body."""

    @property
    def http_version(self) -> str:
        """``1``, ``1.1`` or ``2``."""
        ...

    @property
    def client(self) -> str:
        """``host:port`` of a client over TCP."""
        ...

    @property
    def method(self) -> str:
        """In capitals."""
        ...

    @property
    def path(self) -> str:
        """Decoded."""
        ...

    @property
    def query_string(self) -> str:
        """Still encoded, without the question mark."""
        ...

    @property
    def headers(self) -> RequestHeaders:
        """The headers."""
        ...


class Stream(Protocol):
    """A response that is sent piece by piece."""

    async def send_bytes(self, data: bytes) -> None:
        """Send one piece. Raises ``ProtocolClosed`` if the client has gone away."""
        ...


class HTTPProtocol(Protocol):
    """Reads a request's body and sends the response."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's pieces."""
        ...

    def client_disconnect(self) -> Awaitable[None]:
        """Done when the client has gone away."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole response."""
        ...

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Stream:
        """Send the head of a response."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """A whole HTTP response.

    Attributes:
        status: HTTP status code.
        body: Left out of the answer to HEAD.
        media_type: For ``Content-Type``; empty if there is no body.
        headers: The others.
    """

    status: int
    body: bytes = b""
    media_type: str = ""
    headers: Headers = ()

    def send(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Send it as the answer to the request of *scope*."""
        head = list(self.headers)
        if NOSNIFF not in head:
            head.append(NOSNIFF)
        if self.media_type:
            head.append(("content-type", self.media_type))
        if scope.method == "HEAD" and self.body:  # the server counts the body that it is given
            head.append(("content-length", str(len(self.body))))
        protocol.response_bytes(self.status, head, b"" if scope.method == "HEAD" else self.body)


class ClientGone(Exception):
    """The client closed the connection before it was answered."""


def problem_reply(problem: HttpProblem, media_type: str = "", headers: Headers = ()) -> Reply:
    """*problem* as a GraphQL response map, in *media_type* where that is the modern one, else as JSON."""
    content_type = f"{RESPONSE}; charset=utf-8" if media_type == RESPONSE else JSON
    return Reply(problem.status, problem.body, content_type, (*NO_STORE, *problem.headers, *headers))


def refuse_write(scope: Scope) -> Reply | None:
    """405 unless the method is GET or HEAD."""
    return None if scope.method in {"GET", "HEAD"} else problem_reply(GET_ONLY)


def header_map(scope: Scope) -> dict[str, str]:
    """All headers by name; the values of one that came several times are joined.

    Source: RFC 9110, 5.3 "Field Order"; RFC 9113, 8.2.3 for ``cookie``.
    """
    items = scope.headers.items()
    found = dict(items)
    if len(found) == len(items):
        return found
    found.clear()
    for name, value in items:
        if name in found:
            found[name] += f"; {value}" if name == "cookie" else f", {value}"
        else:
            found[name] = value
    return found


def has_etag(scope: Scope, etag: str) -> bool:
    """Whether the client already holds the version *etag*.

    Source: RFC 9110, 13.1.2 "If-None-Match".
    """
    held = scope.headers.get("if-none-match")
    return held is not None and any(
        one.strip().removeprefix("W/") in {etag, "*"} for one in str(held).split(",")
    )


def request_ids(scope: Scope) -> dict[str, str | None]:
    """The ids under which proxies know the request, for log records."""
    return {
        "request_id": scope.headers.get("x-request-id"),
        "traceparent": scope.headers.get("traceparent"),
    }


async def read_body(protocol: HTTPProtocol, announced: str | None, *, max_bytes: int) -> bytes | HttpProblem:
    """The whole body, or the answer to one that is too large (413).

    Args:
        protocol: The connection.
        announced: The ``Content-Length`` header, if there is one.
        max_bytes: A larger body is refused.

    Raises:
        ClientGone: The connection broke before the end.
    """
    length = int(announced) if announced is not None and announced.isdigit() else None
    if length is not None and length > max_bytes:
        return body_too_large(max_bytes)
    try:
        if length is None:
            body = await _read_chunks(protocol, max_bytes)
        else:
            # One wake-up from granian's thread in place of one a piece; HTTP holds it to its length.
            body = await protocol()
    except ProtocolError as error:
        raise ClientGone from error
    # granian ends the body without an error when the connection breaks.
    if length is not None and len(body) < length:
        raise ClientGone
    return body if len(body) <= max_bytes else body_too_large(max_bytes)


async def _read_chunks(protocol: HTTPProtocol, max_bytes: int) -> bytes:
    """The body, or so much of it that it is over *max_bytes*."""
    body = bytearray()
    async for chunk in protocol:
        body += chunk
        if len(body) > max_bytes:
            break
    return bytes(body)


async def watch(protocol: HTTPProtocol) -> None:
    """Wait for the client to go away.

    Raises:
        ClientGone: It did.
    """
    await protocol.client_disconnect()
    raise ClientGone
