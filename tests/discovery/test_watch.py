"""The watch loop, with a clock that only the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest

from tests.support.discovery_fakes import ChangingRegistry, Clock, ScriptedDetector, at, reads
from weft.discovery import DiscoverySettings, NotThisKind, StaticRegistry, TryLater, Unchanged
from weft.discovery.timing import back_off_s, next_interval_s
from weft.discovery.watch import watch
from weft.schemas.catalog import Snapshot

SETTINGS = DiscoverySettings(interval_s=30, back_off_s=1, max_back_off_s=300)


class Stop(Exception):
    """Ends a loop that never ends by itself."""


class Script:
    """Does the next step of a test whenever the loop sleeps; stops the loop after the last one."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)
        self.clock = Clock()

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        if not self.steps:
            raise Stop
        self.steps.pop(0)()


def watching(
    script: Script, detector: ScriptedDetector, *urls: str, registry: ChangingRegistry | None = None
) -> AsyncGenerator[Snapshot]:
    return watch(
        [registry or StaticRegistry([at(url) for url in urls])],
        [detector],
        settings=SETTINGS,
        clock=script.clock,
        random=lambda: 0.5,
        sleep=script.sleep,
    )


async def states_of(snapshots: AsyncGenerator[Snapshot]) -> list[dict[str, str]]:
    """The states in each snapshot, until the script stops the loop."""
    found: list[dict[str, str]] = []
    with contextlib.suppress(Stop):
        async for snapshot in snapshots:
            found.append({status.upstream: status.state for status in snapshot.statuses})  # noqa: PERF401 - the loop ends by an exception
    return found


def nothing() -> None:
    """A step that changes nothing."""


async def test_the_first_snapshot_comes_at_once_even_if_it_is_empty() -> None:
    assert await states_of(watching(Script(), ScriptedDetector({}))) == [{}]


async def test_no_snapshot_comes_while_nothing_changes() -> None:
    async def answer(memo: Any) -> Any:
        return Unchanged() if memo else reads("a")

    script = Script(nothing, nothing, nothing)
    detector = ScriptedDetector({"http://a": answer})
    assert await states_of(watching(script, detector, "http://a")) == [{"a": "ready"}]
    assert script.clock.waits == [30, 30, 30, 30]


async def test_a_document_that_is_equal_under_another_hash_is_no_change() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    script = Script(lambda: detector.script.update({"http://a": reads("a")}))
    assert len(await states_of(watching(script, detector, "http://a"))) == 1


async def test_a_new_function_is_a_new_snapshot() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    script = Script(lambda: detector.script.update({"http://a": reads("a", "get", "put")}))
    assert len(await states_of(watching(script, detector, "http://a"))) == 2


async def test_each_change_of_state_is_a_new_snapshot() -> None:
    detector = ScriptedDetector({"http://a": reads("a")})
    script = Script(
        lambda: detector.script.update({"http://a": TryLater("one reason")}),
        lambda: detector.script.update({"http://a": TryLater("another reason")}),
        lambda: detector.script.update({"http://a": reads("a")}),
    )
    assert await states_of(watching(script, detector, "http://a")) == [
        {"a": "ready"},
        {"a": "stale"},
        {"a": "ready"},
    ]


async def test_a_failing_upstream_is_asked_ever_less_often() -> None:
    script = Script(*[nothing] * 6)
    await states_of(watching(script, ScriptedDetector({"http://a": NotThisKind("")}), "http://a"))
    # With 0.5 for random, three quarters of 1, 2, 4, … seconds; the registry is asked each 30 s besides.
    assert script.clock.waits[:5] == pytest.approx([0.75, 1.5, 3, 6, 12])


async def test_a_failing_upstream_does_not_hurry_the_others() -> None:
    detector = ScriptedDetector({"http://a": NotThisKind(""), "http://b": reads("b")})
    await states_of(watching(Script(*[nothing] * 4), detector, "http://a", "http://b"))
    assert detector.asked.count("http://b") == 1
    assert detector.asked.count("http://a") == 5


async def test_a_failing_upstream_does_not_hurry_the_registry() -> None:
    registry = ChangingRegistry([at("http://a")])
    detector = ScriptedDetector({"http://a": NotThisKind("")})
    await states_of(watching(Script(*[nothing] * 4), detector, registry=registry))
    assert registry.asked == 1


async def test_a_new_candidate_is_found_within_an_interval() -> None:
    registry = ChangingRegistry([])
    script = Script(lambda: setattr(registry, "listed", [at("http://a")]))
    detector = ScriptedDetector({"http://a": reads("a")})
    assert await states_of(watching(script, detector, registry=registry)) == [{}, {"a": "ready"}]


async def test_nothing_is_left_behind_when_the_listener_stops() -> None:
    before = asyncio.all_tasks()
    async with aclosing(
        watching(Script(), ScriptedDetector({"http://a": reads("a")}), "http://a")
    ) as snapshots:
        async for _ in snapshots:
            break
    assert asyncio.all_tasks() == before


# Waits


def always(value: float) -> Callable[[], float]:
    return lambda: value


def test_a_wait_doubles_up_to_its_bound() -> None:
    waits = [
        back_off_s(n, SETTINGS, retry_after_s=None, random=lambda: 1.0) for n in (1, 2, 3, 9, 10, 10_000)
    ]
    assert waits == [1, 2, 4, 256, 300, 300]


def test_half_of_a_wait_is_random() -> None:
    waits = [back_off_s(5, SETTINGS, retry_after_s=None, random=always(r)) for r in (0.0, 0.5, 1.0)]
    assert waits == [8, 12, 16]


def test_a_wait_that_was_asked_for_is_kept_within_reason() -> None:
    assert back_off_s(1, SETTINGS, retry_after_s=90, random=lambda: 0.0) == 90
    assert back_off_s(1, SETTINGS, retry_after_s=10**9, random=lambda: 0.0) == SETTINGS.max_retry_after_s
    assert back_off_s(9, SETTINGS, retry_after_s=0, random=lambda: 0.0) == 128


def test_an_interval_varies_by_a_tenth() -> None:
    assert [next_interval_s(SETTINGS, random=always(r)) for r in (0.0, 1.0)] == pytest.approx([27, 33])
