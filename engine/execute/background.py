"""Work that nobody waits for, within bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final

logger = logging.getLogger(__name__)

MOST: Final = 1_000
"""Pieces of work under way; what comes beyond is refused."""


class Background:
    """Runs work beside the operations. It is an async context manager: when the block ends, so has all work."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Background:
        self._group = await asyncio.TaskGroup().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        for task in self._tasks:
            task.cancel()
        if group is not None:
            await group.__aexit__(kind, error, trace)

    def start(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[None] | None:
        """Run *work*, which is refused where there is no room for it. A fault in it is logged."""
        if self._group is None or len(self._tasks) >= self._most:
            work.close()
            return None
        task = self._group.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _logged(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:
        logger.exception("background work failed")
