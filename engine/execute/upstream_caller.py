"""One upstream as all operations call it: its bounds, what is under way, and how each function is handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from ...schemas.catalog import Function, FunctionId, HttpBinding, Json
from ...schemas.errors import UpstreamError
from ..transport.base import Fetched, Transport
from .freshness import UNSAID, Freshness, freshness_of, validators_of
from .response_cache import Kept, Key, ResponseCache
from .retries import SAFE_METHODS, Retries, RetryRule, may_repeat
from .sharing import Flight
from .slots import Slots

Answer: TypeAlias = Fetched | Json | UpstreamError
Fetch: TypeAlias = Callable[..., Awaitable[Answer]]

TRACE_HEADERS: Final = ("traceparent", "tracestate", "x-request-id", "x-amzn-trace-id")
"""Forwarded to every upstream: they say which request a call belongs to, and are no secret. No two requests
share them, so no answer may depend on them."""

_PARTIAL: Final = 206  # the part of something: without its range it is not the answer


@dataclass(frozen=True, slots=True)
class CacheRule:
    """What is configured of keeping answers, for an upstream or one function.

    Attributes:
        off: Keep none.
        max_age_s: For answers that say nothing themselves; ``None``: those are used once.
        override: *max_age_s* holds whatever an answer says.
        stale_while_revalidate_s: Goes with *max_age_s*: how long after it an answer is used while a new one is
            fetched.
        stale_if_error_s: Goes with *max_age_s*: how long after it an answer is used in the place of an error.
    """

    off: bool = False
    max_age_s: float | None = None
    override: bool = False
    stale_while_revalidate_s: float = 0.0
    stale_if_error_s: float = 0.0

    def judge(self, answer: Answer, *, heed: bool) -> Freshness:
        """How long a successful *answer* may be used.

        Args:
            answer: Of a read.
            heed: Whether its headers alone can make it fresh.
        """
        headers = answer.headers if type(answer) is Fetched else ()
        said = freshness_of(headers)
        if type(answer) is Fetched and answer.status == _PARTIAL:
            return UNSAID
        if self.max_age_s is None:
            return said if heed else UNSAID
        if (said.is_explicit or said.no_store) and not self.override:
            return said
        etag, last_modified = validators_of(headers)
        return replace(
            said,
            fresh_s=self.max_age_s,
            is_explicit=True,
            no_store=False,
            refresh_s=self.stale_while_revalidate_s,
            error_s=self.stale_if_error_s,
            etag=etag,
            last_modified=last_modified,
        )


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How one upstream is called by operations.

    Attributes:
        forward: Names, in lower case, of the caller's headers that are passed on.
        timeout_s: For one call, its retries included.
        max_concurrency: Calls under way at once.
        share: Whether equal reads under way are one call.
        cache: What is kept of its answers.
        functions: The same for single functions; they win.
        retries: Of calls that may be repeated.
    """

    forward: tuple[str, ...] = ()
    timeout_s: float = 30.0
    max_concurrency: int = 64
    share: bool = True
    cache: CacheRule = field(default_factory=CacheRule)
    functions: Mapping[FunctionId, CacheRule] = field(default_factory=dict)
    retries: RetryRule = field(default_factory=RetryRule)


@dataclass(frozen=True, slots=True)
class Treatment:
    """How the calls of one function are handled, worked out once.

    Attributes:
        keyed: It is a read that is shared or kept, so its calls are told apart by a key.
        share: Equal calls under way are one.
        cache: Where its answers are kept; ``None``: nowhere.
        rule: How long.
        heed: Its answers' headers alone can make them fresh: a request with a body is not named by its URL.
        heeds_alone: Nothing else makes them fresh.
        retries: ``None`` if its calls are not repeated.
        writes: What was read before it ends may be wrong after it.
    """

    keyed: bool
    share: bool
    cache: ResponseCache | None
    rule: CacheRule
    heed: bool
    heeds_alone: bool
    retries: Retries | None
    writes: bool


class Call(Flight[Answer], kw_only=True, eq=False):
    """One call, and who waits for its answer beside the one who makes it.

    Attributes:
        key: Equal for calls that may share an answer; ``None`` if it shares with none.
        headers: Those that are sent, conditions left out. May hold secrets.
        kept: What is kept of an earlier one, stale by now.
        said: How long the answer may be used, counted from ``began``; set when it has come.
    """

    caller: UpstreamCaller
    treatment: Treatment
    function: Function
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]
    key: Key | None = None
    kept: Kept | None = None
    said: Freshness = UNSAID

    def __repr__(self) -> str:
        return f"Call({self.function.id})"

    def is_over(self) -> None:
        """Let nobody join it any more."""
        under_way = self.caller.under_way
        if self.key is not None and under_way.get(self.key) is self:
            del under_way[self.key]


class UpstreamCaller:
    """One upstream, as the operations call it.

    Args:
        transport: Its client.
        settings: How it is called.
        cache: Where answers are kept; ``None``: nowhere.
        share: Whether calls are shared at all.
        retries: In place of those that *settings* describe.

    Attributes:
        cache: Where answers are kept; ``None``: nowhere.
        forward: Names of the headers that are passed on, beside those of the trace.
        sent: Both.
        fetch: The transport's way to leave JSON as its bytes; ``None`` if it has none.
        under_way: Reads that others may join.
        made: Calls so far, without retries.
        shared: Calls that were spared because an equal one was under way.
        writes: Writes that have ended: what was begun before the last one is neither joined nor kept.
    """

    def __init__(
        self,
        transport: Transport,
        settings: CallSettings | None = None,
        *,
        cache: ResponseCache | None = None,
        share: bool = True,
        retries: Retries | None = None,
    ) -> None:
        self.settings = settings = settings or CallSettings()
        self.transport = transport
        self.forward = tuple(name for name in settings.forward if name not in TRACE_HEADERS)
        self.sent = frozenset((*TRACE_HEADERS, *self.forward))
        self.timeout_s = settings.timeout_s
        self.slots = Slots(settings.max_concurrency)
        self.fetch: Fetch | None = getattr(transport, "fetch", None)
        self.under_way: dict[Key, Call] = {}
        self.treatments: dict[FunctionId, Treatment] = {}
        self.made = 0
        self.shared = 0
        self.writes = 0
        self.cache = cache
        self._share = share and settings.share
        self.retries = retries or (Retries(settings.retries) if settings.retries.attempts else None)

    def treat(self, function: Function) -> Treatment:
        """How calls of *function* are handled; asked once for each function."""
        rule = self.settings.functions.get(function.id, self.settings.cache)
        reads = function.effect == "read" and function.streaming == "none"
        binding = function.binding
        heed = isinstance(binding, HttpBinding) and binding.method in SAFE_METHODS and binding.body is None
        # Without headers and without a rule no answer is ever kept.
        keeps = reads and not rule.off and (heed or rule.max_age_s is not None)
        cache = self.cache if keeps else None
        share = reads and self._share
        treatment = self.treatments[function.id] = Treatment(
            keyed=share or cache is not None,
            share=share,
            cache=cache,
            rule=rule,
            heed=heed,
            heeds_alone=heed and rule.max_age_s is None,
            retries=self.retries if may_repeat(function) else None,
            writes=function.effect == "write",
        )
        return treatment

    def wrote(self) -> None:
        """Let nobody join what was begun before a write has ended."""
        self.writes += 1
        self.under_way.clear()
