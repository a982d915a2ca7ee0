"""HTTP through a proxy, on aiohttp: what `http1.Pool` does, at several times its cost."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl as tls
from collections.abc import AsyncGenerator
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from .http1 import BadAnswer, ConnectFailed, ConnectionLost, HttpError, Origin, Reply, StreamedReply, Timeout
from .http1.head import decode_head

# Every request says these itself, or means to leave them out.
_NOT_ADDED: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class ProxiedPool:
    """A client of one origin, through a proxy; see `http1.Pool`. Requests are sent once."""

    def __init__(
        self,
        origin: Origin,
        proxy: str,
        *,
        max_connections: int,
        connect_timeout_s: float,
        max_body_bytes: int,
        ssl: tls.SSLContext | None = None,
    ) -> None:
        self._origin = str(origin)
        self._proxy = URL(proxy)
        self._ssl: tls.SSLContext | bool = ssl or True
        self._max_body_bytes = max_body_bytes
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=max_connections),
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies of one caller must not reach another
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s),
            skip_auto_headers=_NOT_ADDED,
            auto_decompress=False,
        )

    async def request(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> Reply:
        """Send a request and wait for its answer; see `http1.Pool.request`."""
        try:
            async with asyncio.timeout_at(deadline), self.stream(head, body) as reply:
                body = await reply.read(self._max_body_bytes)
                return Reply(reply.status, reply.headers, dict(reply.headers), body)
        except TimeoutError as error:
            raise Timeout("no answer before the deadline") from error

    @contextlib.asynccontextmanager
    async def stream(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float = math.inf,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> AsyncGenerator[StreamedReply, None]:
        """Send a request; see `http1.Pool.stream`. *deadline* is not looked at."""
        method, target, headers = decode_head(head)
        try:
            response = await self._session.request(
                method,
                URL(self._origin + target, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                proxy=self._proxy,
                ssl=self._ssl,
            )
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            raise _told(error) from error

        async def next_pieces() -> list[bytes]:
            try:
                piece = await response.content.readany()
            except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
                raise _told(error) from error
            return [piece] if piece else []

        async with response:
            fields = [(name.lower(), value) for name, value in response.raw_headers]
            yield StreamedReply(response.status, fields, next_pieces)
            if not response.content.at_eof():
                response.close()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()


def _told(error: Exception) -> HttpError:
    """*error* as one of ours. ``ValueError``: addresses and headers that aiohttp cannot read."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(
        error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError | aiohttp.ServerTimeoutError
    ):
        return ConnectFailed(reason)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        return ConnectionLost(reason, retriable=False)
    return BadAnswer(reason)
