from typing import Any

import pytest

from tests.schemas.openapi.reading import kinds, read, read_operation, ref
from weft.schemas.catalog import (
    Body,
    Function,
    HttpBinding,
    JsonType,
    ListOf,
    ObjectShape,
    Parameter,
    Scalar,
)

TEXT = {"type": "string"}


def answering(**content: Any) -> dict[str, Any]:
    """An operation that answers *content*: media types, ``_`` for the slash, to schemas."""
    media = {name.replace("_", "/", 1): {"schema": schema} for name, schema in content.items()}
    return {"operationId": "call", "responses": {"200": {"description": "", "content": media}}}


def binding_of(function: Function) -> HttpBinding:
    assert isinstance(function.binding, HttpBinding)
    return function.binding


def test_every_method_is_a_function() -> None:
    methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
    upstream = read({"paths": {"/a": {method: {} for method in methods}}})
    assert sorted(binding_of(f).method.lower() for f in upstream.functions) == sorted(methods)


def test_function_says_where_it_comes_from() -> None:
    function = read_operation({"operationId": "listOrders", "summary": "All orders", "deprecated": True})
    assert (function.id, function.upstream, function.name) == ("shop.listOrders", "shop", "listOrders")
    assert (function.description, function.deprecated) == ("All orders", "")


def test_summary_and_description_are_put_together_once() -> None:
    assert read_operation({"summary": "A.", "description": "B."}).description == "A.\n\nB."
    assert read_operation({"summary": "All", "description": "All orders"}).description == "All orders"


@pytest.mark.parametrize(
    ("method", "path", "name", "effect"),
    [
        ("get", "/orders", "deleteEverything", "read"),
        ("head", "/orders", "x", "read"),
        ("put", "/orders", "getOrders", "write"),
        ("delete", "/orders", "x", "write"),
        ("options", "/orders", "x", "write"),
        ("post", "/orders", "createOrder", "write"),
        ("post", "/orders", "x", "write"),
        ("post", "/orders", "searchOrders", "read"),
        ("post", "/orders", "search_orders_post", "read"),
        ("post", "/orders/search", "ordersPost", "read"),
        ("post", "/orders:batchGet", "x", "read"),
        ("post", "/orders", "BatchGetOrders", "read"),
        ("post", "/orders/query", "x", "read"),
        ("post", "/search", "createSearch", "write"),
        ("post", "/orders/search/{id}", "x", "write"),
        ("post", "/orders", "getOrCreateOrder", "write"),
        ("post", "/orders", "getSessionToken", "write"),
        ("post", "/orders", "checkOrder", "write"),
        ("post", "/orders", "exportOrders", "write"),
    ],
)
def test_effect_is_read_only_where_nothing_says_write(method: str, path: str, name: str, effect: str) -> None:
    function = read_operation({"operationId": name}, path=path, method=method)
    assert function.effect == effect


def test_idempotent_methods() -> None:
    methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
    upstream = read({"paths": {"/a": {method: {} for method in methods}}})
    found = {binding_of(f).method.lower() for f in upstream.functions if f.idempotent}
    assert found == {"get", "head", "put", "delete", "options"}


def test_operations_parameter_replaces_the_paths() -> None:
    upstream = read(
        {
            "paths": {
                "/orders/{id}": {
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": TEXT},
                        {"$ref": "#/components/parameters/Limit"},
                    ],
                    "get": {"parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}]},
                }
            },
            "components": {
                "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"default": 9, **TEXT}}}
            },
        }
    )
    identity, limit = upstream.functions[0].arguments
    assert (identity.name, identity.type, identity.required) == ("id", Scalar(kind="int32"), True)
    assert (limit.name, limit.default, limit.required) == ("limit", 9, False)


def test_clashing_names_get_their_location() -> None:
    stated = [{"name": "id", "in": place, "schema": TEXT} for place in ("header", "query", "path", "cookie")]
    function = read_operation({"parameters": stated}, path="/{id}")
    assert [a.name for a in function.arguments] == ["id", "id_query", "id_header", "id_cookie"]
    assert [p.name for p in binding_of(function).parameters] == ["id"] * 4


def test_placeholder_that_nobody_describes_is_a_string() -> None:
    upstream = read({"paths": {"/orders/{id}": {"get": {}}}})
    (argument,) = upstream.functions[0].arguments
    assert (argument.name, argument.type, argument.required) == ("id", Scalar(kind="string"), True)
    assert kinds(upstream) == [("missing-path-parameter", "/paths/~1orders~1{id}/get")]


@pytest.mark.parametrize(
    ("stated", "style", "explode"),
    [
        ({"in": "query"}, "form", True),
        ({"in": "query", "explode": False}, "form", False),
        ({"in": "query", "style": "pipeDelimited"}, "pipeDelimited", False),
        ({"in": "query", "style": "deepObject", "explode": True}, "deepObject", True),
        ({"in": "header"}, "simple", False),
        ({"in": "cookie"}, "form", True),
        ({"in": "path"}, "simple", False),
        ({"in": "path", "style": "matrix", "explode": True}, "matrix", True),
        ({"in": "header", "style": "nonsense"}, "simple", False),
    ],
)
def test_style_and_explode_have_their_defaults(stated: dict[str, Any], style: str, explode: bool) -> None:
    function = read_operation({"parameters": [{"name": "c", "schema": TEXT, **stated}]}, path="/{c}")
    parameter = next(p for p in binding_of(function).parameters if p.location == stated["in"])
    assert (parameter.style, parameter.explode) == (style, explode)


def test_content_parameter_has_its_media_type() -> None:
    stated = {
        "name": "filter",
        "in": "query",
        "content": {"application/json": {"schema": {"type": "integer"}}},
    }
    function = read_operation({"parameters": [stated]})
    assert binding_of(function).parameters[0].content_type == "application/json"
    assert function.arguments[0].type == Scalar(kind="int32")


def test_headers_that_the_transport_sets_are_no_arguments() -> None:
    names = ["Accept", "content-type", "Authorization", "X-Request-Id"]
    function = read_operation({"parameters": [{"name": n, "in": "header", "schema": TEXT} for n in names]})
    assert [argument.name for argument in function.arguments] == ["X-Request-Id"]


@pytest.mark.parametrize("stated", [5, None, {}, {"name": "a"}, {"name": "a", "in": "nowhere"}, {"$ref": "#/gone"},
                                    {"name": "a", "in": "query"}, {"name": "b", "in": "path", "schema": TEXT}])  # fmt: skip
def test_faulty_parameter_costs_only_itself(stated: Any) -> None:
    good = {"name": "good", "in": "query", "schema": TEXT}
    upstream = read({"paths": {"/orders": {"get": {"parameters": [stated, good]}}}})
    assert "good" in {argument.name for argument in upstream.functions[0].arguments}
    assert len(upstream.warnings) == 1


@pytest.mark.parametrize(
    ("offered", "best"),
    [
        (["text/plain", "application/json"], "application/json"),
        (["application/xml", "application/vnd.shop+json"], "application/vnd.shop+json"),
        (["multipart/form-data", "application/x-www-form-urlencoded"], "application/x-www-form-urlencoded"),
        (["application/octet-stream", "multipart/form-data"], "multipart/form-data"),
        (["application/json; charset=utf-8"], "application/json; charset=utf-8"),
        (["*/*"], "application/json"),
        (["application/xml"], "application/xml"),
    ],
)
def test_best_media_type_of_a_body_is_taken(offered: list[str], best: str) -> None:
    body = {
        "required": True,
        "content": {media_type: {"schema": {"type": "object"}} for media_type in offered},
    }
    function = read_operation({"requestBody": body}, method="post")
    body_read = binding_of(function).body
    assert body_read is not None
    assert (body_read.argument, body_read.media_type) == ("input", best)
    assert function.arguments[0].required or body_read.one_needed


def test_body_makes_way_for_a_parameter_called_input() -> None:
    stated = [{"name": "input", "in": "query", "schema": TEXT}]
    body = {"content": {"application/json": {"schema": TEXT}}}
    function = read_operation({"parameters": stated, "requestBody": body}, method="post")
    assert [argument.name for argument in function.arguments] == ["input", "body"]


def test_form_members_have_their_styles_and_files() -> None:
    schema = {
        "type": "object",
        "properties": {"f": {"type": "string", "format": "binary"}, "tags": {"type": "array"}},
    }
    media = {"schema": schema, "encoding": {"tags": {"style": "form", "explode": False}}}
    function = read_operation({"requestBody": {"content": {"multipart/form-data": media}}}, method="post")
    body = binding_of(function).body
    assert body is not None
    assert (body.binary_members, body.member_styles) == (("f",), {"tags": "form"})


def test_best_success_is_the_result() -> None:
    responses = {
        "default": {"content": {"application/json": {"schema": {"type": "boolean"}}}},
        "201": {"content": {"application/json": {"schema": TEXT}}},
        "202": {"content": {"application/json": {"schema": {"type": "integer"}}}},
    }
    assert read_operation({"responses": responses}).result == Scalar(kind="string")


def test_default_is_the_result_only_without_a_success() -> None:
    default = {"content": {"application/json": {"schema": TEXT}}}
    assert read_operation({"responses": {"default": default}}).result == Scalar(kind="string")
    assert read_operation({"responses": {"default": default, "204": {}}}).result is None


def test_ranges_of_status_codes_are_successes() -> None:
    assert read_operation({"responses": {"2XX": answering(application_json=TEXT)["responses"]["200"]}}).result


@pytest.mark.parametrize(
    ("content", "result", "accept"),
    [
        ({"application_json": TEXT}, Scalar(kind="string"), ("application/json",)),
        ({"text_html": TEXT, "application_json": TEXT}, Scalar(kind="string"), ("application/json",)),
        ({"text_csv": {}}, Scalar(kind="string"), ("text/csv",)),
        ({"image_png": {}}, Scalar(kind="binary"), ("image/png",)),
        ({"application_xml": {"type": "object"}}, Scalar(kind="string"), ("application/xml",)),
        ({"*_*": {"type": "integer"}}, Scalar(kind="int32"), ("*/*",)),
    ],
)
def test_media_type_says_what_an_answer_is(
    content: dict[str, Any], result: object, accept: tuple[str, ...]
) -> None:
    function = read_operation(answering(**content))
    assert function.result == result
    assert binding_of(function).accept == accept


def test_content_without_schema_is_json() -> None:
    operation: dict[str, Any] = {"responses": {"200": {"content": {"application/json": {}}}}}
    assert read_operation(operation).result == JsonType()


def test_events_make_a_stream_of_items() -> None:
    event = {"type": "object", "properties": {"n": {"type": "integer"}}}
    function = read_operation(answering(**{"text_event-stream": event}))
    assert (function.streaming, function.result) == ("server", ref("CallResult"))


def test_json_is_preferred_to_events() -> None:
    function = read_operation(answering(**{"text_event-stream": TEXT, "application_json": TEXT}))
    assert (function.streaming, binding_of(function).accept) == ("none", ("application/json",))


def test_shape_of_a_shared_answer_is_named_after_its_component() -> None:
    shared = answering(application_json={"type": "object", "properties": {"a": TEXT}})["responses"]["200"]
    upstream = read(
        {
            "paths": {
                p: {"get": {"responses": {"200": {"$ref": "#/components/responses/OrderPage"}}}}
                for p in ("/a", "/b")
            },
            "components": {"responses": {"OrderPage": shared}},
        }
    )
    assert set(upstream.shapes) == {"OrderPage"}


SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "consumes": ["application/json"],
    "produces": ["application/json"],
    "definitions": {"Order": {"type": "object", "properties": {"id": TEXT}}},
}


def swagger_operation(operation: dict[str, Any], path: str = "/orders") -> Function:
    return read({**SWAGGER, "paths": {path: {"post": {"operationId": "call", **operation}}}}).functions[0]


@pytest.mark.parametrize(
    ("location", "stated", "style", "explode"),
    [
        ("query", None, "form", False),
        ("query", "csv", "form", False),
        ("query", "multi", "form", True),
        ("query", "ssv", "spaceDelimited", False),
        ("query", "tsv", "tabDelimited", False),
        ("query", "pipes", "pipeDelimited", False),
        ("header", "csv", "simple", False),
        ("path", None, "simple", False),
    ],
)
def test_collection_format_is_a_style(location: str, stated: str | None, style: str, explode: bool) -> None:
    item = {"name": "c", "in": location, "required": True, "type": "array", "items": {"type": "integer"}}
    function = swagger_operation(
        {"parameters": [{**item, **({"collectionFormat": stated} if stated else {})}]}, "/{c}"
    )
    assert function.arguments[0].type == ListOf(item=Scalar(kind="int32"))
    parameter = next(p for p in binding_of(function).parameters if p.location == location)
    assert (parameter.style, parameter.explode) == (style, explode)


def test_swagger_body_is_the_input() -> None:
    order = {"$ref": "#/definitions/Order"}
    function = swagger_operation(
        {"parameters": [{"name": "order", "in": "body", "required": True, "schema": order}]}
    )
    assert [(a.name, a.type, a.required) for a in function.arguments] == [("input", ref("Order"), True)]
    assert binding_of(function).body == Body(argument="input", media_type="application/json")


def test_swagger_form_is_an_object() -> None:
    stated = [
        {"name": "title", "in": "formData", "type": "string", "required": True},
        {"name": "tags", "in": "formData", "type": "array", "items": TEXT},
    ]
    upstream = read({**SWAGGER, "paths": {"/a": {"post": {"operationId": "call", "parameters": stated}}}})
    shape = upstream.shapes[next(iter(upstream.shapes))]
    assert isinstance(shape, ObjectShape)
    assert [(field.name, field.required) for field in shape.fields] == [("title", True), ("tags", False)]
    body = binding_of(upstream.functions[0]).body
    assert body == Body(
        argument="input", media_type="application/x-www-form-urlencoded", member_styles={"tags": "form"}
    )


def test_swagger_file_makes_a_multipart_form() -> None:
    function = swagger_operation({"parameters": [{"name": "f", "in": "formData", "type": "file"}]})
    assert binding_of(function).body == Body(
        argument="input", media_type="multipart/form-data", binary_members=("f",)
    )


def test_swagger_answer_takes_what_it_produces() -> None:
    order = {"200": {"description": "", "schema": {"$ref": "#/definitions/Order"}}}
    assert swagger_operation({"responses": order}).result == ref("Order")
    assert swagger_operation({"responses": order, "produces": ["text/csv"]}).result == Scalar(kind="string")
    assert swagger_operation({"responses": {"200": {"schema": {"type": "file"}}}}).result == Scalar(
        kind="binary"
    )
    assert swagger_operation({"responses": {"200": {"description": ""}}}).result is None


def test_parameter_is_bound_to_its_argument() -> None:
    function = read_operation(
        {"parameters": [{"name": "q", "in": "query", "schema": TEXT, "allowReserved": True}]}
    )
    assert binding_of(function).parameters == (
        Parameter(argument="q", name="q", location="query", allow_reserved=True),
    )


@pytest.mark.parametrize(
    "paths",
    [[], {"/a": 5}, {"/a": {"get": 5}}, {"/a": {"$ref": "#/gone"}}, {"a": {}}, {"x-a": 5}, {"/a": {"get": {"responses": []}}},
     {"/a": {"get": {"responses": {"200": 5}}}}, {"/a": {"get": {"requestBody": 5, "parameters": 5, "servers": 5}}},
     {"/a": {"get": {"requestBody": {"content": {"application/json": 5}}}}}],
)  # fmt: skip
def test_faulty_path_costs_only_itself(paths: Any) -> None:
    good = {"/good": {"get": {"operationId": "good"}}}
    upstream = read({"paths": {**paths, **good} if isinstance(paths, dict) else paths})
    assert isinstance(paths, list) or "good" in {function.name for function in upstream.functions}
