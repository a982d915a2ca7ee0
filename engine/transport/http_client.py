"""A client of one HTTP origin: straight, or through the proxy that the environment names."""

from __future__ import annotations

import math
import ssl as tls
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from .http1 import Origin, Pool, Reply, StreamedReply
from .http1.pool import MAX_IDLE_S
from .proxies import proxy_for


class Client(Protocol):
    """What sends requests to one origin: `http1.Pool`, or its proxied twin."""

    async def request(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> Reply:
        """The answer to one request; raises `HttpError`."""
        ...

    def stream(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float = math.inf,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> AbstractAsyncContextManager[StreamedReply]:
        """An answer whose body is read piece by piece; raises `HttpError`."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


def open_client(
    origin: Origin,
    *,
    max_connections: int,
    connect_timeout_s: float,
    max_body_bytes: int,
    max_idle_s: float = MAX_IDLE_S,
    ssl: tls.SSLContext | None = None,
) -> Client:
    """The client of *origin*. Its bounds are those of `http1.Pool`; a proxy keeps its own idle connections."""
    proxy = "" if origin.unix_path else proxy_for(origin)
    if proxy:
        from .http_proxy import ProxiedPool  # it brings aiohttp, which nothing else here needs

        return ProxiedPool(
            origin,
            proxy,
            max_connections=max_connections,
            connect_timeout_s=connect_timeout_s,
            max_body_bytes=max_body_bytes,
            ssl=ssl,
        )
    return Pool(
        origin,
        ssl=ssl,
        max_connections=max_connections,
        max_idle_s=max_idle_s,
        connect_timeout_s=connect_timeout_s,
        max_body_bytes=max_body_bytes,
    )
