"""CPU per unary gRPC call of every client there is for Python, against a server in another process.

As a script it prints a table; the suite runs it once, untimed, and asserts the answers:
``python -m tests.benchmarks.bench_grpc_client [CALLS]``. Clients that are not installed are left out
(``pip install grpclib pyqwest`` for all of them).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import platform
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import uvloop

ROOT: Final = Path(__file__).resolve().parents[2]
METHOD: Final = "/bench.Bench/Get"
REQUEST: Final = b"\x0a\x03p-1"
ANSWER: Final = b"\x0a\xf1\x03" + b"x" * 497  # one string member: 500 bytes
ROUNDS: Final = 5
WORKERS: Final = 20
TIMEOUT_S: Final = 30.0

Call = Callable[[], Awaitable[bytes]]
Client = Callable[[int], AbstractAsyncContextManager[Call]]


# -- the server


async def _get(_request: bytes, _context: Any) -> bytes:
    return ANSWER


async def serve() -> None:
    server = grpc.aio.server()
    methods: Any = {"Get": grpc.unary_unary_rpc_method_handler(_get)}  # bytes in, bytes out
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bench", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server that runs until the block ends."""
    args = [sys.executable, "-m", "tests.benchmarks.bench_grpc_client", "serve"]
    with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


# -- the clients


@asynccontextmanager
async def aio(port: int) -> AsyncIterator[Call]:
    """``grpc.aio`` as one uses it: a deadline and metadata for each call."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        get = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        metadata = (("x-request-id", "4bf92f3577b34da6"),)

        async def call() -> bytes:
            return await get(REQUEST, timeout=TIMEOUT_S, metadata=metadata)  # type: ignore[no-any-return]

        yield call


@asynccontextmanager
async def aio_lean(port: int) -> AsyncIterator[Call]:
    """``grpc.aio`` without deadline and metadata."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        get = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)

        async def call() -> bytes:
            return await get(REQUEST)  # type: ignore[no-any-return]

        yield call


@asynccontextmanager
async def cygrpc(port: int) -> AsyncIterator[Call]:
    """The private call of the C extension below ``grpc.aio``, with a deadline and metadata."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        inner: Any = vars(channel)["_channel"]
        name = METHOD.encode()
        metadata = (("x-request-id", "4bf92f3577b34da6"),)

        async def call() -> bytes:
            one = inner.call(name, time.time() + TIMEOUT_S, None, None)
            return await one.unary_unary(REQUEST, metadata, None)  # type: ignore[no-any-return]

        yield call


@asynccontextmanager
async def sync_futures(port: int) -> AsyncIterator[Call]:
    """The synchronous stub's futures, handed to the event loop."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        get: Any = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        loop = asyncio.get_running_loop()

        async def call() -> bytes:
            waiting = loop.create_future()
            future = get.future(REQUEST, timeout=TIMEOUT_S)
            future.add_done_callback(
                lambda done: loop.call_soon_threadsafe(waiting.set_result, done.result())
            )
            return await waiting  # type: ignore[no-any-return]

        yield call


@asynccontextmanager
async def sync_threads(port: int) -> AsyncIterator[Call]:
    """The synchronous stub in a pool of threads."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, ThreadPoolExecutor(WORKERS) as threads:
        get: Any = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        loop = asyncio.get_running_loop()

        async def call() -> bytes:
            return await loop.run_in_executor(threads, lambda: get(REQUEST, timeout=TIMEOUT_S))

        yield call


@asynccontextmanager
async def grpclibs(port: int) -> AsyncIterator[Call]:
    """grpclib: HTTP/2 by h2, in Python."""
    # Neither is needed for anything else, so type checkers need not find them.
    client: Any = importlib.import_module("grpclib.client")
    base: Any = importlib.import_module("grpclib.encoding.base")

    class Raw(base.CodecBase):  # type: ignore[misc]  # of no known type
        @property
        def __content_subtype__(self) -> str:
            return "proto"

        def encode(self, message: Any, message_type: Any) -> bytes:
            return message  # type: ignore[no-any-return]

        def decode(self, data: bytes, message_type: Any) -> bytes:
            return data

    channel = client.Channel("127.0.0.1", port, codec=Raw())
    method: Any = client.UnaryUnaryMethod(channel, METHOD, bytes, bytes)

    async def call() -> bytes:
        return await method(REQUEST, timeout=TIMEOUT_S)  # type: ignore[no-any-return]

    try:
        yield call
    finally:
        channel.close()


@asynccontextmanager
async def pyqwests(port: int) -> AsyncIterator[Call]:
    """pyqwest: HTTP/2 by reqwest and hyper, in Rust; gRPC's framing and trailers by hand."""
    pyqwest: Any = importlib.import_module("pyqwest")
    url = f"http://127.0.0.1:{port}{METHOD}"
    headers = {"content-type": "application/grpc", "te": "trailers", "x-request-id": "4bf92f3577b34da6"}
    body = struct.pack(">BI", 0, len(REQUEST)) + REQUEST
    transport_of = pyqwest.HTTPTransport
    version2 = pyqwest.HTTPVersion.HTTP2
    async with transport_of(http_version=version2, timeout=TIMEOUT_S, enable_otel=False) as transport:
        client = pyqwest.Client(transport)

        async def call() -> bytes:
            answer = await client.post(url, headers=headers, content=body)
            assert answer.trailers["grpc-status"] == "0"
            message: bytes = answer.content[5:]
            return message

        yield call


CLIENTS: Final[dict[str, Client]] = {
    "grpc.aio": aio,
    "grpc.aio, lean": aio_lean,
    "cygrpc": cygrpc,
    "grpc, futures": sync_futures,
    "grpc, threads": sync_threads,
    **({"grpclib": grpclibs} if importlib.util.find_spec("grpclib") else {}),
    **({"pyqwest": pyqwests} if importlib.util.find_spec("pyqwest") else {}),
}


# -- measuring


async def cpu_per_call_s(client: Client, port: int, calls: int) -> float:
    """Seconds of this process's CPU, all threads, for one of *calls* calls, made by a few workers."""
    async with client(port) as call:

        async def work(count: int) -> None:
            for _ in range(count):
                assert await call() == ANSWER

        await asyncio.gather(*(work(5) for _ in range(WORKERS)))
        start = time.process_time()
        await asyncio.gather(*(work(calls // WORKERS) for _ in range(WORKERS)))
        return (time.process_time() - start) / calls


async def answer_of(client: Client, port: int) -> bytes:
    async with client(port) as call:
        return await call()


def measure(calls: int) -> dict[str, float]:
    """Median CPU per call in seconds, by client; the clients take turns."""
    found: dict[str, list[float]] = {}
    with serving() as port:
        for _ in range(ROUNDS):
            for name, client in CLIENTS.items():
                found.setdefault(name, []).append(uvloop.run(cpu_per_call_s(client, port, calls)))
    return {key: statistics.median(values) for key, values in found.items()}


def print_table(calls: int) -> None:
    found = measure(calls)
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, grpcio {version('grpcio')}, uvloop {version('uvloop')}, ")
    write(f"{platform.machine()}; {calls} calls, {WORKERS} at once, median of {ROUNDS}\n\n")
    for name, once in sorted(found.items(), key=lambda pair: pair[1]):
        write(f"{name:>20} {once * 1e6:>7.1f} µs\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve())
    else:
        print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
