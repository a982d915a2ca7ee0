"""Lambda functions, called through a gateway that signs the calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec

from ...schemas.catalog import Function, Json, Upstream
from ...schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from .aws_lambda import client_context, function_failure, payload_of
from .base import FUNCTION_HEADER, LOCAL_HEADER, TransportSettings
from .gateway_answer import local_answer
from .http1 import BadHead, HttpError, Origin, Pool, Timeout, TooLarge, encode_head

_STREAM_DEADLINE_S = 910.0
"""Beyond Lambda's longest timeout, 900 s."""


class GatewayLambdaTransport:
    """The `Transport` of Lambda behind a gateway: a plain POST of the payload, to its Unix socket.

    The gateway knows each function's name, signs for AWS, and holds its credentials.
    """

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        self._upstream = upstream
        self._settings = settings
        self._pool: Pool | None = None

    async def __aenter__(self) -> GatewayLambdaTransport:
        settings = self._settings
        self._pool = Pool(
            Origin("http", self._upstream.id, 80, settings.gateway),
            max_connections=settings.max_connections,
            connect_timeout_s=settings.connect_timeout_s,
            max_body_bytes=settings.max_body_bytes,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call; see `Transport.call`."""
        if self._pool is None:
            raise RuntimeError("the transport is used outside of its `async with` block")
        at = (function.upstream, function.id)
        try:
            payload = payload_of(function, arguments)
            head = self._head(function, payload, headers)
            reply = await self._pool.request(head, payload, deadline=deadline)
        except UpstreamError as error:
            return error
        except BadHead as error:
            return BadArguments(*at, reason=str(error))
        except Timeout:
            return UpstreamTimeout(*at)
        except TooLarge as error:
            return UpstreamAnswer(*at, reason=str(error))
        except HttpError as error:
            return UpstreamUnreachable(*at, detail=str(error))
        found = dict(reply.headers)
        if LOCAL_HEADER.encode() in found:
            return local_answer(function, reply.status, found[LOCAL_HEADER.encode()].decode("latin-1"))
        failed = found.get(b"x-amz-function-error")
        if failed is not None:
            return UpstreamStatus(*at, status=failed.decode("latin-1"), detail=function_failure(reply.body))
        if reply.status != 200:
            kind = found.get(b"x-amzn-errortype", b"").decode("latin-1").partition(":")[0]
            return UpstreamStatus(*at, status=kind or str(reply.status), detail="")
        try:
            decoded: Json = msgspec.json.decode(reply.body)
        except msgspec.DecodeError:
            return UpstreamAnswer(
                *at, reason=f"JSON was expected, {len(reply.body)} bytes came that are none"
            )
        return decoded

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """One answer: that of a call. See `Transport.stream`."""
        deadline = asyncio.get_running_loop().time() + _STREAM_DEADLINE_S
        yield await self.call(function, arguments, deadline=deadline, headers=headers)

    def _head(self, function: Function, payload: bytes, headers: Mapping[str, str]) -> bytes:
        lines = {
            "Host": function.upstream,
            FUNCTION_HEADER: function.id,
            "Content-Type": "application/json",
            "Content-Length": str(len(payload)),
        }
        context = client_context(function, self._settings.headers, headers)
        if context:
            lines["X-Amz-Client-Context"] = context
        for name in ("traceparent", "tracestate", "x-request-id"):
            if name in headers:
                lines[name] = headers[name]
        # What canaries look at is a header of the call too.
        lines |= {
            name: value for name, value in headers.items() if name not in lines and name != "authorization"
        }
        return encode_head(b"POST", b"/", [(name.encode(), value.encode()) for name, value in lines.items()])
