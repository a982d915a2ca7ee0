"""Equal reads that are under way at the same time share one execution.

The key of an operation holds its document, its variables and the values of exactly those headers that are
forwarded to the upstreams involved: nothing crosses from one caller to another. Trace headers are not part
of it; the calls that are shared carry those of the caller who came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar, cast

T = TypeVar("T")


class _Lead:
    """What a waiter gets in place of a result when it is to make it: told by identity."""


_LEAD: Final = _Lead()


class InFlight(Generic[T]):
    """What is under way, by key, and who waits for it. Nothing is kept once it is done."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, list[asyncio.Future[T | _Lead]]] = {}

    async def share(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What *make* gives, or what it gives to somebody who asked for *key* just before.

        The first one makes it, without a task of its own. If it is cancelled, the next in line makes it
        anew: nobody loses an answer because somebody else went away.
        """
        waiting = self._under_way.get(key)
        if waiting is None:
            waiting = self._under_way[key] = []
        else:
            # A future for each: one that is cancelled leaves the others alone.
            mine: asyncio.Future[T | _Lead] = asyncio.get_running_loop().create_future()
            waiting.append(mine)
            try:
                found = await mine
            except asyncio.CancelledError:
                if (
                    mine.done()
                    and not mine.cancelled()
                    and mine.exception() is None
                    and mine.result() is _LEAD
                ):
                    self._pass_on(key, waiting)
                raise
            if found is not _LEAD:
                return cast("T", found)
        try:
            made = await make()
        except asyncio.CancelledError:
            self._pass_on(key, waiting)
            raise
        except BaseException as error:
            del self._under_way[key]
            for each in waiting:
                if not each.done():
                    each.set_exception(error)
            raise
        del self._under_way[key]
        for each in waiting:
            if not each.done():
                each.set_result(made)
        return made

    def _pass_on(self, key: Hashable, waiting: list[asyncio.Future[T | _Lead]]) -> None:
        """Let the next in line make it."""
        while waiting:
            each = waiting.pop(0)
            if not each.done():
                each.set_result(_LEAD)
                return
        del self._under_way[key]
