"""The orders service of the shop example."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
import yaml
from openapi_spec_validator import OpenAPIV2SpecValidator

from tests.support.processes import RunningProcess, running_process

SERVICE = ["examples/shop/orders/app.py", "--port", "0"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

NEW_ORDER = {
    "customerId": "c-3",
    "productId": "p-9",
    "quantity": 2,
    "shippingAddress": {"street": "Canal 1", "city": "Utrecht", "country": "NL"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orders() -> AsyncIterator[RunningProcess]:
    async with running_process(SERVICE) as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(orders: RunningProcess) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(orders.url) as session:
        yield session


async def test_the_list_holds_twenty_orders_unless_asked(http: aiohttp.ClientSession) -> None:
    async with http.get("/orders") as answer:
        assert len(await answer.json()) == 20


async def test_the_orders_refer_to_every_product_and_customer(http: aiohttp.ClientSession) -> None:
    async with http.get("/orders", params={"limit": "500"}) as answer:
        found = await answer.json()
    assert len(found) == 500
    assert {order["productId"] for order in found} == {f"p-{number}" for number in range(1, 41)}
    assert {order["customerId"] for order in found} == {f"c-{number}" for number in range(1, 26)}


async def test_customer_and_status_narrow_the_list(http: aiohttp.ClientSession) -> None:
    async with http.get("/orders", params={"customerId": "c-8", "status": "paid"}) as answer:
        found = await answer.json()
    assert {(order["customerId"], order["status"]) for order in found} == {("c-8", "paid")}


@pytest.mark.parametrize("query", ["limit=501", "limit=x", "status=lost"])
async def test_a_bad_parameter_is_400(http: aiohttp.ClientSession, query: str) -> None:
    async with http.get(f"/orders?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize("path", ["/orders/o-0", "/customers/c-0"])
async def test_an_unknown_id_is_404(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404


async def test_a_customer_has_a_date_of_membership(http: aiohttp.ClientSession) -> None:
    async with http.get("/customers/c-1") as answer:
        assert await answer.json() == {
            "id": "c-1",
            "name": "Ada Novak",
            "email": "ada.novak@example.com",
            "memberSince": "2020-02-07",
        }


async def test_there_are_twenty_five_customers(http: aiohttp.ClientSession) -> None:
    async with http.get("/customers") as answer:
        assert len(await answer.json()) == 25


async def test_a_created_order_can_be_fetched(http: aiohttp.ClientSession) -> None:
    async with http.post("/orders", json=NEW_ORDER) as answer:
        assert answer.status == 201
        created = await answer.json()
    async with http.get(f"/orders/{created['id']}") as answer:
        assert await answer.json() == created


@pytest.mark.parametrize("body", [{}, [], {**NEW_ORDER, "customerId": "c-0"}])
async def test_what_is_not_an_order_is_400(http: aiohttp.ClientSession, body: object) -> None:
    async with http.post("/orders", json=body) as answer:
        assert answer.status == 400


async def test_the_document_is_valid_swagger(http: aiohttp.ClientSession) -> None:
    async with http.get("/swagger.yaml") as answer:
        document = yaml.safe_load(await answer.read())
    assert list(OpenAPIV2SpecValidator(document).iter_errors()) == []


async def test_each_api_call_is_printed_and_the_document_is_not() -> None:
    async with (
        running_process(SERVICE) as process,
        aiohttp.ClientSession(process.url) as http,
    ):
        for path in ("/swagger.yaml", "/orders?limit=50"):
            async with http.get(path) as answer:
                await answer.read()
        assert await process.calls_once(1) == ["GET /orders?limit=50"]


async def test_it_stops_quickly() -> None:
    async with running_process(SERVICE):
        asked = time.monotonic()
    assert time.monotonic() - asked < 3
