"""Whether, and when, a call that failed is made again.

Only calls that may be repeated are: reads, and writes that are idempotent. All tries have one deadline, and
an upstream that is down is not hammered: retries are paid from a budget that calls fill.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ...schemas.catalog import Function, HttpBinding
from ...schemas.errors import LambdaStatus, UpstreamError, UpstreamStatus, UpstreamUnreachable

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
_PASSING: Final = frozenset({"429", "502", "503", "504", "UNAVAILABLE"})
"""Statuses that pass: HTTP's and gRPC's (without details it is `UpstreamUnreachable`). Lambda's errors say it."""
RESERVE: Final = 10.0
"""Retries that an upstream may be sent whatever the share: a few failures among few calls."""
_REFILL_PER_S: Final = 1.0
"""The reserve comes back so fast."""
MOST: Final = 100.0
"""Retries that calls which went well can save up: what breaks when one of several servers goes away."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How calls of one upstream are repeated.

    Attributes:
        attempts: The most retries of one call; 0 for none.
        base_s: The first waits up to this, each next up to twice as long.
        max_s: No wait is longer, but one that the upstream asks for.
        budget: The most retries, as a share of the upstream's calls.
    """

    attempts: int = 2
    base_s: float = 0.025  # Envoy's `base_interval` and `max_interval`: 25 ms, ten times as much
    max_s: float = 0.25
    budget: float = 0.2


class Retries:
    """The retries of one upstream.

    Args:
        rule: How many, how often.
        random: A number from 0 up to 1.
        sleep: Waits so many seconds.

    Attributes:
        made: Retries so far.
        refused: Retries that the budget did not allow.
    """

    def __init__(
        self,
        rule: RetryRule,
        *,
        random: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.rule = rule
        self.sleep = sleep
        self.made = 0
        self.refused = 0
        self._random = random
        self._tokens = RESERVE
        self._calls = 0
        self._at: float | None = None

    def delay_s(self, retry: int, error: UpstreamError) -> float | None:
        """How long to wait before the retry of that number, from 1; ``None`` if *error* would come again.

        Exponential back-off with full jitter; not less than the upstream asked for.
        """
        if not _passes(error):
            return None
        asked_s = error.retry_after_s if isinstance(error, UpstreamStatus) else None
        upto_s = min(self.rule.base_s * (1 << (retry - 1)), self.rule.max_s)
        return (asked_s or 0.0) + self._random() * upto_s

    def spend(self, calls: int, now: float) -> bool:
        """Take one retry from the budget; whether there was one.

        Args:
            calls: Calls of the upstream so far, without retries: each pays its share in.
            now: Loop time in seconds.
        """
        self._tokens = min(self._tokens + (calls - self._calls) * self.rule.budget, MOST)
        if self._at is not None and self._tokens < RESERVE:
            self._tokens = min(self._tokens + (now - self._at) * _REFILL_PER_S, RESERVE)
        self._calls, self._at = calls, now
        if self._tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        self.made += 1
        return True


def may_repeat(function: Function) -> bool:
    """Whether a call of *function* may be made again after a failure."""
    if function.streaming != "none":
        return False
    binding = function.binding
    is_safe = isinstance(binding, HttpBinding) and binding.method in SAFE_METHODS
    return function.idempotent or (function.effect == "read" and is_safe)


def _passes(error: UpstreamError) -> bool:
    """Whether the same call may well succeed a moment later."""
    if isinstance(error, LambdaStatus):
        return error.passes
    if isinstance(error, UpstreamStatus):
        # Who says when to come again does not mind it (gRPC: RESOURCE_EXHAUSTED with RetryInfo).
        return error.status in _PASSING or error.retry_after_s is not None
    return isinstance(error, UpstreamUnreachable) and error.passes
