"""Whole schemas: valid, stable, and the same when they are read back."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, graphql_sync, validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import (
    Catalog,
    argument,
    field,
    get,
    key_argument,
    ref,
    rpc,
    shape,
    upstream,
    write,
)
from weft.schemas.catalog import (
    EnumShape,
    EnumValue,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Scalar,
    ScalarKind,
    Type,
    UnionShape,
    Upstream,
)
from weft.schemas.links import Weave, weave
from weft.schemas.sdl import introspection_json, print_sdl
from weft.schemas.stitch import MemberBinding, RootBinding, Stitched, entity_of, stitch


def stitched(*upstreams: Upstream, locked: dict[str, str] | None = None) -> Stitched:
    catalog = Catalog.of(*upstreams)
    return stitch(catalog, weave(catalog), locked=locked)


def service(name: str, *members: str) -> Upstream:
    return upstream(
        name,
        shape("Order", "id", *members),
        get(f"{name}.getOrder", "/orders/{id}", ref("Order"), key_argument("id")),
    )


def types_of(made: Stitched) -> set[str]:
    return {n for n, t in made.schema.type_map.items() if isinstance(t, GraphQLObjectType) and n[:2] != "__"}


# -- the shop


def test_the_shop_is_a_valid_schema() -> None:
    made = stitch(SHOP, weave(SHOP))
    assert validate_schema(made.schema) == []
    assert made.schema.query_type is not None
    assert sorted(made.schema.query_type.fields) == [
        "batchGetStock",
        "customer",
        "order",
        "orders",
        "prices",
        "product",
        "products",
        "stock",
    ]


def test_every_generated_field_has_a_binding() -> None:
    made = stitch(SHOP, weave(SHOP))
    assert made.bindings["Product.weightGrams"] == MemberBinding("weight_grams")
    root = made.bindings["Mutation.cancelOrder"]
    assert isinstance(root, RootBinding)
    assert root.void
    fields = {
        f"{name}.{field_name}"
        for name, type_ in made.schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__")
        for field_name in type_.fields
    }
    assert set(made.bindings) == fields


def test_a_type_knows_how_an_object_of_it_is_loaded() -> None:
    schema = stitch(SHOP, weave(SHOP)).schema
    product, stock = schema.type_map["Product"], schema.type_map["Stock"]
    assert isinstance(product, GraphQLObjectType)
    assert isinstance(stock, GraphQLObjectType)
    entity = entity_of(product)
    assert entity is not None
    assert entity.function.id == "products.get_product"
    assert entity.bulk is not None
    assert entity_of(stock) is None


def test_equal_catalogs_give_equal_schemas() -> None:
    again = Catalog.of(*reversed(SHOP.upstreams))
    assert print_sdl(stitch(SHOP, weave(SHOP)).schema) == print_sdl(stitch(again, weave(again)).schema)


def test_the_introspection_is_the_schema() -> None:
    text = introspection_json(stitch(SHOP, weave(SHOP)).schema)
    assert text.startswith('{\n  "data": {\n    "__schema": {')
    assert '"name": "weightGrams"' in text


# -- an empty catalog


def test_a_schema_without_functions_says_so() -> None:
    made = stitch(Catalog(), Weave((), ()))
    assert validate_schema(made.schema) == []
    result = graphql_sync(made.schema, "{ weftVersion }")
    assert result.data == {"weftVersion": "no upstream has been read yet"}


def test_a_schema_of_writes_alone_is_valid() -> None:
    made = stitched(upstream("shop", write("shop.ping", "/ping", None)))
    assert validate_schema(made.schema) == []


# -- names of several upstreams


def test_the_later_of_two_upstreams_has_the_prefixed_type() -> None:
    assert types_of(stitched(service("a"), service("b"))) == {"Query", "Order", "BOrder"}


def test_a_name_in_the_lock_stays_when_an_upstream_appears() -> None:
    before = stitched(service("b"))
    after = stitched(service("a"), service("b"), locked=dict(before.names))
    assert after.names["types output b/Order"] == "Order"
    assert after.names["types output a/Order"] == "AOrder"
    assert after.names["Query b.getOrder"] == "order"


def test_a_name_in_the_lock_stays_when_an_upstream_goes() -> None:
    before = stitched(service("a"), service("b"))
    after = stitched(service("b"), locked=dict(before.names))
    assert types_of(after) == {"Query", "BOrder"}


def test_a_name_is_kept_for_an_upstream_that_comes_back() -> None:
    first = stitched(service("a"), service("b"))
    away = stitched(service("b"), locked=dict(first.names))
    back = stitched(service("a"), service("b"), locked=dict(away.names))
    assert back.names == first.names


def test_the_lock_holds_a_name_for_each_type_and_root_field() -> None:
    assert dict(stitched(service("a")).names) == {
        "Query a.getOrder": "order",
        "types output a/Order": "Order",
    }


def test_an_input_and_an_output_of_one_shape_have_names_of_their_own() -> None:
    made = stitched(
        upstream(
            "shop",
            shape("Order", "id"),
            shape("OrderInput", "id"),
            get("shop.get", "/o", ref("Order")),
            write(
                "shop.put",
                "/o",
                ref("OrderInput"),
                argument("one", ref("Order")),
                argument("two", ref("OrderInput")),
            ),
        )
    )
    assert validate_schema(made.schema) == []
    assert {"Order", "OrderInput", "ShopOrderInput"} <= set(made.schema.type_map)


# -- catalogs of any kind

_NAMES = st.sampled_from(
    ["Order", "order", "a b", "Query", "String", "JSON", "IntEntry", "__x", "9", "", "日本", "OrderInput"]
)
_MEMBERS = st.sampled_from(
    ["id", "order_id", "orderIds", "a-b", "a_b", "", "__typename", "$ref", "9", "order"]
)
_KINDS = st.sampled_from([*ScalarKind.__args__])  # type: ignore[attr-defined]  # a Literal's members


def _types() -> st.SearchStrategy[Type]:
    leaves: st.SearchStrategy[Any] = st.one_of(
        st.builds(Scalar, kind=_KINDS, nullable=st.booleans()),
        st.builds(lambda name, nullable: ref(name, nullable=nullable), _NAMES, st.booleans()),
        st.just(JsonType()),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda item: ListOf(item=item), inner),
            st.builds(lambda value: MapOf(value=value), inner),
        ),
        max_leaves=3,
    )


@st.composite
def _upstreams(draw: st.DrawFn, name: str) -> Upstream:
    shapes: list[Any] = []
    for shape_name in draw(st.lists(_NAMES, unique=True, max_size=5)):
        kind = draw(st.sampled_from(["object", "object", "enum", "union"]))
        if kind == "enum":
            values = draw(st.lists(st.one_of(st.text(max_size=3), st.integers(), st.booleans()), max_size=4))
            shapes.append(EnumShape(name=shape_name, values=tuple(EnumValue(value=v) for v in values)))  # type: ignore[arg-type]
        elif kind == "union":
            members = tuple(draw(st.lists(_NAMES, unique=True, max_size=3)))
            shapes.append(UnionShape(name=shape_name, members=members))  # type: ignore[arg-type]
        else:
            fields = tuple(
                field(
                    member,
                    draw(_types()),
                    required=draw(st.booleans()),
                    read_only=draw(st.booleans()),
                    write_only=draw(st.booleans()),
                    deprecated=draw(st.sampled_from([None, "", "old"])),
                )
                for member in draw(st.lists(_MEMBERS, unique=True, max_size=4))
            )
            shapes.append(ObjectShape(name=shape_name, fields=fields))  # type: ignore[arg-type]
    functions = []
    for operation in draw(
        st.lists(st.sampled_from(["getOrder", "listOrders", "order", "?", "put"]), unique=True)
    ):
        arguments = [
            argument(a, draw(_types()), required=draw(st.booleans()))
            for a in draw(st.lists(_MEMBERS, unique=True, max_size=3))
        ]
        make = draw(st.sampled_from([get, write]))
        result = draw(st.one_of(st.none(), _types()))
        if draw(st.booleans()):
            functions.append(make(f"{name}.{operation}", "/x/{id}/y", result, *arguments))
        else:
            streaming = draw(st.sampled_from(["none", "server", "client"]))
            functions.append(rpc(f"{name}.{operation}", result, *arguments, streaming=streaming))
    return upstream(name, *functions, *shapes)


def _names_in(schema: GraphQLSchema) -> dict[str, list[str]]:
    return {
        name: sorted(getattr(type_, "fields", None) or getattr(type_, "values", None) or ())
        for name, type_ in schema.type_map.items()
    }


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(_upstreams("a"), _upstreams("b"))
def test_every_catalog_gives_a_valid_schema(one: Upstream, other: Upstream) -> None:
    made = stitched(one, other)
    assert validate_schema(made.schema) == []
    again = build_schema(print_sdl(made.schema))
    assert _names_in(again).items() <= _names_in(made.schema).items()
    assert print_sdl(again) == print_sdl(made.schema)
    locked = stitched(one, other, locked=dict(made.names))
    assert print_sdl(locked.schema) == print_sdl(made.schema)
    assert stitched(other, locked=dict(made.names)).names == made.names
