"""The watch loop: rounds for as long as somebody listens."""

from __future__ import annotations

import asyncio
import logging
import random as random_module
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Final

from ..schemas.catalog import Snapshot
from .detectors import Detector
from .probe import Progress, discover_once
from .registries import Registry
from .state import DiscoverySettings, DiscoveryState

logger = logging.getLogger(__name__)

# Between two rounds, whatever the settings say: a tick in which several candidates fall due together.
_LEAST_WAIT_S: Final = 0.05


async def watch(
    registries: Sequence[Registry],
    detectors: Sequence[Detector],
    *,
    settings: DiscoverySettings | None = None,
    previous: DiscoveryState | None = None,
    on_progress: Progress | None = None,
    clock: Callable[[], float] = time.time,
    random: Callable[[], float] = random_module.random,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[Snapshot]:
    """Snapshots: one at once, then one whenever the catalog or an upstream's state has changed.

    It never ends by itself. Each upstream has its own time: one that is well is probed once an interval,
    one that fails after a wait that doubles. Nothing runs while the consumer holds a snapshot, and nothing
    is left behind when it stops listening.

    Args:
        registries: See `discover_once`; so are the other arguments.
        detectors: See `discover_once`.
        settings: Limits and intervals.
        previous: Where to begin, such as ``DiscoveryState.from_snapshot(load_snapshot(path))``.
        on_progress: Told how each probe ended.
        clock: Seconds since the epoch.
        random: A number from 0 up to 1, for jitter.
        sleep: Waits for so many seconds.
    """
    settings = settings or DiscoverySettings()
    state, last = previous, None
    while True:
        state = await discover_once(
            registries,
            detectors,
            settings=settings,
            previous=state,
            on_progress=on_progress,
            clock=clock,
            random=random,
        )
        if last is None or has_changed(last, state.snapshot):
            logger.info(
                "new snapshot",
                extra={
                    "content_hash": state.snapshot.catalog.content_hash,
                    "upstreams": len(state.snapshot.catalog.upstreams),
                },
            )
            yield state.snapshot
        last = state.snapshot
        # Never longer than an interval: a clock that is put back delays one round at most.
        await sleep(min(max(state.next_due - clock(), _LEAST_WAIT_S), settings.interval_s))


def has_changed(before: Snapshot, after: Snapshot) -> bool:
    """Whether the catalog or the state of an upstream differs; times and reasons do not count."""
    if before.catalog.content_hash != after.catalog.content_hash:
        return True
    return [(s.upstream, s.state) for s in before.statuses] != [(s.upstream, s.state) for s in after.statuses]
