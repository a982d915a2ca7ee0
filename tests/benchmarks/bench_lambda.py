"""CPU per call of a Lambda function, against an endpoint shaped like Lambda's in another process.

As a script it prints a table; the suite runs it once, untimed, and asserts the answers:
``python -m tests.benchmarks.bench_lambda [CALLS]``. Every client signs its calls; the endpoint does not check
the signatures (``tests/engine/transport/test_aws_signing.py`` does).
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
from typing import Any, Final

import aiohttp
import uvloop
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from weft.engine.transport import TransportSettings
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.engine.transport.aws_signing import Signer
from weft.engine.transport.base import Fetched
from weft.schemas.catalog import (
    Function,
    FunctionId,
    LambdaBinding,
    LambdaTarget,
    Upstream,
    UpstreamId,
)

ROOT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "eu-west-1"
NAME: Final = "pricing-get-prices"
ARGUMENTS: Final = {"productIds": ["p-1", "p-2"]}
REQUEST: Final = b'{"productIds":["p-1","p-2"]}'
ANSWER: Final = b'{"x":"' + b"x" * 492 + b'"}'  # 500 bytes
HEADERS: Final = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
ROUNDS: Final = 5
WORKERS: Final = 20
TIMEOUT_S: Final = 30.0
CREDENTIALS: Final = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", None, None)

Call = Callable[[], Awaitable[bytes]]
Client = Callable[[int], AbstractAsyncContextManager[Call]]


# -- the endpoint


class Endpoint(asyncio.Protocol):
    """Answers each Invoke with the same result. Requests of the benchmark come in one piece or two."""

    ANSWER: Final = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"X-Amz-Executed-Version: $LATEST\r\nX-Amzn-RequestId: 6b3a58f9-8b0a-4d5e-9a84-51a1c3a2b0d1\r\n\r\n%b"
    ) % (len(ANSWER), ANSWER)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.data.endswith(REQUEST):
            self.data = b""
            self.transport.write(self.ANSWER)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[int]:
    """The port of an endpoint that runs until the block ends."""
    args = [sys.executable, "-m", "tests.benchmarks.bench_lambda", "serve"]
    with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


# -- the clients


@asynccontextmanager
async def weft(port: int) -> AsyncIterator[Call]:
    """Weft's transport, as operations use it: a deadline, and the headers of a trace."""
    function = Function(
        id=FunctionId("pricing.get_prices"),
        upstream=UpstreamId("pricing"),
        name="get_prices",
        binding=LambdaBinding(function_name=NAME),
    )
    target = LambdaTarget(region=REGION, endpoint=f"http://127.0.0.1:{port}")
    upstream = Upstream(id=UpstreamId("pricing"), target=target)
    time_of_loop = asyncio.get_running_loop().time
    async with LambdaTransport(upstream, TransportSettings(max_connections=WORKERS)) as transport:

        async def call() -> bytes:
            deadline = time_of_loop() + TIMEOUT_S
            found = await transport.fetch(function, ARGUMENTS, deadline=deadline, headers=HEADERS)
            assert isinstance(found, Fetched), found
            return found.body

        yield call


@asynccontextmanager
async def aiobotocore(port: int) -> AsyncIterator[Call]:
    """``invoke`` of an aiobotocore client, without retries, with a deadline for each call."""
    config = AioConfig(max_pool_connections=WORKERS, retries={"total_max_attempts": 1})
    options: dict[str, Any] = {"region_name": REGION, "endpoint_url": f"http://127.0.0.1:{port}"}
    options |= {
        "aws_access_key_id": CREDENTIALS.access_key,
        "aws_secret_access_key": CREDENTIALS.secret_key,
    }
    context = "eyJjdXN0b20iOnsidHJhY2VwYXJlbnQiOiIwMC00YmY5MmYzNTc3YjM0ZGE2YTNjZTkyOWQwZTBlNDczNi0wMCJ9fQ=="
    session: Any = AioSession()  # no types are installed for its clients
    async with session.create_client("lambda", config=config, **options) as client:

        async def call() -> bytes:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await client.invoke(FunctionName=NAME, Payload=REQUEST, ClientContext=context)
                data: bytes = await answer["Payload"].read()
                return data

        yield call


@asynccontextmanager
async def aiohttp_signed(port: int) -> AsyncIterator[Call]:
    """botocore's ``add_auth`` and aiohttp."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/{NAME}/invocations"
    connector = aiohttp.TCPConnector(limit=WORKERS)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def call() -> bytes:
            request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=REQUEST)
            SigV4Auth(CREDENTIALS, "lambda", REGION).add_auth(request)
            async with session.post(url, data=REQUEST, headers=dict(request.headers.items())) as answer:
                return await answer.read()

        yield call


CLIENTS: Final[dict[str, Client]] = {
    "weft": weft,
    "aiobotocore": aiobotocore,
    "add_auth, aiohttp": aiohttp_signed,
}


# -- signing alone


def botocores_signature() -> str:
    """A request of Invoke, signed by ``add_auth``."""
    url = f"https://lambda.{REGION}.amazonaws.com/2015-03-31/functions/{NAME}/invocations"
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=REQUEST)
    SigV4Auth(CREDENTIALS, "lambda", REGION).add_auth(request)
    return str(request.headers["Authorization"])


def own_signature() -> Callable[[], str]:
    """The same, signed by the transport's signer."""
    signer = Signer("lambda", REGION)
    target = signer.target("POST", f"/2015-03-31/functions/{NAME}/invocations", {})
    headers = {"host": f"lambda.{REGION}.amazonaws.com", "content-type": "application/json"}
    return lambda: signer.sign(target, headers, REQUEST, CREDENTIALS)["authorization"]


def signing_s(sign: Callable[[], str], times: int) -> float:
    """Seconds of CPU for one signature."""
    start = time.process_time()
    for _ in range(times):
        sign()
    return (time.process_time() - start) / times


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
            found.setdefault("signing: add_auth", []).append(signing_s(botocores_signature, calls))
            found.setdefault("signing: weft", []).append(signing_s(own_signature(), calls))
    return {key: statistics.median(values) for key, values in found.items()}


def print_table(calls: int) -> None:
    found = measure(calls)
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, aiobotocore {version('aiobotocore')}, ")
    write(f"botocore {version('botocore')}, uvloop {version('uvloop')}, {platform.machine()}; ")
    write(f"{calls} calls, {WORKERS} at once, median of {ROUNDS}\n\n")
    for name, once in sorted(found.items(), key=lambda pair: pair[1]):
        write(f"{name:>20} {once * 1e6:>7.1f} µs\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt):
            uvloop.run(serve())
    else:
        print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
