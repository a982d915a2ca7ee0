"""The calls of one operation."""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from asyncio import get_running_loop
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from ...schemas.catalog import Function, Json, UpstreamId
from ...schemas.errors import (
    LambdaStatus,
    UpstreamAnswer,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ..identity import identity_of
from ..numbers import decode_exactly
from ..transport.base import Fetched, NotModified
from .background import Background
from .freshness import UNSAID, Freshness, freshness_of, merge_not_modified
from .response_cache import Kept, place_of
from .retries import Retries
from .sharing import Turn
from .upstream_caller import Answer, Call, UpstreamCaller

logger = logging.getLogger(__name__)

MAX_CALLS: Final = 1_000
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Of one operation: two answers of the largest size. Decoded they take several times as much."""

_ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode
_OUTAGES: Final = frozenset({"500", "502", "503", "504", "INTERNAL", "UNAVAILABLE"})
"""HTTP's and gRPC's; Lambda's errors say it."""
_UNENCODABLE: Final = (TypeError, ValueError, msgspec.MsgspecError)


class CallBudgetExceeded(UpstreamError):
    """The operation has made as many calls as it may."""

    code = "TOO_MANY_CALLS"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return "the operation has made as many upstream calls as it may"


@dataclass(eq=False)
class ByteBudgetExceeded(UpstreamError):
    """The answers of the operation's calls are larger than they may be.

    Attributes:
        most: Bytes of all answers together.
    """

    most: int = 0

    code = "TOO_MANY_BYTES"

    @property
    def summary(self) -> str:
        """What happened, in words a client may read."""
        return f"the answers to the operation's calls are larger than {self.most} bytes together"


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


_Forwarded: TypeAlias = tuple[dict[str, str], tuple[str | None, ...]]
"""What of the operation's headers one upstream is sent, and the values that part its answers."""


class Calls:
    """Makes the calls of one operation, within its budget, and counts them.

    A read is answered by what is kept of an earlier one, or by an equal one under way, or by a call.

    Args:
        callers: By upstream.
        headers: Of the operation's caller, names in lower case.
        deadline: Loop time in seconds at which the operation ends.
        max_calls: The most calls of the operation, retries and those that were spared included.
        max_answer_bytes: The most bytes of all answers.
        background: Where kept answers are renewed while they are used; ``None``: they are not.

    Attributes:
        fresh: Reads are made anew. An operation that has written must see what it wrote.
        count: Calls made so far.
        asked: Calls asked for so far.
        answer_bytes: Of all answers so far.
        fresh_until: Loop time in seconds until which every answer so far may be used again.
        is_private: An answer is for one caller alone, or depends on headers that are forwarded.
        timed_out: A call was not answered in time.
    """

    # On the class: an operation of one call is made in half the time if it sets only what it is given.
    fresh = False
    count = 0
    asked = 0
    answer_bytes = 0
    fresh_until = math.inf
    is_private = False
    timed_out = False

    def __init__(
        self,
        callers: Mapping[UpstreamId, UpstreamCaller],
        headers: Mapping[str, str],
        deadline: float,
        max_calls: int = MAX_CALLS,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        background: Background | None = None,
    ) -> None:
        self.callers = callers
        self.headers = headers
        self.deadline = deadline
        self.max_calls = max_calls
        self.max_answer_bytes = max_answer_bytes
        self.background = background
        self._forwarded: dict[UpstreamId, _Forwarded] = {}

    async def call(self, function: Function, arguments: Mapping[str, Any]) -> Json | UpstreamError:
        """The answer of *function*, or the error in its place. Never raises for what an upstream does."""
        answer = await self.fetch(function, arguments)
        return self.decode(function, answer) if isinstance(answer, Fetched) else answer

    async def fetch(
        self, function: Function, arguments: Mapping[str, Any], identity: bytes | None = None
    ) -> Answer:
        """Like ``call``; an answer that is JSON is left as its bytes, where there are any.

        Args:
            function: What is called.
            arguments: By its own names.
            identity: Bytes that are equal exactly for equal *arguments* of *function*, if they are at hand.
        """
        if self.asked >= self.max_calls:
            return CallBudgetExceeded(function.upstream, function.id)
        if self.answer_bytes > self.max_answer_bytes:
            return ByteBudgetExceeded(function.upstream, function.id, self.max_answer_bytes)
        self.asked += 1
        upstream = function.upstream
        caller = self.callers[upstream]
        treatment = caller.treatments.get(function.id) or caller.treat(function)
        headers, values = self._forwarded.get(upstream) or self._forward(caller, upstream)
        now = get_running_loop().time()
        deadline = now + caller.timeout_s
        if deadline > self.deadline:
            deadline = self.deadline
        if identity is None and treatment.keyed:
            identity = identity_of(arguments)
        if identity is None or not treatment.keyed:
            self.fresh_until = 0.0
            call = Call(
                now,
                deadline,
                caller=caller,
                treatment=treatment,
                function=function,
                arguments=arguments,
                headers=headers,
            )
            return self._counted(
                function, await (self._write(call) if treatment.writes else self._make(call))
            )

        key = (function.id, identity, values)
        kept: Kept | None = None
        cache = treatment.cache
        if cache is not None and not self.fresh:
            kept = cache.get(key, now) if cache.bytes else None
            if kept is None:
                cache.misses += 1
            elif kept.fresh_until > now:
                cache.hits += 1
                return self._counted(function, kept.answer, kept.said, kept.fresh_until)
        call = Call(
            now,
            deadline,
            caller=caller,
            treatment=treatment,
            function=function,
            arguments=arguments,
            headers=headers,
            key=key,
            kept=kept,
        )
        if kept is not None and cache is not None:
            if kept.refresh_until > now and self._renew(call):
                cache.stale += 1
                return self._counted(function, kept.answer)
            cache.misses += 1
        under_way = caller.under_way.get(key) if treatment.share and not self.fresh else None
        if under_way is None or not under_way.suits(now, deadline):
            caller.under_way[key] = call
        else:
            joined = await under_way.join(deadline)
            if joined is Turn.LATE:
                return self._counted(function, UpstreamTimeout(upstream, function.id))
            call = under_way
            if not isinstance(joined, Turn):
                caller.shared += 1
                return self._counted(function, joined, call.said, call.began + call.said.fresh_s)
            call.began, call.deadline = asyncio.get_running_loop().time(), deadline
        answer = await self._lead(call)
        said = call.said
        if said is UNSAID and type(answer) is Fetched:  # most answers; as `_counted` does it
            self.fresh_until = 0.0
            self.answer_bytes += len(answer.body)
            if self.answer_bytes <= self.max_answer_bytes:
                return answer
            return ByteBudgetExceeded(upstream, function.id, self.max_answer_bytes)
        return self._counted(function, answer, said, call.began + said.fresh_s if said is not UNSAID else 0.0)

    def decode(self, function: Function, answer: Fetched) -> Json | UpstreamError:
        """The JSON value of an answer that was left as bytes."""
        if answer.messages is not None:
            return answer.messages.decode_response(answer.body)
        try:
            return decode_exactly(answer.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return UpstreamAnswer(function.upstream, function.id, reason="the answer is no JSON")

    async def stream(
        self, function: Function, arguments: Mapping[str, Any]
    ) -> AsyncGenerator[Json | UpstreamError]:
        """The messages of a streaming function. Closing the iterator cancels the call."""
        self.count += 1
        self.fresh_until = 0.0
        caller = self.callers[function.upstream]
        headers, _ = self._forward(caller, function.upstream)
        messages = caller.transport.stream(function, arguments, headers=headers)
        try:
            async for message in messages:
                yield message
        except Exception as error:  # noqa: BLE001 - it is logged, under the id that the client gets
            yield _failed_inside(function, error)
        finally:
            close = getattr(messages, "aclose", None)
            if close is not None:
                await close()

    def max_age_s(self) -> int:
        """For how many seconds from now all answers so far may be used again; 0 if they may not, or there is none."""
        if self.fresh_until == 0.0 or self.fresh_until == math.inf:
            return 0
        return max(0, int(self.fresh_until - asyncio.get_running_loop().time()))

    # -- one call

    async def _lead(self, call: Call) -> Answer:
        """Make the call of a read, for all who wait for it."""
        treatment = call.treatment
        writes = call.caller.writes
        try:
            answer = await self._make(call)
        except BaseException:
            # Cancelled: faults are values by now.
            if not (call.waiting and self._pass_on(call)):
                call.is_over()
            raise
        if treatment.cache is not None and not (
            # What most answers are: they say nothing of how long they may be used.
            type(answer) is Fetched
            and call.kept is None
            and treatment.heeds_alone
            and (answer.is_silent or freshness_of(answer.headers) is UNSAID)
        ):
            answer = self._keep(call, answer, writes)
        if call.waiting:
            if type(answer) is UpstreamTimeout and self._pass_on(call):
                return answer
            call.land(answer)
        call.is_over()
        return answer

    def _pass_on(self, call: Call) -> bool:
        """See that those who wait get their answer though who made it stops; whether anybody waits."""
        return call.pass_on(self.background, lambda _until: self._lead(call))

    async def _make(self, call: Call, *, repeat: bool = True) -> Answer:
        """Make one call as soon as there is a slot, and again if it failed and may be repeated."""
        caller, function = call.caller, call.function
        fetch, slots = caller.fetch, caller.slots
        if slots.free > 0:
            slots.free -= 1
        elif not await slots.wait(call.deadline):
            return UpstreamTimeout(function.upstream, function.id)
        self.count += 1
        caller.made += 1
        headers = call.headers
        if call.kept is not None:
            headers = {**headers, **call.kept.said.conditions}
        try:
            if fetch is not None:
                # The transport holds the deadline: that is its contract.
                answer = await fetch(function, call.arguments, deadline=call.deadline, headers=headers)
            else:
                async with asyncio.timeout_at(call.deadline):
                    answer = await caller.transport.call(
                        function, call.arguments, deadline=call.deadline, headers=headers
                    )
        except TimeoutError:
            answer = UpstreamTimeout(function.upstream, function.id)
        except Exception as error:  # noqa: BLE001 - it is logged, under the id that the client gets
            answer = _failed_inside(function, error)
        finally:
            if slots.waiting:
                slots.release()
            else:
                slots.free += 1
        if repeat and call.treatment.retries is not None and isinstance(answer, UpstreamError):
            return await self._make_again(call, call.treatment.retries, answer)
        return answer

    async def _make_again(self, call: Call, retries: Retries, failed: UpstreamError) -> Answer:
        """Repeat a call that has *failed*, as often as that makes sense; what came of it in the end."""
        caller = call.caller
        time = asyncio.get_running_loop().time
        for retry in range(1, retries.rule.attempts + 1):
            delay_s = retries.delay_s(retry, failed)
            if delay_s is None or time() + delay_s >= call.deadline or self.asked >= self.max_calls:
                break
            if not retries.spend(caller.made - retries.made, time()):
                break
            await retries.sleep(delay_s)
            self.asked += 1
            answer = await self._make(call, repeat=False)
            if not isinstance(answer, UpstreamError):
                return answer
            failed = answer
        return failed

    async def _write(self, call: Call) -> Answer:
        """Make a call after which what was read before may be wrong."""
        self.fresh = True
        try:
            return await self._make(call)
        finally:
            # Also where it failed or was given up: it may have been done all the same.
            caller = call.caller
            caller.wrote()
            if caller.cache is not None and (place := place_of(call.function, call.arguments)) is not None:
                caller.cache.invalidate(place)

    # -- what is kept

    def _keep(self, call: Call, answer: Answer, writes: int) -> Answer:
        """Keep *answer* if it may be; what is to be used of it and of what was kept before.

        Args:
            call: Gets to know how long the answer may be used.
            answer: What came.
            writes: Of the upstream, when the call began: what was read before a write is not kept.
        """
        cache, kept, key = call.treatment.cache, call.kept, call.key
        assert cache is not None
        assert key is not None
        if isinstance(answer, UpstreamError):
            if kept is None:
                return answer
            if isinstance(answer, NotModified):
                cache.revalidated += 1
                headers = merge_not_modified(kept.answer.headers, answer.headers)
                answer = msgspec.structs.replace(kept.answer, headers=headers)
            elif kept.error_until > asyncio.get_running_loop().time() and _is_outage(answer):
                cache.stale += 1
                return kept.answer
            else:
                return answer
        call.said = said = call.treatment.rule.judge(answer, heed=call.treatment.heed)
        if said is UNSAID:
            return answer
        if said.is_worth_keeping and writes == call.caller.writes:
            as_bytes = answer
            if not isinstance(as_bytes, Fetched):
                try:
                    as_bytes = Fetched(_ENCODE(answer))
                except _UNENCODABLE:
                    return answer
            cache.put(key, as_bytes, said, call.began, place=place_of(call.function, call.arguments))
        elif kept is not None:
            cache.drop(key)
        return answer

    def _renew(self, call: Call) -> bool:
        """See that what is kept is renewed while it is used; whether it will be."""
        caller, key = call.caller, call.key
        assert key is not None
        if key in caller.under_way:
            return True
        if self.background is None:
            return False
        call.deadline = call.began + caller.timeout_s  # it is not this operation that waits for it
        calls = Calls(self.callers, self.headers, call.deadline, background=self.background)
        caller.under_way[key] = call
        if self.background.start(calls._lead(call)) is not None:
            return True
        call.is_over()
        return False

    # -- what every call adds

    def _counted(
        self, function: Function, answer: Answer, said: Freshness = UNSAID, fresh_until: float = 0.0
    ) -> Answer:
        """*answer*, or the error in its place where it is one byte too many."""
        if fresh_until < self.fresh_until:
            self.fresh_until = fresh_until
        if said.is_private:
            self.is_private = True
        if isinstance(answer, Fetched):
            self.answer_bytes += len(answer.body)
        elif not isinstance(answer, UpstreamError):
            self.answer_bytes += _size_of(answer)
        elif type(answer) is UpstreamTimeout:
            self.timed_out = True
        if self.answer_bytes > self.max_answer_bytes:
            return ByteBudgetExceeded(function.upstream, function.id, self.max_answer_bytes)
        return answer

    def _forward(self, caller: UpstreamCaller, upstream: UpstreamId) -> _Forwarded:
        headers = self.headers
        sent = {name: headers[name] for name in caller.sent & headers.keys()}
        values: tuple[str | None, ...] = ()
        if caller.forward:
            self.is_private = True  # also where it sent none: another caller's answer may be another
            values = tuple(map(headers.get, caller.forward))
        forwarded = self._forwarded[upstream] = (sent, values)
        return forwarded


def _size_of(answer: Json) -> int:
    """Bytes of a decoded answer, as JSON."""
    try:
        return len(_ENCODE(answer))
    except _UNENCODABLE:
        return 0


def _is_outage(error: UpstreamError) -> bool:
    """Whether a stale answer may stand in the place of *error*.

    Source: RFC 5861, section 4: 500, 502, 503 and 504, and what keeps the upstream from answering.
    """
    if isinstance(error, LambdaStatus):
        return error.is_outage
    if isinstance(error, UpstreamStatus):
        return error.status in _OUTAGES
    return isinstance(error, UpstreamUnreachable | UpstreamTimeout)


def _failed_inside(function: Function, error: Exception) -> FailedInside:
    # A transport returns what goes wrong on the wire; what it raises is a fault of ours, and must not take
    # the operation's other fields with it.
    failed = FailedInside(function.upstream, function.id)
    logger.error(
        "transport failed", exc_info=error, extra={"function": function.id, "error_id": failed.error_id}
    )
    return failed
