"""A server that sends exact bytes: it knows nothing of HTTP beyond where a request ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl as tls
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

Then = Literal["keep", "close", "reset"]
_GONE = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Script:
    """How one request is answered.

    Attributes:
        sent: The bytes of the answer.
        piece_bytes: Size of the pieces that they are sent in; 0 for all at once.
        then: What becomes of the connection: it waits for the next request, is closed, or is reset.
        hold: Set this event to have the rest sent; only *held* bytes are sent before.
        held: See *hold*.
        reads_body: Whether the request's body is read before it is answered.
    """

    sent: bytes
    piece_bytes: int = 0
    then: Then = "keep"
    hold: asyncio.Event | None = None
    held: int = 0
    reads_body: bool = True


@dataclass(slots=True)
class RawServer:
    """A running server.

    Attributes:
        port: On 127.0.0.1; 0 for a unix socket.
        requests: The bytes of every request, head and body, in the order they came.
        opened: How many connections were accepted.
        open_now: How many of them are open.
        most: The largest number that was open at once.
    """

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    opened: int = 0
    open_now: int = 0
    most: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list, repr=False)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)

    async def until(self, reached: Callable[[], bool], *, timeout_s: float = 5.0) -> None:
        """Wait until *reached*, which is asked whenever a connection opens or closes or a request comes."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(reached)

    async def tell(self) -> None:
        """Something has changed."""
        async with self._changed:
            self._changed.notify_all()


Answer = Callable[[int, bytes], Script]
"""Gives the answer to a request, by its number (from 0) and its head."""


def in_order(*scripts: Script | bytes) -> Answer:
    """The first request gets the first of *scripts*, and so on; the last one is for all that follow."""
    listed: Sequence[Script] = [s if isinstance(s, Script) else Script(s) for s in scripts]
    return lambda number, _: listed[min(number, len(listed) - 1)]


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer with a Content-Length."""
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@asynccontextmanager
async def raw_server(
    answers: Answer, *, ssl: tls.SSLContext | None = None, unix_path: str = ""
) -> AsyncIterator[RawServer]:
    """Serve until the block ends."""
    running = RawServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.opened += 1
        running.open_now += 1
        running.most = max(running.most, running.open_now)
        running.writers.append(writer)
        await running.tell()
        # The client may be gone, and the server ends with the test while this still waits.
        with contextlib.suppress(*_GONE):
            await _serve(running, answers, reader, writer)
        running.open_now -= 1
        writer.transport.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await running.tell()

    if unix_path:
        server = await asyncio.start_unix_server(serve, unix_path, ssl=ssl)
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl)
        running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for writer in running.writers:
            writer.transport.abort()
        await running.until(lambda: running.open_now == 0)
        await server.wait_closed()


async def _serve(
    running: RawServer, answers: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        stated = _LENGTH.search(head)
        script = answers(len(running.requests), head)
        body = await reader.readexactly(int(stated.group(1))) if stated and script.reads_body else b""
        running.requests.append(head + body)
        await running.tell()
        first, rest = script.sent, b""
        if script.hold is not None:
            first, rest = script.sent[: script.held], script.sent[script.held :]
        await _send(writer, first, script.piece_bytes)
        if script.hold is not None:
            await _set_or_gone(script.hold, reader)
            await _send(writer, rest, script.piece_bytes)
        if script.then != "keep":
            if script.then == "close":
                writer.close()
                await writer.wait_closed()
            return


async def _set_or_gone(event: asyncio.Event, reader: asyncio.StreamReader) -> None:
    """Wait for *event*; raises ConnectionError if the client goes away before."""
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(reader.read(1))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not event.is_set():
            raise ConnectionError("the client has gone")
    finally:
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _send(writer: asyncio.StreamWriter, data: bytes, piece_bytes: int) -> None:
    size = piece_bytes or len(data) or 1
    for at in range(0, len(data), size):
        if writer.is_closing():  # uvloop's transports refuse to be written to
            raise ConnectionError("the client has gone")
        writer.write(data[at : at + size])
        await writer.drain()
        if piece_bytes:
            await asyncio.sleep(0)
