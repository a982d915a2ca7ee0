"""CPU per call of the HTTP client, beside aiohttp's, against a server in another process.

As a script it prints a table; the suite runs it once, untimed, and asserts the answers:
``python -m tests.benchmarks.bench_http_client [CALLS]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast

import aiohttp
import uvloop

from weft.engine.transport.http1 import Origin, Pool, encode_head

ROOT: Final = Path(__file__).resolve().parents[2]
SIZES: Final = (500, 27_000)
ROUNDS: Final = 5
WORKERS: Final = 20

Call = Callable[[], Awaitable[bytes]]
Client = Callable[[int, int], AbstractAsyncContextManager[Call]]


def body_of(size: int) -> bytes:
    return b"[" + b"1," * ((size - 3) // 2) + b"1" * (2 - size % 2) + b"]"


def answer_of(size: int) -> bytes:
    lines = (
        b"HTTP/1.1 200 OK",
        b"Date: Mon, 05 Oct 2026 10:00:00 GMT",
        b"Server: bench",
        b"Content-Type: application/json",
        b"Cache-Control: no-store",
        b"X-Request-Id: 4bf92f3577b34da6a3ce929d0e0e4736",
        b"Content-Length: %d" % size,
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body_of(size)


class Server(asyncio.Protocol):
    """Answers whatever comes; the size stands in the path."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        size = int(data.split(b" ", 2)[1].removeprefix(b"/"))
        self._transport.write(ANSWERS[size])


ANSWERS: Final = {size: answer_of(size) for size in SIZES}


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server that runs until the block ends."""
    args = [sys.executable, "-m", "tests.benchmarks.bench_http_client", "serve"]
    with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@asynccontextmanager
async def ours(port: int, size: int) -> AsyncIterator[Call]:
    pool = Pool(Origin("http", "127.0.0.1", port))
    headers = ((b"Host", b"127.0.0.1"), (b"Accept", b"application/json"), (b"Accept-Encoding", b"identity"))
    head = encode_head(b"GET", b"/%d" % size, headers)
    time_of = asyncio.get_running_loop().time

    async def call() -> bytes:
        return (await pool.request(head, deadline=time_of() + 30)).body

    try:
        yield call
    finally:
        await pool.aclose()


@asynccontextmanager
async def aiohttps(port: int, size: int) -> AsyncIterator[Call]:
    url = f"http://127.0.0.1:{port}/{size}"
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    timeout = aiohttp.ClientTimeout(total=None)
    time_of = asyncio.get_running_loop().time
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, headers=headers) as session:

        async def call() -> bytes:
            async with asyncio.timeout_at(time_of() + 30), session.get(url) as response:
                return await response.read()

        yield call


CLIENTS: Final[dict[str, Client]] = {"weft": ours, "aiohttp": aiohttps}


async def cpu_per_call_s(client: Client, port: int, size: int, calls: int) -> float:
    """Seconds of this process's CPU for one of *calls* calls, made by a few workers."""
    async with client(port, size) as call:

        async def work(count: int) -> None:
            for _ in range(count):
                assert len(await call()) == size

        await asyncio.gather(*(work(2) for _ in range(WORKERS)))
        start = time.process_time()
        await asyncio.gather(*(work(calls // WORKERS) for _ in range(WORKERS)))
        return (time.process_time() - start) / calls


async def answers_of(client: Client, port: int, size: int) -> bytes:
    async with client(port, size) as call:
        return await call()


def measure(calls: int) -> dict[tuple[str, int], float]:
    """Median CPU per call in seconds, by client and size; the clients take turns."""
    found: dict[tuple[str, int], list[float]] = {}
    with serving() as port:
        for _ in range(ROUNDS):
            for size in SIZES:
                for name, client in CLIENTS.items():
                    once = uvloop.run(cpu_per_call_s(client, port, size, calls))
                    found.setdefault((name, size), []).append(once)
    return {key: statistics.median(values) for key, values in found.items()}


def print_table(calls: int) -> None:
    found = measure(calls)
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, uvloop {version('uvloop')}, {platform.machine()}; ")
    write(f"{calls} calls, {WORKERS} at once, median of {ROUNDS}\n\n")
    write(f"{'answer':>10} {'weft':>10} {'aiohttp':>10} {'ratio':>7}\n")
    for size in SIZES:
        weft, other = found["weft", size], found["aiohttp", size]
        write(f"{size:>8} B {weft * 1e6:>7.1f} µs {other * 1e6:>7.1f} µs {other / weft:>6.1f}x\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve())
    else:
        print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
