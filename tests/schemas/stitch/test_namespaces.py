"""Root fields of an upstream in a namespace of their own."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, validate_schema

from tests.support.shop_catalog import SHOP
from tests.support.shop_engine import ShopEngine
from tests.support.small_catalogs import argument, get, ref, shape, upstream, write
from tests.support.two_ways import both_ways
from weft.schemas.catalog import Catalog, Scalar
from weft.schemas.links import weave
from weft.schemas.stitch import NamespaceBinding, Stitched, stitch


def namespaced(*names: str, locked: dict[str, str] | None = None, catalog: Catalog = SHOP) -> Stitched:
    return stitch(catalog, weave(catalog), locked=locked, namespaces=names)


def fields(made: Stitched, type_: str) -> list[str]:
    found = made.schema.type_map[type_]
    assert isinstance(found, GraphQLObjectType)
    return list(found.fields)


def test_reads_and_writes_stand_in_a_field_of_the_upstreams_name() -> None:
    made = namespaced("orders")
    assert validate_schema(made.schema) == []
    assert "orders" in fields(made, "Query")
    assert fields(made, "OrdersQuery") == ["customer", "order", "orders"]
    assert fields(made, "OrdersMutation") == ["cancelOrder"]
    assert "product" in fields(made, "Query")
    assert made.bindings["Query.orders"] == NamespaceBinding("orders")  # type: ignore[arg-type]


def test_streams_are_root_fields_still() -> None:
    assert fields(namespaced("inventory"), "Subscription") == ["watchStock"]


def test_names_are_kept_apart_by_namespace() -> None:
    catalog = Catalog.of(
        *(
            upstream(name, shape("Thing", "id"), get(f"{name}.listThings", "/things", ref("Thing")))
            for name in ("one", "two")
        )
    )
    made = namespaced("one", "two", catalog=catalog)
    assert fields(made, "OneQuery") == fields(made, "TwoQuery") == ["things"]


def test_names_do_not_change_when_namespaces_come_and_go() -> None:
    plain = namespaced()
    inside = namespaced("orders", locked=dict(plain.names))
    again = namespaced(locked=dict(inside.names))
    assert fields(again, "Query") == fields(plain, "Query")
    assert namespaced("orders", locked=dict(again.names)).names == inside.names


async def test_namespaced_queries_are_compiled() -> None:
    shop = ShopEngine(namespaces=("orders",))
    both = await both_ways(
        shop,
        '{ orders { __typename order(orderId: "o1") { product { name } } } product(productId: "p1") { name } }',
    )
    assert both.fast
    assert both.response["data"] == {
        "orders": {"__typename": "OrdersQuery", "order": {"product": {"name": "Tent"}}},
        "product": {"name": "Lamp"},
    }


def writing(calls: list[str]) -> ShopEngine:
    """An upstream whose write returns a thing with a link, all of them on record."""

    def made(tag: str) -> Any:
        calls.append(f"make {tag}")
        return {"id": tag, "otherId": "x"}

    def read(id: str) -> Any:  # noqa: A002 - the argument's name
        calls.append(f"read {id}")
        return {"id": id, "name": str(len(calls) % 5)}

    text = Scalar(kind="string")
    catalog = Catalog.of(
        upstream(
            "u",
            shape("Thing", "id", "otherId"),
            shape("Other", "id", "name"),
            write("u.make", "/make", ref("Thing"), argument("tag", text)),
            get("u.getOther", "/others/{id}", ref("Other"), argument("id", text, required=True)),
        )
    )
    return ShopEngine({"u.make": made, "u.getOther": read}, catalog=catalog, namespaces=("u",))


WRITES = """mutation {
  u { a: make(tag: "1") { other { name } } b: make(tag: "2") { other { name } } }
  more: u { c: make(tag: "3") { id } }
}"""


async def test_namespaced_writes_run_in_order_each_with_all_below_it() -> None:
    calls: list[str] = []
    both = await both_ways(writing(calls), WRITES)
    assert both.fast
    assert calls[:5] == ["make 1", "read x", "make 2", "read x", "make 3"]
    assert len(calls) == 10


@pytest.mark.parametrize("way", [ShopEngine.run, ShopEngine.resolve])
async def test_every_way_keeps_the_order_of_the_writes(way: Any) -> None:
    calls: list[str] = []
    response = await way(writing(calls), WRITES)
    assert [call for call in calls if call.startswith("make")] == ["make 1", "make 2", "make 3"]
    assert response["data"]["more"] == {"c": {"id": "3"}}
