"""The pricing example's local Lambda service, and functions made on it for one test."""

from __future__ import annotations

import contextlib
import io
import sys
import textwrap
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiobotocore.session import AioSession
from botocore.config import Config

from tests.support.processes import RunningProcess, running_process

ROOT = Path(__file__).parents[2]
SCRIPT = "examples/shop/pricing/local_lambda.py"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/pricing"


def package(code: str, *, name: str = "app.py") -> bytes:
    """A deployment package whose handlers are in ``app.py``, or another file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, code)
        if "weft.aws_lambda" in code:
            # As `pip install --no-deps --target .` puts it there; what is beside it is not needed.
            for file in [ROOT / "weft/__init__.py", *(ROOT / "weft/aws_lambda").glob("*.py")]:
                archive.write(file, file.relative_to(ROOT))
    return packed.getvalue()


STREAMING_RUNTIME = f"""#!{sys.executable}
import http.client, json, os

api = os.environ["AWS_LAMBDA_RUNTIME_API"]


def handler(event):
HANDLER


while True:
    connection = http.client.HTTPConnection(api)
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    invocation = connection.getresponse()
    event = json.loads(invocation.read())
    request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
    connection.request(
        "POST",
        f"/2018-06-01/runtime/invocation/{{request_id}}/response",
        body=handler(event),
        headers={{"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}},
        encode_chunked=True,
    )
    connection.getresponse().read()
    connection.close()
"""
"""A custom runtime that streams what its handler, a generator of bytes, gives.

awslambdaric cannot stream. Source: AWS Lambda developer guide, "Implementing response streaming in a custom
runtime"."""


@dataclass(frozen=True, slots=True)
class LocalLambda:
    """A running service. Each region on it is empty, save for ``REGION``."""

    process: RunningProcess
    session: AioSession = field(default_factory=AioSession)

    @property
    def url(self) -> str:
        return self.process.url

    def client(self, service: str = "lambda", region: str = REGION, **config: Any) -> Any:
        """A client of the service, to be opened with ``async with``."""
        return self.session.create_client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config),
        )

    async def create(
        self,
        *names: str,
        code: str = "def handler(event, context): return event",
        region: str = REGION,
        tags: Mapping[str, str] | None = None,
        timeout_s: int = 3,
        handler: str = "app.handler",
    ) -> None:
        """Create functions whose handler is ``handler`` of *code*, or another."""
        async with self.client(region=region) as functions:
            for name in names:
                await functions.create_function(
                    FunctionName=name,
                    Runtime="python3.11",
                    Role=ROLE,
                    Handler=handler,
                    Code={"ZipFile": package(code)},
                    Timeout=timeout_s,
                    Tags=dict(tags or {}),
                )

    async def create_streaming(self, name: str, handler: str, *, timeout_s: int = 3) -> None:
        """Create a function that streams; *handler* is the body of a generator of bytes that has an ``event``."""
        bootstrap = STREAMING_RUNTIME.replace("HANDLER", textwrap.indent(textwrap.dedent(handler), "    "))
        async with self.client() as functions:
            await functions.create_function(
                FunctionName=name,
                Runtime="provided.al2023",
                Role=ROLE,
                Handler="bootstrap",
                Code={"ZipFile": package(bootstrap, name="bootstrap")},
                Timeout=timeout_s,
            )

    async def put_object(self, bucket: str, key: str, body: bytes) -> None:
        """Store an object in a bucket, which is made if it is not there."""
        async with self.client("s3") as s3:
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                await s3.create_bucket(
                    Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
                )
            await s3.put_object(Bucket=bucket, Key=key, Body=body)


@contextlib.asynccontextmanager
async def local_lambda(*, env: Mapping[str, str] | None = None) -> AsyncIterator[LocalLambda]:
    """The service on a free port, until the block ends; *env* is its whole environment, ``None`` inherits."""
    async with running_process([SCRIPT, "--port", "0"], env=env) as process:
        yield LocalLambda(process)
