"""One call for all keys, where a bulk function answers them."""

from __future__ import annotations

from tests.support.shop_engine import ShopEngine
from tests.support.shop_plans import plan
from weft.engine.passes import batch_calls


def test_link_with_a_bulk_function_is_batched() -> None:
    before = plan("{ orders { product { name } } }")
    after = batch_calls(before)
    assert [fetch.called.id for fetch in before.fetches] == ["orders.listOrders", "products.get_product"]
    assert [fetch.called.id for fetch in after.fetches] == ["orders.listOrders", "products.list_products"]


def test_link_without_one_is_left() -> None:
    before = plan("{ orders { customer { name } } }")
    assert batch_calls(before) == before


def test_link_that_only_a_bulk_function_answers_is_batched_from_the_start() -> None:
    (_, price) = plan("{ products { price { amount } } }").fetches
    assert price.batched
    assert price.called.id == "pricing.get_prices"


async def test_answer_is_the_same_with_fewer_calls() -> None:
    query = "{ orders { product { name stock { available } } } }"
    batched, single = ShopEngine(passes=(batch_calls,)), ShopEngine(passes=())
    assert await batched.run(query) == await single.run(query)
    assert len(batched.calls) == 3
    assert len(single.calls) == 6
