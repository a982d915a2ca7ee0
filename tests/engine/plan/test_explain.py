"""Plans as text. How they look for whole operations is in ``tests/cases``."""

from __future__ import annotations

from tests.support.shop_engine import ShopEngine


def test_plan_without_calls_says_so() -> None:
    assert ShopEngine().engine.explain("{ __typename }") == "query\n0 calls\n"


def test_one_call_is_singular() -> None:
    assert (
        ShopEngine().engine.explain("{ orders { id } }")
        == "query\n└─ orders.listOrders() for orders\n1 call\n"
    )


def test_unbatched_link_is_one_call_a_key() -> None:
    text = ShopEngine(passes=()).engine.explain("{ orders { product { name } } }")
    assert text.splitlines()[2:] == [
        "   └─ products.get_product(product_id ← Order.productId) for orders.product, one call a key",
        "1 call and 1 for each key",
    ]


def test_children_stand_below_their_parent() -> None:
    text = ShopEngine().engine.explain("{ a: orders { customer { name } } b: products { id } }")
    assert text.splitlines() == [
        "query",
        "├─ orders.listOrders() for a",
        "│  └─ orders.getCustomer(customerId ← Order.customerId) for a.customer, one call a key",
        "└─ products.list_products() for b",
        "2 calls and 1 for each key",
    ]


def test_operation_that_is_not_planned_says_who_executes_it() -> None:
    text = ShopEngine().engine.explain("{ __schema { queryType { name } } }")
    assert text == "executed by graphql-core with batched resolvers, for Query.__schema is not generated\n"
