"""The products service of the shop example."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.support.processes import RunningProcess, running_process

SERVICE = ["examples/shop/products/app.py", "--port", "0"]
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PLANTER = {
    "name": "Planter",
    "category": "garden",
    "dimensions": {"width_cm": 1, "height_cm": 2, "depth_cm": 3},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def products() -> AsyncIterator[RunningProcess]:
    async with running_process(SERVICE) as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(products: RunningProcess) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(products.url) as session:
        yield session


async def test_the_list_holds_twenty_products_unless_asked(http: aiohttp.ClientSession) -> None:
    async with http.get("/products") as answer:
        found = await answer.json()
    assert [product["id"] for product in found] == [f"p-{number}" for number in range(1, 21)]


async def test_repeated_ids_fetch_several(http: aiohttp.ClientSession) -> None:
    async with http.get("/products", params=[("ids", "p-40"), ("ids", "p-2")]) as answer:
        found = await answer.json()
    assert {product["id"] for product in found} == {"p-2", "p-40"}


async def test_the_default_limit_also_cuts_ids(http: aiohttp.ClientSession) -> None:
    async with http.get("/products", params=[("ids", f"p-{number}") for number in range(1, 41)]) as answer:
        assert len(await answer.json()) == 20


async def test_search_and_category_narrow_the_list(http: aiohttp.ClientSession) -> None:
    async with http.get("/products", params={"search": "lamp", "category": "office"}) as answer:
        found = await answer.json()
    assert {(product["name"], product["category"]) for product in found} == {
        ("Copper Lamp", "office"),
        ("Quiet Lamp", "office"),
    }


async def test_an_unknown_product_is_404(http: aiohttp.ClientSession) -> None:
    async with http.get("/products/p-999") as answer:
        assert answer.status == 404


async def test_a_created_product_can_be_fetched(http: aiohttp.ClientSession) -> None:
    async with http.post("/products", json=PLANTER) as answer:
        assert answer.status == 201
        created = await answer.json()
    async with http.get(f"/products/{created['id']}") as answer:
        assert await answer.json() == created


async def test_the_price_history_is_oldest_first(http: aiohttp.ClientSession) -> None:
    async with http.get("/products/p-3/price-history") as answer:
        points = [point["valid_from"] for point in await answer.json()]
    assert points == sorted(points)
    assert len(points) == 4


async def test_the_document_keeps_the_default_operation_ids(http: aiohttp.ClientSession) -> None:
    async with http.get("/openapi.json") as answer:
        document = await answer.json()
    assert document["info"]["title"] == "Products API"
    assert document["paths"]["/products/{product_id}"]["get"]["operationId"] == (
        "get_product_products__product_id__get"
    )


async def test_each_api_call_is_printed_and_the_document_is_not() -> None:
    async with (
        running_process(SERVICE) as process,
        aiohttp.ClientSession(process.url) as http,
    ):
        for path in ("/openapi.json", "/products?limit=1"):
            async with http.get(path) as answer:
                await answer.read()
        assert await process.calls_once(1) == ["GET /products?limit=1"]


async def test_it_stops_quickly() -> None:
    async with running_process(SERVICE):
        asked = time.monotonic()
    assert time.monotonic() - asked < 3
