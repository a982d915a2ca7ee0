"""Typed handlers of Lambda functions, from the decorator to the GraphQL answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.app.discovering import discover
from weft.app.serving import make_engine
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.schemas.catalog import Snapshot
from weft.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PRICES = """
from dataclasses import dataclass
from typing import Literal

from weft.aws_lambda import typed


@dataclass
class PriceRequest:
    product_id: str
    currency: Literal["EUR", "USD"] = "EUR"


@dataclass
class Price:
    product_id: str
    amount: float
    currency: str


@typed(batch=True, key="product_id", max_keys=3)
def handler(items: list[PriceRequest]) -> list[Price | Exception]:
    "What products cost."
    print("asked for", *[one.product_id for one in items], flush=True)
    return [
        Price(one.product_id, float(one.product_id[2:]), one.currency)
        if one.product_id != "p-4" else ValueError("no price")
        for one in items
    ]
"""
PRODUCTS = """
from typing import TypedDict

from weft.aws_lambda import typed


class Product(TypedDict):
    id: str
    name: str


@typed
def handler(limit: int = 5) -> list[Product]:
    return [{"id": f"p-{number}", "name": f"Product {number}"} for number in range(1, limit + 1)]
"""
PRODUCT = """
from dataclasses import dataclass

from weft.aws_lambda import typed


@dataclass
class Product:
    id: str
    name: str


@typed(batch=True)
def handler(id: str) -> Product:
    print("looked for", id, flush=True)
    return Product(id, f"Product {id[2:]}")
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        await running.create("shop-get-price", code=PRICES, tags={"weft:schema": "describe"}, timeout_s=10)
        await running.create("shop-get-product", code=PRODUCT, tags={"schema": "describe"}, timeout_s=10)
        await running.create("shop-list-products", code=PRODUCTS, tags={"schema": "describe"}, timeout_s=10)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(service: LocalLambda, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Snapshot]:
    entry = {"name": "shop", "lambda": {"region": REGION, "endpoint": service.url, "functions": "shop-*"}}
    settings = Settings.from_mapping({"upstreams": [entry]}, tmp_path_factory.mktemp("shop"))
    return settings, await discover(settings)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(found: tuple[Settings, Snapshot]) -> AsyncIterator[Engine]:
    settings, snapshot = found
    async with make_engine(snapshot, settings) as made:
        yield made


async def ask(engine: Engine, query: str) -> Any:
    response = await engine.execute(GraphQLRequest(query), headers={})
    return json.loads(response.body)


async def test_a_function_that_is_tagged_so_describes_itself(found: tuple[Settings, Snapshot]) -> None:
    _, snapshot = found
    (upstream,) = snapshot.catalog.upstreams
    assert upstream.warnings == ()
    assert {f.name: f.types_from for f in upstream.functions} == {
        "get_price": "tag weft:schema",
        "get_price_batch": "tag weft:schema",
        "get_product": "tag schema",
        "get_product_batch": "tag schema",
        "list_products": "tag schema",
    }
    assert sorted(upstream.shapes) == ["Currency", "Price", "Product"]


async def test_a_typed_handler_answers_one_input(engine: Engine) -> None:
    answer = await ask(engine, '{ price(productId: "p-2", currency: USD) { amount currency } }')
    assert answer == {"data": {"price": {"amount": 2.0, "currency": "USD"}}}


async def test_what_stands_in_for_it_has_no_field_of_its_own(engine: Engine) -> None:
    assert "priceBatch" not in engine.sdl
    assert "price(productId: String!, currency: Currency = EUR): Price" in engine.sdl


async def test_many_parents_are_answered_in_few_invocations_and_a_bad_one_costs_its_own_position(
    engine: Engine, service: LocalLambda
) -> None:
    before = len([line for line in service.process.lines if line.startswith("asked for")])
    answer = await ask(engine, "{ products { name price { amount } } }")
    assert answer["data"] == {
        "products": [
            {"name": f"Product {number}", "price": None if number == 4 else {"amount": float(number)}}
            for number in range(1, 6)
        ]
    }
    (error,) = answer["errors"]
    assert error["path"] == ["products", 3, "price"]
    assert error["message"] == "shop.get_price_batch: the function could not answer this key"
    await service.process.line_once("asked for p-1 p-2 p-3", 1)
    await service.process.line_once("asked for p-4 p-5", 1)
    asked = [line for line in service.process.lines if line.startswith("asked for")][before:]
    assert sorted(asked) == ["asked for p-1 p-2 p-3", "asked for p-4 p-5"]


async def test_a_batch_without_a_bad_input_is_answered_the_same(engine: Engine) -> None:
    answer = await ask(engine, "{ products(limit: 2) { price { amount currency } } }")
    assert answer == {
        "data": {
            "products": [
                {"price": {"amount": 1.0, "currency": "EUR"}},
                {"price": {"amount": 2.0, "currency": "EUR"}},
            ]
        }
    }


async def test_root_fields_that_ask_for_one_key_each_go_together(
    engine: Engine, service: LocalLambda
) -> None:
    calls = service.process.lines.count("call shop-get-product")
    answer = await ask(engine, '{ a: product(id: "p-7") { name } b: product(id: "p-8") { name } }')
    assert answer == {"data": {"a": {"name": "Product 7"}, "b": {"name": "Product 8"}}}
    await service.process.line_once("looked for p-8", 1)
    await service.process.line_once("call shop-get-product", calls + 1)
    assert service.process.lines.count("call shop-get-product") == calls + 1
