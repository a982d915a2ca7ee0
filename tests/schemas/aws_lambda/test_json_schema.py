"""JSON Schema of Lambda functions to shapes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from weft.aws_lambda.json_schema import Schemas
from weft.schemas.aws_lambda.inline_names import MAX_DEPTH
from weft.schemas.aws_lambda.json_schema import ReadSchema, read_schema
from weft.schemas.catalog import (
    Constraints,
    Discriminator,
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
    UnionShape,
)

TEXT = Scalar(kind="string")


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


class Drawing(msgspec.Struct):
    shapes: dict[str, Circle | Square]
    best: Circle | Square | None = None


def read(schema: Json, document: str = "outputSchema") -> ReadSchema:
    return read_schema(schema, document=document, name="get_prices_result", noun="Price")


def type_of(schema: Json) -> Type:
    found = read(schema)
    assert found.warnings == ()
    return found.type


def shapes_of(schema: Json) -> dict[ShapeName, Any]:
    found = read(schema)
    assert found.warnings == ()
    return dict(found.shapes)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, TEXT),
        ({"type": "boolean"}, Scalar(kind="boolean")),
        ({"type": "number"}, Scalar(kind="float")),
        ({"type": "number", "format": "double"}, Scalar(kind="float")),
        ({"type": "integer"}, Scalar(kind="int32")),
        ({"type": "integer", "format": "int64"}, Scalar(kind="int64")),
        ({"type": "integer", "maximum": 2**40}, Scalar(kind="int64", constraints=Constraints(maximum=2**40))),
        ({"type": "string", "format": "date-time"}, Scalar(kind="date-time")),
        ({"type": "string", "format": "iso-4217"}, Scalar(kind="string", format="iso-4217")),
        ({"type": "array", "items": {"type": "string"}}, ListOf(item=TEXT)),
        ({"items": {"type": "string"}}, ListOf(item=TEXT)),
        ({"type": "array"}, ListOf(item=JsonType())),
        ({"type": "object", "additionalProperties": {"type": "string"}}, MapOf(value=TEXT)),
        ({"type": "object"}, JsonType()),
        ({"type": "null"}, JsonType(nullable=True)),
        ({}, JsonType()),
        (True, JsonType()),
        ({"description": "anything"}, JsonType()),
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


def test_texts_to_choose_from_are_an_enum() -> None:
    shapes = shapes_of(of("a", currency={"type": "string", "enum": ["EUR", "USD", "EUR"]}))
    name = ShapeName("Currency")
    assert shapes[name] == EnumShape(name=name, values=(EnumValue(value="EUR"), EnumValue(value="USD")))


def test_null_among_the_values_of_an_enum_makes_it_nullable() -> None:
    assert type_of({"enum": ["a", "b", None], "title": "Letter"}) == Reference(
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
        (False, "bad-schema", ""),
        (3, "bad-schema", ""),
        ({"type": ["string", "integer"]}, "mixed-union", ""),
        ({"type": "moment"}, "unknown-type", ""),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "mixed-union", ""),
        ({"$ref": "#/$defs/None"}, "unresolved-ref", "/$ref"),
        ({"$ref": "https://example.com/a.json"}, "unresolved-ref", "/$ref"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, "unresolved-ref", "/$ref"),
    ],
)
def test_what_cannot_be_read_is_json_with_a_warning(schema: Json, kind: str, pointer: str) -> None:
    found = read(schema)
    assert isinstance(found.type, JsonType)
    assert found.type.reason
    assert [(warning.kind, warning.pointer) for warning in found.warnings] == [(kind, pointer)]


def test_a_fault_costs_only_its_place() -> None:
    found = read(of("good", bad={"type": "moment"}))
    assert isinstance(found.type, Reference)
    assert [warning.pointer for warning in found.warnings] == ["/properties/bad"]


def test_a_fault_far_inside_is_told_where_its_author_wrote_it() -> None:
    found = read(of("a", lines={"type": "array", "items": of("b", bad={"type": "moment"})}))
    assert [warning.pointer for warning in found.warnings] == ["/properties/lines/items/properties/bad"]


def test_members_beside_the_named_ones_are_left_out_with_a_warning() -> None:
    found = read({**of("a"), "additionalProperties": {"type": "string"}})
    assert [warning.kind for warning in found.warnings] == ["additional-properties"]


def test_a_required_member_that_is_no_property_is_a_warning() -> None:
    found = read({**of("a"), "required": ["a", "b"]})
    assert [warning.kind for warning in found.warnings] == ["undescribed-member"]


def test_schemas_nested_too_deeply_are_json() -> None:
    schema: Json = {"type": "string"}
    for _ in range(MAX_DEPTH + 5):
        schema = {"type": "array", "items": schema}
    assert "too-large" in {warning.kind for warning in read(schema).warnings}


def test_too_many_schemas_are_json_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.schemas.aws_lambda.inline_names.MAX_SCHEMAS", 3)
    properties: dict[str, Json] = {f"p{number}": {"type": "string"} for number in range(9)}
    found = read({"type": "object", "properties": properties})
    (shape,) = found.shapes.values()
    assert isinstance(shape, ObjectShape)
    assert [type(field.type) for field in shape.fields[:3]] == [Scalar, Scalar, JsonType]
    assert [warning.kind for warning in found.warnings] == ["too-large"]


def test_an_input_may_refer_to_itself() -> None:
    found = read_schema(
        of("name", child={"$ref": "#"}), document="inputSchema", name="put_node_input", noun="Node"
    )
    assert found.members is not None
    assert found.members[1].type == Reference(shape=ShapeName("PutNodeInput"))
    assert list(found.member_shapes) == ["PutNodeInput"]


def test_members_do_not_bring_the_object_that_holds_them() -> None:
    found = read(of("a", meta=of("b")), "inputSchema")
    assert list(found.member_shapes) == ["Meta"]


# What pydantic and msgspec write.


def test_parts_of_one_object_are_one_shape() -> None:
    shapes = shapes_of({"allOf": [{"$ref": "#/$defs/Base"}, of("b")], "$defs": {"Base": of("a")}})
    shape = shapes[ShapeName("GetPricesResult")]
    assert [field.name for field in shape.fields] == ["a", "b"]


def test_one_of_several_objects_told_by_a_member_is_a_union() -> None:
    schema: Json = {
        "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"},
        },
        "$defs": {
            "Cat": of("a", kind={"const": "cat", "type": "string"}),
            "Dog": of("b", kind={"const": "dog", "type": "string"}),
        },
    }
    shapes = shapes_of(of("x", pet={"anyOf": [schema, {"type": "null"}]}) | {"$defs": schema["$defs"]})  # type: ignore[index, call-overload]
    (union,) = [shape for shape in shapes.values() if isinstance(shape, UnionShape)]
    assert union.members == ("Cat", "Dog")
    assert union.discriminator == Discriminator(
        property="kind", mapping={"cat": ShapeName("Cat"), "dog": ShapeName("Dog")}
    )


def test_a_tuple_is_json() -> None:
    found = read({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]})
    assert found.type == ListOf(item=JsonType(reason="the positions of a tuple differ"))
    assert [warning.kind for warning in found.warnings] == ["tuple"]


@pytest.mark.parametrize(("hint", "members"), [(Owner, ("Cat", "Dog")), (Drawing, ("Circle", "Square"))])
def test_unions_that_python_libraries_write_are_told_by_their_tag(
    hint: Any, members: tuple[str, ...]
) -> None:
    schemas = Schemas()
    found = read(schemas.document(schemas.of(hint)))
    unions = [shape for shape in found.shapes.values() if isinstance(shape, UnionShape)]
    assert {union.members for union in unions} == {members}
    assert all(union.discriminator is not None for union in unions)
    assert not any(isinstance(shape, EnumShape) for shape in found.shapes.values())
    assert found.warnings == ()


def test_a_constant_is_its_scalar() -> None:
    found = type_of({"const": "eur", "type": "string"})
    assert found == Scalar(kind="string", constraints=Constraints(const="eur"))


def test_draft_4_says_exclusive_bounds_with_a_boolean() -> None:
    found = type_of({"type": "number", "minimum": 0, "exclusiveMinimum": True})
    assert found == Scalar(kind="float", constraints=Constraints(exclusive_minimum=0))
