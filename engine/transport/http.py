"""HTTP: calls of OpenAPI operations, on aiohttp.

What goes on the wire is built in ``http_request``, what comes back is read in ``http_answer``; here are
the sockets between, their limits and their deadlines.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from ...schemas.catalog import Function, HttpTarget, Json, Upstream
from ...schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ...schemas.openapi.media import media_kind
from .base import TransportSettings
from .http_answer import decode_answer, status_error
from .http_bodies import Unwritable
from .http_items import ItemDecoder, ItemTooLarge
from .http_request import Request, build_request, merge_headers

logger = logging.getLogger(__name__)

USER_AGENT: Final = "weft"

_FAULTS: Final = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError, EOFError)
"""What aiohttp raises for what an upstream does. ``ValueError``: addresses and headers it cannot read."""


class _TooLarge(Exception):
    """The body passes the limit."""


class HttpTransport:
    """The `Transport` of one HTTP upstream. Redirects are not followed: an answer with 3xx is an error status."""

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        if not isinstance(upstream.target, HttpTarget):
            raise TypeError(f"{upstream.id} is no HTTP upstream")
        self._base_url = upstream.target.base_url
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpTransport:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout_s)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies of one caller must not reach another
            timeout=timeout,
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Content-Type",),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call; see `Transport.call`."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._call(function, arguments, headers)
        except TimeoutError:
            return UpstreamTimeout(function.upstream, function.id)

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """Server-sent events, or JSON values line by line, as they come; any other answer is one item.

        See `Transport.stream`. Closing the iterator closes the connection.
        """
        try:
            request, sent = self._request(function, arguments, headers)
        except UpstreamError as error:
            yield error
            return
        try:
            async with self._send(request, sent) as response:
                kind = media_kind(response.headers.get("Content-Type", ""))
                if 200 <= response.status < 300 and kind == "stream":
                    async with contextlib.aclosing(self._items(response)) as items:
                        async for item in items:
                            yield item
                else:
                    yield await self._answer(function, response)
        except ItemTooLarge:
            yield self._too_large(function)
        except _FAULTS as error:
            yield _unreachable(function, error)

    async def _call(
        self, function: Function, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Json | UpstreamError:
        try:
            request, sent = self._request(function, arguments, headers)
            async with self._send(request, sent) as response:
                return await self._answer(function, response)
        except UpstreamError as error:
            return error
        except _FAULTS as error:
            return _unreachable(function, error)

    def _request(
        self, function: Function, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> tuple[Request, dict[str, str]]:
        """The request and the headers that it is sent with; raises the `UpstreamError` that prevents it."""
        request = build_request(function, arguments, self._base_url)
        if not request.url.startswith(("http://", "https://")):
            detail = "the upstream has no server URL; configure its address"
            raise UpstreamUnreachable(function.upstream, function.id, detail=detail)
        try:
            sent = merge_headers(
                request, settings=self._settings.headers, forwarded=headers, base_url=self._base_url
            )
        except Unwritable as error:
            raise BadArguments(function.upstream, function.id, reason=str(error)) from error
        return request, sent

    def _send(self, request: Request, headers: dict[str, str]) -> Any:
        if self._session is None:
            raise RuntimeError("the transport is used outside of its `async with` block")
        return self._session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=headers,
            data=request.body,
            allow_redirects=False,
        )

    async def _answer(self, function: Function, response: aiohttp.ClientResponse) -> Json | UpstreamError:
        try:
            body = await self._read(response)
        except _TooLarge:
            response.close()
            if not 200 <= response.status < 300:
                return status_error(function, response.status, b"")
            return self._too_large(function)
        return decode_answer(function, response.status, response.headers, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        most = self._settings.max_body_bytes
        stated = response.headers.get("Content-Length", "")
        if stated.isdecimal() and int(stated[:20]) > most and response.method != "HEAD":
            raise _TooLarge
        pieces: list[bytes] = []
        size = 0
        # aiohttp decompresses as it reads, so this counts what the body has become.
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > most:
                raise _TooLarge
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _items(self, response: aiohttp.ClientResponse) -> AsyncGenerator[Json, None]:
        content_type = response.headers.get("Content-Type", "")
        decoder = ItemDecoder(content_type, max_item_bytes=self._settings.max_body_bytes)
        async for piece in response.content.iter_any():
            for item in decoder.feed(piece):
                yield item
            if decoder.ended:
                return
        for item in decoder.finish():
            yield item

    def _too_large(self, function: Function) -> UpstreamAnswer:
        reason = f"the answer is larger than {self._settings.max_body_bytes} bytes"
        return UpstreamAnswer(function.upstream, function.id, reason=reason)


def _unreachable(function: Function, error: Exception) -> UpstreamUnreachable:
    detail = f"{type(error).__name__}: {error}"
    logger.debug("call failed", extra={"function": function.id, "detail": detail})
    return UpstreamUnreachable(function.upstream, function.id, detail=detail)
