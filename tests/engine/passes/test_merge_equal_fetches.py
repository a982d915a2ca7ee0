"""One fetch where several would make the same calls."""

from __future__ import annotations

import pytest

from tests.support.shop_engine import ShopEngine
from tests.support.shop_plans import plan
from weft.engine.passes import merge_equal_fetches


def functions(text: str) -> list[str]:
    return [fetch.called.id for fetch in merge_equal_fetches(plan(text)).fetches]


def test_aliases_of_equal_calls_share_a_fetch() -> None:
    assert functions("{ a: orders(limit: 1) { id } b: orders(limit: 1) { placedAt } }") == [
        "orders.listOrders"
    ]


def test_order_of_arguments_does_not_matter() -> None:
    text = '{ a: orders(limit: 1, customerId: "c") { id } b: orders(customerId: "c", limit: 1) { id } }'
    assert len(functions(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{ a: orders(limit: 1) { id } b: orders(limit: 2) { id } }",
        "{ a: orders { id } b: orders(limit: 20) { id } }",
        '{ a: product(productId: "1") { id } b: order(orderId: "1") { id } }',
    ],
)
def test_other_calls_are_left(text: str) -> None:
    assert len(functions(text)) == 2


def test_children_move_to_the_fetch_that_stays_and_are_merged_too() -> None:
    merged = merge_equal_fetches(
        plan("{ a: orders { customer { id } } b: orders { customer { name } product { id } } }")
    )
    assert [(fetch.id, fetch.called.id, fetch.parent) for fetch in merged.fetches] == [
        (0, "orders.listOrders", None),
        (1, "orders.getCustomer", 0),
        (2, "products.get_product", 0),
    ]


def test_links_of_different_members_are_left() -> None:
    text = "{ orders { product { stock { product { id } } price { product { id } } } } }"
    assert functions(text).count("products.get_product") == 3


def test_mutations_are_left() -> None:
    before = plan('mutation { a: cancelOrder(orderId: "1") b: cancelOrder(orderId: "1") }')
    assert merge_equal_fetches(before) is before


def test_plan_without_equal_fetches_is_the_same_plan() -> None:
    before = plan("{ orders { product { id } } }")
    assert merge_equal_fetches(before) is before


async def test_merged_fields_have_their_own_selections() -> None:
    query = "{ a: orders(limit: 1) { id } b: orders(limit: 1) { customer { name } } }"
    shop = ShopEngine(passes=(merge_equal_fetches,))
    assert await shop.run(query) == {"data": {"a": [{"id": "o1"}], "b": [{"customer": {"name": "Ada"}}]}}
    assert len(shop.called("orders.listOrders")) == 1
