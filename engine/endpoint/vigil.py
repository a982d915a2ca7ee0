"""One timer for the deadlines of all requests under way, and for noticing clients that have gone away.

A timer for each request, and a task that waits for its client to leave, were measured at two fifths of the
endpoint's throughput. Nearly all requests end before either has anything to do: here they only put themselves
on a list, which a tick looks through.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec import Struct

from .protocol import ClientGone, HTTPProtocol

TICK_S: Final = 0.05
"""Between two looks: how late a deadline may be heeded."""

WATCH_AFTER_S: Final = 0.25
"""A request that is older is told of its client's going. To wait for it costs a task and a wake-up from
granian's thread, 40 µs; on a busy machine ordinary requests take 50 ms."""


class Watched(Struct, eq=False):
    """One request under way.

    Attributes:
        until: Loop time in seconds at which it is cancelled; may be moved.
        reason: Why it was cancelled; ``None`` as long as it was not, or not by the vigil.
    """

    protocol: HTTPProtocol
    task: asyncio.Task[Any]
    since: float
    until: float
    reason: type[ClientGone | TimeoutError] | None = None
    watcher: asyncio.Task[None] | None = None

    def cancel(self, reason: type[ClientGone | TimeoutError]) -> None:
        """Cancel its task, for *reason*."""
        if self.reason is None:
            self.reason = reason
            self.task.cancel()

    def heed(self) -> type[ClientGone | TimeoutError] | None:
        """Called by its task when it is cancelled: the vigil's reason, where nobody else cancels it too."""
        if self.reason is None or self.task.uncancel() > 0:
            return None
        return self.reason


class Vigil:
    """Cancels requests whose time is up, or whose client has gone away. Used in one event loop."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, protocol: HTTPProtocol, since: float, until: float) -> Watched:
        """Watch the current task; ``leave`` ends it.

        Args:
            protocol: Its client's connection.
            since: The present loop time.
            until: Loop time in seconds at which it is cancelled, give or take a tick.
        """
        task = asyncio.current_task()
        assert task is not None
        watched = Watched(protocol, task, since, until)
        self._watched.add(watched)
        if self._timer is None:
            self._timer = task.get_loop().call_later(TICK_S, self._tick)
        return watched

    def leave(self, watched: Watched) -> None:
        """Watch it no more."""
        self._watched.discard(watched)
        if watched.watcher is not None:
            watched.watcher.cancel()

    def _tick(self) -> None:
        self._timer = None
        if not self._watched:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        for watched in self._watched:
            if watched.until <= now:
                watched.cancel(TimeoutError)
            elif watched.watcher is None and watched.since + WATCH_AFTER_S <= now:
                watched.watcher = loop.create_task(_wait_for_going(watched))
        self._timer = loop.call_later(TICK_S, self._tick)


async def _wait_for_going(watched: Watched) -> None:
    await watched.protocol.client_disconnect()
    watched.cancel(ClientGone)
