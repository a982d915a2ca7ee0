"""AWS Lambda for one machine: the pricing functions, on one port.

Invoke is answered here: each function's code is unpacked from its deployment package and run by
``awslambdaric``, the runtime that AWS itself uses, against a small Runtime API. ListFunctions is paged
here, as AWS pages it. All else (tags, versions, aliases, S3, IAM) is moto's.

Source: AWS Lambda developer guide, "Using the Lambda runtime API"; AWS Lambda API reference, "Invoke".
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
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import botocore.session
from aiohttp import web
from botocore.config import Config
from moto.server import ThreadedMotoServer
from yarl import URL

HERE = Path(__file__).parent
FUNCTIONS = "/2015-03-31/functions"
RUNTIME = "/2018-06-01/runtime"
PAGE = 50  # ListFunctions: "Lambda returns up to 50 functions per call"
BUCKET = "shop-schemas"
DEPLOYED = {
    "pricing-get-prices": "handlers.get_prices.handler",
    "pricing-quote-shipping": "handlers.quote_shipping.handler",
    "pricing-apply-discount": "handlers.apply_discount.handler",
    "pricing-echo": "handlers.echo.handler",
}
DUMMY = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}

# Linux: the kernel kills a function's process together with this one, however that one ends.
LAUNCH = """
import contextlib, runpy
with contextlib.suppress(OSError, AttributeError):
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation ended with; *failed* is AWS's ``FunctionError``."""

    payload: bytes
    failed: bool = False


def failure(error_type: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": error_type, "errorMessage": message}).encode(), failed=True)


@dataclass(frozen=True, slots=True)
class Invocation:
    request_id: str
    event: bytes
    arn: str
    deadline_ms: int
    client_context: str
    outcome: asyncio.Future[Outcome]


class Environment:
    """One process of a function, and the Runtime API that it asks for work."""

    def __init__(self, configuration: dict[str, Any], root: Path) -> None:
        self._configuration = configuration
        self._root = root
        self._waiting: asyncio.Queue[Invocation] = asyncio.Queue()
        self._current: Invocation | None = None
        self._init_error: Outcome | None = None
        self._process: asyncio.subprocess.Process | None = None
        app = web.Application(client_max_size=16 * 2**20)
        app.add_routes(
            [
                web.get(f"{RUNTIME}/invocation/next", self._next),
                web.post(f"{RUNTIME}/invocation/{{id}}/response", self._response),
                web.post(f"{RUNTIME}/invocation/{{id}}/error", self._error),
                web.post(f"{RUNTIME}/init/error", self._init_failed),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        configuration = self._configuration
        region = configuration["FunctionArn"].split(":")[3]
        variables = {
            **configuration.get("Environment", {}).get("Variables", {}),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration['FunctionName']}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}",
            "AWS_REGION": region,
            "LAMBDA_TASK_ROOT": str(self._root),
            "PATH": os.environ.get("PATH", ""),
            "TZ": ":UTC",
            "_HANDLER": configuration["Handler"],
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            LAUNCH,
            configuration["Handler"],
            cwd=self._root,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
        )

    async def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._runner.cleanup()

    async def invoke(self, event: bytes, client_context: str) -> Outcome:
        assert self._process is not None
        timeout_s = self._configuration["Timeout"]
        request_id = str(uuid.uuid4())
        invocation = Invocation(
            request_id=request_id,
            event=event,
            arn=self._configuration["FunctionArn"],
            deadline_ms=int((time.time() + timeout_s) * 1000),
            client_context=client_context,
            outcome=asyncio.get_running_loop().create_future(),
        )
        self._current = invocation
        self._waiting.put_nowait(invocation)
        ended: asyncio.Future[Any] = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait(
                [ended, invocation.outcome], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
            self._current = None
        if invocation.outcome.done():
            return invocation.outcome.result()
        if self._init_error is not None:
            return self._init_error
        code = self._process.returncode
        if code is None:
            await self.stop()
            message = f"Task timed out after {timeout_s:.2f} seconds"
            return failure("Sandbox.Timedout", f"RequestId: {request_id} Error: {message}")
        if code == 0:
            reason = "Runtime exited without providing a reason"
        elif code < 0:
            reason = f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        else:
            reason = f"Runtime exited with error: exit status {code}"
        return failure("Runtime.ExitError", f"RequestId: {request_id} Error: {reason}")

    async def _next(self, request: web.Request) -> web.Response:
        invocation = await self._waiting.get()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
        }
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return web.Response(body=invocation.event, headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        return self._settle(request, Outcome(await request.read()))

    async def _error(self, request: web.Request) -> web.Response:
        return self._settle(request, Outcome(await request.read(), failed=True))

    async def _init_failed(self, request: web.Request) -> web.Response:
        self._init_error = Outcome(await request.read(), failed=True)
        return web.json_response({"status": "OK"}, status=202)

    def _settle(self, request: web.Request, outcome: Outcome) -> web.Response:
        current = self._current
        if current is None or current.request_id != request.match_info["id"] or current.outcome.done():
            return web.json_response({"errorType": "InvalidRequestID", "errorMessage": ""}, status=400)
        current.outcome.set_result(outcome)
        return web.json_response({"status": "OK"}, status=202)


@dataclass(slots=True)
class Deployment:
    """A function's code, and the process that runs it once there was an Invoke."""

    root: Path
    environment: Environment | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def invoke(self, configuration: dict[str, Any], event: bytes, client_context: str) -> Outcome:
        async with self.turn:
            if self.environment is None or not self.environment.alive:
                await self.stop()
                self.environment = Environment(configuration, self.root)
                await self.environment.start()
            return await self.environment.invoke(event, client_context)

    async def stop(self) -> None:
        if self.environment is not None:
            await self.environment.stop()
            self.environment = None


class LocalLambda:
    """What listens on the port."""

    def __init__(self, moto_url: str, session: aiohttp.ClientSession, folder: Path) -> None:
        self._moto_url = moto_url
        self._session = session
        self._folder = folder
        self._deployments: dict[str, Deployment] = {}
        self._configurations: dict[tuple[str, str, str], dict[str, Any]] = {}

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        app.add_routes(
            [
                web.post(f"{FUNCTIONS}/{{name}}/invocations", self._invoke),
                web.get(FUNCTIONS, self._list_functions, allow_head=False),
                web.get(f"{FUNCTIONS}/", self._list_functions, allow_head=False),
                web.post(FUNCTIONS, self._deploy),
                web.post(f"{FUNCTIONS}/", self._deploy),
                web.put(f"{FUNCTIONS}/{{name}}/code", self._deploy),
                web.route("*", "/{path:.*}", self._pass_on),
            ]
        )
        return app

    async def stop(self) -> None:
        await asyncio.gather(*(deployment.stop() for deployment in self._deployments.values()))

    async def _invoke(self, request: web.Request) -> web.Response:
        name, qualifier = split_name(request.match_info["name"], request.query.get("Qualifier", ""))
        configuration = await self._configuration(request, name, qualifier)
        if isinstance(configuration, web.Response):
            return configuration
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind != "RequestResponse":
            return aws_error(400, "InvalidParameterValueException", f"{kind} is not served on one machine")
        event = await request.read() or b"{}"
        try:
            json.loads(event)
        except ValueError as error:
            return aws_error(400, "InvalidRequestContentException", f"Could not parse request body: {error}")
        deployment = self._deployments.get(unqualified(configuration["FunctionArn"]))
        if deployment is None:
            return aws_error(502, "InvalidZipFileException", "the function's package is not on this machine")
        client_context = request.headers.get("X-Amz-Client-Context", "")
        if client_context:
            client_context = base64.b64decode(client_context).decode()
        outcome = await deployment.invoke(configuration, event, client_context)
        print(f"call {name}", flush=True)
        headers = {"X-Amz-Executed-Version": configuration["Version"], "X-Amzn-RequestId": str(uuid.uuid4())}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return web.Response(body=outcome.payload, headers=headers, content_type="application/json")

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
                self._configurations[key] = await answer.json(content_type=None)
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
