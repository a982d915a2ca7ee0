"""Descriptions of Lambda functions to an upstream."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from weft.schemas.aws_lambda import LambdaDescription, LambdaSchema, parse_tool_schema, read_functions
from weft.schemas.catalog import (
    Argument,
    Catalog,
    Json,
    JsonType,
    LambdaBinding,
    LambdaTarget,
    Reference,
    Scalar,
    ShapeName,
    Upstream,
    UpstreamId,
)

SCHEMAS = Path(__file__).parents[3] / "examples/shop/pricing/schemas"


def named(*names: str) -> Upstream:
    return read_functions([LambdaDescription(name) for name in names], upstream=None, region="eu-west-1")


def described(
    name: str,
    input_schema: Json = None,
    output_schema: Json = None,
    qualifier: str = "",
    *,
    beside: bool = False,
) -> LambdaDescription:
    schema = LambdaSchema(input_schema=input_schema, output_schema=output_schema)
    return LambdaDescription(name, schema=schema, qualifier=qualifier, beside=beside)


def read(*descriptions: LambdaDescription) -> Upstream:
    return read_functions(descriptions, upstream=UpstreamId("u"), region="eu-west-1")


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TEXT: Json = {"type": "string"}


@pytest.mark.parametrize(
    ("names", "title", "functions"),
    [
        (("pricing-get-prices", "pricing-apply"), "Pricing", ["apply", "get_prices"]),
        (("pricing-get-prices",), "Pricing", ["get_prices"]),
        (("PricingGetPrices", "pricing_echo"), "Pricing", ["get_prices", "echo"]),
        (("pricing-get", "pricing"), "Lambda eu-west-1", ["pricing", "pricing_get"]),
        (("pricing-get", "orders-get"), "Lambda eu-west-1", ["orders_get", "pricing_get"]),
        (("get-prices", "get-stock"), "Lambda eu-west-1", ["get_prices", "get_stock"]),
        (("create-order", "create-user"), "Lambda eu-west-1", ["create_order", "create_user"]),
        (("price-history",), "Lambda eu-west-1", ["price_history"]),
        (("3d-get-model", "3d-render"), "Lambda eu-west-1", ["_3d_get_model", "_3d_render"]),
        (("get-price", "get_price"), "Lambda eu-west-1", ["get_price", "get_price2"]),
    ],
)
def test_a_word_that_all_names_begin_with_is_the_title(
    names: tuple[str, ...], title: str, functions: list[str]
) -> None:
    upstream = named(*names)
    assert (upstream.title, [function.name for function in upstream.functions]) == (title, functions)


def test_the_title_makes_the_id_where_none_is_given() -> None:
    assert named("pricing-get-prices").functions[0].id == "pricing.get_prices"
    assert named("a", "b").id == "lambda_eu_west_1"


def test_the_target_is_the_region() -> None:
    upstream = read_functions([], upstream=UpstreamId("u"), region="eu-west-1", endpoint="http://127.0.0.1:1")
    assert upstream == Upstream(
        id=UpstreamId("u"),
        title="Lambda eu-west-1",
        target=LambdaTarget(region="eu-west-1", endpoint="http://127.0.0.1:1"),
    )


def test_a_function_without_a_schema_takes_and_answers_any_json() -> None:
    (function,) = named("echo").functions
    assert function.arguments == (Argument(name="payload", type=JsonType(nullable=True)),)
    assert function.binding == LambdaBinding(function_name="echo", payload="whole")
    assert isinstance(function.result, JsonType)


def test_properties_of_the_payload_are_arguments() -> None:
    schema: Json = {
        "type": "object",
        "properties": {"id": TEXT, "size": {"type": "integer", "default": 3, "description": "How many."}},
        "required": ["id"],
    }
    (function,) = read(described("get-a", schema)).functions
    size = Argument(name="size", type=Scalar(kind="int32"), default=3, description="How many.")
    assert function.arguments == (Argument(name="id", type=Scalar(kind="string"), required=True), size)
    assert function.binding == LambdaBinding(function_name="get-a", payload="arguments")


def test_properties_behind_a_reference_are_arguments() -> None:
    (function,) = read(described("get-a", {"$ref": "#/$defs/A", "$defs": {"A": of(id=TEXT)}})).functions
    assert [argument.name for argument in function.arguments] == ["id"]


def test_an_object_that_may_hold_nothing_has_no_arguments() -> None:
    schema: Json = {"type": "object", "properties": {}, "additionalProperties": False}
    (function,) = read(described("get-a", schema)).functions
    assert function.arguments == ()
    assert function.binding == LambdaBinding(function_name="get-a", payload="arguments")


@pytest.mark.parametrize("schema", [{"type": "array", "items": TEXT}, {"type": "object"}, TEXT])
def test_another_payload_is_one_argument(schema: Json) -> None:
    (function,) = read(described("get-a", schema)).functions
    assert [(argument.name, argument.required) for argument in function.arguments] == [("payload", True)]
    assert function.binding == LambdaBinding(function_name="get-a", payload="whole")


@pytest.mark.parametrize(
    ("name", "effect", "idempotent"), [("pricing-get-prices", "read", True), ("apply", "write", False)]
)
def test_the_effect_is_told_from_the_name(name: str, effect: str, idempotent: bool) -> None:
    (function,) = named(name).functions
    assert (function.effect, function.idempotent) == (effect, idempotent)
    assert function.effect_reason


def test_the_schema_s_description_wins() -> None:
    schema = LambdaSchema(description="of the schema", output_schema=TEXT)
    (function,) = read(LambdaDescription("a", description="of the function", schema=schema)).functions
    assert function.description == "of the schema"


def test_a_qualifier_beside_the_main_one_is_a_function_of_its_own() -> None:
    upstream = read(
        described("a", qualifier="live", beside=True),
        described("a", qualifier="2", beside=True),
        described("a", qualifier="prod"),
    )
    assert [(function.name, function.binding) for function in upstream.functions] == [
        ("a", LambdaBinding(function_name="a", qualifier="prod", payload="whole")),
        ("a_2", LambdaBinding(function_name="a", qualifier="2", payload="whole")),
        ("a_live", LambdaBinding(function_name="a", qualifier="live", payload="whole")),
    ]


def test_a_name_goes_to_the_function_that_has_it_and_not_to_an_alias_of_another() -> None:
    upstream = read(described("a", qualifier="live", beside=True), described("a-live"), described("b"))
    assert [(function.name, function.binding) for function in upstream.functions] == [
        ("a_live", LambdaBinding(function_name="a-live", payload="whole")),
        ("b", LambdaBinding(function_name="b", payload="whole")),
        ("a_live2", LambdaBinding(function_name="a", qualifier="live", payload="whole")),
    ]


def test_what_is_said_of_a_qualifier_stands_after_the_description() -> None:
    (function,) = read(LambdaDescription("a", description="What it does.", note="Alias `live`.")).functions
    assert function.description == "What it does.\n\nAlias `live`."


@pytest.mark.parametrize(
    ("name", "schema", "shape"),
    [
        ("get-prices", of(prices={"type": "array"}, next=TEXT), "GetPricesResult"),
        ("list-prices", of(items={"type": "array"}), "ListPricesResult"),
        ("get-price", of(amount=TEXT), "Price"),
        ("get-price-by-id", of(amount=TEXT), "Price"),
        ("batch-get-prices", of(amount=TEXT), "Price"),
        ("apply-discount", of(amount=TEXT), "ApplyDiscountResult"),
    ],
)
def test_the_result_is_named_by_what_is_asked_for(name: str, schema: Json, shape: str) -> None:
    (function,) = read(described(name, output_schema=schema)).functions
    assert function.result == Reference(shape=ShapeName(shape))


def test_shapes_that_are_alike_are_shared_between_functions() -> None:
    money = {"title": "Money", **of(amount=TEXT)}
    upstream = read(
        described("get-a", output_schema=of(m=money)), described("get-b", output_schema=of(m=money))
    )
    assert sorted(upstream.shapes) == ["A", "B", "Money"]


def test_shapes_that_differ_are_told_apart_by_their_functions() -> None:
    upstream = read(
        described("get-a", output_schema=of(currency={"enum": ["EUR", "CHF"]})),
        described("get-b", output_schema=of(currency={"enum": ["USD", "CAD"]})),
    )
    assert sorted(upstream.shapes) == ["A", "B", "Currency", "GetBCurrency"]
    assert upstream.shapes[ShapeName("B")].fields[0].type == Reference(  # type: ignore[union-attr]
        shape=ShapeName("GetBCurrency")
    )


def test_a_shape_that_refers_to_another_one_is_not_shared() -> None:
    def order(unit: str) -> Json:
        money: Json = {
            "title": "Money",
            "type": "object",
            "properties": {"unit": {"enum": [unit, "-"], "title": "Unit"}},
        }
        return of(total={"title": "Total", "type": "object", "properties": {"money": money}})

    upstream = read(
        described("get-a", output_schema=order("EUR")), described("get-b", output_schema=order("USD"))
    )
    assert sorted(upstream.shapes) == [
        "A", "B", "GetBMoney", "GetBTotal", "GetBUnit", "Money", "Total", "Unit",
    ]  # fmt: skip


def test_every_reference_leads_to_a_shape() -> None:
    upstream = read(
        described("get-a", of(address=of(city=TEXT)), of(address=of(city=TEXT))),
        described("put-a", of(address=of(street=TEXT)), of(address=of(street=TEXT))),
    )
    assert all(name == shape.name for name, shape in upstream.shapes.items())
    assert upstream.functions[1].arguments[0].type == Reference(shape=ShapeName("PutAAddress"))
    assert ShapeName("PutAAddress") in upstream.shapes


def test_warnings_name_the_function_and_the_place() -> None:
    (warning,) = read(described("get-a", of(x={"type": "moment"}))).warnings
    assert warning.pointer == "/get-a/inputSchema/properties/x"


def test_the_order_of_the_descriptions_changes_nothing() -> None:
    schemas = [of(m=of(a=TEXT)), of(m=of(b=TEXT)), of(m=of(a=TEXT)), of(m={"enum": ["x", "y"]})]
    descriptions = [described(f"get-{n}", schema, schema) for n, schema in enumerate(schemas)]
    first = Catalog.of(read(*descriptions)).content_hash
    for seed in range(5):
        random.Random(seed).shuffle(descriptions)
        assert Catalog.of(read(*descriptions)).content_hash == first


def test_the_example_s_schemas_are_read_without_a_warning() -> None:
    descriptions = [
        LambdaDescription(path.stem, schema=parse_tool_schema(path.read_bytes(), source=path.name))
        for path in SCHEMAS.glob("*.json")
    ]
    upstream = read_functions(descriptions, upstream=None, region="eu-west-1")
    assert upstream.warnings == ()
    assert sorted(upstream.shapes) == [
        "AppliedDiscount",
        "Currency",
        "GetPricesResult",
        "Price",
        "ShippingQuote",
    ]
