"""Answers that are kept, and asked for again."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.calling import (
    CANCEL_ORDER,
    GET_ORDER,
    GET_PRICES,
    LIST_ORDERS,
    OneUpstream,
    is_error,
    json_answer,
    not_modified,
    turns,
)
from weft.engine.execute.background import Background
from weft.engine.execute.freshness import Freshness
from weft.engine.execute.response_cache import ENTRY_SHARE, ResponseCache, place_of
from weft.engine.execute.retries import RetryRule
from weft.engine.execute.upstream_caller import CacheRule, CallSettings
from weft.engine.transport.base import Fetched
from weft.schemas.catalog import FunctionId, UpstreamId
from weft.schemas.errors import UpstreamStatus

SHOP = UpstreamId("shop")
MINUTE = json_answer(b"[1]", cache_control="max-age=60")
STALE = json_answer(b"[1]", cache_control="max-age=0", etag='"1"')
NO_RETRIES = RetryRule(attempts=0)
BROKEN = UpstreamStatus("orders", GET_ORDER.id, status="503")


def cached(*answers: Any, rule: CacheRule | None = None, **more: Any) -> OneUpstream:
    settings = CallSettings(("authorization",), cache=rule or CacheRule(), retries=NO_RETRIES)
    return OneUpstream(*answers, settings=settings, cache=ResponseCache(), **more)


async def test_a_fresh_answer_is_used_again_without_asking() -> None:
    upstream = cached(MINUTE)
    first = upstream.calls()
    await first.fetch(GET_ORDER, {"orderId": "1"})
    second = upstream.calls()
    assert await second.fetch(GET_ORDER, {"orderId": "1"}) == Fetched(b"[1]")
    assert (first.count, second.count, len(upstream.made)) == (1, 0, 1)
    assert 58 <= second.max_age_s() <= 60


async def test_an_answer_that_says_nothing_is_used_once() -> None:
    upstream = cached(json_answer(etag='"1"'))
    await upstream.ask()
    await upstream.ask()
    assert len(upstream.made) == 2
    assert len(upstream.cache or ()) == 0


async def test_what_one_caller_read_is_not_given_to_another() -> None:
    upstream = cached(MINUTE, json_answer(b"[2]", cache_control="private, max-age=60"))
    anna, ben = {"authorization": "anna"}, {"authorization": "ben"}
    got = [(await upstream.ask(headers=one)).body for one in (anna, ben, anna, ben)]
    assert got == [b"[1]", b"[2]", b"[1]", b"[2]"]
    assert len(upstream.made) == 2


async def test_other_arguments_are_another_answer() -> None:
    upstream = cached(MINUTE)
    await upstream.ask({"orderId": "1"})
    await upstream.ask({"orderId": "2"})
    assert len(upstream.made) == 2


async def test_a_stale_answer_is_asked_for_with_its_etag_and_kept_on_304() -> None:
    upstream = cached(STALE, not_modified(cache_control="max-age=60"), json_answer(b"[9]"))
    got = [(await upstream.ask()).body for _ in range(3)]
    assert got == [b"[1]"] * 3
    assert [sent for _, _, sent in upstream.made] == [{}, {"if-none-match": '"1"'}]
    assert upstream.cache is not None
    assert (upstream.cache.revalidated, upstream.cache.hits) == (1, 1)


async def test_a_304_that_says_nothing_leaves_what_the_answer_said() -> None:
    upstream = cached(STALE, not_modified())
    for _ in range(3):
        await upstream.ask()
    assert [len(sent) for _, _, sent in upstream.made] == [0, 1, 1]


async def test_a_new_answer_takes_the_place_of_the_stale_one() -> None:
    upstream = cached(STALE, json_answer(b"[2]", cache_control="max-age=60"))
    got = [(await upstream.ask()).body for _ in range(3)]
    assert got == [b"[1]", b"[2]", b"[2]"]


async def test_an_answer_that_must_not_be_kept_takes_the_stale_one_away() -> None:
    upstream = cached(STALE, json_answer(b"[2]", cache_control="no-store"))
    await upstream.ask()
    await upstream.ask()
    assert len(upstream.cache or ()) == 0


async def test_last_modified_is_asked_for_where_there_is_no_etag() -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    upstream = cached(json_answer(cache_control="no-cache", last_modified=date), not_modified())
    await upstream.ask()
    await upstream.ask()
    assert upstream.made[1][2] == {"if-modified-since": date}


async def test_a_304_that_nobody_asked_for_is_an_error() -> None:
    assert is_error(await cached(not_modified()).ask(), "UPSTREAM_STATUS")


async def test_a_stale_answer_stands_in_for_an_error_where_it_may() -> None:
    stale = json_answer(b"[1]", cache_control="max-age=0, stale-if-error=60")
    upstream = cached(stale, BROKEN)
    calls = upstream.calls()
    await upstream.ask()
    assert await calls.fetch(GET_ORDER, {"orderId": "1"}) == Fetched(b"[1]")
    assert calls.max_age_s() == 0


async def test_an_error_that_is_no_outage_is_not_hidden() -> None:
    stale = json_answer(b"[1]", cache_control="max-age=0, stale-if-error=60")
    upstream = cached(stale, UpstreamStatus("orders", GET_ORDER.id, status="404"))
    await upstream.ask()
    assert is_error(await upstream.ask(), "UPSTREAM_STATUS")


async def test_a_stale_answer_is_used_while_a_new_one_is_fetched() -> None:
    stale = json_answer(b"[1]", cache_control="max-age=0, stale-while-revalidate=60")
    async with Background() as background:
        upstream = cached(stale, json_answer(b"[2]", cache_control="max-age=60"), background=background)
        await upstream.ask()
        upstream.go.clear()
        assert [(await upstream.ask()).body for _ in range(3)] == [b"[1]"] * 3
        await turns()
        assert len(upstream.made) == 2  # one renews it, for all
        upstream.go.set()
        await turns(10)
        assert (await upstream.ask()).body == b"[2]"
        assert len(upstream.made) == 2


async def test_work_in_the_background_ends_with_the_engine() -> None:
    stale = json_answer(b"[1]", cache_control="max-age=0, stale-while-revalidate=60")
    async with Background() as background:
        upstream = cached(stale, background=background)
        await upstream.ask()
        upstream.go.clear()
        await upstream.ask()
        await turns()
    assert upstream.cancelled == 1


async def test_a_configured_age_holds_for_answers_that_say_nothing() -> None:
    upstream = cached(json_answer(etag='"1"'), rule=CacheRule(max_age_s=60))
    await upstream.ask()
    calls = upstream.calls()
    await calls.fetch(GET_ORDER, {"orderId": "1"})
    assert len(upstream.made) == 1
    assert 58 <= calls.max_age_s() <= 60


@pytest.mark.parametrize(("override", "made"), [(False, 2), (True, 1)])
async def test_what_an_answer_says_wins_unless_it_is_overridden(override: bool, made: int) -> None:
    rule = CacheRule(max_age_s=60, override=override)
    upstream = cached(json_answer(cache_control="no-store"), rule=rule)
    await upstream.ask()
    await upstream.ask()
    assert len(upstream.made) == made


async def test_a_configured_age_holds_for_answers_without_headers() -> None:
    settings = CallSettings(cache=CacheRule(max_age_s=60))
    upstream = OneUpstream({"prices": []}, settings=settings, cache=ResponseCache(), function=GET_PRICES)
    first = await upstream.ask({"ids": []})
    calls = upstream.calls()
    assert first == {"prices": []}
    assert await calls.call(GET_PRICES, {"ids": []}) == first
    assert len(upstream.made) == 1


async def test_the_rule_of_a_function_wins() -> None:
    functions = {FunctionId(GET_ORDER.id): CacheRule(off=True)}
    settings = CallSettings(cache=CacheRule(max_age_s=60), functions=functions)
    upstream = OneUpstream(settings=settings, cache=ResponseCache())
    for function in (GET_ORDER, GET_ORDER, LIST_ORDERS, LIST_ORDERS):
        await upstream.calls().fetch(function, {})
    assert [id_ for id_, _, _ in upstream.made] == [GET_ORDER.id, GET_ORDER.id, LIST_ORDERS.id]


async def test_a_request_with_a_body_is_kept_only_where_that_is_configured() -> None:
    binding = msgspec.structs.replace(GET_ORDER.binding, method="POST")
    search = msgspec.structs.replace(GET_ORDER, binding=binding)
    for rule, made in ((CacheRule(), 2), (CacheRule(max_age_s=60), 1)):
        upstream = cached(MINUTE, function=search, rule=rule)
        await upstream.ask()
        await upstream.ask()
        assert len(upstream.made) == made


async def test_writes_are_neither_kept_nor_read_from_what_is_kept() -> None:
    upstream = cached(MINUTE, function=CANCEL_ORDER, rule=CacheRule(max_age_s=60, override=True))
    await upstream.ask()
    await upstream.ask()
    assert len(upstream.made) == 2


async def test_the_operation_that_writes_reads_anew_and_what_it_reads_is_kept() -> None:
    upstream = cached(MINUTE, json_answer(b"null"), json_answer(b"[3]", cache_control="max-age=60"))
    await upstream.ask({"orderId": "7"})
    writing = upstream.calls()
    await writing.fetch(CANCEL_ORDER, {"orderId": "1"})
    assert await writing.fetch(GET_ORDER, {"orderId": "7"}) == json_answer(b"[3]", cache_control="max-age=60")
    assert (await upstream.ask({"orderId": "7"})).body == b"[3]"


async def test_a_write_makes_stale_what_was_read_from_its_path_by_anybody() -> None:
    put = msgspec.structs.replace(
        GET_ORDER, id=FunctionId("orders.putOrder"), effect="write",
        binding=msgspec.structs.replace(GET_ORDER.binding, method="PUT"),
    )  # fmt: skip
    upstream = cached(MINUTE)
    for order in ("1", "2"):
        for headers in ({"authorization": "anna"}, {"authorization": "ben"}):
            await upstream.ask({"orderId": order}, headers)
    assert len(upstream.cache or ()) == 4
    await upstream.calls().fetch(put, {"orderId": "1"})
    assert len(upstream.cache or ()) == 2


async def test_what_was_read_before_a_write_ended_is_not_kept() -> None:
    upstream = cached(MINUTE)
    upstream.go.clear()
    read = asyncio.create_task(upstream.ask())
    await turns()
    upstream.caller.wrote()
    upstream.go.set()
    await read
    assert len(upstream.cache or ()) == 0


async def test_a_part_of_an_answer_is_not_kept() -> None:
    upstream = cached(Fetched(b"[1]", MINUTE.headers, 206))
    await upstream.ask()
    assert len(upstream.cache or ()) == 0


async def test_the_least_age_of_all_calls_holds_for_the_operation() -> None:
    upstream = cached(MINUTE, json_answer(cache_control="max-age=30"))
    calls = upstream.calls()
    await calls.fetch(GET_ORDER, {"orderId": "1"})
    assert 58 <= calls.max_age_s() <= 60
    await calls.fetch(GET_ORDER, {"orderId": "2"})
    assert 28 <= calls.max_age_s() <= 30


async def test_an_operation_without_calls_is_not_kept() -> None:
    assert cached().calls().max_age_s() == 0


async def test_who_joins_a_call_under_way_learns_its_age_too() -> None:
    upstream = cached(MINUTE)
    upstream.go.clear()
    both = [upstream.calls(), upstream.calls()]
    tasks = [asyncio.create_task(calls.fetch(GET_ORDER, {})) for calls in both]
    await turns()
    upstream.go.set()
    await asyncio.gather(*tasks)
    assert all(58 <= calls.max_age_s() <= 60 for calls in both)
    assert all(calls.is_private for calls in both)


# The store.


def put(cache: ResponseCache, name: str, size: int, *, now: float = 0.0) -> Any:
    key: Any = ("f", name.encode(), ())
    cache.put(key, Fetched(b"x" * size), Freshness(fresh_s=10, is_explicit=True), now, place=(SHOP, name))
    return key


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = ResponseCache(100_000)
    keys = [put(cache, f"{n}", 11_000) for n in range(8)]
    assert cache.get(keys[0], 1) is not None
    put(cache, "more", 11_000)
    assert cache.get(keys[0], 1) is not None
    assert cache.get(keys[1], 1) is None
    assert cache.evicted == 1
    assert cache.bytes <= cache.max_bytes


def test_one_entry_takes_at_most_its_share() -> None:
    cache = ResponseCache(100_000)
    assert cache.get(put(cache, "large", 100_000 // ENTRY_SHARE), 1) is None
    assert cache.bytes == 0


def test_bytes_are_given_back() -> None:
    cache = ResponseCache(100_000)
    keys = [put(cache, "same", 1_000) for _ in range(3)]
    assert 1_000 < cache.bytes < 3_000
    cache.invalidate((SHOP, "same"))
    assert (cache.bytes, len(cache)) == (0, 0)
    cache.drop(keys[0])


def test_what_can_be_of_no_more_use_is_dropped_when_it_is_asked_for() -> None:
    cache = ResponseCache(100_000)
    key = put(cache, "old", 10)
    assert cache.get(key, 11) is None
    assert len(cache) == 0


def test_the_place_of_a_call_is_its_path() -> None:
    assert place_of(GET_ORDER, {"orderId": "a"}) == ("orders", "/orders/a")
    assert place_of(GET_ORDER, {"orderId": "a"}) != place_of(GET_ORDER, {"orderId": "b"})
    assert place_of(GET_PRICES, {}) is None
