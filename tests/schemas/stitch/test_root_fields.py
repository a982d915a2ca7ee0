"""Functions as fields of the root types, and links as fields of objects."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLField, GraphQLSchema, Undefined

from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import (
    INT,
    TEXT,
    TEXTS,
    Catalog,
    argument,
    get,
    key_argument,
    list_of,
    ref,
    rpc,
    shape,
    upstream,
    write,
)
from weft.schemas.catalog import Function, Scalar
from weft.schemas.links import LinkRule, weave
from weft.schemas.stitch import LinkBinding, RootBinding, binding_of, stitch

THING = shape("Thing", "id")


def schema_of(*parts: Any) -> GraphQLSchema:
    catalog = Catalog.of(upstream("shop", THING, *parts))
    return stitch(catalog, weave(catalog)).schema


def roots(*parts: Any) -> dict[str, str]:
    """Root fields and their types, by coordinate."""
    schema = schema_of(*parts)
    types = [t for t in (schema.query_type, schema.mutation_type, schema.subscription_type) if t]
    return {f"{t.name}.{name}": str(field.type) for t in types for name, field in t.fields.items()}


def the_field(*parts: Any) -> GraphQLField:
    query = schema_of(*parts).query_type
    assert query is not None
    (only,) = query.fields.values()
    assert isinstance(only, GraphQLField)
    return only


# -- where a function stands, and what it is called


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("listThings", "things"),
        ("getThing", "thing"),
        ("get_thing_by_id", "thingById"),
        ("things.ThingService.DescribeThing", "thing"),
        ("searchThings", "searchThings"),
        ("get", "get"),
        ("thing", "thing"),
        ("2fa", "_2fa"),
        ("???", "function"),
    ],
)
def test_a_read_is_named_after_what_it_answers(operation: str, field: str) -> None:
    assert roots(get(f"shop.{operation}", "/x", ref("Thing"))) == {f"Query.{field}": "Thing"}


def test_when_two_would_have_one_name_the_later_keeps_its_verb() -> None:
    found = roots(get("shop.fetchThing", "/a", ref("Thing")), get("shop.getThing", "/b", ref("Thing")))
    assert list(found) == ["Query.getThing", "Query.thing"]


def test_when_two_upstreams_have_one_function_the_later_is_prefixed() -> None:
    catalog = Catalog.of(upstream("b", get("b.status", "/", TEXT)), upstream("a", get("a.status", "/", TEXT)))
    query = stitch(catalog, weave(catalog)).schema.query_type
    assert query is not None
    assert list(query.fields) == ["bStatus", "status"]


def test_a_write_keeps_its_verb_and_stands_on_mutation() -> None:
    found = roots(get("shop.getThing", "/x", ref("Thing")), write("shop.getOrMakeThing", "/x", ref("Thing")))
    assert found["Mutation.getOrMakeThing"] == "Thing"


def test_a_write_that_answers_nothing_is_a_boolean() -> None:
    found = roots(write("shop.ping", "/ping", None), get("shop.x", "/x", TEXT))
    assert found["Mutation.ping"] == "Boolean"


def test_a_stream_stands_on_subscription() -> None:
    found = roots(rpc("shop.WatchThing", ref("Thing"), streaming="server"), get("shop.x", "/x", TEXT))
    assert found["Subscription.watchThing"] == "Thing"


def test_a_stream_in_both_directions_stands_on_subscription() -> None:
    found = roots(rpc("shop.Chat", ref("Thing"), streaming="both"), get("shop.x", "/x", TEXT))
    assert found["Subscription.chat"] == "Thing"


def test_a_stream_of_the_client_stands_on_mutation() -> None:
    found = roots(rpc("shop.Upload", ref("Thing"), streaming="client"), get("shop.x", "/x", TEXT))
    assert found["Mutation.upload"] == "Thing"


def test_a_query_and_a_mutation_may_share_a_name() -> None:
    found = roots(get("shop.getThing", "/x", ref("Thing")), write("shop.thing", "/x", ref("Thing")))
    assert set(found) == {"Query.thing", "Mutation.thing"}


def test_an_answer_may_be_null_for_an_upstream_may_fail() -> None:
    assert roots(get("shop.x", "/x", list_of("Thing"))) == {"Query.x": "[Thing!]"}


def test_fields_stand_in_the_order_of_their_names() -> None:
    query = schema_of(get("shop.b", "/b", TEXT), get("shop.a", "/a", TEXT)).query_type
    assert query is not None
    assert list(query.fields) == ["a", "b"]


def test_a_root_field_is_bound_to_its_function() -> None:
    function = get("shop.x", "/x", TEXT)
    assert binding_of(the_field(function)) == RootBinding(function)


# -- arguments


def test_an_argument_keeps_the_functions_name_for_it() -> None:
    made = the_field(get("shop.x", "/x", TEXT, argument("page_size", INT)))
    assert made.args["pageSize"].out_name == "page_size"


def test_an_argument_must_be_given_if_it_is_required_and_has_no_default() -> None:
    made = the_field(
        get(
            "shop.x",
            "/x",
            TEXT,
            key_argument("a"),
            argument("b", TEXT),
            argument("c", INT, required=True, default=5),
            key_argument("d", Scalar(kind="string", nullable=True)),
        )
    )
    assert {name: str(one.type) for name, one in made.args.items()} == {
        "a": "String!",
        "b": "String",
        "c": "Int",
        "d": "String",
    }
    assert made.args["c"].default_value == 5
    assert made.args["b"].default_value is Undefined


def test_arguments_whose_names_collide_are_numbered() -> None:
    made = the_field(get("shop.x", "/x", TEXT, argument("filter[id]", TEXT), argument("filterId", TEXT)))
    assert {name: one.out_name for name, one in made.args.items()} == {
        "filterId2": "filter[id]",
        "filterId": "filterId",
    }


def test_descriptions_and_deprecations_are_kept() -> None:
    made = the_field(
        get(
            "shop.x",
            "/x",
            TEXT,
            argument("a", TEXT, description="First.", deprecated="Use b."),
            key_argument("b"),
            description="Reads x.",
            deprecated="",
        )
    )
    assert made.description == "Reads x."
    assert made.deprecation_reason == "No longer supported"
    assert made.args["a"].description == "First."
    assert made.args["a"].deprecation_reason == "Use b."


# -- links


def linked(coordinate: str, catalog: Catalog = SHOP, **rules: Any) -> GraphQLField:
    type_, _, name = coordinate.partition(".")
    field = stitch(catalog, weave(catalog, **rules)).schema.get_type(type_).fields[name]  # type: ignore[union-attr]
    assert isinstance(field, GraphQLField)
    return field


def test_a_link_has_the_type_of_what_it_leads_to() -> None:
    assert str(linked("Order.product").type) == "Product"
    assert str(linked("Customer.orders").type) == "[Order!]"


def test_a_link_by_a_bulk_function_alone_has_the_type_of_an_item() -> None:
    assert str(linked("Product.price").type) == "Price"


def test_a_link_over_a_list_of_keys_has_a_list_of_what_may_be_missing() -> None:
    catalog = Catalog.of(
        upstream(
            "shop",
            shape("Cart", "id", *shape("x", "thing").fields),
            THING,
            get("shop.getThing", "/things/{id}", ref("Thing"), key_argument("id")),
            get("shop.getCart", "/carts/{id}", ref("Cart"), key_argument("id")),
            get("shop.list", "/things", list_of("Thing"), argument("ids", TEXTS)),
        )
    )
    rule = LinkRule("Cart.things", "shop.getThing", {"id": "thing"})
    assert str(linked("Cart.things", catalog, links=[rule]).type) == "Thing"


def test_a_link_takes_the_arguments_that_are_no_key() -> None:
    assert list(linked("Customer.orders").args) == ["limit"]


def test_a_batched_link_takes_no_arguments() -> None:
    assert linked("Order.product").args == {}


def test_a_link_is_bound_to_its_functions() -> None:
    binding = binding_of(linked("Order.product"))
    assert isinstance(binding, LinkBinding)
    assert binding.function.id == "products.get_product"
    assert isinstance(binding.bulk, Function)
    assert binding.bulk.id == "products.list_products"


def test_a_link_says_what_answers_it() -> None:
    assert linked("Product.price").description == "Answered by pricing.get_prices (productIds from id)."


def test_a_configured_link_stands_in_the_place_of_the_member() -> None:
    rule = LinkRule("Order.productId", "products.get_product", {"product_id": "productId"})
    assert str(linked("Order.productId", links=[rule]).type) == "Product"
