"""The calls of one operation: their deadline, number and headers, and what becomes of faults."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.support.shop_engine import ShopEngine
from weft.engine.execute.engine import CallSettings, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.schemas.catalog import UpstreamId


def codes(response: dict[str, Any]) -> dict[str, str]:
    """Code by path."""
    return {
        ".".join(map(str, error["path"])): error["extensions"]["code"] for error in response.get("errors", [])
    }


class Gate:
    """A function that answers when it is let, and knows who waits and who was cancelled."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.entered = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, **_arguments: Any) -> Any:
        self.entered.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.answer


async def test_passed_deadline_times_out_the_call_and_siblings_go_on() -> None:
    shop = ShopEngine({"orders.listOrders": Gate([])})
    deadline = asyncio.get_running_loop().time() + 0.02
    response = await shop.run("{ orders { id } products { id } }", deadline=deadline)
    assert codes(response) == {"orders": "UPSTREAM_TIMEOUT"}
    assert len(response["data"]["products"]) == 3


async def test_upstream_has_a_time_limit_of_its_own() -> None:
    settings = EngineSettings(calls={UpstreamId("orders"): CallSettings(timeout_s=0.01)})
    shop = ShopEngine({"orders.listOrders": Gate([])}, settings=settings)
    assert codes(await shop.run("{ orders { id } }")) == {"orders": "UPSTREAM_TIMEOUT"}


async def test_waiting_for_a_slot_counts_against_the_deadline() -> None:
    settings = EngineSettings(timeout_s=0.02, calls={UpstreamId("orders"): CallSettings(max_concurrency=1)})
    shop = ShopEngine({"orders.getOrder": Gate(None)}, settings=settings)
    response = await shop.run('{ a: order(orderId: "1") { id } b: order(orderId: "2") { id } }')
    assert codes(response) == {"a": "UPSTREAM_TIMEOUT", "b": "UPSTREAM_TIMEOUT"}
    assert len(shop.calls) == 1


async def test_slots_bound_the_calls_under_way() -> None:
    under_way = most = 0

    async def get_customer(customerId: str) -> dict[str, str]:  # noqa: N803 - the argument's name
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return {"id": customerId, "name": "N"}

    orders = [{"id": "o", "placedAt": "x", "customerId": f"c{n}"} for n in range(7)]
    settings = EngineSettings(calls={UpstreamId("orders"): CallSettings(max_concurrency=2)})
    answers: dict[str, Any] = {"orders.getCustomer": get_customer, "orders.listOrders": lambda **_: orders}
    shop = ShopEngine(answers, settings=settings)
    response = await shop.run("{ orders { customer { id } } }")
    assert [order["customer"]["id"] for order in response["data"]["orders"]] == [f"c{n}" for n in range(7)]
    assert most == 2


async def test_calls_beyond_the_budget_are_not_made() -> None:
    shop = ShopEngine(settings=EngineSettings(max_calls=2))
    response = await shop.run("{ orders(limit: 4) { id customer { name } } }")
    assert codes(response) == {"orders.1.customer": "TOO_MANY_CALLS", "orders.3.customer": "TOO_MANY_CALLS"}
    assert len(shop.calls) == 2


async def test_only_configured_headers_and_the_trace_are_forwarded() -> None:
    settings = EngineSettings(calls={UpstreamId("orders"): CallSettings(forward=("authorization",))})
    shop = ShopEngine(settings=settings)
    headers = {"authorization": "Bearer t", "cookie": "c=1", "traceparent": "00-ab", "x-request-id": "r1"}
    await shop.run("{ orders(limit: 1) { product { name } } }", headers=headers)
    seen = {id_: sent for (id_, _), sent in zip(shop.calls, shop.transport.headers, strict=True)}
    trace = {"traceparent": "00-ab", "x-request-id": "r1"}
    assert seen == {
        "orders.listOrders": {"authorization": "Bearer t", **trace},
        "products.list_products": trace,
    }


async def test_transport_that_raises_is_internal_and_says_no_more(caplog: pytest.LogCaptureFixture) -> None:
    def fail(**_arguments: Any) -> Any:
        raise RuntimeError("password is hunter2")

    shop = ShopEngine({"orders.getCustomer": fail})
    with caplog.at_level(logging.ERROR):
        response = await shop.run("{ orders(limit: 1) { id customer { name } } }")
    assert response["data"] == {"orders": [{"id": "o1", "customer": None}]}
    assert codes(response) == {"orders.0.customer": "INTERNAL"}
    message = response["errors"][0]["message"]
    assert "hunter2" not in str(response)
    (record,) = caplog.records
    assert message == f"orders.getCustomer: internal error {record.error_id}"  # type: ignore[attr-defined]  # extra


@pytest.mark.parametrize(
    ("function", "query"),
    [
        ("orders.listOrders", "{ orders { id } }"),
        ("orders.getCustomer", "{ orders(limit: 1) { customer { name } } }"),
        ("products.list_products", "{ orders { product { name } } }"),
    ],
)
async def test_cancelling_the_operation_cancels_its_calls(function: str, query: str) -> None:
    gate = Gate(None)
    shop = ShopEngine({function: gate})
    task = asyncio.create_task(shop.run(query))
    await gate.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):  # the DataLoader's own task ends a little later
        await asyncio.sleep(0)
    assert gate.cancelled == 1


async def test_stream_that_raises_ends_with_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    def watch(**_arguments: Any) -> Any:
        yield {"available": 1}
        raise RuntimeError("secret")

    shop = ShopEngine({"inventory.InventoryService.WatchStock": watch})
    request = GraphQLRequest("subscription { watchStock { available } }")
    with caplog.at_level(logging.ERROR):
        bodies = [response.body async for response in shop.engine.subscribe(request)]
    assert bodies[0] == b'{"data":{"watchStock":{"available":1}}}'
    assert b"INTERNAL" in bodies[1]
    assert b"secret" not in bodies[1]
    assert len(bodies) == 2


async def test_closing_a_subscription_closes_the_stream() -> None:
    closed = asyncio.Event()

    class Watching(ShopEngine):
        async def stream(self, *_arguments: Any, **_more: Any) -> AsyncGenerator[Any]:
            try:
                while True:
                    yield {"productId": "p1", "available": 1}
            finally:
                closed.set()

    shop = Watching()
    shop.transport.stream = shop.stream  # type: ignore[method-assign]
    request = GraphQLRequest("subscription { watchStock { available product { name } } }")
    responses = shop.engine.subscribe(request)
    first = await anext(responses)
    assert first.body == b'{"data":{"watchStock":{"available":1,"product":{"name":"Lamp"}}}}'
    assert not closed.is_set()
    await responses.aclose()
    assert closed.is_set()
