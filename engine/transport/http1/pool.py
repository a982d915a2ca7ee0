"""Connections to one origin, kept open between requests."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl as tls
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from typing import Final

from .alarm import Alarm
from .connection import Connection
from .dial import Origin, dial, tls_context
from .errors import ConnectFailed, ConnectionLost, Timeout
from .reader import Reply
from .streamed import StreamedReply

MAX_IDLE_S: Final = 4.0
"""Below the 5 s after which node.js, uvicorn and Apache close an idle connection: a request that is sent
while the server closes is lost, and may not be repeated if it writes."""

MAX_HEADER_BYTES: Final = 64 * 1024  # Envoy 60 KiB, node.js 16 KiB, aiohttp 8 KiB a line
MAX_WAITING: Final = 10_000
_CLOSING_S: Final = 1.0  # sockets are aborted, which takes a turn of the loop


class Pool:
    """A client of one origin; see `request` and `stream`. Made, used and closed in one event loop.

    Args:
        origin: Where the server is.
        ssl: For ``https``; the system's certificates by default. It should offer ALPN ``http/1.1`` only.
        max_connections: Open at once. Further requests wait, first come, first served.
        max_idle_s: After it an unused connection is closed.
        connect_timeout_s: For one connection to open, TLS included.
        max_body_bytes: Of an answer, once decompressed; streamed ones have no limit.
        max_header_bytes: Of an answer's head, and of what stands between two pieces of a body.
        max_waiting: Requests that may wait for a connection; further ones fail at once.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        ssl: tls.SSLContext | None = None,
        max_connections: int = 100,
        max_idle_s: float = MAX_IDLE_S,
        connect_timeout_s: float = 5.0,
        max_body_bytes: int = 32 * 1024 * 1024,
        max_header_bytes: int = MAX_HEADER_BYTES,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._origin = origin
        self._ssl = (ssl or tls_context()) if origin.scheme == "https" else None
        self._max_connections = max_connections
        self._max_idle_s = max_idle_s
        self._connect_timeout_s = connect_timeout_s
        self._max_body_bytes = max_body_bytes
        self._max_header_bytes = max_header_bytes
        self._max_waiting = max_waiting
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()  # the one used last is at the right
        self._open = 0  # connections that are usable or being opened
        self._turns: OrderedDict[asyncio.Future[Connection | None], float] = OrderedDict()
        self._sockets: set[Connection] = set()
        self._dials: set[asyncio.Timeout] = set()
        self._deadlines = Alarm(self._loop, self._expire)
        self._reaper = Alarm(self._loop, self._reap)
        self._closed = False
        self._quiet: asyncio.Future[None] | None = None

    async def request(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> Reply:
        """Send a request and wait for its answer.

        Args:
            head: What `encode_head` gave; it says the body's length.
            body: May be empty.
            deadline: Loop time in seconds at which waiting ends.
            is_head: The method is HEAD.
            idempotent: It may be sent a second time, on a new connection, if a kept one breaks before a
                byte of the answer (RFC 9110, section 9.2.2).

        Raises:
            HttpError: There is no answer: `ConnectFailed`, `ConnectionLost`, `Timeout`, `TooLarge` or
                `BadAnswer`.
        """
        fresh = False
        while True:
            connection = await self._take(deadline, fresh=fresh)
            kept = connection.requests > 0
            waiter = connection.send(
                head, body, deadline=deadline, is_head=is_head, max_body_bytes=self._max_body_bytes
            )
            if deadline < self._deadlines.at:
                self._deadlines.set(deadline)
            try:
                return await waiter
            except ConnectionLost as lost:
                if fresh or not (kept and idempotent and lost.retriable):
                    raise
                fresh = True
            except BaseException:
                connection.abandon(waiter)
                raise

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
        """Send a request; the block begins when the head of its answer is there.

        Leaving the block before the end of the body closes the connection.

        Args:
            head: See `request`.
            body: See `request`.
            deadline: Of the answer's head; the body may take any time.
            is_head: See `request`.
            idempotent: See `request`.

        Raises:
            HttpError: There is no answer.
        """
        fresh = False
        while True:
            connection = await self._take(deadline, fresh=fresh)
            kept = connection.requests > 0
            self._deadlines.set(deadline)
            try:
                await connection.open_stream(head, body, deadline=deadline, is_head=is_head)
            except ConnectionLost as lost:
                connection.close_stream()
                if fresh or not (kept and idempotent and lost.retriable):
                    raise
                fresh = True
            except BaseException:
                connection.close_stream()
                raise
            else:
                break
        try:
            reader = connection.reader
            yield StreamedReply(reader.status, reader.headers, connection.next_pieces)
        finally:
            connection.close_stream()

    async def aclose(self) -> None:
        """Close every connection, and wait until their sockets are gone. Requests under way fail."""
        self._closed = True
        self._deadlines.cancel()
        self._reaper.cancel()
        for turn in self._turns:
            if not turn.done():
                turn.set_exception(self._closing())
        self._turns.clear()
        for connecting in self._dials:
            connecting.reschedule(self._loop.time())
        for connection in list(self._sockets):
            connection.fail(ConnectionLost("the pool was closed", retriable=False))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_S):
                while self._sockets or self._dials:
                    self._quiet = self._loop.create_future()
                    await self._quiet

    # What connections say.

    def released(self, connection: Connection) -> None:
        """A connection may carry the next request."""
        if self._closed:
            connection.abort()
            return
        while self._turns:
            turn, _ = self._turns.popitem(last=False)
            if not turn.done():
                turn.set_result(connection)
                return
        connection.idle_since = now = self._loop.time()
        self._idle.append(connection)
        if self._reaper.at == math.inf:
            self._reaper.set(now + self._max_idle_s)

    def dropped(self, connection: Connection) -> None:
        """A connection must not be used again."""
        if connection.usable:
            connection.usable = False
            with contextlib.suppress(ValueError):
                self._idle.remove(connection)
            self._give_slot()

    def gone(self, connection: Connection) -> None:
        """A socket is closed."""
        self._sockets.discard(connection)
        self._tell_quiet()

    # Taking turns.

    async def _take(self, deadline: float, *, fresh: bool) -> Connection:
        """A connection for one request: the idle one used last, a new one, or the next that is released.

        A *fresh* one is new, or was released this moment.
        """
        now = self._loop.time()
        if deadline <= now:
            raise Timeout("the deadline has passed")
        if not fresh:
            while self._idle:
                connection = self._idle.pop()
                if connection.idle_since + self._max_idle_s > now:
                    return connection
                connection.close()
        if self._closed:
            raise self._closing()
        if self._open >= self._max_connections and self._idle:
            self._idle[0].close()
        if self._open >= self._max_connections:
            released = await self._next_turn(deadline)
            while released is not None:
                if released.usable:
                    return released
                # It broke between two turns of the loop. Nothing was sent, so this is no failure.
                released = await self._next_turn(deadline)
        else:
            self._open += 1
        return await self._connect(deadline)

    async def _next_turn(self, deadline: float) -> Connection | None:
        """A connection that another request has released; or ``None``, the right to open one."""
        if len(self._turns) >= self._max_waiting:
            raise ConnectFailed(f"{self._origin}: {self._max_waiting} requests wait for a connection already")
        turn: asyncio.Future[Connection | None] = self._loop.create_future()
        self._turns[turn] = deadline
        self._deadlines.set(deadline)
        try:
            return await turn
        except BaseException:
            self._turns.pop(turn, None)
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            raise

    def _pass_on(self, connection: Connection | None) -> None:
        """Somebody was given his turn and has gone away."""
        if connection is None:
            self._give_slot()
        elif connection.usable:
            self.released(connection)

    def _give_slot(self) -> None:
        """One connection fewer: the first who waits may open one."""
        while self._turns:
            turn, _ = self._turns.popitem(last=False)
            if not turn.done():
                turn.set_result(None)
                return
        self._open -= 1

    async def _connect(self, deadline: float) -> Connection:
        connected = False
        until = self._loop.time() + self._connect_timeout_s
        try:
            async with asyncio.timeout_at(min(deadline, until)) as limit:
                self._dials.add(limit)
                try:
                    connection = await dial(self._origin, self._make_connection, ssl=self._ssl)
                finally:
                    self._dials.discard(limit)
                    self._tell_quiet()
            connected = connection.usable = True
            # Not earlier: where opening is cancelled, uvloop closes the socket and tells nobody.
            if connection.connected:
                self._sockets.add(connection)
        except TimeoutError as error:
            if self._closed:
                raise self._closing() from error
            if deadline <= until:
                raise Timeout("no connection before the deadline") from error
            raise ConnectFailed(
                f"{self._origin}: no connection within {self._connect_timeout_s:g} s"
            ) from error
        finally:
            if not connected:
                self._give_slot()
        if self._closed:
            connection.abort()
            raise self._closing()
        return connection

    def _make_connection(self) -> Connection:
        return Connection(self, self._loop, max_header_bytes=self._max_header_bytes)

    # Time.

    def _expire(self, now: float) -> float:
        """End the requests that are due; the earliest deadline of the others."""
        earliest = math.inf
        for turn, deadline in list(self._turns.items()):
            if deadline > now:
                earliest = min(earliest, deadline)
            elif not turn.done():
                turn.set_exception(Timeout("no connection was free before the deadline"))
        for connection in list(self._sockets):
            if connection.deadline > now:
                earliest = min(earliest, connection.deadline)
            else:
                connection.expire()
        return earliest

    def _reap(self, now: float) -> float:
        """Close the connections that nobody used for long; when to look again."""
        while self._idle:
            idle_until = self._idle[0].idle_since + self._max_idle_s
            if idle_until > now:
                return idle_until
            self._idle[0].close()
        return math.inf

    def _closing(self) -> ConnectFailed:
        return ConnectFailed(f"{self._origin}: the pool is closed")

    def _tell_quiet(self) -> None:
        if self._quiet is not None and not self._quiet.done():
            self._quiet.set_result(None)
