"""Lambda functions, called through a gateway that signs the calls."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final
from urllib.parse import quote, urlencode

from ...schemas.catalog import Upstream
from ...schemas.errors import UpstreamError
from .base import FUNCTION_HEADER, LOCAL_HEADER, TransportSettings
from .gateway_answer import local_answer
from .http1 import Origin, Pool, Reply, StreamedReply, encode_head
from .lambda_answers import header
from .lambda_calls import LambdaCalls
from .lambda_requests import TRACE_ID, Invocation, invoke_path, invoke_query

_NOT_PASSED_ON: Final = frozenset({"authorization", TRACE_ID})


class GatewayLambdaTransport(LambdaCalls):
    """The `Transport` of Lambda behind a gateway: a plain POST of the payload, to its Unix socket.

    The gateway knows each function's name, signs for AWS, and holds its credentials. Of a function that streams
    the path is Lambda's own: what the gateway invokes by itself is only read as a whole.
    """

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        super().__init__(settings)
        self._upstream = upstream
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

    async def _send(self, invocation: Invocation, deadline: float) -> Reply | UpstreamError:
        head = self._head(invocation)
        reply = await self._clients().request(
            head, invocation.payload, deadline=deadline, idempotent=invocation.function.idempotent
        )
        return _own_answer(invocation, reply.status, reply.headers) or reply

    @contextlib.asynccontextmanager
    async def _open(
        self, invocation: Invocation, deadline: float
    ) -> AsyncGenerator[StreamedReply | UpstreamError, None]:
        head = self._head(invocation)
        async with self._clients().stream(head, invocation.payload, deadline=deadline) as reply:
            yield _own_answer(invocation, reply.status, reply.headers) or reply

    def _clients(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("the transport is used outside of its `async with` block")
        return self._pool

    def _head(self, invocation: Invocation) -> bytes:
        function, binding = invocation.function, invocation.binding
        target = invoke_path(function, binding)
        if binding.invocation != "stream":
            target = "/"
        elif query := invoke_query(binding):
            target += "?" + urlencode(query, quote_via=quote, safe="-_.~")
        lines = {
            "Host": function.upstream,
            FUNCTION_HEADER: function.id,
            "Content-Type": "application/json",
            "Content-Length": str(len(invocation.payload)),
        }
        if invocation.context:
            lines["X-Amz-Client-Context"] = invocation.context
        if invocation.trace:
            lines["X-Amzn-Trace-Id"] = invocation.trace
        # What canaries look at is a header of the call too.
        given = {name.lower() for name in lines} | _NOT_PASSED_ON
        lines |= {name: value for name, value in invocation.headers.items() if name not in given}
        return encode_head(
            b"POST", target.encode(), [(name.encode(), value.encode()) for name, value in lines.items()]
        )


def _own_answer(
    invocation: Invocation, status: int, headers: Sequence[tuple[bytes, bytes]]
) -> UpstreamError | None:
    """What the gateway itself answered; ``None`` for an answer of Lambda's."""
    details = header(headers, LOCAL_HEADER.encode())
    return local_answer(invocation.function, status, details.decode("latin-1")) if details else None
