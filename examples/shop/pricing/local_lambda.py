"""AWS Lambda for one machine: the pricing functions, on one port.

Invoke and InvokeWithResponseStream are answered here: each function's code is unpacked from its deployment
package and run by ``awslambdaric``, the runtime that AWS itself uses, or by the package's own ``bootstrap``,
against a small Runtime API. ListFunctions is paged here, as AWS pages it. A reserved concurrency of 0 throttles
a function, and payloads have Lambda's limits. All else (tags, versions, aliases, S3, IAM) is moto's.

Source: AWS Lambda developer guide, "Using the Lambda runtime API" and "Building a custom runtime"; AWS Lambda API
reference, "Invoke" and "InvokeWithResponseStream".
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import json
import logging
import os
import signal
import struct
import sys
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import botocore.session
from aiohttp import web
from botocore.config import Config
from moto.server import ThreadedMotoServer
from yarl import URL

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))  # this is run as a script, too

from examples.shop.pricing.lambda_runtime import Deployment, Outcome  # noqa: E402

FUNCTIONS = "/2015-03-31/functions"
STREAMING = "/2021-11-15/functions"
CONCURRENCY = "/2019-09-30/functions"
MAX_REQUEST = 6 * 2**20
MAX_EVENT = 2**20
PAGE = 50  # ListFunctions: "Lambda returns up to 50 functions per call"
BUCKET = "shop-schemas"
DEPLOYED = {
    "pricing-get-prices": "handlers.get_prices.handler",
    "pricing-quote-shipping": "handlers.quote_shipping.handler",
    "pricing-apply-discount": "handlers.apply_discount.handler",
    "pricing-echo": "handlers.echo.handler",
}
DUMMY = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


@dataclass(frozen=True, slots=True)
class Called:
    """A function that is to be run."""

    name: str
    configuration: dict[str, Any]
    deployment: Deployment
    event: bytes
    client_context: str
    trace: str

    @property
    def version(self) -> str:
        version: str = self.configuration["Version"]
        return version

    async def run(
        self, *, client_context: str | None = None, chunks: asyncio.Queue[bytes] | None = None
    ) -> Outcome:
        outcome = await self.deployment.invoke(
            self.configuration,
            self.event,
            client_context=self.client_context if client_context is None else client_context,
            trace=self.trace,
            chunks=chunks,
        )
        print(f"call {self.name}", flush=True)
        return outcome


class LocalLambda:
    """What listens on the port."""

    def __init__(self, moto_url: str, session: aiohttp.ClientSession, folder: Path) -> None:
        self._moto_url = moto_url
        self._session = session
        self._folder = folder
        self._deployments: dict[str, Deployment] = {}
        self._configurations: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._events: set[asyncio.Task[Outcome]] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.post(f"{FUNCTIONS}/{{name}}/invocations", self._invoke),
                web.post(f"{STREAMING}/{{name}}/response-streaming-invocations", self._stream),
                web.get(FUNCTIONS, self._list_functions, allow_head=False),
                web.get(f"{FUNCTIONS}/", self._list_functions, allow_head=False),
                web.post(FUNCTIONS, self._deploy),
                web.post(f"{FUNCTIONS}/", self._deploy),
                web.put(f"{FUNCTIONS}/{{name}}/code", self._deploy),
                web.post(f"{FUNCTIONS}/{{name}}/versions", self._publish),
                web.route("*", "/{path:.*}", self._pass_on),
            ]
        )
        return app

    async def stop(self) -> None:
        for event in self._events:
            event.cancel()
        await asyncio.gather(*(deployment.stop() for deployment in self._deployments.values()))

    async def _invoke(self, request: web.Request) -> web.Response:
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind not in ("RequestResponse", "Event"):
            return aws_error(400, "InvalidParameterValueException", f"{kind} is not served on one machine")
        called = await self._called(request, MAX_EVENT if kind == "Event" else MAX_REQUEST)
        if isinstance(called, web.Response):
            return called
        headers = {"X-Amz-Executed-Version": called.version, "X-Amzn-RequestId": str(uuid.uuid4())}
        if kind == "Event":
            event = asyncio.create_task(called.run(client_context=""))
            self._events.add(event)
            event.add_done_callback(self._events.discard)
            return web.Response(status=202, headers=headers)
        outcome = await called.run()
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return web.Response(body=outcome.payload, headers=headers, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        called = await self._called(request, MAX_REQUEST)
        if isinstance(called, web.Response):
            return called
        response = web.StreamResponse(
            headers={"X-Amz-Executed-Version": called.version, "X-Amzn-RequestId": str(uuid.uuid4())}
        )
        response.content_type = "application/vnd.amazon.eventstream"
        await response.prepare(request)
        chunks: asyncio.Queue[bytes] = asyncio.Queue(16)
        running = asyncio.create_task(called.run(chunks=chunks))
        try:
            while not (running.done() and chunks.empty()):
                taking = asyncio.create_task(chunks.get())
                await asyncio.wait([running, taking], return_when=asyncio.FIRST_COMPLETED)
                if taking.done():
                    await response.write(event_message("PayloadChunk", taking.result()))
                else:
                    taking.cancel()
            outcome = running.result()
            complete: dict[str, str] = {}
            if outcome.failed:
                told = json.loads(outcome.payload)
                complete = {"ErrorCode": told["errorType"], "ErrorDetails": told["errorMessage"]}
            elif outcome.payload:  # the runtime does not stream
                await response.write(event_message("PayloadChunk", outcome.payload))
            await response.write(event_message("InvokeComplete", json.dumps(complete).encode()))
        except ConnectionError:
            print(f"call {called.name} was left", flush=True)
        finally:
            running.cancel()
        return response

    async def _called(self, request: web.Request, most: int) -> Called | web.Response:
        """What a request calls, or the error that says why it cannot."""
        name, qualifier = split_name(request.match_info["name"], request.query.get("Qualifier", ""))
        configuration = await self._configuration(request, name, qualifier)
        if isinstance(configuration, web.Response):
            return configuration
        if configuration.get("Concurrency", {}).get("ReservedConcurrentExecutions") == 0:
            told = {
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "message": "Rate Exceeded.",
            }
            headers = {"X-Amzn-ErrorType": "TooManyRequestsException", "Retry-After": "1"}
            return web.json_response(told, status=429, headers=headers)
        event = await request.read() or b"{}"
        if len(event) > most:
            limit = f"{len(event)} byte payload is too large (limit {most} bytes)"
            return aws_error(413, "RequestTooLargeException", limit)
        try:
            json.loads(event)
        except ValueError as error:
            return aws_error(400, "InvalidRequestContentException", f"Could not parse request body: {error}")
        arn = unqualified(configuration["FunctionArn"])
        published = self._deployments.get(f"{arn}:{configuration['Version']}")
        deployment = published or self._deployments.get(arn)
        if deployment is None:
            return aws_error(502, "InvalidZipFileException", "the function's package is not on this machine")
        client_context = request.headers.get("X-Amz-Client-Context", "")
        if client_context:
            client_context = base64.b64decode(client_context).decode()
        trace = request.headers.get("X-Amzn-Trace-Id", "")
        return Called(name, configuration, deployment, event, client_context, trace)

    async def _configuration(
        self, request: web.Request, name: str, qualifier: str
    ) -> dict[str, Any] | web.Response:
        # The credential's scope names the region, and moto keeps one set of functions for each.
        scope = request.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0]
        key = (scope, name, qualifier)
        if key not in self._configurations:
            query = {"Qualifier": qualifier} if qualifier else {}
            url = URL(f"{self._moto_url}{FUNCTIONS}/{name}/configuration") % query
            headers = {
                k: v for k, v in request.headers.items() if k in ("Authorization", "X-Amz-Date", "Host")
            }
            async with self._session.get(url, headers=headers) as answer:
                if answer.status != 200:
                    return await copy_of(answer)
                found = await answer.json(content_type=None)
            url = URL(f"{self._moto_url}{CONCURRENCY}/{name}/concurrency")
            async with self._session.get(url, headers=headers) as answer:
                if answer.status == 200:
                    found["Concurrency"] = await answer.json(content_type=None)
            self._configurations[key] = found
        return self._configurations[key]

    async def _list_functions(self, request: web.Request) -> web.Response:
        answer = await self._pass_on(request)
        if answer.status != 200:
            return answer
        assert isinstance(answer.body, bytes)
        found = sorted(json.loads(answer.body)["Functions"], key=lambda function: function["FunctionArn"])
        try:
            marker = base64.urlsafe_b64decode(request.query.get("Marker", "")).decode()
            most = min(int(request.query.get("MaxItems", PAGE)), PAGE)
        except ValueError:
            return aws_error(400, "InvalidParameterValueException", "Marker or MaxItems cannot be read")
        rest = [function for function in found if function["FunctionArn"] > marker]
        page = rest[:most]
        body: dict[str, Any] = {"Functions": page, "NextMarker": None}
        if len(page) < len(rest):
            body["NextMarker"] = base64.urlsafe_b64encode(page[-1]["FunctionArn"].encode()).decode()
        return web.json_response(body)

    async def _deploy(self, request: web.Request) -> web.Response:
        answer = await self._pass_on(request)
        if answer.status not in (200, 201):
            return answer
        asked = json.loads(await request.read())
        package = asked.get("Code", asked).get("ZipFile")
        assert isinstance(answer.body, bytes)
        arn = unqualified(json.loads(answer.body)["FunctionArn"])
        if package:
            root = Path(tempfile.mkdtemp(dir=self._folder))
            zipfile.ZipFile(io.BytesIO(base64.b64decode(package))).extractall(root)
            previous = self._deployments.get(arn)
            self._deployments[arn] = Deployment(root)
            if previous is not None:
                async with previous.turn:
                    await previous.stop()
        return answer

    async def _publish(self, request: web.Request) -> web.Response:
        """A version keeps the code that it was made of."""
        answer = await self._pass_on(request)
        if answer.status == 201:
            assert isinstance(answer.body, bytes)
            made = json.loads(answer.body)
            arn = unqualified(made["FunctionArn"])
            if latest := self._deployments.get(arn):
                self._deployments[f"{arn}:{made['Version']}"] = Deployment(latest.root)
        return answer

    async def _pass_on(self, request: web.Request) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            self._configurations.clear()
        headers = request.headers.copy()
        for name in ("Connection", "Content-Length", "Expect", "Transfer-Encoding"):
            headers.popall(name, None)
        async with self._session.request(
            request.method,
            URL(self._moto_url + request.raw_path, encoded=True),
            headers=headers,
            data=await request.read() or None,
            allow_redirects=False,
        ) as answer:
            return await copy_of(answer)


async def copy_of(answer: aiohttp.ClientResponse) -> web.Response:
    headers = answer.headers.copy()
    hop_by_hop = ["Connection", "Date", "Server", "Transfer-Encoding"]
    for name in hop_by_hop if answer.method == "HEAD" else [*hop_by_hop, "Content-Length"]:
        headers.popall(name, None)
    return web.Response(status=answer.status, headers=headers, body=await answer.read())


def aws_error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"Message": message}, status=status, headers={"X-Amzn-ErrorType": kind})


def event_message(kind: str, payload: bytes) -> bytes:
    """A message of an event stream.

    Source: Smithy, "Amazon Event Stream Specification".
    """
    headers = b""
    for name, value in ((":message-type", "event"), (":event-type", kind)):
        headers += struct.pack(f">B{len(name)}sBH", len(name), name.encode(), 7, len(value)) + value.encode()
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    head += struct.pack(">I", zlib.crc32(head))
    message = head + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def unqualified(arn: str) -> str:
    """``arn:aws:lambda:region:account:function:name``, without a version or alias."""
    return ":".join(arn.split(":")[:7])


def split_name(name: str, qualifier: str) -> tuple[str, str]:
    """Name and qualifier of any form that Invoke takes: ``name``, ``name:alias``, an ARN, a partial ARN."""
    if ":function:" in name:
        name = name.partition(":function:")[2]
    name, _, inner = name.partition(":")
    return name, qualifier or inner


def package() -> bytes:
    """The deployment package: a zip of the handlers."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((HERE / "handlers").glob("*.py")):
            archive.write(path, f"handlers/{path.name}")
    return packed.getvalue()


def deploy(url: str, region: str) -> None:
    """Create the functions, and put their schemas where their tags point."""
    session = botocore.session.Session()
    options: dict[str, Any] = {"region_name": region, "endpoint_url": url, **DUMMY}
    iam = session.create_client("iam", **options)
    role = iam.create_role(RoleName="pricing", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    s3 = session.create_client("s3", **options, config=Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": region})
    functions = session.create_client("lambda", **options)
    code = package()
    for name, handler in DEPLOYED.items():
        schema = HERE / "schemas" / f"{name}.json"
        tags = {"team": "pricing"}
        if schema.exists():
            s3.put_object(Bucket=BUCKET, Key=schema.name, Body=schema.read_bytes())
            tags["schema"] = f"s3://{BUCKET}/{schema.name}"
        functions.create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler=handler,
            Code={"ZipFile": code},
            Timeout=10,
            Tags=tags,
        )


@contextlib.asynccontextmanager
async def local_lambda(host: str, port: int, region: str) -> AsyncIterator[str]:
    """The service, deployed to; yields where it listens."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    moto_host, moto_port = moto.get_host_and_port()
    moto_url = f"http://{moto_host}:{moto_port}"
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="local-lambda-"))
        session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        await stack.enter_async_context(session)
        # Invoke never reaches moto; without this it looks for Docker when a function is created.
        async with session.post(
            f"{moto_url}/moto-api/config", json={"lambda": {"use_docker": False}}
        ) as answer:
            answer.raise_for_status()
        service = LocalLambda(moto_url, session, Path(folder))
        stack.push_async_callback(service.stop)
        runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, host, port).start()
        address = "{}:{}".format(*runner.addresses[0][:2])
        await asyncio.to_thread(deploy, f"http://{address}", region)
        yield address


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8104)
    parser.add_argument("--region", default="eu-west-1")
    options = parser.parse_args()
    # moto's own calls are signed too; what is set here ends with this process.
    os.environ.update(
        {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"}
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with local_lambda(options.host, options.port, options.region) as address:
        print(f"ready on {address}", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
