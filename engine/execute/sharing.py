"""Equal reads that are under way at the same time are made once.

Operations and calls share in the same way. The key holds what is asked and the values of exactly those
headers that are forwarded to the upstreams involved: nothing crosses from one caller to another. Trace
headers are not part of it; what is shared carries those of the caller who came first.

The first one makes it, without a task of its own; the others wait for it, each until its own deadline. If
the first one goes away, or its time is up, while others wait, it is made anew beside them all, with the
longest of their deadlines: from then on anybody may go. So nobody loses an answer because somebody else went
away, and what nobody waits for any more is cancelled.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar

import msgspec

from .background import Background

T = TypeVar("T")

ALMOST: Final = 0.9
"""Who joins has at most as much time as what is under way was given, but for this factor: requests with
equal limits differ by what their bodies took to arrive."""


class Turn(enum.Enum):
    """What becomes of somebody who waits, in place of the result."""

    LEAD = "the one before has gone: make it yourself"
    LATE = "the own deadline has passed"


class Flight(msgspec.Struct, Generic[T], eq=False):
    """One read under way, and who waits for it beside the one who makes it.

    A Struct, for one is made for every call.

    Attributes:
        began: Loop time at which it was begun.
        deadline: Loop time at which whoever makes it gives up.
        maker: The task that makes it, once that is nobody of those who wait.
        waiting: Those who wait, first come, first served, and their deadlines; ``None`` while there was nobody.
    """

    began: float
    deadline: float
    maker: asyncio.Task[None] | None = None
    waiting: dict[asyncio.Future[T | Turn], float] | None = None

    def suits(self, now: float, deadline: float) -> bool:
        """Whether somebody whose own would begin *now* and end at *deadline* may wait for this one.

        What was given less time would end too early for who has more.
        """
        return self.deadline - self.began >= ALMOST * (deadline - now)

    def is_late(self, now: float) -> bool:
        """Whether its deadline has passed. Timers of uvloop are due up to a millisecond early."""
        return now >= self.deadline - 0.001

    def wait(self, deadline: float) -> asyncio.Future[T | Turn]:
        """A place among those who wait; ``Turn.LEAD`` makes who has it its maker.

        A future for each: one that is cancelled does not take the others with it. Whoever stops waiting
        for it says so by `leave`.
        """
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[T | Turn] = loop.create_future()
        if self.waiting is None:
            self.waiting = {}
        self.waiting[mine] = deadline
        # Else it ends by its own deadline: a timer costs as much as all else here.
        if deadline < self.deadline:
            timer = loop.call_at(deadline, _late, mine)
            mine.add_done_callback(lambda _: timer.cancel())
        return mine

    def leave(self, mine: asyncio.Future[T | Turn]) -> None:
        """Give the place *mine* back before there was a result."""
        if self.waiting is None:
            return
        self.waiting.pop(mine, None)
        if mine.done() and not mine.cancelled() and mine.exception() is None and mine.result() is Turn.LEAD:
            self.hand_over()  # its turn came in the moment in which it went away
        elif not self.waiting and self.maker is not None:
            self.maker.cancel()  # the last one has left

    async def join(self, deadline: float) -> T | Turn:
        """What it gives; ``Turn.LEAD`` makes the one who waits its maker."""
        mine = self.wait(deadline)
        try:
            made = await mine
        except asyncio.CancelledError:
            self.leave(mine)
            raise
        if isinstance(made, Turn):
            self.take(mine)
        return made

    def take(self, mine: asyncio.Future[T | Turn]) -> None:
        """Give the place *mine* back, whose turn has come or whose time is up."""
        if self.waiting is not None:
            self.waiting.pop(mine, None)
            if not self.waiting and self.maker is not None:
                self.maker.cancel()  # the last one has left

    def pass_on(
        self, background: Background | None, make: Callable[[float], Coroutine[Any, Any, object]]
    ) -> bool:
        """Go on without the one who made it so far; whether anybody waits.

        Args:
            background: Where it is made from now on; without one the next who waits makes it.
            make: Makes it anew until the deadline that it is given, and lands it.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        # After a deadline: with less time than this left, another try would only be one more call.
        least = now + (1 - ALMOST) * (self.deadline - self.began) if self.is_late(now) else now
        waiting: list[tuple[float, asyncio.Future[T | Turn]]] = []
        for one, deadline in (self.waiting or {}).items():
            if not one.done():
                loop.call_at(deadline, _late, one)  # it may end later than they thought
                if deadline > least:
                    waiting.append((deadline, one))
        if not waiting:
            return False
        if background is not None:
            self.began, self.deadline = now, max(deadline for deadline, _ in waiting)
            self.maker = background.start(make(self.deadline))
        if background is None or self.maker is None:
            waiting[0][1].set_result(Turn.LEAD)
        return True

    def hand_over(self) -> bool:
        """Make the next who waits its maker; whether there is one."""
        for following in self.waiting or ():
            if not following.done():
                following.set_result(Turn.LEAD)
                return True
        return False

    def land(self, result: T) -> None:
        """Give all who wait what was made."""
        waiting, self.waiting = self.waiting, None
        for one in waiting or ():
            if not one.done():
                one.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Give all who wait the fault."""
        waiting, self.waiting = self.waiting, None
        for one in waiting or ():
            if not one.done():
                one.set_exception(error)


class InFlight(Generic[T]):
    """What is under way, by key. Nothing is kept once it is done.

    Args:
        background: Where that is made whose first maker has gone; without one the next in line makes it.
        timed_out: Whether a result lacks something that did not come before the deadline.

    Attributes:
        shared: How many were spared so far.
    """

    def __init__(
        self, background: Background | None = None, *, timed_out: Callable[[T], bool] = lambda _: False
    ) -> None:
        self._background = background
        self._timed_out = timed_out
        self._under_way: dict[Hashable, Flight[T]] = {}
        self.shared = 0

    async def share(
        self, key: Hashable, make: Callable[..., Coroutine[Any, Any, T]], *given: Any, deadline: float
    ) -> T:
        """What *make* gives, or what it gives to somebody who asked for *key* just before.

        Args:
            key: Equal for what may be shared.
            make: Makes it of what is *given* and, as the last argument, a deadline.
            given: The other arguments.
            deadline: Loop time in seconds.
        """
        now = asyncio.get_running_loop().time()
        flight = self._under_way.get(key)
        if flight is not None and flight.suits(now, deadline):
            mine = flight.wait(deadline)
            try:
                made = await mine
            except asyncio.CancelledError:
                flight.leave(mine)
                raise
            if not isinstance(made, Turn):
                self.shared += 1
                return made
            flight.take(mine)
            if made is Turn.LATE:
                return await make(*given, deadline)  # which has no time left, and says so in its own way
            flight.began, flight.deadline = asyncio.get_running_loop().time(), deadline
        else:
            flight = self._under_way[key] = Flight(now, deadline)
        return await self._lead(key, flight, make, given, deadline)

    async def _lead(
        self,
        key: Hashable,
        flight: Flight[T],
        make: Callable[..., Coroutine[Any, Any, T]],
        given: tuple[Any, ...],
        deadline: float,
    ) -> T:
        try:
            result = await make(*given, deadline)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                if not self._pass_on(key, flight, make, given):
                    self._done(key, flight)
            else:
                self._done(key, flight)
                flight.fail(error)
            raise
        if flight.waiting:
            late = self._timed_out(result) and flight.is_late(asyncio.get_running_loop().time())
            if late and self._pass_on(key, flight, make, given):
                return result
            flight.land(result)
        self._done(key, flight)
        return result

    def _pass_on(
        self,
        key: Hashable,
        flight: Flight[T],
        make: Callable[..., Coroutine[Any, Any, T]],
        given: tuple[Any, ...],
    ) -> bool:
        return flight.pass_on(self._background, lambda until: self._lead(key, flight, make, given, until))

    def forget(self) -> None:
        """Let nobody join what is under way now: it may have been read before something was written."""
        self._under_way.clear()

    def _done(self, key: Hashable, flight: Flight[T]) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]


def _late(one: asyncio.Future[T | Turn]) -> None:
    if not one.done():
        one.set_result(Turn.LATE)
