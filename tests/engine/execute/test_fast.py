"""Keys, and what comes back for them: the same compiled and interpreted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.shop_engine import ShopEngine
from tests.support.small_catalogs import (
    INT,
    TEXT,
    argument,
    field,
    get,
    key_argument,
    list_of,
    ref,
    shape,
    upstream,
)
from tests.support.two_ways import both_ways
from weft.schemas.catalog import Catalog, Constraints, ListOf, Scalar
from weft.schemas.errors import UpstreamStatus, UpstreamTimeout
from weft.schemas.links import BulkRule

ORDERS_OF: Any = {
    "c1": [{"id": "o1", "customerId": "c1", "total": 5}, {"id": "o3", "customerId": "c1", "total": 7}],
    "c2": [{"id": "o2", "customerId": "c2", "total": 6}],
    "c3": [],
}


def customers(*more: Any, keys: Any = None, answer: Any = None, bulk: Any = ()) -> ShopEngine:
    """Customers, and their orders by ``GET /orders?customerId=``, which takes several."""
    ids = argument("customerId", keys or ListOf(item=TEXT))
    catalog = Catalog.of(
        upstream(
            "shop",
            shape("Customer", "id", "name"),
            shape("Order", "id", "customerId", field("total", INT)),
            get("shop.getCustomer", "/customers/{id}", ref("Customer"), key_argument("id")),
            get("shop.listCustomers", "/customers", list_of("Customer")),
            get("shop.listOrders", "/orders", list_of("Order"), ids, *more),
        )
    )

    def orders(customerId: Any = (), **_: Any) -> Any:  # noqa: N803 - the argument's name
        wanted = [customerId] if isinstance(customerId, str) else customerId
        return [order for one in wanted for order in ORDERS_OF.get(one, ())]

    answers = {
        "shop.listCustomers": lambda: [{"id": id_, "name": id_.upper()} for id_ in ("c1", "c2", "c3", "c1")],
        "shop.getCustomer": lambda id: {"id": id, "name": id},  # noqa: A006 - the argument's name
        "shop.listOrders": answer or orders,
    }
    return ShopEngine(answers, catalog=catalog, bulk=bulk)


class TestReverseLinks:
    async def test_orders_of_all_customers_come_in_one_call(self) -> None:
        both = await both_ways(customers(), "{ customers { name orders { id total } } }")
        assert both.fast
        assert both.calls == both.interpreted_calls
        assert both.calls[1:] == [("shop.listOrders", {"customerId": ["c1", "c2", "c3"]})]
        found = [[order["id"] for order in c["orders"]] for c in both.response["data"]["customers"]]
        assert found == [["o1", "o3"], ["o2"], [], ["o1", "o3"]]

    async def test_more_twice_and_in_another_order(self) -> None:
        def answer(customerId: Any) -> Any:  # noqa: N803 - the argument's name
            del customerId
            other = {"id": "o9", "customerId": "c9", "total": 1}
            return [other, *ORDERS_OF["c2"], *reversed(ORDERS_OF["c1"]), other, {"id": "o8", "total": 3}]

        shop = customers(answer=answer)
        both = await both_ways(shop, "{ customers { orders { id } } }")
        found = [[order["id"] for order in c["orders"]] for c in both.response["data"]["customers"]]
        assert found == [["o3", "o1"], ["o2"], [], ["o3", "o1"]]

    async def test_keys_go_in_chunks_and_each_chunk_answers_its_own(self) -> None:
        keys = ListOf(item=TEXT, constraints=Constraints(max_items=2))
        every = [order for orders in ORDERS_OF.values() for order in orders]
        shop = customers(keys=keys, answer=lambda **_: every)  # every call answers all
        both = await both_ways(shop, "{ customers { orders { id } } }")
        assert both.fast
        assert [given["customerId"] for _, given in both.calls[1:]] == [["c1", "c2"], ["c3"]]
        found = [len(c["orders"]) for c in both.response["data"]["customers"]]
        assert found == [2, 1, 0, 2]

    async def test_other_arguments_are_the_fields_own(self) -> None:
        shop = customers(argument("status", TEXT))
        both = await both_ways(
            shop, "query($s: String) { customers { orders(status: $s) { id } } }", {"s": "open"}
        )
        assert both.fast
        assert both.calls[1:] == [("shop.listOrders", {"customerId": ["c1", "c2", "c3"], "status": "open"})]

    @pytest.mark.parametrize("name", ["limit", "page", "pageToken", "offset", "first"])
    async def test_a_list_that_may_be_cut_is_asked_for_one_key_at_a_time(self, name: str) -> None:
        shop = customers(argument(name, INT))
        both = await both_ways(shop, f"{{ customers {{ orders({name}: 1) {{ id }} }} }}")
        assert both.fast
        assert both.calls[1:] == [
            ("shop.listOrders", {"customerId": [key], name: 1}) for key in ("c1", "c2", "c3")
        ]

    async def test_the_configuration_may_say_how_many_there_are_at_most(self) -> None:
        limit = argument("limit", Scalar(kind="int32", constraints=Constraints(maximum=10)), default=20)
        rule = BulkRule("shop.listOrders", argument="customerId", many=True, per_key=5)
        shop = customers(limit, bulk=[rule])
        both = await both_ways(shop, "{ customers { orders { id } } }")
        assert both.fast
        assert both.calls[1:] == [
            ("shop.listOrders", {"customerId": ["c1", "c2"], "limit": 10}),
            ("shop.listOrders", {"customerId": ["c3"], "limit": 5}),
        ]

    async def test_an_error_stands_at_each_list(self) -> None:
        error = UpstreamStatus("shop", "shop.listOrders", status="500")
        both = await both_ways(customers(answer=lambda **_: error), "{ customers { name orders { id } } }")
        assert [one["path"] for one in both.response["errors"]] == [
            ["customers", n, "orders"] for n in range(4)
        ]
        assert len(both.calls) == 2


def products(answer: Any) -> ShopEngine:
    return ShopEngine({"products.list_products": answer})


def product(id_: Any, name: str = "N") -> dict[str, Any]:
    return {"id": id_, "name": name, "tags": [], "category": "home"}


QUERY = "{ orders { product { id name } } }"


class TestAnswersForKeys:
    @pytest.mark.parametrize(
        "answer",
        [
            [],
            [product("p1")],
            [product("p1"), product("p2")],
            [product("p9"), product("p7"), product("p2"), product("p1")],
            [product("p1", "first"), product("p1", "last")],
        ],
        ids=["none", "fewer", "misordered", "unknown", "repeated"],
    )
    async def test_they_go_back_by_key(self, answer: list[Any]) -> None:
        both = await both_ways(products(lambda **_: answer), QUERY)
        assert both.fast
        by_key = {one["id"]: {"id": one["id"], "name": one["name"]} for one in answer}
        expected = [by_key.get(key) if key else None for key in ("p2", "p1", "p2", None, "p9")]
        assert [order["product"] for order in both.response["data"]["orders"]] == expected

    @pytest.mark.parametrize("answer", [[product(None)], [{"name": "N"}], [7, None], {"a": 1}, "text", None])
    async def test_items_without_a_key_are_nobodys(self, answer: Any) -> None:
        both = await both_ways(products(lambda **_: answer), QUERY)
        assert [order["product"] for order in both.response["data"]["orders"]] == [None] * 5
        assert both.calls == both.interpreted_calls

    async def test_what_is_not_there_is_null(self) -> None:
        gone = UpstreamStatus("products", "products.list_products", status="404")
        both = await both_ways(products(lambda **_: gone), QUERY)
        assert both.fast
        assert "errors" not in both.response

    async def test_keys_in_a_list_keep_their_order_and_may_be_repeated(self) -> None:
        catalog = Catalog.of(
            upstream(
                "u",
                shape("Basket", "id", field("productIds", ListOf(item=Scalar(kind="string", nullable=True)))),
                shape("Product", "id", "name"),
                get("u.listBaskets", "/baskets", list_of("Basket")),
                get("u.listProducts", "/products", list_of("Product"), argument("ids", ListOf(item=TEXT))),
                get("u.getProduct", "/products/{id}", ref("Product"), key_argument("id")),
            )
        )
        shop = ShopEngine(
            {
                "u.listBaskets": lambda: [{"id": "b", "productIds": ["2", None, "1", "2", "7"]}],
                "u.listProducts": lambda ids=(): [{"id": i, "name": f"N{i}"} for i in ids if i != "7"],
            },
            catalog=catalog,
        )
        both = await both_ways(shop, "{ baskets { products { name } } }")
        assert both.fast
        assert both.response["data"]["baskets"] == [
            {"products": [{"name": "N2"}, {"name": "N1"}, {"name": "N2"}, None]}
        ]
        assert both.calls[1] == ("u.listProducts", {"ids": ["2", "1", "7"]})


class TestScheduling:
    async def test_a_branch_waits_for_no_other(self) -> None:
        product_asked = asyncio.Event()

        async def get_customer(customerId: str) -> Any:  # noqa: N803 - the argument's name
            await product_asked.wait()
            return {"id": customerId, "name": "Ada"}

        def list_products(ids: list[str], **_: Any) -> Any:
            product_asked.set()
            return []

        shop = ShopEngine({"orders.getCustomer": get_customer, "products.list_products": list_products})
        both = await both_ways(shop, "{ orders(limit: 1) { customer { name } product { name } } }")
        assert both.fast

    async def test_fetches_of_one_function_at_one_depth_are_one_call(self) -> None:
        shop = ShopEngine()
        both = await both_ways(
            shop,
            """{ a: order(orderId: "o1") { product { id } }
                 b: order(orderId: "o2") { product { name stock { available } } } }""",
        )
        assert both.fast
        assert both.calls == both.interpreted_calls
        assert [given for name, given in both.calls if name == "products.list_products"] == [
            {"ids": ["p2", "p1"], "limit": 2}
        ]
        assert [given for name, given in both.calls if name.endswith("BatchGetStock")] == [
            {"productIds": ["p1"]}
        ]

    async def test_a_key_is_asked_for_once_however_deep_it_stands(self) -> None:
        both = await both_ways(
            ShopEngine(), "{ orders { product { name price { product { id price { amount } } } } } }"
        )
        assert both.fast
        assert both.calls == both.interpreted_calls
        assert [name for name, _ in both.calls] == [
            "orders.listOrders",
            "products.list_products",
            "pricing.get_prices",
        ]

    async def test_a_key_under_way_is_not_asked_for_again(self) -> None:
        """Both branches reach product p2, at different depths; the shallow one is the slow one."""
        asked: list[list[str]] = []
        deep_arrived = asyncio.Event()

        async def list_products(ids: list[str], **_: Any) -> Any:
            asked.append(ids)
            if len(asked) == 1:
                await deep_arrived.wait()
            return [product(one) for one in ids]

        async def get_stock(productIds: list[str]) -> Any:  # noqa: N803 - the argument's name
            asyncio.get_running_loop().call_later(0.01, deep_arrived.set)
            return {"stocks": [{"productId": one, "available": 1} for one in productIds]}

        shop = ShopEngine(
            {
                "products.list_products": list_products,
                "inventory.InventoryService.BatchGetStock": get_stock,
                "products.get_product": lambda product_id: product(product_id),
            }
        )
        query = """{ order(orderId: "o1") { product { id } }
                     product(productId: "p2") { stock { product { name } } } }"""
        both = await both_ways(shop, query)
        assert both.fast
        assert asked == [["p2"], ["p2"]]  # once by each way
        assert both.response["data"]["product"] == {"stock": {"product": {"name": "N"}}}

    async def test_no_more_calls_are_under_way_than_there_may_be(self) -> None:
        under_way = most = 0

        async def get_customer(customerId: str) -> Any:  # noqa: N803 - the argument's name
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            return {"id": customerId, "name": "Ada"}

        orders = [
            {"id": f"o{n}", "customerId": f"c{n}", "placedAt": "2026-01-31T12:00:00Z"} for n in range(200)
        ]
        shop = ShopEngine({"orders.getCustomer": get_customer, "orders.listOrders": lambda **_: orders})
        both = await both_ways(shop, "{ orders { customer { name } } }")
        assert both.fast
        assert most == 64  # CallSettings.max_concurrency


class TestLeavingTheFastWay:
    async def test_one_error_leaves_the_rest_as_it_is(self) -> None:
        error = UpstreamTimeout("pricing", "pricing.get_prices")
        both = await both_ways(
            ShopEngine({"pricing.get_prices": lambda **_: error}),
            "{ products { name price { amount } stock { available } } }",
        )
        assert not both.fast
        assert len(both.calls) == 3
        stocks = [one["stock"] for one in both.response["data"]["products"]]
        assert stocks == [{"available": 12}, {"available": 0}, None]

    async def test_keys_that_were_answered_are_not_asked_for_again(self) -> None:
        """The third of three single calls is refused; the interpreter goes on with all three answers."""
        shop = ShopEngine({"orders.getCustomer": lambda customerId: {"id": customerId, "name": 7}})  # noqa: N803
        both = await both_ways(shop, "{ orders { customer { name } product { name } } }")
        assert not both.fast
        assert sorted(map(repr, both.calls)) == sorted(map(repr, both.interpreted_calls))
