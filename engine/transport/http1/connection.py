"""One connection to a server, with one request on it at a time."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final, Protocol, cast

from .errors import ConnectionLost, HttpError, Timeout
from .reader import NO_LIMIT, AnswerReader, Reply

_JOINED: Final = 64 * 1024
"""Up to this size a body is copied behind its head, which saves a system call."""

_BUFFERED: Final = 256 * 1024
"""Bytes of a streamed body that nobody has taken; beyond it the server has to wait."""


class Owner(Protocol):
    """What a connection tells its pool. ``dropped`` may come twice, ``gone`` comes last."""

    def released(self, connection: Connection) -> None:
        """Its answer is there as a whole, and it may be used again."""
        ...

    def dropped(self, connection: Connection) -> None:
        """It must not be used again."""
        ...

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        ...


class Connection(asyncio.Protocol):
    """A connection of a pool.

    Attributes:
        deadline: Of the request it carries; ``inf`` while it is idle.
        idle_since: Loop time at which it became idle; kept by the pool.
        requests: How many it has carried.
        usable: It holds one of the pool's places; kept by the pool.
        failure: What ended a streamed answer.
    """

    __slots__ = (
        "_loop", "_owner", "_paused", "_streaming", "_taken", "_transport", "_waiter", "deadline", "failure",
        "idle_since", "reader", "requests", "usable",
    )  # fmt: skip

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, *, max_header_bytes: int) -> None:
        self._owner = owner
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Any] | None = None
        self._streaming = False
        self._paused = False
        self._taken = 0
        self.reader = AnswerReader(max_header_bytes=max_header_bytes)
        self.deadline = math.inf
        self.idle_since = 0.0
        self.requests = 0
        self.usable = False
        self.failure: HttpError | None = None

    @property
    def connected(self) -> bool:
        """Its socket is not closed yet."""
        return self._transport is not None

    # A whole answer.

    def send(
        self, head: bytes, body: bytes, *, deadline: float, is_head: bool, max_body_bytes: int
    ) -> asyncio.Future[Reply]:
        """Send a request; the future gets the answer, or an `HttpError`.

        Whoever stops waiting says so by `abandon`.
        """
        self.reader.expect(max_body_bytes=max_body_bytes, is_head=is_head)
        waiter: asyncio.Future[Reply] = self._loop.create_future()
        self._waiter = waiter
        self._write(head, body, deadline)
        return waiter

    def abandon(self, waiter: asyncio.Future[Reply]) -> None:
        """Close the connection if it still works for *waiter*: what is half sent or half read cannot go on."""
        if self._waiter is waiter:
            self._waiter = None
            self.abort()

    # An answer piece by piece.

    async def open_stream(self, head: bytes, body: bytes, *, deadline: float, is_head: bool) -> None:
        """Send a request and wait for the head of its answer, which is then in ``reader``.

        Ended by `close_stream`, also where this raises.

        Raises:
            HttpError: There is no answer.
        """
        self._streaming = True
        self._taken = 0
        self.reader.expect(max_body_bytes=NO_LIMIT, is_head=is_head, whole=False)
        self._write(head, body, deadline)
        while not self.reader.head_complete:
            await self._change()
        self.deadline = math.inf

    async def next_pieces(self) -> list[bytes]:
        """What came of the body since the last time, at least one piece; none at its end.

        Raises:
            HttpError: The body breaks off.
        """
        reader = self.reader
        while not reader.pieces:
            if reader.complete:
                return []
            await self._change()
        pieces, reader.pieces = reader.pieces, []
        self._taken = reader.size
        if self._paused:
            self._paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return pieces

    def close_stream(self) -> None:
        """Give the connection back if the answer was read to its end, and close it otherwise."""
        self._streaming = False
        self.deadline = math.inf
        if self.reader.complete and not self._paused and self.failure is None:
            self._settle()
        else:
            self.abort()

    # What the pool says.

    def expire(self) -> None:
        """The deadline has passed."""
        self._fail(Timeout("no answer before the deadline"))

    def fail(self, error: HttpError) -> None:
        """End the request that it carries with *error*, and close it."""
        self._fail(error)

    def close(self) -> None:
        """Close it in peace: TLS says goodbye."""
        self._owner.dropped(self)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close it at once."""
        self.deadline = math.inf
        self._owner.dropped(self)
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        reader = self.reader
        if self._waiter is None and not self._streaming:
            # Nobody asked: a 408 before an idle connection is closed, or the surplus of the last answer.
            self.abort()
            return
        try:
            reader.feed(data)
        except HttpError as error:
            self._fail(error)
            return
        if self._streaming:
            waiting = reader.size - self._taken > _BUFFERED
            if waiting and not (self._paused or reader.complete) and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            self._wake()
        elif reader.complete:
            waiter, self._waiter = self._waiter, None
            reply = reader.reply()
            self._settle()
            if waiter is not None and not waiter.done():
                waiter.set_result(reply)

    def eof_received(self) -> None:
        """The server sends no more, which may be how it ends a body. asyncio closes the transport."""
        self._end("the server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._end(
            f"{type(exc).__name__}: {exc}" if exc else "the connection was closed", broken=exc is not None
        )
        self._owner.gone(self)
        self._transport = None
        self.reader.close()

    # Within.

    def _write(self, head: bytes, body: bytes, deadline: float) -> None:
        self.deadline = deadline
        self.requests += 1
        transport = self._transport
        if transport is None or transport.is_closing():
            self._fail(ConnectionLost("the connection was closed before the request", retriable=True))
        elif len(body) > _JOINED:
            transport.write(head)
            transport.write(body)
        else:
            transport.write(head + body)

    def _settle(self) -> None:
        """Keep the connection after a whole answer, or close it."""
        self.deadline = math.inf
        reader = self.reader
        transport = self._transport
        if reader.surplus or transport is None or not self.usable:
            self.abort()
        elif not reader.keep_alive or transport.is_closing():
            self.close()
        elif transport.get_write_buffer_size():
            self.abort()  # answered before it has read the request, whose rest nobody should read as a next
        else:
            self._owner.released(self)

    def _end(self, reason: str, *, broken: bool = False) -> None:
        self._owner.dropped(self)
        if self._waiter is None and not self._streaming:
            return
        reader = self.reader
        retriable = not reader.began
        if not broken:
            try:
                reader.end()
            except HttpError as error:
                self._fail(error)
                return
        if not reader.complete:
            self._fail(ConnectionLost(reason, retriable=retriable))
        elif self._streaming:
            self._wake()
        elif self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            if not waiter.done():
                waiter.set_result(reader.reply())

    def _fail(self, error: HttpError) -> None:
        waiter, self._waiter = self._waiter, None
        if self._streaming and self.failure is None:
            self.failure = error
        if waiter is not None and not waiter.done():
            if self._streaming:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
        self.abort()

    async def _change(self) -> None:
        """Wait for bytes, or for the end."""
        if self.failure is not None:
            raise self.failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
