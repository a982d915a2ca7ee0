"""Budgets: so many hits in a window of time, for each value that is told apart."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..lower.world import GlobalLimit

MOST_VALUES: Final = 100_000
"""Windows that are kept at once; the least recently used go first."""

Entries = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a budget says.

    Attributes:
        allowed: Whether there is enough left.
        limit: The budget that decided; ``None`` if none is for such requests.
        remaining: Hits left in the window.
        used: Hits taken in the window.
        reset_s: Seconds until the window ends.
    """

    allowed: bool
    limit: GlobalLimit | None = None
    remaining: int = 0
    reset_s: int = 0
    used: int = 0


class Budgets:
    """Counts hits. One process holds them all, so that any number of Envoys share them."""

    def __init__(self, limits: Iterable[GlobalLimit] = (), *, now: Callable[[], float] = time.time) -> None:
        """Take the limits, and a clock in seconds: windows begin at its multiples."""
        self._now = now
        self._limits: dict[tuple[str, tuple[str, ...]], list[GlobalLimit]] = {}
        self._windows: OrderedDict[tuple[str, Entries, int], tuple[int, int]] = OrderedDict()
        self.replace(limits)

    def replace(self, limits: Iterable[GlobalLimit]) -> None:
        """Keep other limits from now on; what was counted stays."""
        found: dict[tuple[str, tuple[str, ...]], list[GlobalLimit]] = {}
        for limit in limits:
            keys = tuple(key for key, _ in limit.entries)
            found.setdefault((limit.domain, keys), []).append(limit)
        self._limits = found

    def take(self, domain: str, entries: Entries, hits: int) -> Decision:
        """Take *hits* from the budget for *entries*.

        With 0 hits nothing is taken, and it is said whether anything is left.
        """
        limit = self._limit(domain, entries)
        if limit is None:
            return Decision(True)
        now = self._now()
        window = int(now // limit.unit_s)
        key = (domain, entries, limit.unit_s)
        begun, used = self._windows.get(key, (window, 0))
        if begun != window:
            used = 0
        # A request that fits is allowed; what an answer cost is counted even where it goes over.
        allowed = used + hits <= limit.requests if hits else used < limit.requests
        if hits:
            used = min(used + hits, limit.requests * 1000)
        self._windows[key] = (window, used)
        self._windows.move_to_end(key)
        if len(self._windows) > MOST_VALUES:
            self._windows.popitem(last=False)
        reset_s = int((window + 1) * limit.unit_s - now) + 1
        left = max(0, limit.requests - used)
        return Decision(allowed, limit, left, min(reset_s, limit.unit_s), used)

    def _limit(self, domain: str, entries: Entries) -> GlobalLimit | None:
        keys = tuple(key for key, _ in entries)
        for limit in self._limits.get((domain, keys), ()):
            if _fits(limit.entries, entries):
                return limit
        return None


def _fits(wanted: Sequence[tuple[str, str | None]], entries: Entries) -> bool:
    # An address that a rule names as a network arrives as that network.
    return all(
        value is None or key == "masked_remote_address" or value == found
        for (key, value), (_, found) in zip(wanted, entries, strict=True)
    )
