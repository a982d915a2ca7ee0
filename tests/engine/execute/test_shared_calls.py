"""Equal reads under way are one call; writes, and callers with other credentials, never share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.calling import (
    CANCEL_ORDER,
    GET_ORDER,
    GET_PRICES,
    OneUpstream,
    is_error,
    json_answer,
    turns,
)
from weft.engine.execute.background import Background
from weft.engine.execute.upstream_caller import CallSettings

FORWARD = CallSettings(forward=("authorization",))


async def ask_all(upstream: OneUpstream, *asked: Any) -> list[Any]:
    upstream.go.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in asked]
        await turns()
        upstream.go.set()
    return [task.result() for task in tasks]


async def test_equal_reads_of_several_operations_are_one_call() -> None:
    upstream = OneUpstream()
    answers = await ask_all(upstream, *(upstream.ask() for _ in range(3)))
    assert answers == [json_answer()] * 3
    assert len(upstream.made) == 1
    assert upstream.caller.shared == 2


async def test_equal_reads_inside_one_operation_are_one_call() -> None:
    upstream = OneUpstream()
    calls = upstream.calls()
    await ask_all(upstream, *(calls.fetch(GET_ORDER, {"orderId": "1"}) for _ in range(3)))
    assert (calls.count, calls.asked, len(upstream.made)) == (1, 3, 1)


async def test_reads_are_told_apart_by_their_arguments_whatever_their_order() -> None:
    upstream = OneUpstream()
    given = [
        {"orderId": "1", "x": 1},
        {"x": 1, "orderId": "1"},
        {"orderId": "1", "x": True},
        {"orderId": "2", "x": 1},
    ]
    await ask_all(upstream, *(upstream.ask(arguments) for arguments in given))
    assert len(upstream.made) == 3


async def test_an_identity_that_is_given_takes_the_place_of_the_arguments() -> None:
    upstream = OneUpstream()
    arguments = {"orderId": object()}  # never looked at
    asked = [upstream.calls().fetch(GET_ORDER, arguments, identity) for identity in (b"a", b"a", b"b")]
    await ask_all(upstream, *asked)
    assert len(upstream.made) == 2


async def test_arguments_that_are_no_json_share_nothing() -> None:
    upstream = OneUpstream()
    arguments = {"orderId": object()}
    await ask_all(upstream, upstream.ask(arguments), upstream.ask(arguments))
    assert len(upstream.made) == 2


async def test_callers_with_different_credentials_never_share() -> None:
    upstream = OneUpstream(settings=FORWARD)
    headers = [{"authorization": "anna"}, {"authorization": "ben"}, {}, {"authorization": "anna"}]
    await ask_all(upstream, *(upstream.ask(headers=one) for one in headers))
    assert [sent.get("authorization") for _, _, sent in upstream.made] == ["anna", "ben", None]


async def test_headers_that_are_not_forwarded_and_the_trace_part_nobody() -> None:
    upstream = OneUpstream(settings=CallSettings(forward=("traceparent",)))
    headers = [{"traceparent": "1", "cookie": "a"}, {"traceparent": "2", "x-request-id": "b"}]
    await ask_all(upstream, *(upstream.ask(headers=one) for one in headers))
    assert [sent for _, _, sent in upstream.made] == [{"traceparent": "1"}]


async def test_writes_never_share() -> None:
    upstream = OneUpstream(function=CANCEL_ORDER)
    await ask_all(upstream, upstream.ask(), upstream.ask())
    assert len(upstream.made) == 2


@pytest.mark.parametrize("off", [{"settings": CallSettings(share=False)}, {"share": False}])
async def test_sharing_can_be_switched_off_for_one_upstream_and_for_all(off: Any) -> None:
    upstream = OneUpstream(**off)
    await ask_all(upstream, upstream.ask(), upstream.ask())
    assert len(upstream.made) == 2


async def test_an_error_is_shared_too_and_nothing_is_under_way_after_it() -> None:
    def fail() -> Any:
        raise RuntimeError("fault")

    upstream = OneUpstream(fail)
    answers = await ask_all(upstream, upstream.ask(), upstream.ask())
    assert all(is_error(answer, "INTERNAL") for answer in answers)
    assert not upstream.caller.under_way
    assert upstream.caller.slots.free == 64


async def test_who_waits_and_goes_away_takes_no_answer_from_the_others() -> None:
    upstream = OneUpstream()
    upstream.go.clear()
    first, second, third = (asyncio.create_task(upstream.ask()) for _ in range(3))
    await turns()
    second.cancel()
    await turns()
    upstream.go.set()
    assert await first == await third == json_answer()
    assert len(upstream.made) == 1


@pytest.mark.parametrize("is_entered", [True, False])
async def test_when_the_first_goes_away_the_others_get_their_answer(is_entered: bool) -> None:
    async with Background() as background:
        upstream = OneUpstream(background=background if is_entered else None)
        upstream.go.clear()
        first, second, third = (asyncio.create_task(upstream.ask()) for _ in range(3))
        await turns()
        first.cancel()
        await turns()
        upstream.go.set()
        assert await second == await third == json_answer()
        assert len(upstream.made) == 2  # the first one's was given up with it
        assert upstream.cancelled == 1
        assert not upstream.caller.under_way


async def test_once_it_goes_on_beside_all_who_wait_any_of_them_may_go() -> None:
    async with Background() as background:
        upstream = OneUpstream(background=background)
        upstream.go.clear()
        first, second, third = (asyncio.create_task(upstream.ask()) for _ in range(3))
        await turns()
        for gone in (first, second):
            gone.cancel()
            await turns()
        upstream.go.set()
        assert await third == json_answer()
        assert len(upstream.made) == 2


async def test_the_last_one_who_goes_cancels_the_call() -> None:
    async with Background() as background:
        upstream = OneUpstream(background=background)
        upstream.go.clear()
        tasks = [asyncio.create_task(upstream.ask()) for _ in range(3)]
        await turns()
        for task in tasks:
            task.cancel()
            await turns()
        assert upstream.cancelled == 2
        assert not upstream.caller.under_way
        assert upstream.caller.slots.free == 64


async def test_each_who_waits_has_a_deadline_of_its_own() -> None:
    upstream = OneUpstream()
    upstream.go.clear()
    long = asyncio.create_task(upstream.ask())
    await turns()
    assert is_error(await upstream.ask(within_s=0.01), "UPSTREAM_TIMEOUT")
    upstream.go.set()
    assert await long == json_answer()
    assert len(upstream.made) == 1


async def test_nobody_waits_for_a_call_that_has_less_time_than_its_own_would() -> None:
    upstream = OneUpstream()
    upstream.go.clear()
    short = asyncio.create_task(upstream.ask(within_s=0.01))
    await turns()
    long, longer = (asyncio.create_task(upstream.ask()) for _ in range(2))
    assert is_error(await short, "UPSTREAM_TIMEOUT")
    upstream.go.set()
    assert await long == await longer == json_answer()
    assert len(upstream.made) == 2


@pytest.mark.parametrize("is_entered", [True, False])
async def test_who_has_time_left_does_not_get_the_timeout_of_the_first(is_entered: bool) -> None:
    async with Background() as background:
        upstream = OneUpstream(background=background if is_entered else None)
        upstream.go.clear()
        first = asyncio.create_task(upstream.ask(within_s=0.05))
        await asyncio.sleep(0.03)
        second = asyncio.create_task(upstream.ask(within_s=0.05))
        assert is_error(await first, "UPSTREAM_TIMEOUT")
        await turns()
        upstream.go.set()
        assert await second == json_answer()


async def test_a_read_after_a_write_does_not_join_one_from_before_it() -> None:
    upstream = OneUpstream()
    upstream.go.clear()
    before = asyncio.create_task(upstream.ask())
    await turns()
    writing = upstream.calls()
    written = asyncio.create_task(writing.fetch(CANCEL_ORDER, {"orderId": "1"}))
    await turns()
    written.cancel()  # it may have been done all the same
    await turns()
    own = asyncio.create_task(writing.fetch(GET_ORDER, {"orderId": "1"}))
    other = asyncio.create_task(upstream.ask())
    await turns()
    upstream.go.set()
    await asyncio.gather(before, own, other)
    assert [id_ for id_, _, _ in upstream.made].count(GET_ORDER.id) == 2


async def test_reads_of_the_operation_that_writes_are_made_anew() -> None:
    upstream = OneUpstream()
    writing = upstream.calls()
    await writing.fetch(CANCEL_ORDER, {"orderId": "1"})
    other = upstream.ask()
    await ask_all(upstream, other, writing.fetch(GET_ORDER, {"orderId": "1"}))
    assert [id_ for id_, _, _ in upstream.made].count(GET_ORDER.id) == 2


async def test_calls_that_are_spared_count_against_the_budget() -> None:
    upstream = OneUpstream()
    calls = upstream.calls(max_calls=2)
    answers = await ask_all(upstream, *(calls.fetch(GET_ORDER, {"orderId": "1"}) for _ in range(3)))
    assert [is_error(answer, "TOO_MANY_CALLS") for answer in answers] == [False, False, True]


async def test_reads_over_lambda_share_too() -> None:
    upstream = OneUpstream(function=GET_PRICES)
    await ask_all(upstream, upstream.ask(), upstream.ask())
    assert len(upstream.made) == 1
