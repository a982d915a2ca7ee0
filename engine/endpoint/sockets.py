"""GraphQL over WebSocket: a listener of its own in the worker's event loop.

RSGI has no way to name a subprotocol in the answer to an upgrade, and browsers refuse an answer without it; it
also has no pings and no bound for messages. aiohttp has all three. Plain requests never come near it.

Source: RFC 6455, "Opening Handshake"; GraphQL over WebSocket Protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from .connection import Connection
from .messages import LEGACY_PROTOCOL, PROTOCOL
from .requests import HttpProblem
from .service import Engine
from .settings import EndpointSettings, WebSocketSettings

logger = logging.getLogger(__name__)

SUBPROTOCOL_NOT_ACCEPTABLE: Final = 4406
DRAIN: Final = "/drain"
"""On a Unix socket, a POST by which a gateway that is about to end lets clients be told."""

_CLOSE_TIMEOUT_S: Final = 2.0
"""For a client to answer the close frame."""

NOT_AN_UPGRADE: Final = HttpProblem(
    426,
    f"this is for WebSockets of the subprotocol {PROTOCOL}",
    "UPGRADE_REQUIRED",
    (("upgrade", "websocket"), ("connection", "upgrade")),
)
NOTHING_HERE: Final = HttpProblem(404, "there is nothing at this path", "NOT_FOUND")
WRONG_ORIGIN: Final = HttpProblem(403, "pages of this origin may not open a socket here", "FORBIDDEN")
TOO_MANY: Final = HttpProblem(
    503,
    "as many sockets are open as may be; try again later",
    "TOO_MANY_CONNECTIONS",
    (("retry-after", "5"),),
)


class Sockets:
    """Accepts WebSockets, and runs operations over them."""

    def __init__(
        self,
        settings: WebSocketSettings,
        endpoint: EndpointSettings,
        *,
        expiry: Callable[[Mapping[str, str]], float | None] = lambda headers: None,
    ) -> None:
        """Take the limits.

        Args:
            settings: Of the sockets.
            endpoint: Of the endpoint beside them: path and time limit are the same.
            expiry: Until when the headers of an upgrade request hold, in seconds since the epoch; ``None``
                for ever.
        """
        self._expiry = expiry
        self.settings = settings
        self._endpoint = endpoint
        self._ending = asyncio.Event()
        self._open = 0
        self.url = ""

    def drain(self) -> None:
        """End every socket, those to come too: queries and mutations end before."""
        self._ending.set()

    @contextlib.asynccontextmanager
    async def listening(self, engine: Engine) -> AsyncIterator[None]:
        """Take sockets until the block ends; then those that are open are drained."""
        settings = self.settings

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return await self._answer(request, engine)

        server = web.Server(answer, access_log=None)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=self._endpoint.timeout_s)
        await runner.setup()
        site: web.BaseSite
        if settings.uds is not None:
            settings.uds.unlink(missing_ok=True)
            site = web.UnixSite(runner, str(settings.uds))
        else:
            # Each worker listens; the kernel deals the connections out among them.
            site = web.TCPSite(runner, settings.host, settings.port, reuse_port=True)
        await site.start()
        if settings.uds is None:
            self.url = f"ws://{settings.host}:{runner.addresses[0][1]}{self._endpoint.path}"
        try:
            yield
        finally:
            self.drain()
            await site.stop()
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest, engine: Engine) -> web.StreamResponse:
        if request.path == "/readyz":  # a gateway asks each listener how it is
            ready = engine.ready and not self._ending.is_set()
            return web.Response(status=200 if ready else 503)
        if request.path == DRAIN and request.method == "POST" and self.settings.uds is not None:
            self.drain()
            return web.Response(status=204)
        headers = _header_map(request)
        problem = self._refusal(request, headers)
        if problem is not None:
            return web.Response(
                status=problem.status,
                body=problem.body,
                content_type="application/json",
                headers={**dict(problem.headers), "cache-control": "no-store"},
            )
        offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
        # Who offers another protocol learns in words that it is the wrong one: for that a browser needs one of
        # its own in the answer.
        chosen = PROTOCOL if PROTOCOL in offered else offered[0]
        socket = web.WebSocketResponse(
            protocols=(chosen,) if chosen else (),
            timeout=_CLOSE_TIMEOUT_S,
            heartbeat=self.settings.ping_s,
            max_msg_size=self.settings.max_message_bytes,
            compress=False,
        )
        await socket.prepare(request)
        if chosen != PROTOCOL:
            hint = " (graphql-ws is of another library)" if chosen == LEGACY_PROTOCOL else ""
            reason = f"Subprotocol not acceptable: use {PROTOCOL}{hint}"
            await socket.close(code=SUBPROTOCOL_NOT_ACCEPTABLE, message=reason.encode())
            return socket
        connection = Connection(
            socket,
            engine,
            self.settings,
            headers,
            timeout_s=self._endpoint.timeout_s,
            expires_at=self._expiry(headers),
        )
        self._open += 1
        try:
            await connection.run(self._ending)
        finally:
            self._open -= 1
        return socket

    def _refusal(self, request: web.BaseRequest, headers: Mapping[str, str]) -> HttpProblem | None:
        if request.path != self._endpoint.path:
            return NOTHING_HERE
        if request.method != "GET" or headers.get("upgrade", "").lower() != "websocket":
            return NOT_AN_UPGRADE
        if not is_welcome(headers.get("origin"), headers.get("host", ""), self.settings.origins):
            return WRONG_ORIGIN
        if self._open >= self.settings.max_connections or self._ending.is_set():
            return TOO_MANY
        return None


def is_welcome(origin: str | None, host: str, origins: tuple[str, ...]) -> bool:
    """Whether a page of *origin* may open a socket: one of the same host, or of an origin that is named.

    Browsers open sockets to any host, and send its cookies along: who may is the server's to say. Who is no
    browser sends no origin.

    Source: RFC 6455, 10.2 "Origin Considerations".
    """
    if origin is None or "*" in origins or origin in origins:
        return True
    return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def _header_map(request: web.BaseRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in request.headers.items():
        name = key.lower()
        if name in found:
            found[name] += f"; {value}" if name == "cookie" else f", {value}"
        else:
            found[name] = value
    return found
