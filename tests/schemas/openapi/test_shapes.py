from typing import Any

import pytest
from msgspec import UNSET

from tests.schemas.openapi.reading import kinds, read_schema, ref
from weft.schemas.catalog import (
    Constraints,
    EnumShape,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Scalar,
)

REF = "#/components/schemas/"
ORDER: dict[str, Any] = {"type": "object", "properties": {"id": {"type": "string"}}}


def fields(shape: object) -> dict[str, Any]:
    assert isinstance(shape, ObjectShape)
    return {field.name: field for field in shape.fields}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "string", "format": "uri"}, "uri"),
        ({"type": "string", "format": "byte"}, "byte"),
        ({"type": "string", "format": "binary"}, "binary"),
        ({"type": "string", "format": "hostname"}, "string"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "number"}, "float"),
        ({"type": "number", "format": "double"}, "float"),
        ({"type": "number", "format": "decimal"}, "decimal"),
        ({"type": "integer"}, "int32"),
        ({"type": "integer", "format": "int64"}, "int64"),
        ({"type": "integer", "format": "uint64"}, "uint64"),
        ({"type": "integer", "format": "uint32"}, "int64"),
        ({"type": "integer", "maximum": 2**31 - 1}, "int32"),
        ({"type": "integer", "maximum": 2**31}, "int64"),
        ({"type": "integer", "minimum": -(2**31) - 1}, "int64"),
        ({"type": "integer", "minimum": 0, "maximum": 2**64 - 1}, "uint64"),
        ({"type": "int"}, "int32"),
        ({"type": "String"}, "string"),
        ({"format": "date-time"}, "date-time"),
        ({"const": "cat"}, "string"),
        ({"const": 3}, "int32"),
        ({"type": "string", "enum": ["only"]}, "string"),
        ({"type": "boolean", "enum": [True]}, "boolean"),
    ],
)
def test_types_and_formats_become_scalars(schema: dict[str, Any], kind: str) -> None:
    found, _, _ = read_schema(schema)
    assert isinstance(found, Scalar)
    assert found.kind == kind


def test_format_that_no_kind_says_is_kept() -> None:
    assert read_schema({"type": "string", "format": "hostname"})[0] == Scalar(
        kind="string", format="hostname"
    )


def test_component_keeps_its_name() -> None:
    components: Any = {"order-Line": ORDER}
    found, shapes, _ = read_schema({"$ref": REF + "order-Line"}, **components)
    assert found == ref("order-Line")
    assert set(shapes) == {"order-Line"}


def test_inline_object_is_named_after_parent_and_property() -> None:
    address = {"type": "object", "properties": {"city": {"type": "string"}}}
    order = {"type": "object", "properties": {"shipping_address": address}}
    _, shapes, _ = read_schema({"$ref": REF + "Order"}, Order=order)
    assert set(shapes) == {"Order", "OrderShippingAddress"}


def test_inline_item_is_named_in_the_singular() -> None:
    lines = {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}}
    _, shapes, _ = read_schema({"$ref": REF + "Order"}, Order={"properties": {"lines": lines}})
    assert set(shapes) == {"Order", "OrderLine"}


def test_inline_result_is_named_after_its_operation() -> None:
    assert set(read_schema(ORDER)[1]) == {"GetOrderResult"}


def test_inline_name_makes_way_for_a_component() -> None:
    order = {"type": "object", "properties": {"line": ORDER, "other": {"$ref": REF + "OrderLine"}}}
    _, shapes, _ = read_schema({"$ref": REF + "Order"}, Order=order, OrderLine=ORDER)
    assert set(shapes) == {"Order", "OrderLine", "OrderLine2"}


def test_required_and_nullable_are_apart() -> None:
    order = {
        "type": "object",
        "required": ["a", "b"],
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "string", "nullable": True},
            "c": {"type": "string"},
            "d": {"type": "string", "nullable": True},
        },
    }
    found = fields(read_schema(order)[1]["GetOrderResult"])
    assert [(f.required, f.type.nullable) for f in found.values()] == [
        (True, False), (True, True), (False, False), (False, True),
    ]  # fmt: skip


def test_type_list_with_null_is_nullable() -> None:
    assert read_schema({"type": ["string", "null"]}, version="3.1.0")[0] == Scalar(
        kind="string", nullable=True
    )


def test_null_in_an_enum_is_nullability() -> None:
    found, shapes, _ = read_schema(
        {"$ref": REF + "State"}, State={"type": "string", "enum": ["on", "off", None]}
    )
    assert found == ref("State", nullable=True)
    state = shapes["State"]
    assert isinstance(state, EnumShape)
    assert [value.value for value in state.values] == ["on", "off"]


def test_nullable_beside_a_reference_counts() -> None:
    assert read_schema({"$ref": REF + "Order", "nullable": True}, Order=ORDER)[0].nullable


def test_enum_of_integers_keeps_integers_and_names() -> None:
    schema = {
        "type": "integer",
        "enum": [1, 2],
        "x-enum-varnames": ["LOW", "HIGH"],
        "x-enum-descriptions": ["l", "h"],
    }
    _, shapes, _ = read_schema({"$ref": REF + "Level"}, Level=schema)
    level = shapes["Level"]
    assert isinstance(level, EnumShape)
    assert [(v.value, v.name, v.description) for v in level.values] == [(1, "LOW", "l"), (2, "HIGH", "h")]


def test_unquoted_numbers_in_an_enum_of_strings_are_text() -> None:
    _, shapes, _ = read_schema({"$ref": REF + "Code"}, Code={"type": "string", "enum": [1, True, "x"]})
    code = shapes["Code"]
    assert isinstance(code, EnumShape)
    assert [value.value for value in code.values] == ["1", "true", "x"]


def test_constraints_are_kept() -> None:
    found, _, _ = read_schema({"type": "integer", "minimum": 1, "exclusiveMinimum": True, "multipleOf": 5})
    assert found.constraints == Constraints(exclusive_minimum=1, multiple_of=5)
    found, _, _ = read_schema({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 1})
    assert isinstance(found, ListOf)
    assert found.constraints == Constraints(min_items=1)
    assert found.item.constraints == Constraints(max_length=9)


def test_exclusive_bounds_of_3_1_are_numbers() -> None:
    found, _, _ = read_schema({"type": "number", "exclusiveMaximum": 9.5}, version="3.1.0")
    assert found.constraints == Constraints(exclusive_maximum=9.5)


def test_what_is_said_beside_the_type_is_kept() -> None:
    order = {
        "properties": {
            "id": {"type": "string", "readOnly": True, "description": " The id. "},
            "secret": {"type": "string", "writeOnly": True, "deprecated": True},
            "state": {"type": "string", "default": "new", "title": "Where it is"},
        }
    }
    found = fields(read_schema(order)[1]["GetOrderResult"])
    assert (found["id"].read_only, found["id"].description, found["id"].default) == (True, "The id.", UNSET)
    assert (found["secret"].write_only, found["secret"].deprecated) == (True, "")
    assert (found["state"].default, found["state"].description) == ("new", "Where it is")


def test_typed_additional_properties_are_a_map() -> None:
    found, _, _ = read_schema({"type": "object", "additionalProperties": {"type": "integer"}})
    assert found == MapOf(value=Scalar(kind="int32"))


@pytest.mark.parametrize(
    "schema",
    [{"type": "object"}, {"type": "object", "additionalProperties": True}, {}, {"description": "any"}],
)
def test_free_form_is_json_by_the_authors_wish(schema: dict[str, Any]) -> None:
    found, _, upstream = read_schema(schema)
    assert found == JsonType()
    assert upstream.warnings == ()


def test_array_without_items_is_a_list_of_json() -> None:
    assert read_schema({"type": "array"})[0] == ListOf(item=JsonType())


def test_recursive_object_refers_to_itself() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": REF + "Tree"}}}}
    _, shapes, _ = read_schema({"$ref": REF + "Tree"}, Tree=tree)
    assert fields(shapes["Tree"])["children"].type == ListOf(item=ref("Tree"))


def test_recursion_without_an_object_is_json_with_a_warning() -> None:
    found, _, upstream = read_schema(
        {"$ref": REF + "Nest"}, Nest={"type": "array", "items": {"$ref": REF + "Nest"}}
    )
    assert isinstance(found, ListOf)
    assert isinstance(found.item, JsonType)
    assert [kind for kind, _ in kinds(upstream)] == ["endless-schema"]


def test_all_of_merges_properties_and_required() -> None:
    base = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    order = {
        "allOf": [
            {"$ref": REF + "Base"},
            {"properties": {"total": {"type": "number"}}, "required": ["total"]},
        ]
    }
    _, shapes, _ = read_schema({"$ref": REF + "Order"}, Base=base, Order=order)
    assert [(f.name, f.required) for f in fields(shapes["Order"]).values()] == [("id", True), ("total", True)]


def test_all_of_one_reference_is_that_reference() -> None:
    found, shapes, _ = read_schema(
        {"allOf": [{"$ref": REF + "Order"}], "nullable": True, "title": "x"}, Order=ORDER
    )
    assert found == ref("Order", nullable=True)
    assert set(shapes) == {"Order"}


def test_all_of_that_loops_costs_only_itself() -> None:
    loop = {"allOf": [{"$ref": REF + "Loop"}], "properties": {"id": {"type": "string"}}}
    _, shapes, _ = read_schema({"$ref": REF + "Loop"}, Loop=loop)
    assert list(fields(shapes["Loop"])) == ["id"]


def test_property_narrowed_by_all_of_takes_the_narrower_words() -> None:
    base = {"type": "object", "properties": {"kind": {"type": "string", "description": "What it is"}}}
    cat = {"allOf": [{"$ref": REF + "Pet"}, {"properties": {"kind": {"enum": ["cat", "kitten"]}}}]}
    _, shapes, _ = read_schema({"$ref": REF + "Cat"}, Pet=base, Cat=cat)
    kind = fields(shapes["Cat"])["kind"]
    assert kind.type == ref("CatKind")
    assert kind.description == "What it is"


def test_siblings_of_a_reference_count_in_3_1() -> None:
    wider = {"$ref": REF + "Order", "properties": {"total": {"type": "number"}}}
    _, shapes, _ = read_schema(wider, version="3.1.0", Order=ORDER)
    assert list(fields(shapes["GetOrderResult"])) == ["id", "total"]


@pytest.mark.parametrize(
    "reference",
    ["#/components/schemas/Gone", "other.yaml#/Order", "https://a.example/x.json", "#anchor", "#/info/title"],
)
def test_reference_that_leads_nowhere_is_json_with_a_warning(reference: str) -> None:
    order = {"type": "object", "properties": {"a": {"$ref": reference}, "b": {"type": "string"}}}
    _, shapes, upstream = read_schema({"$ref": REF + "Order"}, Order=order)
    found = fields(shapes["Order"])
    assert isinstance(found["a"].type, JsonType)
    assert found["b"].type == Scalar(kind="string")
    assert kinds(upstream) == [("unresolved-ref", "/components/schemas/Order/properties/a/$ref")]


def test_references_in_a_circle_are_json_with_a_warning() -> None:
    found, _, upstream = read_schema({"$ref": REF + "A"}, A={"$ref": REF + "B"}, B={"$ref": REF + "A"})
    assert isinstance(found, JsonType)
    assert [kind for kind, _ in kinds(upstream)] == ["unresolved-ref"]


def test_reference_is_unescaped() -> None:
    components: Any = {"a/b c": {"type": "boolean"}}
    found, _, _ = read_schema({"$ref": "#/components/schemas/a~1b%20c"}, **components)
    assert found == Scalar(kind="boolean")


@pytest.mark.parametrize("schema", [7, "string", [], {"type": 9}, {"properties": [1]}, {"items": "x", "type": "array"},
                                    {"allOf": "x"}, {"allOf": [3]}, {"oneOf": [None]}, {"enum": [[1]], "type": "object"},
                                    {"type": "object", "properties": {"a": 5}}, {"required": True}, {"type": []},
                                    {"$ref": 5}, {"discriminator": 5, "oneOf": [{}]}])  # fmt: skip
def test_malformed_schema_is_never_an_exception(schema: Any) -> None:
    read_schema({"type": "object", "properties": {"x": schema, "y": {"$ref": REF + "S"}}}, S=schema)


def test_unknown_type_is_json_with_a_warning() -> None:
    found, _, upstream = read_schema({"type": "money"})
    assert isinstance(found, JsonType)
    assert [kind for kind, _ in kinds(upstream)] == ["unknown-type"]


def test_shared_base_is_read_once_however_often_it_is_inherited() -> None:
    # 2 ** 40 paths lead through these.
    layers: Any = {
        f"L{n}": {"allOf": [{"$ref": f"{REF}L{n + 1}"}, {"$ref": f"{REF}L{n + 1}"}]} for n in range(40)
    }
    _, shapes, _ = read_schema({"$ref": REF + "L0"}, **layers, L40=ORDER)
    assert shapes
