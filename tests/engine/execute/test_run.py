"""Executions of plans: what is called when, and with what."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.shop_catalog import PRODUCTS, SHOP, field, function, http, ref
from tests.support.shop_engine import ShopEngine
from weft.engine.operation import GraphQLRequest
from weft.schemas.catalog import Catalog, Function, ListOf, MapOf, ObjectShape, Scalar, UnionShape, Upstream
from weft.schemas.errors import UpstreamTimeout
from weft.schemas.links import LinkRule


def with_function(added: Function) -> Catalog:
    """The shop with one more function of ``products``."""
    products = msgspec.structs.replace(PRODUCTS, functions=(*PRODUCTS.functions, added))
    return Catalog.of(products, *(one for one in SHOP.upstreams if one.id != "products"))


async def test_fetch_starts_as_soon_as_its_own_keys_are_there() -> None:
    """Products are asked for while customers, of the same orders, are still on their way."""
    product_asked = asyncio.Event()

    async def get_customer(customerId: str) -> Any:  # noqa: N803 - the argument's name
        await product_asked.wait()
        return {"id": customerId, "name": "Ada"}

    def list_products(ids: list[str], **_: Any) -> Any:
        product_asked.set()
        return []

    shop = ShopEngine({"orders.getCustomer": get_customer, "products.list_products": list_products})
    response = await shop.run("{ orders(limit: 1) { customer { name } product { name } } }")
    assert response == {"data": {"orders": [{"customer": {"name": "Ada"}, "product": None}]}}


async def test_keys_of_all_parents_are_sent_once_each() -> None:
    shop = ShopEngine()
    await shop.run("{ orders { product { name } } }")
    assert shop.called("products.list_products") == [{"ids": ["p2", "p1", "p9"], "limit": 3}]


async def test_branches_that_reach_one_function_at_once_share_a_call() -> None:
    shop = ShopEngine()
    await shop.run(
        '{ a: order(orderId: "o1") { product { id } } b: order(orderId: "o2") { product { name } } }'
    )
    assert shop.called("products.list_products") == [{"ids": ["p2", "p1"], "limit": 2}]


async def test_mutation_waits_for_the_field_before_and_all_below_it() -> None:
    shop = ShopEngine()
    await shop.run(
        """mutation($input: ProductInput!) {
             a: createProduct(input: $input) { stock { available } }
             b: cancelOrder(orderId: "o1")
           }""",
        {"input": {"id": "p1", "name": "N", "tags": [], "category": "home"}},
    )
    assert [id_.rpartition(".")[2] for id_, _ in shop.calls] == [
        "create_product",
        "BatchGetStock",
        "cancelOrder",
    ]


@pytest.mark.parametrize("way", [ShopEngine.run, ShopEngine.resolve])
async def test_mutation_reads_anew_what_the_field_before_may_have_changed(way: Any) -> None:
    available = iter((1, 2))

    def get_stocks(productIds: list[str]) -> Any:  # noqa: N803 - the argument's name
        return {"stocks": [{"productId": productIds[0], "available": next(available)}]}

    shop = ShopEngine({"inventory.InventoryService.BatchGetStock": get_stocks})
    create = 'createProduct(input: {id: "p", name: "N", tags: [], category: home}) { stock { available } }'
    response = await way(shop, f"mutation {{ a: {create} b: {create} }}")
    assert [response["data"][name]["stock"]["available"] for name in "ab"] == [1, 2]


@pytest.mark.parametrize("way", [ShopEngine.run, ShopEngine.resolve])
async def test_links_below_a_map_at_the_root_are_followed(way: Any) -> None:
    added = function("products.by_shelf", http("GET", "/shelves"), MapOf(value=ListOf(item=ref("Product"))))
    answer = {"low": [{"id": "p1"}, {"id": "p2"}], "high": []}
    shop = ShopEngine({"products.by_shelf": lambda: answer}, catalog=with_function(added))
    response = await way(shop, "{ byShelf { key value { price { amount } } } }")
    prices: list[Any] = [{"price": {"amount": 39.5}}, {"price": {"amount": 120.0}}]
    assert response["data"] == {"byShelf": [{"key": "low", "value": prices}, {"key": "high", "value": []}]}


async def test_list_where_a_map_is_described_is_an_error() -> None:
    added = function("products.shelves", http("GET", "/shelves"), MapOf(value=Scalar(kind="int32")))
    shop = ShopEngine({"products.shelves": lambda: [{"key": "a", "value": 1}]}, catalog=with_function(added))
    response = await shop.run("{ shelves { key } }")
    assert response["data"] == {"shelves": None}
    assert "is a list, not an object" in response["errors"][0]["message"]


async def test_links_of_a_union_follow_only_objects_of_their_type() -> None:
    shapes: dict[Any, Any] = {
        **PRODUCTS.shapes,
        "Note": ObjectShape(name="Note", fields=(field("text", Scalar(kind="string")),)),  # type: ignore[arg-type]
        "Found": UnionShape(name="Found", members=("Product", "Note")),  # type: ignore[arg-type]
    }
    added = function("products.find", http("GET", "/find"), ListOf(item=ref("Found")))
    products: Upstream = msgspec.structs.replace(
        PRODUCTS, functions=(*PRODUCTS.functions, added), shapes=shapes
    )
    catalog = Catalog.of(products, *(one for one in SHOP.upstreams if one.id != "products"))
    lamp = {"id": "p1", "name": "Lamp", "tags": [], "category": "home"}
    shop = ShopEngine({"products.find": lambda: [{"text": "hi", "id": "p2"}, lamp]}, catalog=catalog)
    response = await shop.run(
        "{ find { __typename ... on Product { price { amount } } ... on Note { text } } }"
    )
    assert response["data"]["find"] == [
        {"__typename": "Note", "text": "hi"},
        {"__typename": "Product", "price": {"amount": 39.5}},
    ]
    assert shop.called("pricing.get_prices") == [{"productIds": ["p1"]}]


async def test_link_by_two_keys_sends_both() -> None:
    added = function(
        "products.deal",
        http("GET", "/deal"),
        Scalar(kind="string"),
        *(one for one in PRODUCTS.functions[1].arguments),
        msgspec.structs.replace(PRODUCTS.functions[1].arguments[0], name="customer"),
    )
    rule = LinkRule("Order.deal", "products.deal", {"product_id": "productId", "customer": "customerId"})
    answers = {"products.deal": lambda product_id, customer: f"{product_id} for {customer}"}
    shop = ShopEngine(answers, catalog=with_function(added), links=[rule])
    response = await shop.run("{ orders { deal } }")
    deals = [order["deal"] for order in response["data"]["orders"]]
    assert deals == ["p2 for c1", "p1 for c2", "p2 for c1", None, "p9 for c9"]
    assert len(shop.called("products.deal")) == 3


@pytest.mark.parametrize("key", [{"x": 1}, ["p1"], True])
async def test_member_that_cannot_be_a_key_is_an_error_at_the_link(key: Any) -> None:
    orders = [{"id": "o", "productId": key}, {"id": "o", "productId": "p1"}]
    shop = ShopEngine({"orders.listOrders": lambda **_: orders})
    response = await shop.run("{ orders { product { name } } }")
    assert response["data"] == {"orders": [{"product": None}, {"product": {"name": "Lamp"}}]}
    (error,) = response["errors"]
    assert error["path"] == ["orders", 0, "product"]
    assert error["extensions"]["code"] == "UPSTREAM_ANSWER"


async def test_variable_that_makes_arguments_unfit_is_an_error_at_its_field() -> None:
    query = 'query($id: String = "p1") { product(productId: $id) { name } orders(limit: 1) { id } }'
    response = await ShopEngine().run(query, {"id": None})
    assert response["data"] == {"product": None, "orders": [{"id": "o1"}]}
    assert response["errors"][0]["path"] == ["product"]
    assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_mutation_that_is_not_allowed_calls_nothing() -> None:
    shop = ShopEngine()
    request = GraphQLRequest('mutation { cancelOrder(orderId: "o1") }')
    response = await shop.engine.execute(request, allow=frozenset({"query"}))
    assert response.not_allowed
    assert response.operation_type == "mutation"
    assert shop.calls == []


async def test_subscription_is_not_executed_by_execute() -> None:
    response = await ShopEngine().engine.execute(GraphQLRequest("subscription { watchStock { available } }"))
    assert response.not_allowed
    assert response.operation_type == "subscription"


async def subscribed(shop: ShopEngine, query: str, variables: dict[str, Any] | None = None) -> list[Any]:
    request = GraphQLRequest(query, variables or {})
    return [msgspec.json.decode(response.body) async for response in shop.engine.subscribe(request)]


async def test_every_event_of_a_subscription_follows_its_links() -> None:
    shop = ShopEngine()
    found = await subscribed(
        shop, 'subscription { watchStock(productId: "p1") { available product { name } } }'
    )
    assert found == [{"data": {"watchStock": {"available": n, "product": {"name": "Lamp"}}}} for n in (3, 2)]
    assert len(shop.called("products.list_products")) == 2


async def test_error_in_a_stream_is_an_event_with_an_error() -> None:
    function_id = "inventory.InventoryService.WatchStock"
    shop = ShopEngine({function_id: lambda **_: [UpstreamTimeout("inventory", function_id)]})
    (found,) = await subscribed(shop, "subscription { watchStock { available } }")
    assert found["data"] == {"watchStock": None}
    assert found["errors"][0]["extensions"]["code"] == "UPSTREAM_TIMEOUT"


async def test_query_sent_as_a_subscription_yields_one_response() -> None:
    assert await subscribed(ShopEngine(), '{ product(productId: "p1") { name } }') == [
        {"data": {"product": {"name": "Lamp"}}}
    ]


async def test_response_says_how_many_calls_were_made() -> None:
    response = await ShopEngine().engine.execute(GraphQLRequest("{ orders { product { name } } }"))
    assert response.calls == 2
