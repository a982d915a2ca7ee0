"""The calls of one operation."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from ...schemas.catalog import Function, Json, UpstreamId
from ...schemas.errors import UpstreamAnswer, UpstreamError, UpstreamTimeout
from ..numbers import decode_exactly
from ..transport.base import Fetched, Transport

logger = logging.getLogger(__name__)

TRACE_HEADERS = ("traceparent", "tracestate", "x-request-id")
"""Forwarded to every upstream: they say which request a call belongs to, and are no secret."""


@dataclass(frozen=True, slots=True)
class UpstreamCaller:
    """One upstream, as the operations call it.

    Attributes:
        forward: Names, in lower case, of the caller's headers that this upstream is sent.
        timeout_s: For one call; the operation's deadline holds too.
        slots: Bounds the calls under way.
        fetch: The transport's way to leave JSON as its bytes; ``None`` if it has none.
    """

    transport: Transport
    slots: asyncio.Semaphore
    forward: tuple[str, ...] = ()
    timeout_s: float = 30.0
    fetch: Callable[..., Awaitable[Fetched | Json | UpstreamError]] | None = field(init=False)

    def __post_init__(self) -> None:
        """Look once for what each call would have to look for."""
        object.__setattr__(self, "fetch", getattr(self.transport, "fetch", None))


class CallBudgetExceeded(UpstreamError):
    """The operation has made as many calls as it may."""

    code = "TOO_MANY_CALLS"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return "the operation has made as many upstream calls as it may"


class FailedInside(UpstreamError):
    """A fault of Weft in the place of an answer; the log has it under *error_id*."""

    code = "INTERNAL"

    def __init__(self, upstream: str, function: str) -> None:
        super().__init__(upstream, function)
        self.error_id = uuid.uuid4().hex[:12]

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return f"internal error {self.error_id}"


class Caller(Protocol):
    """Makes calls: ``Calls``, or whoever stands in for it."""

    async def call(self, function: Function, arguments: Mapping[str, Any]) -> Json | UpstreamError:
        """The answer of *function*, or the error in its place."""
        ...

    def decode(self, function: Function, answer: Fetched) -> Json | UpstreamError:
        """The JSON value of an answer that was left as bytes."""
        ...


@dataclass(slots=True)
class Calls:
    """Makes the calls of one operation, and counts them.

    Attributes:
        callers: By upstream.
        headers: Of the operation's caller, names in lower case.
        deadline: Loop time in seconds at which the operation ends.
        max_calls: The most calls of the operation.
        count: Calls made so far.
    """

    callers: Mapping[UpstreamId, UpstreamCaller]
    headers: Mapping[str, str]
    deadline: float
    max_calls: int = 1_000
    count: int = field(default=0, init=False)

    async def call(self, function: Function, arguments: Mapping[str, Any]) -> Json | UpstreamError:
        """The answer of *function*, or the error in its place. Never raises for what an upstream does."""
        if self.count >= self.max_calls:
            return CallBudgetExceeded(function.upstream, function.id)
        self.count += 1
        caller = self.callers[function.upstream]
        deadline = min(self.deadline, asyncio.get_running_loop().time() + caller.timeout_s)
        try:
            async with asyncio.timeout_at(deadline), caller.slots:
                return await caller.transport.call(
                    function, arguments, deadline=deadline, headers=self._forwarded(caller)
                )
        except TimeoutError:
            return UpstreamTimeout(function.upstream, function.id)
        except Exception as error:  # noqa: BLE001 - it is logged, under the id that the client gets
            return _failed_inside(function, error)

    async def fetch(self, function: Function, arguments: Mapping[str, Any]) -> Fetched | Json | UpstreamError:
        """Like ``call``; an answer that is JSON is left as its bytes, where the transport has them."""
        if self.count >= self.max_calls:
            return CallBudgetExceeded(function.upstream, function.id)
        caller = self.callers[function.upstream]
        if caller.fetch is None:
            return await self.call(function, arguments)
        self.count += 1
        deadline = min(self.deadline, asyncio.get_running_loop().time() + caller.timeout_s)
        if caller.slots.locked():
            try:
                async with asyncio.timeout_at(deadline):
                    await caller.slots.acquire()
            except TimeoutError:
                return UpstreamTimeout(function.upstream, function.id)
        else:
            await caller.slots.acquire()  # at once: no timer is needed
        try:
            # The transport holds the deadline: that is its contract.
            return await caller.fetch(function, arguments, deadline=deadline, headers=self._forwarded(caller))
        except Exception as error:  # noqa: BLE001 - it is logged, under the id that the client gets
            return _failed_inside(function, error)
        finally:
            caller.slots.release()

    def decode(self, function: Function, answer: Fetched) -> Json | UpstreamError:
        """The JSON value of an answer that was left as bytes."""
        try:
            return decode_exactly(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return UpstreamAnswer(function.upstream, function.id, reason="the answer is no JSON")

    async def stream(
        self, function: Function, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Json | UpstreamError]:
        """The messages of a streaming function. Closing the iterator cancels the call."""
        self.count += 1
        caller = self.callers[function.upstream]
        messages = caller.transport.stream(function, arguments, headers=self._forwarded(caller))
        try:
            async for message in messages:
                yield message
        except Exception as error:  # noqa: BLE001 - it is logged, under the id that the client gets
            yield _failed_inside(function, error)
        finally:
            close = getattr(messages, "aclose", None)
            if close is not None:
                await close()

    def _forwarded(self, caller: UpstreamCaller) -> dict[str, str]:
        headers = self.headers
        return {name: headers[name] for name in (*TRACE_HEADERS, *caller.forward) if name in headers}


def _failed_inside(function: Function, error: Exception) -> FailedInside:
    # A transport returns what goes wrong on the wire; what it raises is a fault of ours, and must not take
    # the operation's other fields with it.
    failed = FailedInside(function.upstream, function.id)
    logger.error(
        "transport failed", exc_info=error, extra={"function": function.id, "error_id": failed.error_id}
    )
    return failed
