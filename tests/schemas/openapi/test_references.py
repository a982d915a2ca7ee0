"""``$ref`` in all its forms."""

from typing import Any

import msgspec

from tests.schemas.openapi.reading import kinds, read, read_schema, ref
from weft.schemas.catalog import ListOf, ObjectShape, Scalar, ShapeName, Upstream, UpstreamId
from weft.schemas.openapi import documents_referred_to, parse_document, read_openapi

USER: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}}


def read_many(
    root: dict[str, Any], url: str = "https://shop.example/api/openapi.json", **others: Any
) -> Upstream:
    document = parse_document(msgspec.json.encode({"openapi": "3.1.0", **root}), source="test")
    documents = {
        f"https://shop.example/api/{name.replace('_', '.')}": value for name, value in others.items()
    }
    return read_openapi(document, upstream=UpstreamId("shop"), document_url=url, documents=documents)


def answers(schema: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    return {"paths": {"/order": {"get": {"responses": {"200": {"content": content}}}}}}


def fields_of(upstream: Upstream, shape: str) -> dict[str, Any]:
    found = upstream.shapes[ShapeName(shape)]
    assert isinstance(found, ObjectShape)
    return {field.name: field.type for field in found.fields}


def test_a_relative_file_is_read_where_it_is_referred_to() -> None:
    upstream = read_many(
        answers({"$ref": "shapes.json#/definitions/Order"}),
        shapes_json={
            "definitions": {
                "Order": {
                    "properties": {"user": {"$ref": "#/definitions/User"}, "tag": {"$ref": "Tag.json"}}
                },
                "User": USER,
            }
        },
        Tag_json={"type": "object", "properties": {"word": {"type": "string"}}},
    )
    assert upstream.warnings == ()
    assert upstream.functions[0].result == ref("Order")
    assert fields_of(upstream, "Order") == {"user": ref("User"), "tag": ref("Tag")}


def test_components_of_equal_names_in_two_documents_stay_two() -> None:
    upstream = read_many(
        {
            **answers(
                {
                    "properties": {
                        "own": {"$ref": "#/components/schemas/User"},
                        "other": {"$ref": "u.json#/User"},
                    }
                }
            ),
            "components": {"schemas": {"User": USER}},
        },
        u_json={"User": {"properties": {"age": {"type": "integer"}}}},
    )
    assert list(fields_of(upstream, "User")) == ["name"]
    assert list(fields_of(upstream, "User2")) == ["age"]


def test_a_document_that_is_not_at_hand_costs_what_refers_to_it() -> None:
    upstream = read_many(
        answers({"properties": {"a": {"$ref": "gone.json#/A?key=secret"}, "b": {"type": "string"}}})
    )
    assert fields_of(upstream, "GetOrderResult")["b"] == Scalar(kind="string")
    assert [warning.kind for warning in upstream.warnings] == ["unresolved-ref"]
    assert "gone.json" in upstream.warnings[0].reason


def test_a_url_in_a_warning_has_no_query_and_no_credentials() -> None:
    others: Any = {
        "https://me:secret@shop.example/a.json?key=secret": {"A": {"properties": {"x": {"$ref": "#/no"}}}}
    }
    document = parse_document(
        msgspec.json.encode(
            {"openapi": "3.0.0", **answers({"$ref": "https://me:secret@shop.example/a.json?key=secret#/A"})}
        ),
        source="test",
    )
    upstream = read_openapi(
        document, upstream=UpstreamId("shop"), document_url="https://x.example", documents=others
    )
    assert fields_of(upstream, "A")
    assert "unresolved-ref" in [warning.kind for warning in upstream.warnings]
    assert "secret" not in repr(upstream.warnings)


def test_documents_that_refer_to_each_other_are_recursive_types() -> None:
    upstream = read_many(
        answers({"$ref": "a.json"}),
        a_json={"properties": {"b": {"$ref": "b.json"}}},
        b_json={"properties": {"a": {"$ref": "a.json"}}},
    )
    assert fields_of(upstream, "a") == {"b": ref("b")}


def test_a_reference_by_id_and_by_anchor_needs_no_other_document() -> None:
    user = {"$id": "https://schemas.example/user", "$anchor": "user", **USER}
    type_, shapes, upstream = read_schema(
        {
            "properties": {
                "by_id": {"$ref": "https://schemas.example/user"},
                "by_anchor": {"$ref": "https://schemas.example/user#user"},
            }
        },
        version="3.1.0",
        User=user,
    )
    order = shapes[type_.shape]  # type: ignore[union-attr]  # it is a reference
    assert isinstance(order, ObjectShape)
    assert [field.type for field in order.fields] == [ref("User"), ref("User")]
    assert upstream.warnings == ()


def test_pointers_within_a_schema_that_has_an_id_begin_there() -> None:
    page = {
        "$id": "https://schemas.example/page",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
        "$defs": {"Item": USER},
    }
    type_, shapes, upstream = read_schema({"$ref": "#/components/schemas/Page"}, version="3.1.0", Page=page)
    assert type_ == ref("Page")
    found = shapes["Page"]
    assert isinstance(found, ObjectShape)
    assert found.fields[0].type == ListOf(item=ref("Item"))
    assert upstream.warnings == ()


def test_a_dynamic_reference_binds_a_generic_page_to_its_items() -> None:
    schemas = {
        "Page": {
            "$id": "page",
            "$defs": {"T": {"$dynamicAnchor": "T", "not": {}}},
            "properties": {"items": {"type": "array", "items": {"$dynamicRef": "#T"}}},
        },
        "Users": {"$ref": "#/components/schemas/Page", "$defs": {"T": {"$dynamicAnchor": "T", "$ref": "#/components/schemas/User"}}},
        "Tags": {"$ref": "#/components/schemas/Page", "$defs": {"T": {"$dynamicAnchor": "T", "type": "string"}}},
        "User": USER,
    }  # fmt: skip
    root = {
        "properties": {
            "users": {"$ref": "#/components/schemas/Users"},
            "tags": {"$ref": "#/components/schemas/Tags"},
        }
    }
    _, shapes, upstream = read_schema(root, version="3.1.0", **schemas)
    users, tags = shapes["Users"], shapes["Tags"]
    assert isinstance(users, ObjectShape)
    assert isinstance(tags, ObjectShape)
    assert users.fields[0].type == ListOf(item=ref("User"))
    assert tags.fields[0].type == ListOf(item=Scalar(kind="string"))
    assert upstream.warnings == ()


def test_a_dynamic_reference_of_a_tree_leads_to_the_tree() -> None:
    tree = {
        "$dynamicAnchor": "node",
        "properties": {"children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    }
    _, shapes, _ = read_schema({"$ref": "#/components/schemas/Tree"}, version="3.1.0", Tree=tree)
    found = shapes["Tree"]
    assert isinstance(found, ObjectShape)
    assert found.fields[0].type == ListOf(item=ref("Tree"))


def test_a_component_of_31_that_refers_and_adds_keeps_what_it_adds() -> None:
    schemas = {
        "Base": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Order": {"$ref": "#/components/schemas/Base", "properties": {"total": {"type": "number"}}},
    }
    type_, shapes, _ = read_schema({"$ref": "#/components/schemas/Order"}, version="3.1.0", **schemas)
    assert type_ == ref("Order")
    order = shapes["Order"]
    assert isinstance(order, ObjectShape)
    assert [field.name for field in order.fields] == ["id", "total"]


def test_a_component_of_30_that_refers_is_what_it_refers_to() -> None:
    schemas = {
        "Base": {"type": "object", "properties": {"id": {"type": "string"}}},
        "Order": {"$ref": "#/components/schemas/Base", "properties": {"total": {"type": "number"}}},
    }
    type_, _, _ = read_schema({"$ref": "#/components/schemas/Order"}, version="3.0.3", **schemas)
    assert type_ == ref("Base")


def test_a_path_item_may_be_a_component_or_another_path() -> None:
    item = {"get": {"operationId": "get_order", "responses": {}}}
    upstream = read(
        {
            "openapi": "3.1.0",
            "paths": {
                "/orders": {"$ref": "#/components/pathItems/orders"},
                "/orders2": {
                    "$ref": "#/paths/~1orders",
                    "post": {"operationId": "make_order", "responses": {}},
                },
            },
            "components": {"pathItems": {"orders": item}},
        }
    )
    bound = {(f.binding.method, f.binding.path) for f in upstream.functions}  # type: ignore[union-attr]  # HTTP
    assert bound == {("GET", "/orders"), ("GET", "/orders2"), ("POST", "/orders2")}
    assert kinds(upstream) == [("duplicate-operation-id", "/components/pathItems/orders/get/operationId")]


def test_self_is_what_references_are_relative_to() -> None:
    document = parse_document(
        msgspec.json.encode(
            {"openapi": "3.2.0", "$self": "https://shop.example/api/v2/", **answers({"$ref": "user.json"})}
        ),
        source="test",
    )
    upstream = read_openapi(
        document,
        upstream=UpstreamId("shop"),
        document_url="https://cdn.example/x.json",
        documents={"https://shop.example/api/v2/user.json": USER},
    )
    assert upstream.functions[0].result == ref("user")
    assert documents_referred_to(document.root, "https://cdn.example/x.json") == (
        "https://shop.example/api/v2/user.json",
    )


def test_only_references_to_other_documents_are_to_be_fetched() -> None:
    root: Any = {
        "a": {"$ref": "#/b"},
        "b": [{"$ref": "../b.yaml#/x"}, {"$ref": "../b.yaml#/y"}, {"$ref": "openapi.json#/z"}],
        "c": {"$id": "https://schemas.example/own"},
        "d": {"$ref": "https://schemas.example/own#x"},
        "example": {"$ref": "no.json"},
    }
    assert documents_referred_to(root, "https://shop.example/api/openapi.json") == (
        "https://shop.example/b.yaml",
    )


def test_a_reference_to_itself_is_a_warning() -> None:
    _, _, upstream = read_schema(
        {"properties": {"a": {"$ref": "#/components/schemas/A"}}},
        version="3.1.0",
        A={"$ref": "#/components/schemas/A", "minLength": 1},
    )
    assert {warning.kind for warning in upstream.warnings} <= {"unresolved-ref", "endless-schema"}
    assert upstream.warnings
