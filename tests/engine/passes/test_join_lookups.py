"""One call for root fields that look up one key each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop_engine import ShopEngine
from tests.support.shop_plans import plan
from tests.support.small_catalogs import TEXT, argument, get, key_argument, list_of, ref, shape, upstream
from tests.support.two_ways import both_ways, plan_of
from weft.engine.passes import batch_calls, join_lookups
from weft.schemas.catalog import Catalog, ListOf, Scalar
from weft.schemas.errors import UpstreamStatus

TWO = '{ a: product(productId: "p1") { name } b: product(productId: "p2") { id stock { available } } }'


def called(text: str) -> list[str]:
    return [fetch.called.id for fetch in join_lookups(plan(text)).fetches if fetch.parent is None]


def test_lookups_of_one_function_go_together() -> None:
    made = join_lookups(plan(TWO))
    assert called(TWO) == ["products.list_products"] * 2
    assert made.stages[0].fetches == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        '{ product(productId: "p1") { name } }',
        '{ a: customer(customerId: "c1") { id } b: customer(customerId: "c2") { id } }',  # no bulk function
        '{ a: product(productId: "p1") { id } b: order(orderId: "o1") { id } }',
    ],
)
def test_others_are_left(text: str) -> None:
    before = plan(text)
    assert join_lookups(before) is before
    assert batch_calls(before).fetches[0].called.id == before.fetches[0].function.id


async def test_one_call_answers_all() -> None:
    both = await both_ways(ShopEngine(), TWO)
    assert both.fast
    assert both.calls == both.interpreted_calls
    assert both.calls[0] == ("products.list_products", {"ids": ["p1", "p2"], "limit": 2})
    assert both.response["data"] == {"a": {"name": "Lamp"}, "b": {"id": "p2", "stock": {"available": 0}}}
    assert both.response == await ShopEngine(passes=()).run(TWO)


async def test_keys_may_be_variables_and_may_be_equal() -> None:
    query = """query($x: String!, $y: String = "p2") {
      a: product(productId: $x) { name } b: product(productId: $y) { id } c: product(productId: "p2") { name }
    }"""
    both = await both_ways(ShopEngine(), query, {"x": "p2"})
    assert both.fast
    assert both.calls == [("products.list_products", {"ids": ["p2"], "limit": 1})]
    assert both.response["data"] == {"a": {"name": "Tent"}, "b": {"id": "p2"}, "c": {"name": "Tent"}}


async def test_a_variable_that_is_null_is_an_error_at_its_field() -> None:
    query = (
        'query($x: String = "p1") { a: product(productId: $x) { name } b: product(productId: "p2") { name } }'
    )
    both = await both_ways(ShopEngine(), query, {"x": None})
    assert both.response["data"] == {"a": None, "b": {"name": "Tent"}}
    assert [(e["path"], e["extensions"]["code"]) for e in both.response["errors"]] == [
        (["a"], "BAD_USER_INPUT")
    ]


async def test_only_the_function_itself_can_say_that_something_is_not_there() -> None:
    query = '{ a: product(productId: "p1") { name } b: product(productId: "p9") { name } }'
    both = await both_ways(ShopEngine(), query)
    assert not both.fast
    assert both.calls == both.interpreted_calls
    assert [name for name, _ in both.calls] == ["products.list_products", "products.get_product"]
    assert both.response["data"] == {"a": {"name": "Lamp"}, "b": None}
    assert both.response == await ShopEngine(passes=()).run(query)


async def test_what_only_the_function_itself_knows_is_answered_by_it() -> None:
    hidden = {"id": "p9", "name": "Hidden", "tags": [], "category": "home"}

    def get_product(product_id: str) -> Any:
        assert product_id == "p9"
        return hidden

    shop = ShopEngine({"products.get_product": get_product})
    both = await both_ways(
        shop, '{ a: product(productId: "p1") { name } b: product(productId: "p9") { name price { amount } } }'
    )
    assert both.fast
    assert both.response["data"] == {"a": {"name": "Lamp"}, "b": {"name": "Hidden", "price": None}}


async def test_a_bulk_function_that_fails_is_done_without() -> None:
    error = UpstreamStatus("products", "products.list_products", status="500")
    shop = ShopEngine({"products.list_products": lambda **_: error})
    both = await both_ways(shop, TWO)
    assert "errors" not in both.response
    assert both.calls == both.interpreted_calls
    assert both.response == await ShopEngine(passes=()).run(TWO)


def test_a_lookup_that_sends_more_than_its_key_is_left() -> None:
    """The bulk function would not get the rest."""
    detailed = argument("detailed", Scalar(kind="boolean"), default=False)
    one = get("u.getThing", "/things/{id}", ref("Thing"), key_argument("id"), detailed)
    many = get("u.listThings", "/things", list_of("Thing"), argument("ids", ListOf(item=TEXT)))
    catalog = Catalog.of(upstream("u", shape("Thing", "id"), one, many))
    shop = ShopEngine({}, catalog=catalog)
    made, _ = plan_of(shop, '{ a: thing(id: "1") { id } b: thing(id: "2") { id } }')
    assert [fetch.called.id for fetch in made.fetches] == ["u.getThing"] * 2
