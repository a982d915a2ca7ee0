"""Where GraphQL over WebSocket is taken: beside each engine behind the gateway, or on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from ..engine.endpoint.settings import EndpointSettings, WebSocketSettings
from ..settings import Settings

if TYPE_CHECKING:
    from ..engine.endpoint.sockets import Sockets

_MOST_SECONDS: Final = 1e11
"""Since the epoch: what is beyond is no time."""


def takes_sockets(settings: Settings) -> bool:
    """Whether the engines behind ``weft up``'s gateway take WebSockets.

    A limit by cost counts answers of HTTP: sockets would go past it, so beside one they are taken only where
    the configuration says so.
    """
    section = settings.server.websockets
    if section is not None:
        return not section.off
    return settings.gateway is not None and not any(limit.cost for limit in settings.gateway.limits)


def web_socket_path(socket: Path) -> Path:
    """Where the engine on the Unix socket *socket* takes WebSockets."""
    return socket.with_suffix(".ws")


async def drain_sockets(paths: Iterable[Path]) -> None:
    """Let the clients behind each of *paths* be told to go, while there is an Envoy that can tell them."""
    async with asyncio.TaskGroup() as group:
        for path in paths:
            group.create_task(_drain(path))


async def _drain(path: Path) -> None:
    timeout = aiohttp.ClientTimeout(total=1)
    connector = aiohttp.UnixConnector(path=str(path))
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):  # its clients are gone with it
            await session.post("http://engine/drain")


def make_sockets(settings: Settings, endpoint: EndpointSettings, uds: Path | None) -> Sockets | None:
    """What takes WebSockets in a worker; ``None`` for nothing.

    Args:
        settings: What is served, and how.
        endpoint: The endpoint beside it.
        uds: The Unix socket that the worker serves HTTP on, if it is one.
    """
    section = settings.server.websockets
    if uds is not None:
        if not takes_sockets(settings):
            return None
    elif section is None or section.port is None:
        return None
    from ..engine.endpoint.sockets import Sockets  # with aiohttp's server: not every worker needs it

    limits = WebSocketSettings(
        host=settings.server.host,
        uds=web_socket_path(uds) if uds is not None else None,
        max_message_bytes=settings.server.max_body_bytes,
    )
    if section is not None:
        limits = replace(
            limits,
            port=section.port or 0,
            origins=section.origins,
            init_headers=section.init_headers,
            max_connections=section.max_connections,
            max_operations=section.max_operations,
            init_timeout_s=section.init_timeout_s,
            ping_s=section.ping_s,
        )
    return Sockets(limits, endpoint, expiry=token_expiry)


def token_expiry(headers: Mapping[str, str]) -> float | None:
    """When the token ends that a gateway has checked for an upgrade request; ``None`` for never.

    Believed of anybody: who claims an earlier end only harms himself.
    """
    from ..engine.execute.guard import claims_of

    match claims_of(headers).get("exp"):
        case bool():
            return None
        case int() | float() as expires if 0 < expires < _MOST_SECONDS:
            return float(expires)
    return None
