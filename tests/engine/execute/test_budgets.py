"""What one operation may use up, and what it is told when that is not enough."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.calling import GET_ORDER, OneUpstream, is_error, json_answer
from tests.support.shop_engine import ShopEngine
from weft.engine.execute.engine import EngineSettings
from weft.engine.execute.slots import Slots
from weft.engine.operation import GraphQLRequest


async def test_answers_are_bounded_together() -> None:
    upstream = OneUpstream(json_answer(b"[" + b"1" * 60 + b"]"))
    calls = upstream.calls(max_answer_bytes=100)
    answers = [await calls.fetch(GET_ORDER, {"orderId": str(n)}) for n in range(3)]
    assert [is_error(answer, "TOO_MANY_BYTES") for answer in answers] == [False, True, True]
    assert len(upstream.made) == 2
    assert str(answers[1]) == (
        "orders.getOrder: the answers to the operation's calls are larger than 100 bytes together"
    )


async def test_answers_without_bytes_of_their_own_are_counted_as_json() -> None:
    upstream = OneUpstream({"text": "x" * 200})
    answer = await upstream.ask(max_answer_bytes=100)
    assert is_error(answer, "TOO_MANY_BYTES")


@pytest.mark.parametrize("compiled", [True, False])
async def test_an_operation_over_its_bytes_keeps_what_fits(compiled: bool) -> None:
    orders = [{"id": "o", "placedAt": "x" * 500, "customerId": "c1"}]
    settings = EngineSettings(max_answer_bytes=400, compiled=compiled)
    shop = ShopEngine({"orders.listOrders": lambda **_: orders}, settings=settings)
    shop.transport.as_bytes = True
    response = await shop.run("{ orders { id } }")
    assert [error["extensions"]["code"] for error in response["errors"]] == ["TOO_MANY_BYTES"]


@pytest.mark.parametrize("compiled", [True, False])
async def test_a_response_that_is_too_large_is_not_sent(compiled: bool) -> None:
    shop = ShopEngine(settings=EngineSettings(max_response_bytes=50, compiled=compiled))
    shop.transport.as_bytes = compiled
    response = await shop.engine.execute(GraphQLRequest("{ orders { id placedAt } }"))
    body: dict[str, Any] = msgspec.json.decode(response.body)
    assert body["data"] is None
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "RESPONSE_TOO_LARGE"
    assert "50 bytes" in error["message"]
    assert response.max_age_s == 0


async def test_a_slot_is_taken_in_turn_and_given_on() -> None:
    slots = Slots(1)
    later = asyncio.get_running_loop().time() + 5
    slots.free -= 1
    first, second = (asyncio.create_task(slots.wait(later)) for _ in range(2))
    await asyncio.sleep(0)
    slots.release()
    assert await first
    assert not second.done()
    slots.release()
    assert await second
    slots.release()
    assert slots.free == 1


async def test_a_slot_that_comes_as_its_taker_goes_away_is_given_on() -> None:
    slots = Slots(1)
    later = asyncio.get_running_loop().time() + 5
    slots.free -= 1
    waiting = asyncio.create_task(slots.wait(later))
    await asyncio.sleep(0)
    slots.release()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slots.free == 1


async def test_a_slot_is_waited_for_until_the_deadline() -> None:
    slots = Slots(1)
    slots.free -= 1
    assert not await slots.wait(asyncio.get_running_loop().time() + 0.01)
    slots.release()
    assert slots.free == 1
