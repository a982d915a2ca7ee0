"""Generated fields executed by graphql-core: the answers are those of a plan, the errors say as little."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop_engine import ShopEngine


async def test_keys_of_all_parents_join_into_one_call() -> None:
    shop = ShopEngine()
    await shop.resolve("{ orders { product { name price { amount } } } }")
    assert shop.called("products.list_products") == [{"ids": ["p2", "p1", "p9"], "limit": 3}]
    assert shop.called("pricing.get_prices") == [{"productIds": ["p2", "p1"]}]


@pytest.mark.parametrize(
    ("product", "path"),
    [
        ("secret", ["product"]),
        ([{"id": "p1"}], ["product"]),
        ({"id": None}, ["product", "id"]),
        ({"id": ["secret"]}, ["product", "id"]),
        ({"id": "p1", "tags": {"a": "secret"}}, ["product", "tags"]),
        ({"id": "p1", "tags": ["a", None]}, ["product", "tags", 1]),
        ({"id": "p1", "tags": [["secret"]]}, ["product", "tags", 0]),
        ({"id": "p1", "tags": [], "category": "secret"}, ["product", "category"]),
    ],
)
async def test_misfit_is_an_error_of_the_upstream_that_does_not_hold_the_value(
    product: Any, path: list[Any]
) -> None:
    shop = ShopEngine({"products.get_product": lambda product_id: product})
    response = await shop.resolve('{ product(productId: "p1") { id tags category } }')
    assert response["data"] == {"product": None}
    (error,) = response["errors"]
    assert error["path"] == path
    assert error["extensions"]["code"] == "UPSTREAM_ANSWER"
    assert "secret" not in str(error)


async def test_map_is_a_list_of_entries() -> None:
    response = await ShopEngine().resolve('{ stock(productId: "p1") { reserved { key value } } }')
    assert response["data"]["stock"]["reserved"] == [{"key": "web", "value": 2}, {"key": "shop", "value": 1}]
