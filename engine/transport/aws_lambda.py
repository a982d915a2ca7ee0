"""Lambda functions, called by requests that botocore's signer signs.

Measured beside aiobotocore's ``invoke`` in one run (``python -m tests.benchmarks.bench_lambda``): see
``docs/lambda.md``, "What a call costs". What botocore does well is left to it: where the endpoint is, whose
credentials there are and when they are renewed, and the signature.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.credentials import AioCredentials
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectingError

from ...schemas.catalog import Function, LambdaTarget, Upstream
from ...schemas.errors import UpstreamTimeout, UpstreamUnreachable
from .aws_clients import NO_CREDENTIALS, NO_CREDENTIALS_HELP, AwsService, AwsSession, error_kind
from .aws_signing import FrozenCredentials, SignedTarget, Signer
from .base import TransportSettings
from .http1 import Origin, Reply, StreamedReply, encode_head, tls_context
from .http_client import Client, open_client
from .lambda_answers import header
from .lambda_calls import LambdaCalls
from .lambda_requests import Invocation, invoke_path, invoke_query

logger = logging.getLogger(__name__)

_DETAIL_LENGTH: Final = 500
_MAX_IDLE_S: Final = 12.0  # aiobotocore's

# AWS takes a request that is up to 5 minutes off; what AWS's SDKs correct is more than 4.
_MAX_SKEW_S: Final = 240.0
_SKEWED: Final = frozenset(
    {
        b"InvalidSignatureException", b"RequestExpired", b"RequestInTheFuture", b"RequestTimeTooSkewed",
        b"SignatureDoesNotMatch",
    }
)  # fmt: skip


_PASSING: Final = (ConnectingError, HTTPClientError, RuntimeError)
"""What may go otherwise a moment later, where credentials are asked for."""


@dataclass(frozen=True, slots=True)
class _Connected:
    """What is known once the AWS configuration was read.

    Attributes:
        host: As it stands in ``Host``.
        prefix: Of all paths.
        static: Credentials that do not expire; ``None`` for those that botocore renews.
    """

    service: AwsService
    signer: Signer
    client: Client
    host: str
    prefix: str
    static: FrozenCredentials | None


class LambdaTransport(LambdaCalls):
    """The `Transport` of Lambda in one region. The AWS configuration is read with the first call."""

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        if not isinstance(upstream.target, LambdaTarget):
            raise TypeError(f"{upstream.id} is not reached through Lambda")
        super().__init__(settings)
        self._target = upstream.target
        self._opening = asyncio.Lock()
        self._connected: _Connected | None = None
        self._targets: dict[tuple[str, str, str], SignedTarget] = {}
        self._open_now = False

    async def __aenter__(self) -> LambdaTransport:
        self._open_now = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open_now = False
        connected, self._connected = self._connected, None
        if connected is not None:
            await connected.client.aclose()

    async def _send(self, invocation: Invocation, deadline: float) -> Reply:
        connected, credentials = await self._ready(invocation.function, deadline)
        idempotent = invocation.function.idempotent
        head = self._head(connected, invocation, credentials)
        reply = await connected.client.request(
            head, invocation.payload, deadline=deadline, idempotent=idempotent
        )
        if reply.status == 403 and _corrects_clock(connected.signer, reply.headers):
            # Nothing was run: what a signature that is too old is for may be signed again.
            head = self._head(connected, invocation, credentials)
            reply = await connected.client.request(
                head, invocation.payload, deadline=deadline, idempotent=idempotent
            )
        return reply

    @contextlib.asynccontextmanager
    async def _open(self, invocation: Invocation, deadline: float) -> AsyncGenerator[StreamedReply, None]:
        connected, credentials = await self._ready(invocation.function, deadline)
        head = self._head(connected, invocation, credentials)
        async with contextlib.AsyncExitStack() as stack:
            reply = await stack.enter_async_context(
                connected.client.stream(head, invocation.payload, deadline=deadline)
            )
            if reply.status == 403 and _corrects_clock(connected.signer, reply.headers):
                await stack.aclose()
                head = self._head(connected, invocation, credentials)
                reply = await stack.enter_async_context(
                    connected.client.stream(head, invocation.payload, deadline=deadline)
                )
            yield reply

    # The request.

    def _head(self, connected: _Connected, invocation: Invocation, credentials: FrozenCredentials) -> bytes:
        signed = {"content-type": "application/json", "host": connected.host}
        if invocation.context:
            signed["x-amz-client-context"] = invocation.context
        if invocation.binding.invocation == "event":
            signed["x-amz-invocation-type"] = "Event"
        target = self._target_of(connected, invocation)
        payload = invocation.payload
        # What follows is not signed: proxies change it.
        headers = connected.signer.sign(target, signed, payload, credentials)
        headers["user-agent"] = "weft"
        headers["content-length"] = str(len(payload))
        if invocation.trace:
            headers["x-amzn-trace-id"] = invocation.trace
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        return encode_head(b"POST", target.target.encode(), lines)

    def _target_of(self, connected: _Connected, invocation: Invocation) -> SignedTarget:
        binding = invocation.binding
        key = (binding.function_name, binding.qualifier, binding.invocation)
        found = self._targets.get(key)
        if found is None:
            found = self._targets[key] = connected.signer.target(
                "POST", connected.prefix + invoke_path(invocation.function, binding), invoke_query(binding)
            )
        return found

    # What the AWS configuration says.

    async def _ready(self, function: Function, deadline: float) -> tuple[_Connected, FrozenCredentials]:
        """Raises the `UpstreamError` that prevents the call."""
        known = self._connected
        if known is not None and known.static is not None:
            return known, known.static
        if not self._open_now:
            raise RuntimeError("the transport is used outside of its `async with` block")
        at = (function.upstream, function.id)
        try:
            async with asyncio.timeout_at(deadline):
                connected = self._connected or await self._connect()
                frozen: FrozenCredentials = await connected.service.credentials.get_frozen_credentials()
        except NO_CREDENTIALS as error:
            logger.warning("call not signed", extra={"function": function.id, "detail": NO_CREDENTIALS_HELP})
            raise UpstreamUnreachable(*at, detail=NO_CREDENTIALS_HELP, passes=False) from error
        except ClientError as error:
            # STS gives no credentials for the role.
            detail = f"{error_kind(error)}: {error}"[:_DETAIL_LENGTH]
            logger.warning("call not signed", extra={"function": function.id, "detail": detail})
            raise UpstreamUnreachable(*at, detail=detail, passes=False) from error
        except TimeoutError as error:
            raise UpstreamTimeout(*at) from error
        except (BotoCoreError, OSError, ValueError, RuntimeError) as error:
            # ValueError: endpoint URLs that cannot be read. RuntimeError: credentials that came have expired.
            detail = f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH]
            logger.warning("call not signed", extra={"function": function.id, "detail": detail})
            raise UpstreamUnreachable(*at, detail=detail, passes=isinstance(error, _PASSING)) from error
        return connected, frozen

    async def _connect(self) -> _Connected:
        async with self._opening:
            if self._connected is None:
                session = AwsSession.of(self._target)
                service = await session.service("lambda")
                is_static = type(service.credentials) is AioCredentials
                static = await service.credentials.get_frozen_credentials() if is_static else None
                self._connected = self._connect_to(service, static)
        return self._connected

    def _connect_to(self, service: AwsService, static: FrozenCredentials | None) -> _Connected:
        parts = urlsplit(service.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("the endpoint is no URL of an HTTP server")
        scheme: Any = parts.scheme
        port = parts.port or {"http": 80, "https": 443}[scheme]
        origin = Origin(scheme, parts.hostname, port)
        settings = self._settings
        client = open_client(
            origin,
            max_connections=settings.max_connections,
            connect_timeout_s=settings.connect_timeout_s,
            max_body_bytes=settings.max_body_bytes,
            max_idle_s=_MAX_IDLE_S,
            ssl=tls_context(service.ca_file) if service.ca_file and scheme == "https" else None,
        )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        if port != {"http": 80, "https": 443}[scheme]:
            host += f":{port}"
        signer = Signer("lambda", service.region)
        return _Connected(service, signer, client, host, parts.path.rstrip("/"), static)


def _corrects_clock(signer: Signer, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a signature was refused because the clock is wrong, which it no longer is."""
    kind = header(headers, b"x-amzn-errortype").partition(b":")[0]
    if kind not in _SKEWED:
        return False
    try:
        theirs = parsedate_to_datetime(header(headers, b"date").decode("latin-1")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
    return signer.correct_clock(theirs, tolerance_s=_MAX_SKEW_S)
