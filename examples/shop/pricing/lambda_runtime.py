"""Functions' processes, and the Runtime API that they ask for work.

A function is run by ``awslambdaric``, or by the ``bootstrap`` of its package.

Source: AWS Lambda developer guide, "Using the Lambda runtime API" and "Building a custom runtime".
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

RUNTIME = "/2018-06-01/runtime"
MAX_RESPONSE = 6 * 2**20 + 100  # as AWS's own message says

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
    trace: str
    outcome: asyncio.Future[Outcome]
    chunks: asyncio.Queue[bytes] | None


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
        command = [sys.executable, "-c", LAUNCH, configuration["Handler"]]
        bootstrap = self._root / "bootstrap"
        if bootstrap.exists():  # a custom runtime
            bootstrap.chmod(0o700)
            command = [str(bootstrap)]
        self._process = await asyncio.create_subprocess_exec(
            *command,
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

    async def invoke(
        self, event: bytes, client_context: str, trace: str, chunks: asyncio.Queue[bytes] | None
    ) -> Outcome:
        """What an invocation ended with; a streamed answer goes to *chunks*, if there are any, as it comes."""
        assert self._process is not None
        timeout_s = self._configuration["Timeout"]
        request_id = str(uuid.uuid4())
        invocation = Invocation(
            request_id=request_id,
            event=event,
            arn=self._configuration["FunctionArn"],
            deadline_ms=int((time.time() + timeout_s) * 1000),
            client_context=client_context,
            trace=trace,
            outcome=asyncio.get_running_loop().create_future(),
            chunks=chunks,
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
        if invocation.trace:
            headers["Lambda-Runtime-Trace-Id"] = invocation.trace
        if invocation.client_context:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        return web.Response(body=invocation.event, headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        chunks = self._current.chunks if self._current is not None else None
        if chunks is None or request.headers.get("Lambda-Runtime-Function-Response-Mode") != "streaming":
            return self._settle(request, Outcome(await request.read()))
        chunk = b""
        try:
            async for piece, is_end in request.content.iter_chunks():
                chunk += piece
                if is_end and chunk:
                    await chunks.put(chunk)
                    chunk = b""
        except (ConnectionError, aiohttp.ClientPayloadError):
            return web.Response()  # its process has ended, which is what is told of it
        return self._settle(request, Outcome(b""))

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

    async def invoke(
        self,
        configuration: dict[str, Any],
        event: bytes,
        *,
        client_context: str = "",
        trace: str = "",
        chunks: asyncio.Queue[bytes] | None = None,
    ) -> Outcome:
        async with self.turn:
            if self.environment is None or not self.environment.alive:
                await self.stop()
                self.environment = Environment(configuration, self.root)
                await self.environment.start()
            try:
                outcome = await self.environment.invoke(event, client_context, trace, chunks)
            except asyncio.CancelledError:
                await self.stop()  # it may go on for ever, and here it is alone
                raise
            if len(outcome.payload) > MAX_RESPONSE:
                size = f"maximum allowed payload size ({MAX_RESPONSE} bytes)"
                return failure("Function.ResponseSizeTooLarge", f"Response payload size exceeded {size}.")
            return outcome

    async def stop(self) -> None:
        if self.environment is not None:
            await self.environment.stop()
            self.environment = None
