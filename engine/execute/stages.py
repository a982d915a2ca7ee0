"""The stages of a plan, each as soon as those are done that it waits for, and what they share."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..plan.keys import Key
from ..plan.steps import Stage


class StageRunner(ABC):
    """Runs the stages of one execution."""

    # Made when it is first needed: most plans have no joins.
    _waits_for: dict[int, int] | None = None

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    @abstractmethod
    async def run_stage(self, place: int) -> bool:
        """Run the stage at *place*; whether those that wait for it are to be run."""

    async def run_stages(self, places: Sequence[int]) -> None:
        """Run the stages at *places* at once, and all that wait for them."""
        while len(places) == 1:  # a chain of stages needs no tasks
            (place,) = places
            if not await self.run_stage(place):
                return
            stage = self._stages[place]
            places = self._ready(stage) if stage.leads_to_joins else stage.then
        if places:
            async with asyncio.TaskGroup() as group:
                for place in places:
                    group.create_task(self.run_stages((place,)))

    def _ready(self, stage: Stage) -> list[int]:
        """Those of the next stages that wait for no other; the last one before a join goes on with it."""
        ready = []
        waits_for = self._waits_for
        if waits_for is None:
            waits_for = self._waits_for = {}
        for place in stage.then:
            left = waits_for.get(place, self._stages[place].waits_for) - 1
            waits_for[place] = left
            if not left:
                ready.append(place)
        return ready


class KeyStore:
    """What the keys of fetches that share have led to. A key that is under way is not asked for again."""

    def __init__(self) -> None:
        self.found: dict[Key, Any] = {}
        self._under_way: dict[Key, asyncio.Future[None]] = {}

    async def load(self, keys: list[Key], ask: Callable[[list[Key]], Awaitable[dict[Key, Any]]]) -> None:
        """Have all of *keys* in ``found``: those that are new by *ask*, the others from who asked before."""
        new = [key for key in keys if key not in self.found and key not in self._under_way]
        others = {self._under_way[key] for key in keys if key in self._under_way}
        if new:
            done = asyncio.get_running_loop().create_future()
            self._under_way.update(dict.fromkeys(new, done))
            try:
                self.found.update(await ask(new))
            finally:
                for key in new:
                    del self._under_way[key]
                done.set_result(None)
        if others:
            # Not awaited themselves: a waiter that is cancelled must not cancel them for the rest.
            await asyncio.wait(others)
