"""The pricing example's local Lambda service, and functions made on it for one test."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.session import AioSession
from botocore.config import Config

from tests.support.processes import RunningProcess, running_process

SCRIPT = "examples/shop/pricing/local_lambda.py"
REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/pricing"


def package(code: str) -> bytes:
    """A deployment package whose handlers are in ``app.py``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", code)
    return packed.getvalue()


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
    ) -> None:
        """Create functions whose handler is ``handler`` of *code*."""
        async with self.client(region=region) as functions:
            for name in names:
                await functions.create_function(
                    FunctionName=name,
                    Runtime="python3.11",
                    Role=ROLE,
                    Handler="app.handler",
                    Code={"ZipFile": package(code)},
                    Timeout=timeout_s,
                    Tags=dict(tags or {}),
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
