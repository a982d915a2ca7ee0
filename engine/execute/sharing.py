"""Equal reads that are under way at the same time share one execution.

The key of an operation holds its document, its variables and the values of exactly those headers that are
forwarded to the upstreams involved: nothing crosses from one caller to another. Trace headers are not part
of it; the calls that are shared carry those of the caller who came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class InFlight(Generic[T]):
    """What is under way, by key. Nothing is kept once it is done."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def share(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What *make* gives, or what it gives to somebody who asked for *key* just before.

        The first one makes it, without a task of its own. If it is cancelled, the next in line makes it
        anew: nobody loses an answer because somebody else went away.
        """
        while (others := self._under_way.get(key)) is not None:
            # Not awaited itself: a waiter that is cancelled must not cancel it for the rest.
            await asyncio.wait((others,))
            if not others.cancelled():
                return others.result()
        mine: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._under_way[key] = mine
        try:
            made = await make()
        except asyncio.CancelledError:
            mine.cancel()
            raise
        except BaseException as error:
            mine.set_exception(error)
            mine.exception()  # it is raised here too, so nobody need have waited for it
            raise
        else:
            mine.set_result(made)
            return made
        finally:
            del self._under_way[key]
