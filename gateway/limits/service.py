"""The rate limit service's API.

Source: Envoy, ``envoy/service/ratelimit/v3/rls.proto``.
"""

from __future__ import annotations

from typing import Any, Final

import grpc.aio

from ...schemas.errors import ConfigError
from ..publish.ads import require_protos
from .budgets import Budgets, Decision

_UNITS: Final = {1: "SECOND", 60: "MINUTE", 3600: "HOUR", 86400: "DAY"}


class RateLimitService:
    """Answers for budgets, which may be given other limits meanwhile."""

    def __init__(self, budgets: Budgets) -> None:
        """Take what to serve."""
        self.budgets = budgets

    def add_to(self, server: Any) -> None:
        """Serve on *server*, a ``grpc.aio.Server``."""
        from envoy.service.ratelimit.v3.rls_pb2_grpc import add_RateLimitServiceServicer_to_server

        add_RateLimitServiceServicer_to_server(self, server)

    async def ShouldRateLimit(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC names it
        """Whether a request may pass: it may if each of its descriptors may."""
        from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse  # pyright: ignore[reportAttributeAccessIssue]

        common = request.hits_addend
        decisions = []
        for descriptor in request.descriptors:
            entries = tuple((entry.key, entry.value) for entry in descriptor.entries)
            hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else common or 1
            decisions.append(self.budgets.take(request.domain, entries, hits))
        refused = [decision for decision in decisions if not decision.allowed]
        answer = RateLimitResponse(
            overall_code=_code(not refused), statuses=[_status(decision) for decision in decisions]
        )
        if refused:
            longest = max(refused, key=lambda decision: decision.reset_s)
            answer.raw_body = refusal_text(longest).encode()
            answer.response_headers_to_add.add(key="retry-after", value=str(longest.reset_s))
        return answer


def refusal_text(decision: Decision) -> str:
    """What a caller is told whose budget is used up."""
    limit = decision.limit
    assert limit is not None
    unit = _UNITS[limit.unit_s].lower()
    if limit.costs:
        text = f"operations cost {decision.used} of {limit.requests} allowed per {unit}"
    else:
        text = f"{limit.requests} requests are allowed per {unit}"
    return f"over the limit: {text}; again in {decision.reset_s} s"


class RateLimitServer:
    """A server of its own. An async context manager: it listens in the block."""

    def __init__(self, address: str, budgets: Budgets) -> None:
        """Take where to listen, and what to serve.

        Args:
            address: ``unix:/path`` or ``host:port``; port 0 takes a free one.
            budgets: May be given other limits while it is served.

        Raises:
            ConfigError: ``xds-protos`` is not installed.
        """
        require_protos()
        self.port = 0
        self._service = RateLimitService(budgets)
        self._address = address
        self._server: Any = None

    async def __aenter__(self) -> RateLimitServer:
        """Listen.

        Raises:
            ConfigError: Nothing can listen there.
        """
        self._server = grpc.aio.server()
        self._service.add_to(self._server)
        try:
            self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            problem = f"cannot listen on {self._address}"
            raise ConfigError(source="gateway", key="limits", problem=problem) from error
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._server.stop(0.2)


def _code(allowed: bool) -> Any:
    from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse  # pyright: ignore[reportAttributeAccessIssue]

    return RateLimitResponse.OK if allowed else RateLimitResponse.OVER_LIMIT


def _status(decision: Decision) -> Any:
    from envoy.service.ratelimit.v3.rls_pb2 import RateLimitResponse  # pyright: ignore[reportAttributeAccessIssue]
    from google.protobuf.duration_pb2 import Duration

    status = RateLimitResponse.DescriptorStatus(code=_code(decision.allowed))
    limit = decision.limit
    if limit is not None:
        status.current_limit.requests_per_unit = limit.requests
        status.current_limit.unit = RateLimitResponse.RateLimit.Unit.Value(_UNITS[limit.unit_s])
        status.limit_remaining = decision.remaining
        status.duration_until_reset.CopyFrom(Duration(seconds=decision.reset_s))
    return status
