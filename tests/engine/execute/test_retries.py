"""Calls that are repeated, when, and how often."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.calling import CANCEL_ORDER, GET_ORDER, OneUpstream, is_error, json_answer
from weft.engine.execute.retries import MOST, RESERVE, Retries, RetryRule, may_repeat
from weft.schemas.catalog import GrpcBinding
from weft.schemas.errors import (
    LambdaStatus,
    UpstreamAnswer,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)

AT = ("orders", GET_ORDER.id)
REFUSED = UpstreamUnreachable(*AT)


def status(code: str, retry_after_s: float | None = None) -> UpstreamStatus:
    return UpstreamStatus(*AT, status=code, retry_after_s=retry_after_s)


class Waits:
    """Retries whose waits take no time and are as long as they may be."""

    def __init__(self, rule: RetryRule | None = None, *, lot: float = 1.0) -> None:
        self.waits: list[float] = []
        self.retries = Retries(rule or RetryRule(), random=lambda: lot, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


async def ask(*answers: Any, waits: Waits | None = None, **more: Any) -> tuple[Any, OneUpstream, Waits]:
    waits = waits or Waits()
    upstream = OneUpstream(*answers, retries=waits.retries)
    return await upstream.ask(**more), upstream, waits


@pytest.mark.parametrize(
    "failure",
    [
        REFUSED,
        status("502"),
        status("503"),
        status("504"),
        status("429"),
        status("UNAVAILABLE"),
        LambdaStatus(*AT, status="TooManyRequests", passes=True),
    ],
    ids=str,
)
async def test_what_passes_is_tried_again(failure: Any) -> None:
    answer, upstream, _ = await ask(failure, json_answer())
    assert answer == json_answer()
    assert len(upstream.made) == 2


@pytest.mark.parametrize(
    "failure",
    [
        status("404"),
        status("500"),
        status("RESOURCE_EXHAUSTED"),
        UpstreamTimeout(*AT),
        UpstreamAnswer(*AT),
        UpstreamUnreachable(*AT, passes=False),
    ],
    ids=str,
)
async def test_what_would_come_again_is_not_tried_again(failure: Any) -> None:
    answer, upstream, _ = await ask(failure, json_answer())
    assert answer is failure
    assert len(upstream.made) == 1


async def test_after_the_last_retry_its_error_stands() -> None:
    last = status("504")
    answer, upstream, waits = await ask(REFUSED, status("503"), last, json_answer())
    assert answer is last
    assert len(upstream.made) == 3
    assert waits.waits == [0.025, 0.05]


async def test_waits_double_up_to_a_bound_and_are_drawn_by_lot() -> None:
    rule = RetryRule(attempts=5, base_s=0.1, max_s=0.3)
    _, _, waits = await ask(REFUSED, waits=Waits(rule, lot=0.5))
    assert waits.waits == pytest.approx([0.05, 0.1, 0.15, 0.15, 0.15])


async def test_what_the_upstream_asks_for_is_waited_for() -> None:
    _, _, waits = await ask(status("429", 2.0), json_answer())
    assert waits.waits == [2.025]


async def test_what_says_when_to_come_again_is_tried_again() -> None:
    answer, _, waits = await ask(status("RESOURCE_EXHAUSTED", 0.5), json_answer())
    assert answer == json_answer()
    assert waits.waits == [0.525]


@pytest.mark.parametrize("failure", [status("503", 10.0), REFUSED], ids=str)
async def test_a_retry_that_does_not_fit_the_deadline_is_not_made(failure: Any) -> None:
    answer, upstream, waits = await ask(failure, within_s=0.02)
    assert answer is failure
    assert (len(upstream.made), waits.waits) == (1, [])


async def test_all_tries_have_one_deadline() -> None:
    _, upstream, _ = await ask(REFUSED)
    assert len(set(upstream.deadlines)) == 1


async def test_a_slot_is_free_while_a_retry_waits() -> None:
    upstream: OneUpstream

    async def sleep(_seconds: float) -> None:
        free.append(upstream.caller.slots.free)

    free: list[int] = []
    upstream = OneUpstream(REFUSED, json_answer(), retries=Retries(RetryRule(), sleep=sleep))
    await upstream.ask()
    assert free == [64]


async def test_retries_count_against_the_operations_budget_of_calls() -> None:
    _, upstream, _ = await ask(REFUSED, max_calls=2)
    assert len(upstream.made) == 2


async def test_writes_are_not_repeated_unless_they_are_idempotent() -> None:
    put = msgspec.structs.replace(CANCEL_ORDER, idempotent=True)
    for function, made in ((msgspec.structs.replace(CANCEL_ORDER, idempotent=False), 1), (put, 3)):
        upstream = OneUpstream(REFUSED, retries=Waits().retries, function=function)
        await upstream.ask()
        assert len(upstream.made) == made


def test_reads_over_grpc_are_repeated_as_their_traits_say() -> None:
    binding = GrpcBinding(service="s", method="m", request="a", response="b")
    read = msgspec.structs.replace(GET_ORDER, binding=binding, idempotent=False)
    assert not may_repeat(read)
    assert may_repeat(msgspec.structs.replace(read, idempotent=True))
    assert not may_repeat(msgspec.structs.replace(read, idempotent=True, streaming="server"))
    assert may_repeat(GET_ORDER)


async def test_calls_that_wait_together_are_repeated_once() -> None:
    upstream = OneUpstream(REFUSED, json_answer(), retries=Waits().retries)
    answers = await asyncio.gather(upstream.ask(), upstream.ask())
    assert list(answers) == [json_answer()] * 2
    assert len(upstream.made) == 2


async def test_an_upstream_that_is_down_is_not_hammered() -> None:
    upstream = OneUpstream(REFUSED, retries=Waits().retries)
    for number in range(200):
        assert is_error(await upstream.ask({"orderId": str(number)}), "UPSTREAM_UNREACHABLE")
    retries = len(upstream.made) - 200
    assert RESERVE <= retries <= RESERVE + 0.2 * 200 + 1
    assert upstream.caller.retries is not None
    assert upstream.caller.retries.refused > 0


def test_the_reserve_comes_back_with_time_and_no_further() -> None:
    retries = Retries(RetryRule())
    assert [retries.spend(0, 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert not retries.spend(0, 0.5)
    assert retries.spend(0, 1.6)
    assert [retries.spend(0, 1000.0) for _ in range(11)] == [True] * 10 + [False]


def test_calls_that_went_well_save_up_for_a_burst() -> None:
    retries = Retries(RetryRule())
    assert sum(retries.spend(1_000_000, 0.0) for _ in range(1000)) == MOST


async def test_retries_can_be_switched_off() -> None:
    answer, upstream, _ = await ask(REFUSED, json_answer(), waits=Waits(RetryRule(attempts=0)))
    assert answer is REFUSED
    assert len(upstream.made) == 1
