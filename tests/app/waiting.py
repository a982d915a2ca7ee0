"""Waiting for what nobody tells: a file, a log line, another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], object]) -> None:
    """Go on once *holds* does; the test's own time limit ends a wait in vain."""
    while not holds():  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.01)
