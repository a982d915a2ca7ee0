"""The endpoint as an RSGI application: GraphQL, GraphiQL, health and the schema's text.

Source: RSGI specification 1.5.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from ..errors import format_error
from .graphiql import build_page, load_assets
from .hooks import PREFIX, HookPath
from .operations import NOT_READY, Operations
from .protocol import (
    JSON,
    NO_STORE,
    ClientGone,
    HTTPProtocol,
    ProtocolClosed,
    Reply,
    Scope,
    has_etag,
    problem_reply,
    refuse_write,
    request_ids,
)
from .requests import HttpProblem
from .service import Engine
from .settings import EndpointSettings
from .supervisor import LEAVE_SIGNAL

if TYPE_CHECKING:
    from .sockets import Sockets

logger = logging.getLogger(__name__)

Lifespan = Callable[[], AbstractAsyncContextManager[Engine]]


class Application:
    """An RSGI application around one engine.

    The engine lives from ``__rsgi_init__`` to ``__rsgi_del__``, in the worker's event loop. Until it is up,
    ``/readyz`` and GraphQL answer 503.

    Paths: ``settings.path`` (GraphQL, and GraphiQL for browsers), its ``assets/…``, ``/healthz``,
    ``/readyz``, ``/schema.graphql``, and ``/hooks/…`` where events are taken. Anything else is answered with 404, as JSON.
    """

    def __init__(
        self,
        lifespan: Lifespan,
        settings: EndpointSettings | None = None,
        *,
        hooks: HookPath | None = None,
        sockets: Sockets | None = None,
    ) -> None:
        """Take what to serve, and how.

        Args:
            lifespan: Makes the async context manager that yields the engine. It is entered and left in one
                task, which the application owns.
            settings: ``EndpointSettings()`` by default.
            hooks: Where upstreams send events to; ``None`` takes none.
            sockets: Takes WebSockets, as long as the engine lives; ``None`` takes none.
        """
        self._sockets = sockets
        self._hooks = hooks
        self.settings = settings or EndpointSettings()
        self._path = self.settings.path
        self._is_leaving = False
        self._is_deaf = False
        self._came: list[int] = []
        self._lifespan = lifespan
        self._engine: Engine | None = None
        self._life: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._stop = asyncio.Event()
        self._assets_path = f"{self.settings.path}/assets/"
        self._assets = load_assets() if self.settings.graphiql else {}
        page = build_page(self.settings.path, self._assets) if self.settings.graphiql else b""
        self._operations = Operations(self.settings, page)
        self._schema: tuple[str, Reply] = ("", Reply(200))

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the engine, in *loop*. In a worker process it is up by the end, before the worker listens.

        In a worker process the first SIGTERM or SIGINT also ends the event streams: granian waits for open
        requests, and says nothing to the application meanwhile.
        """
        if not loop.is_running() and threading.current_thread() is threading.main_thread():
            self._is_deaf = True
            for number in (signal.SIGTERM, signal.SIGINT):
                self._call_on_signal(number, loop, self.end_streams)
            if LEAVE_SIGNAL is not None:
                self._call_on_signal(LEAVE_SIGNAL, loop, self.leave)
        self._life = loop.create_task(self._live())
        if not loop.is_running():
            # The worker listens after this: until then the others take the requests.
            loop.run_until_complete(self._settled.wait())
            loop.call_soon(self._hear)

    def _hear(self) -> None:
        """The first that the worker's own run of the loop does: signals are heard from now on, and those that came."""
        self._is_deaf = False
        for number in self._came:
            signal.raise_signal(number)

    def _call_on_signal(
        self, number: int, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]
    ) -> None:
        """Call *callback* in *loop* when the signal comes, after the handler that is set now."""
        previous = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None) -> None:
            if self._is_deaf:
                # uvloop hears signals only while it runs, and neither in the first moment nor in the last. One that
                # comes before the worker's own run, which granian waits in, is sent once more in that.
                self._came.append(number)
                return
            if callable(previous):
                previous(number, frame)
            loop.call_soon_threadsafe(callback)

        signal.signal(number, handle)

    def end_streams(self) -> None:
        """End every event stream and socket; queries and mutations go on."""
        self._operations.end_streams()
        if self._sockets is not None:
            self._sockets.drain()

    def leave(self) -> None:
        """Tell a gateway to send no more: requests are answered as before, and ``/readyz`` says no."""
        self._is_leaving = True
        self._operations.leave()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop the engine. Where *loop* goes on, ``stopped`` waits for its end."""
        self._stop.set()
        if self._life is not None and not loop.is_running():
            loop.run_until_complete(self._life)

    async def started(self) -> bool:
        """Wait until the engine is up or has failed to start; whether it is up."""
        await self._settled.wait()
        return self._engine is not None

    async def stopped(self) -> None:
        """Wait until the engine is gone."""
        if self._life is not None:
            await self._life

    async def _live(self) -> None:
        try:
            async with self._lifespan() as engine, AsyncExitStack() as stack:
                self._engine = engine
                if self._sockets is not None:
                    await stack.enter_async_context(self._sockets.listening(engine))
                self._settled.set()
                logger.info("engine started")
                try:
                    await self._stop.wait()
                finally:
                    self._engine = None
            logger.info("engine stopped")
        except Exception:
            # The worker goes on: it says on /readyz that it is not ready, and why is in the log.
            logger.exception("engine failed")
        finally:
            self._settled.set()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        reply: Reply | None
        try:
            if scope.path == self._path:
                reply = await self._operations.answer(scope, protocol, self._engine)
            elif self._hooks is not None and scope.path.startswith(PREFIX):
                reply = await self._hooks.answer(scope, protocol)
            else:
                reply = self._answer_beside(scope)
        except (ClientGone, ProtocolClosed):
            logger.debug("client went away", extra=request_ids(scope))
            # Nobody reads it; granian logs a request that is left without an answer as a failure.
            reply = Reply(499)
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            formatted = format_error(error)
            logger.warning("request failed", extra={"error": formatted["message"], **request_ids(scope)})
            reply = Reply(500, msgspec.json.encode({"errors": [formatted]}), JSON, NO_STORE)
        if reply is not None:
            reply.send(scope, protocol)

    def _answer_beside(self, scope: Scope) -> Reply:
        """The answer at any path but GraphQL's."""
        path = scope.path
        if path == "/healthz":
            return refuse_write(scope) or Reply(200, b'{"status":"ok"}', JSON, NO_STORE)
        if path == "/readyz":
            return refuse_write(scope) or self._answer_readiness()
        if path == "/schema.graphql" and self.settings.schema:
            return refuse_write(scope) or self._answer_schema(scope)
        if path.startswith(self._assets_path) and path.removeprefix(self._assets_path) in self._assets:
            return refuse_write(scope) or self._answer_asset(scope)
        return problem_reply(HttpProblem(404, "there is nothing at this path", "NOT_FOUND"))

    def _answer_readiness(self) -> Reply:
        if self._engine is not None and self._engine.ready and not self._is_leaving:
            return Reply(200, b'{"status":"ready"}', JSON, NO_STORE)
        return Reply(503, b'{"status":"not ready"}', JSON, NO_STORE)

    def _answer_schema(self, scope: Scope) -> Reply:
        if self._engine is None or not self._engine.ready:
            return problem_reply(NOT_READY)
        sdl = self._engine.sdl
        if sdl is not self._schema[0]:
            text = sdl.encode()
            etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
            headers = (("etag", etag), ("cache-control", "no-cache"))
            self._schema = (sdl, Reply(200, text, "text/plain; charset=utf-8", headers))
        return _unless_held(scope, self._schema[1])

    def _answer_asset(self, scope: Scope) -> Reply:
        asset = self._assets[scope.path.removeprefix(self._assets_path)]
        headers = asset.headers(scope.query_string)
        return _unless_held(scope, Reply(200, asset.content, asset.media_type, headers))


def _unless_held(scope: Scope, reply: Reply) -> Reply:
    """*reply*, or 304 if the client holds it already."""
    return Reply(304, headers=reply.headers) if has_etag(scope, dict(reply.headers)["etag"]) else reply
