"""Names of types and fields, from the document to GraphQL."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, print_schema

from tests.schemas.openapi.reading import read, read_schema
from weft.schemas.catalog import Catalog
from weft.schemas.links import weave
from weft.schemas.stitch import stitch


def schema_of(root: Any, **components: Any) -> GraphQLSchema:
    _, _, upstream = read_schema(root, version="3.1.0", **components)
    catalog = Catalog.of(upstream)
    return stitch(catalog, weave(catalog)).schema


def objects(schema: GraphQLSchema) -> set[str]:
    return {n for n, t in schema.type_map.items() if isinstance(t, GraphQLObjectType) and n[:2] != "__"} - {
        "Query"
    }


def test_generic_names_of_frameworks_become_names() -> None:
    one = {"properties": {"a": {"type": "string"}}}
    names = ["Page[User]", "Page_Order_", "List<Item>", "Map«string,Thing»", "ns.Type", "a/b", "日本"]
    root = {
        "properties": {
            f"p{i}": {"$ref": f"#/components/schemas/{n.replace('/', '~1')}"} for i, n in enumerate(names)
        }
    }
    found = objects(schema_of(root, **dict.fromkeys(names, one)))
    assert {"PageUser", "PageOrder", "ListItem", "MapstringThing", "NsType", "AB"} <= found
    assert len(found) == len(names) + 1


def test_names_that_differ_by_case_or_signs_alone_stay_apart() -> None:
    names = ["user", "User", "USER", "user_", "us-er"]
    root = {"properties": {f"p{i}": {"$ref": f"#/components/schemas/{n}"} for i, n in enumerate(names)}}
    components = {n: {"properties": {f"only_{i}": {"type": "string"}}} for i, n in enumerate(names)}
    assert len(objects(schema_of(root, **components))) == len(names) + 1


def test_reserved_and_illegal_names_are_changed() -> None:
    components = {
        n: {"properties": {"a": {"type": "string"}}} for n in ("Query", "String", "__Type", "1st", "Date")
    }
    root = {
        "properties": {
            **{f"p{i}": {"$ref": f"#/components/schemas/{n}"} for i, n in enumerate(components)},
            "__typename": {"type": "string"},
            "a-b": {"type": "string"},
            "aB": {"type": "string"},
            "1": {"type": "string"},
            "$": {"type": "string"},
            "": {"type": "string"},
        }
    }
    schema = schema_of(root, **components)
    result = schema.get_type("OrderResult") or schema.get_type("GetOrderResult")
    assert isinstance(result, GraphQLObjectType)
    assert len(result.fields) == len(root["properties"])
    assert not [name for name in result.fields if name.startswith("__")]
    assert "aB" in result.fields


def test_enum_values_of_any_characters_have_names_and_keep_their_values() -> None:
    values = ["a b", "a-b", "A_B", "", "true", "1st", "é", "+", "-", "__x", None, 1, -1, 1.5]
    schema = schema_of({"properties": {"e": {"enum": values}}})
    (enum,) = [t for n, t in schema.type_map.items() if isinstance(t, GraphQLEnumType) and n[:2] != "__"]
    assert [value.value for value in enum.values.values()] == [value for value in values if value is not None]


def test_descriptions_and_deprecations_are_everywhere() -> None:
    order = {
        "type": "object",
        "description": "OF TYPE",
        "properties": {
            "a": {"type": "string", "description": "OF FIELD", "deprecated": True},
            "e": {"oneOf": [{"const": "x", "description": "OF VALUE"}, {"const": "y", "deprecated": True}]},
        },
    }
    _, _, upstream = read_schema({"$ref": "#/components/schemas/Order"}, version="3.1.0", Order=order)
    text = print_schema(stitch(Catalog.of(upstream), weave(Catalog.of(upstream))).schema)
    for part in (
        '"""OF TYPE"""',
        '"""OF FIELD"""',
        '"""OF VALUE"""',
        "a: String @deprecated",
        "y @deprecated",
    ):
        assert part in text


def test_defaults_of_inputs_are_carried_where_they_keep_their_own_rules() -> None:
    body = {
        "type": "object",
        "required": ["kind", "n"],
        "properties": {
            "kind": {"const": "card"},
            "n": {"type": "integer", "default": 5},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "when": {"type": "string", "format": "date", "default": "2026-01-31"},
            "tags": {"type": "array", "items": {"type": "string"}, "default": ["a"]},
            "small": {"type": "integer", "minimum": 1, "default": 0},
            "secret": {"type": "string", "format": "password", "default": "hunter2"},
        },
    }
    operation = {
        "operationId": "make",
        "requestBody": {"content": {"application/json": {"schema": body}}},
        "responses": {},
    }
    upstream = read({"openapi": "3.1.0", "paths": {"/a": {"post": operation}}})
    catalog = Catalog.of(upstream)
    schema = stitch(catalog, weave(catalog)).schema
    made = schema.get_type("MakeBodyInput")
    assert isinstance(made, GraphQLInputObjectType)
    text = print_schema(schema)
    for line in (
        'kind: String = "card"',
        "n: Int = 5",
        "color: MakeBodyColor = red",
        'when: Date = "2026-01-31"',
        'tags: [String!] = ["a"]',
        "small: Int\n",
        "secret: Password\n",
    ):
        assert line in text


def test_an_inline_schema_is_named_by_its_title_or_from_where_it_stands() -> None:
    def inner(title: str) -> dict[str, Any]:
        return {"type": "object", "title": title, "properties": {"a": {"type": "string"}}}

    root = {
        "type": "object",
        "properties": {
            "to": inner("Shipping address"),
            "back": inner("Shipping address"),
            "made": inner("Response Get Order Order Get"),
            "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        },
    }
    found = objects(schema_of(root))
    assert found == {
        "GetOrderResult",
        "ShippingAddress",
        "GetOrderResultBack",
        "GetOrderResultMade",
        "GetOrderResultLine",
    }
