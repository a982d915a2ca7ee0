"""JSON Schema of Lambda functions to shapes."""

from __future__ import annotations

from typing import Any

import pytest

from weft.schemas.aws_lambda.json_schema import MAX_DEPTH, SchemaReader
from weft.schemas.catalog import (
    Constraints,
    EnumShape,
    EnumValue,
    Field,
    Json,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Type,
)

TEXT = Scalar(kind="string")


def read(schema: Json, *, suffix: str = "") -> tuple[Type, SchemaReader]:
    reader = SchemaReader(function="GetPrices", noun="Price", documents={"outputSchema": schema})
    return reader.read("outputSchema", name="get_prices_result", suffix=suffix), reader


def type_of(schema: Json) -> Type:
    found, reader = read(schema)
    assert reader.warnings == []
    return found


def shapes_of(schema: Json) -> dict[ShapeName, Any]:
    reader = read(schema)[1]
    assert reader.warnings == []
    return dict(reader.shapes)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, TEXT),
        ({"type": "boolean"}, Scalar(kind="boolean")),
        ({"type": "number"}, Scalar(kind="float")),
        ({"type": "number", "format": "double"}, Scalar(kind="float")),
        ({"type": "integer"}, Scalar(kind="int32")),
        ({"type": "integer", "format": "int64"}, Scalar(kind="int64")),
        ({"type": "integer", "enum": [1, 2**40]}, Scalar(kind="int64")),
        ({"type": "string", "format": "date-time"}, Scalar(kind="date-time")),
        ({"type": "string", "format": "iso-4217"}, Scalar(kind="string", format="iso-4217")),
        ({"type": "array", "items": {"type": "string"}}, ListOf(item=TEXT)),
        ({"items": {"type": "string"}}, ListOf(item=TEXT)),
        ({"type": "array"}, ListOf(item=JsonType(nullable=True))),
        ({"type": "object", "additionalProperties": {"type": "string"}}, MapOf(value=TEXT)),
        ({"type": "object"}, JsonType()),
        ({"type": "null"}, JsonType(nullable=True)),
        ({}, JsonType()),
        (True, JsonType()),
        ({"description": "anything"}, JsonType(nullable=True)),
    ],
)
def test_a_schema_has_a_type(schema: Json, expected: Type) -> None:
    assert type_of(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"type": "string", "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
        {"allOf": [{"type": "string"}], "nullable": True},
        {"$ref": "#/$defs/Name", "nullable": True, "$defs": {"Name": {"type": "string"}}},
    ],
)
def test_null_may_be_written_in_many_ways(schema: Json) -> None:
    assert type_of(schema) == Scalar(kind="string", nullable=True)


def test_bounds_are_kept() -> None:
    found = type_of({"type": "array", "maxItems": 5, "items": {"type": "integer", "minimum": 1}})
    item = Scalar(kind="int32", constraints=Constraints(minimum=1))
    assert found == ListOf(item=item, constraints=Constraints(max_items=5))


def test_an_object_is_a_shape() -> None:
    shapes = shapes_of(
        {
            "type": "object",
            "description": "What it costs.",
            "properties": {
                "amount": {"type": "number", "description": "In euro.", "default": 0},
                "old": {"type": "string", "deprecated": True, "readOnly": True},
            },
            "required": ["amount"],
        }
    )
    amount = Field(name="amount", type=Scalar(kind="float"), required=True, description="In euro.", default=0)
    old = Field(name="old", type=TEXT, deprecated="", read_only=True)
    name = ShapeName("GetPricesResult")
    assert shapes == {name: ObjectShape(name=name, fields=(amount, old), description="What it costs.")}


def of(name: str, **properties: Any) -> dict[str, Any]:
    """An object schema with a property *name* and others."""
    return {"type": "object", "properties": {name: {"type": "string"}, **properties}}


def test_a_title_is_the_shapes_name() -> None:
    assert list(shapes_of({**of("a"), "title": "price list"})) == ["PriceList"]


def test_an_item_is_named_by_the_singular_of_its_property() -> None:
    assert list(shapes_of(of("a", orderLines={"type": "array", "items": of("b")}))) == [
        "GetPricesResult",
        "OrderLine",
    ]


@pytest.mark.parametrize("name", ["items", "results", "data"])
def test_an_item_of_a_property_that_says_nothing_is_named_by_the_function(name: str) -> None:
    assert list(shapes_of(of("a", **{name: {"type": "array", "items": of("b")}}))) == [
        "GetPricesResult",
        "Price",
    ]


def test_a_name_that_is_taken_gets_the_name_around_it() -> None:
    other = {**of("x"), "title": "Other", "properties": {"meta": of("c")}}
    assert list(shapes_of(of("a", meta=of("b"), other=other))) == [
        "GetPricesResult",
        "Meta",
        "Other",
        "OtherMeta",
    ]


def test_objects_that_are_alike_are_one_shape() -> None:
    address = {**of("street"), "title": "Address"}
    assert list(shapes_of(of("a", home=address, work=address))) == ["GetPricesResult", "Address"]


def test_objects_of_an_input_end_in_input() -> None:
    assert list(read(of("a", address=of("b")), suffix="Input")[1].shapes) == [
        "GetPricesResultInput",
        "AddressInput",
    ]


def test_texts_to_choose_from_are_an_enum() -> None:
    shapes = shapes_of(of("a", currency={"type": "string", "enum": ["EUR", "USD", "EUR"]}))
    name = ShapeName("Currency")
    assert shapes[name] == EnumShape(name=name, values=(EnumValue(value="EUR"), EnumValue(value="USD")))


def test_null_among_the_values_of_an_enum_makes_it_nullable() -> None:
    assert type_of({"enum": ["a", None], "title": "Letter"}) == Reference(
        shape=ShapeName("Letter"), nullable=True
    )


def test_equal_enums_are_one_shape() -> None:
    enum = {"type": "string", "enum": ["EUR", "USD"]}
    assert list(shapes_of(of("a", currency=enum, other=of("b", currency=enum)))) == [
        "GetPricesResult",
        "Currency",
        "Other",
    ]


@pytest.mark.parametrize("place", ["$defs", "definitions"])
def test_a_definition_is_named_by_its_key(place: str) -> None:
    found = type_of({"$ref": f"#/{place}/Money", place: {"Money": of("amount")}})
    assert found == Reference(shape=ShapeName("Money"))


def test_a_definition_may_refer_to_itself() -> None:
    node = of("name", children={"type": "array", "items": {"$ref": "#/$defs/Node"}})
    shapes = shapes_of({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert list(shapes) == ["Node"]
    assert shapes[ShapeName("Node")].fields[1].type == ListOf(item=Reference(shape=ShapeName("Node")))


def test_a_reference_may_be_to_the_whole_schema() -> None:
    shapes = shapes_of({**of("a", parent={"$ref": "#"}), "title": "Node"})
    assert list(shapes) == ["Node"]
    assert shapes[ShapeName("Node")].fields[1].type == Reference(shape=ShapeName("Node"))


def test_a_reference_may_begin_at_the_top_of_the_file() -> None:
    assert type_of({"$ref": "#/outputSchema/$defs/A", "$defs": {"A": {"type": "string"}}}) == TEXT


def test_a_nullable_definition_is_null_wherever_it_is_used() -> None:
    money = {**of("amount"), "type": ["object", "null"]}
    found = type_of({"$ref": "#/$defs/Money", "$defs": {"Money": money}})
    assert found == Reference(shape=ShapeName("Money"), nullable=True)


@pytest.mark.parametrize(
    ("schema", "kind", "pointer"),
    [
        (False, "not-a-schema", "/outputSchema"),
        (3, "not-a-schema", "/outputSchema"),
        ({"type": ["string", "integer"]}, "unsupported-type", "/outputSchema"),
        ({"type": "date"}, "unsupported-type", "/outputSchema"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "unsupported-keyword", "/outputSchema"),
        ({"allOf": [of("a"), of("b")]}, "unsupported-keyword", "/outputSchema"),
        ({"anyOf": 3}, "not-a-schema", "/outputSchema"),
        ({"type": "object", "patternProperties": {}}, "unsupported-keyword", "/outputSchema"),
        ({"$ref": "#/$defs/None"}, "unresolved-ref", "/outputSchema"),
        ({"$ref": "https://example.com/a.json"}, "unresolved-ref", "/outputSchema"),
        ({"$ref": 3}, "unresolved-ref", "/outputSchema"),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
            "circular-ref",
            "/outputSchema/$defs/A",
        ),
    ],
)
def test_what_cannot_be_read_is_json_with_a_warning(schema: Json, kind: str, pointer: str) -> None:
    found, reader = read(schema)
    assert isinstance(found, JsonType)
    assert found.nullable
    assert found.reason
    assert [(warning.kind, warning.pointer) for warning in reader.warnings] == [(kind, pointer)]


def test_a_fault_costs_only_its_place() -> None:
    found, reader = read(of("good", bad={"type": "date"}))
    assert isinstance(found, Reference)
    assert [warning.pointer for warning in reader.warnings] == ["/outputSchema/properties/bad"]


def test_members_beside_the_named_ones_are_left_out_with_a_warning() -> None:
    reader = read({**of("a"), "additionalProperties": {"type": "string"}})[1]
    assert [warning.kind for warning in reader.warnings] == ["additional-properties"]


def test_a_required_member_that_is_no_property_is_a_warning() -> None:
    reader = read({**of("a"), "required": ["a", "b"]})[1]
    assert [warning.kind for warning in reader.warnings] == ["required-unknown"]


def test_schemas_nested_too_deeply_are_json() -> None:
    schema: Json = {"type": "string"}
    for _ in range(MAX_DEPTH + 5):
        schema = {"type": "array", "items": schema}
    assert [warning.kind for warning in read(schema)[1].warnings] == ["too-large"]


def test_too_many_schemas_are_json_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.schemas.aws_lambda.json_schema.MAX_SCHEMAS", 3)
    properties: dict[str, Json] = {f"p{number}": {"type": "string"} for number in range(9)}
    reader = read({"type": "object", "properties": properties})[1]
    (shape,) = reader.shapes.values()
    assert isinstance(shape, ObjectShape)
    assert [type(field.type) for field in shape.fields[:3]] == [Scalar, Scalar, JsonType]
    assert [warning.kind for warning in reader.warnings] == ["too-large"]


def test_an_input_may_refer_to_itself() -> None:
    schema = of("name", child={"$ref": "#"})
    reader = SchemaReader(function="PutNode", noun="Node", documents={"inputSchema": schema})
    members = reader.read_members("inputSchema", suffix="Input")
    assert members is not None
    assert members[1].type == Reference(shape=ShapeName("PutNodeInput"))
