"""Calls of one upstream, by several operations, through a transport whose answers a test lets go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from weft.engine.execute.background import Background
from weft.engine.execute.calls import Calls
from weft.engine.execute.response_cache import ResponseCache
from weft.engine.execute.retries import Retries
from weft.engine.execute.upstream_caller import CallSettings, UpstreamCaller
from weft.engine.transport.base import Fetched, NotModified
from weft.schemas.catalog import Function, FunctionId
from weft.schemas.errors import UpstreamError, UpstreamTimeout

from .shop_catalog import SHOP

GET_ORDER = SHOP.functions[FunctionId("orders.getOrder")]
LIST_ORDERS = SHOP.functions[FunctionId("orders.listOrders")]
CANCEL_ORDER = SHOP.functions[FunctionId("orders.cancelOrder")]
GET_PRICES = SHOP.functions[FunctionId("pricing.get_prices")]

Headers = list[tuple[bytes, bytes]]


def json_answer(body: bytes = b"[1]", **headers: str) -> Fetched:
    """An answer with these headers, whose names are written with underscores."""
    return Fetched(body, headers_of(**headers))


def headers_of(**headers: str) -> Headers:
    """Headers as a transport gives them."""
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


class OneUpstream:
    """An upstream in memory: it answers what it is told, one answer a call, the last one again and again.

    It keeps to the deadline of each call, as its contract says.
    """

    def __init__(
        self,
        *answers: Any,
        settings: CallSettings | None = None,
        cache: ResponseCache | None = None,
        retries: Retries | None = None,
        share: bool = True,
        function: Function = GET_ORDER,
        background: Background | None = None,
    ) -> None:
        self.answers = list(answers) or [json_answer()]
        self.go = asyncio.Event()
        self.go.set()
        self.made: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.deadlines: list[float] = []
        self.cancelled = 0
        self.function = function
        self.cache = cache
        self.background = background
        self.caller = UpstreamCaller(self, settings, cache=cache, share=share, retries=retries)  # type: ignore[arg-type]  # it does not stream

    async def fetch(
        self, function: Function, arguments: Mapping[str, Any], *, deadline: float, headers: Mapping[str, str]
    ) -> Any:
        self.made.append((function.id, dict(arguments), dict(headers)))
        self.deadlines.append(deadline)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            async with asyncio.timeout_at(deadline):
                await self.go.wait()
        except TimeoutError:
            return UpstreamTimeout(function.upstream, function.id)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return answer() if isinstance(answer, Callable) else answer  # type: ignore[arg-type]

    def calls(self, headers: Mapping[str, str] | None = None, *, within_s: float = 5.0, **more: Any) -> Calls:
        """The calls of one operation."""
        deadline = asyncio.get_running_loop().time() + within_s
        callers = {self.function.upstream: self.caller}
        return Calls(callers, headers or {}, deadline, background=self.background, **more)

    async def ask(
        self,
        arguments: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """What one operation with one call gets."""
        return await self.calls(headers, **more).fetch(self.function, arguments or {"orderId": "1"})


def not_modified(**headers: str) -> NotModified:
    """A 304."""
    return NotModified("orders", GET_ORDER.id, status="304", headers=headers_of(**headers))


def is_error(answer: object, code: str) -> bool:
    """Whether *answer* is an error with that code."""
    return isinstance(answer, UpstreamError) and answer.code == code


async def turns(number: int = 5) -> None:
    """Let everything else run."""
    for _ in range(number):
        await asyncio.sleep(0)
