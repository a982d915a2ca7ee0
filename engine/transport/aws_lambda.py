"""Lambda functions, on aiobotocore."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import aiohttp
import msgspec
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from ...schemas.catalog import Function, Json, LambdaBinding, LambdaTarget, Upstream
from ...schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ..numbers import decode_exactly, encode_exactly
from .aws_clients import NO_CREDENTIALS, NO_CREDENTIALS_HELP, AwsSession, error_kind
from .base import TransportSettings

logger = logging.getLogger(__name__)

_READ_TIMEOUT_S: Final = 910.0
"""Beyond Lambda's longest timeout, 900 s: the deadline of the call is what ends it."""

_MAX_CLIENT_CONTEXT: Final = 3583  # Invoke: "up to 3,583 bytes of base64-encoded data"

_DETAIL_LENGTH: Final = 500


class _FunctionError(msgspec.Struct):
    errorType: str = ""  # noqa: N815 - Lambda's own word
    errorMessage: str = ""  # noqa: N815 - Lambda's own word


class _TooLarge(Exception):
    """The payload passes the limit."""


class LambdaTransport:
    """The `Transport` of Lambda in one region. Its client is made with the first call.

    Forwarded headers, and those of the settings, reach a function as ``context.client_context.custom``.
    """

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        if not isinstance(upstream.target, LambdaTarget):
            raise TypeError(f"{upstream.id} is not reached through Lambda")
        self._target = upstream.target
        self._settings = settings
        self._closing = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None
        self._open = False

    async def __aenter__(self) -> LambdaTransport:
        self._open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        self._client = None
        await self._closing.aclose()

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call; see `Transport.call`."""
        return await self._call(function, arguments, deadline, headers)

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """One answer: that of a call without a deadline. See `Transport.stream`."""
        yield await self._call(function, arguments, None, headers)

    async def _call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        deadline: float | None,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        at = (function.upstream, function.id)
        try:
            request = self._request(function, arguments, headers)
            async with asyncio.timeout_at(deadline):
                client = await self._connected()
                answer = await client.invoke(**request)
                data = await self._read(answer["Payload"])
        except UpstreamError as error:
            return error
        except _TooLarge:
            return UpstreamAnswer(
                *at, reason=f"the answer is larger than {self._settings.max_body_bytes} bytes"
            )
        except ClientError as error:
            return UpstreamStatus(*at, status=error_kind(error), detail=str(error)[:_DETAIL_LENGTH])
        except NO_CREDENTIALS:
            logger.warning("call not signed", extra={"function": function.id, "detail": NO_CREDENTIALS_HELP})
            return UpstreamUnreachable(*at, detail=NO_CREDENTIALS_HELP, passes=False)
        except ParamValidationError:
            return BadArguments(*at, reason="the function's name cannot be called")
        except ResponseParserError:
            return UpstreamAnswer(*at, reason="the answer is not one of Lambda's")
        except ConnectTimeoutError as error:
            return _unreachable(function, error)
        except (TimeoutError, ReadTimeoutError):
            return UpstreamTimeout(*at)
        except (BotoCoreError, aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: endpoint URLs that botocore cannot read.
            return _unreachable(function, error)
        if "FunctionError" in answer:
            return UpstreamStatus(*at, status=str(answer["FunctionError"]), detail=function_failure(data))
        try:
            decoded: Json = decode_exactly(data)
        except msgspec.DecodeError:
            return UpstreamAnswer(*at, reason=f"JSON was expected, {len(data)} bytes came that are none")
        return decoded

    def _request(
        self, function: Function, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Parameters of Invoke; raises the `UpstreamError` that prevents the call."""
        binding = function.binding
        assert isinstance(binding, LambdaBinding)
        request: dict[str, Any] = {
            "FunctionName": binding.function_name,
            "Payload": payload_of(function, arguments),
        }
        if binding.qualifier:
            request["Qualifier"] = binding.qualifier
        context = client_context(function, self._settings.headers, headers)
        if context:
            request["ClientContext"] = context
        return request

    async def _connected(self) -> Any:
        if not self._open:
            raise RuntimeError("the transport is used outside of its `async with` block")
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    session = AwsSession(region=self._target.region, endpoint=self._target.endpoint)
                    client = await session.client(
                        "lambda",
                        connect_timeout_s=self._settings.connect_timeout_s,
                        read_timeout_s=_READ_TIMEOUT_S,
                        max_connections=self._settings.max_connections,
                    )
                    self._client = await self._closing.enter_async_context(client)
        return self._client

    async def _read(self, body: Any) -> bytes:
        most = self._settings.max_body_bytes
        pieces: list[bytes] = []
        size = 0
        async with body:
            while piece := await body.read(min(most + 1 - size, 64 * 1024)):
                size += len(piece)
                if size > most:
                    raise _TooLarge
                pieces.append(piece)
        return b"".join(pieces)


def payload_of(function: Function, arguments: Mapping[str, Any]) -> bytes:
    """The payload of a call; raises `BadArguments` where there is none."""
    binding = function.binding
    if not isinstance(binding, LambdaBinding):
        raise TypeError(f"{function.id} is no Lambda function")
    value: Any = dict(arguments) if binding.payload == "arguments" else arguments.get("payload", {})
    try:
        return encode_exactly(value)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise BadArguments(function.upstream, function.id, reason=f"no JSON: {error}") from error


def client_context(function: Function, configured: Mapping[str, str], forwarded: Mapping[str, str]) -> str:
    """Headers as a function sees them, base64; raises `BadArguments` where they are too long."""
    custom = {name.lower(): value for name, value in configured.items()} | dict(forwarded)
    if not custom:
        return ""
    context = base64.b64encode(msgspec.json.encode({"custom": custom}))
    if len(context) > _MAX_CLIENT_CONTEXT:
        reason = "the forwarded headers are longer than Lambda takes"
        raise BadArguments(function.upstream, function.id, reason=reason)
    return context.decode()


def function_failure(data: bytes) -> str:
    """What a failed function said, for logs."""
    try:
        said = msgspec.json.decode(data, type=_FunctionError)
    except msgspec.MsgspecError:
        return ""
    return f"{said.errorType}: {said.errorMessage}"[:_DETAIL_LENGTH]


def _unreachable(function: Function, error: Exception) -> UpstreamUnreachable:
    detail = f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH]
    logger.debug("call failed", extra={"function": function.id, "detail": detail})
    return UpstreamUnreachable(function.upstream, function.id, detail=detail)
