"""How many calls to one upstream are under way."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """Bounds the calls under way. A counter; only who finds none free waits, first come, first served.

    Whoever calls takes one by itself, for the common case is two operations on an integer::

        if slots.free > 0:
            slots.free -= 1
        elif not await slots.wait(deadline):
            return UpstreamTimeout(...)

    and gives it back by `release`, or by ``slots.free += 1`` where nobody is ``waiting``.

    Attributes:
        free: Slots that nobody holds. While somebody waits there are none.
        waiting: Those who wait.
    """

    __slots__ = ("free", "waiting")

    def __init__(self, most: int) -> None:
        self.free = most
        self.waiting: deque[asyncio.Future[bool]] = deque()

    async def wait(self, deadline: float) -> bool:
        """Take the next slot that is given back; whether that was before *deadline*."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_at(deadline, _settle, turn, False)
        self.waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.release()  # it came in the moment in which its taker went away
            raise
        finally:
            timer.cancel()

    def release(self) -> None:
        """Give a slot back, or on to the first who waits."""
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.free += 1


def _settle(turn: asyncio.Future[bool], taken: bool) -> None:
    if not turn.done():
        turn.set_result(taken)
