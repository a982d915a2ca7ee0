"""One timer for the deadlines of many."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Rings when the earliest of the times it was set to has come.

    A timer for each request was measured at 2.7 µs of 16: nearly all are cancelled before they ring. Here
    requests with equal time limits share one, set by the first of them; the ring looks who is due.

    Args:
        ring: Called with the loop's time. It ends what is due and returns the next time to ring at,
            ``inf`` for none.
    """

    __slots__ = ("_handle", "_loop", "_ring", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[float], float]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self.at = math.inf

    def set(self, when: float) -> None:
        """Ring at *when* at the latest."""
        if when < self.at:
            self.cancel()
            self.at = when
            self._handle = self._loop.call_at(when, self._fire)

    def cancel(self) -> None:
        """Ring no more, until it is set again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.at = math.inf

    def _fire(self) -> None:
        self._handle = None
        # Timers of uvloop are due up to a millisecond early.
        due = max(self._loop.time(), self.at)
        self.at = math.inf
        self.set(self._ring(due))
