"""Stages of plans, and the keys that they share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from weft.engine.execute.stages import KeyStore, StageRunner
from weft.engine.plan.keys import Key
from weft.engine.plan.steps import Stage


class Runner(StageRunner):
    """Runs stages that wait for an event each."""

    def __init__(self, *stages: Stage) -> None:
        super().__init__(stages)
        self.done = [asyncio.Event() for _ in stages]
        self.started: list[int] = []
        self.stops_after: set[int] = set()

    async def run_stage(self, place: int) -> bool:
        self.started.append(place)
        await self.done[place].wait()
        return place not in self.stops_after

    def let(self, *places: int) -> None:
        for place in places:
            self.done[place].set()


def stage(waits_for: int, *then: int, leads_to_joins: bool = False) -> Stage:
    return Stage((0,), waits_for, then, leads_to_joins)


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_stage_that_waits_for_two_starts_after_the_second() -> None:
    runner = Runner(stage(0, 2, leads_to_joins=True), stage(0, 2, leads_to_joins=True), stage(2))
    running = asyncio.create_task(runner.run_stages((0, 1)))
    await turns()
    assert runner.started == [0, 1]
    runner.let(1)
    await turns()
    assert runner.started == [0, 1]
    runner.let(0)
    await turns()
    assert runner.started == [0, 1, 2]
    runner.let(2)
    await running


async def test_what_does_not_depend_on_it_does_not_wait_for_a_slow_stage() -> None:
    runner = Runner(stage(0, 1, 2), stage(1), stage(1, 3), stage(1))
    running = asyncio.create_task(runner.run_stages((0,)))
    runner.let(0, 2)
    await turns()
    assert runner.started == [0, 1, 2, 3]
    runner.let(1, 3)
    await running


async def test_a_stage_may_end_its_branch() -> None:
    runner = Runner(stage(0, 1), stage(1))
    runner.stops_after = {0}
    runner.let(0)
    await runner.run_stages((0,))
    assert runner.started == [0]


class Asked:
    """Answers keys once it is let, and keeps what it was asked."""

    def __init__(self) -> None:
        self.keys: list[list[Key]] = []
        self.answered = asyncio.Event()

    async def __call__(self, keys: list[Key]) -> dict[Key, Any]:
        self.keys.append(keys)
        await self.answered.wait()
        return {key: f"found {key}" for key in keys}


async def test_only_keys_that_are_new_are_asked_for() -> None:
    store, ask = KeyStore(), Asked()
    first = asyncio.create_task(store.load(["a", "b"], ask))
    await turns()
    second = asyncio.create_task(store.load(["b", "c"], ask))
    await turns()
    assert ask.keys == [["a", "b"], ["c"]]
    ask.answered.set()
    await asyncio.gather(first, second)
    await store.load(["a", "b", "c"], ask)
    assert ask.keys == [["a", "b"], ["c"]]
    assert store.found == {key: f"found {key}" for key in "abc"}


async def test_no_keys_are_no_question() -> None:
    ask = Asked()
    await KeyStore().load([], ask)
    assert ask.keys == []


async def test_a_waiter_that_is_cancelled_takes_no_other_with_it() -> None:
    store, ask = KeyStore(), Asked()
    first = asyncio.create_task(store.load(["a"], ask))
    await turns()
    leaves, stays = (asyncio.create_task(store.load(["a"], ask)) for _ in range(2))
    await turns()
    leaves.cancel()
    await asyncio.wait([leaves])
    ask.answered.set()
    await asyncio.gather(first, stays)
    assert ask.keys == [["a"]]


async def test_an_operation_that_is_cancelled_ends_at_once() -> None:
    store, ask = KeyStore(), Asked()

    async def operation() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(store.load(["a"], ask))
            group.create_task(store.load(["a", "b"], ask))

    running = asyncio.create_task(operation())
    await turns()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
