from typing import Any

import msgspec

from weft.schemas.catalog import (
    Catalog,
    DeclaredLink,
    Function,
    FunctionId,
    FunctionRule,
    HttpBinding,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Upstream,
    UpstreamId,
    override_functions,
)
from weft.schemas.links import LinkRule, weave
from weft.schemas.openapi import parse_document, read_openapi

USER = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}}
BY_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def answering(schema: Any, **more: Any) -> dict[str, Any]:
    return {"200": {"content": {"application/json": {"schema": schema}}, **more}}


def read(paths: Any, **root: Any) -> Upstream:
    document = {"openapi": "3.1.0", "info": {}, "paths": paths, **root}
    return read_openapi(
        parse_document(msgspec.json.encode(document), source="test"),
        upstream=UpstreamId("up"),
        document_url="http://up",
    )


def binding(function: Function) -> HttpBinding:
    assert isinstance(function.binding, HttpBinding)
    return function.binding


def linked(**link: Any) -> Upstream:
    return read(
        {
            "/me": {"get": {"operationId": "me", "responses": answering(USER, links={"Orders": link})}},
            "/users/{id}/orders": {
                "get": {
                    "operationId": "orders",
                    "parameters": [BY_ID],
                    "responses": answering({"type": "array", "items": {}}),
                },
                "delete": {"operationId": "drop", "parameters": [BY_ID], "responses": {"204": {}}},
            },
        }
    )


def test_link_by_operation_id_or_reference_is_declared() -> None:
    expected = (DeclaredLink(name="Orders", target=FunctionId("up.orders"), keys={"id": "id"}),)
    for stated in ({"operationId": "orders"}, {"operationRef": "#/paths/~1users~1{id}~1orders/get"}):
        for parameter in ("id", "path.id"):
            upstream = linked(**stated, parameters={parameter: "$response.body#/id"})
            assert next(f for f in upstream.functions if f.name == "me").links == expected


def test_declared_link_is_a_field_of_the_answer() -> None:
    catalog = Catalog.of(linked(operationId="orders", parameters={"id": "$response.body#/id"}))
    (link,) = [one for one in weave(catalog).links if one.origin == "declared"]
    assert (link.field, link.function, link.many) == ("orders", "up.orders", True)
    assert link.evidence == "declared as Orders by up.me"
    off = weave(catalog, links=[LinkRule(field=f"{link.shape}.orders", off=True)])
    assert not [one for one in off.links if one.origin == "declared"]


def test_link_that_cannot_be_followed_is_a_warning_and_no_field() -> None:
    for stated, told in (
        ({"operationId": "nobody", "parameters": {"id": "$response.body#/id"}}, "no operation"),
        ({"operationId": "orders", "parameters": {"x": "$response.body#/id"}}, "no parameter 'x'"),
        ({"operationId": "orders", "parameters": {"id": "$request.path.id"}}, "no member of the answer"),
        ({"operationId": "orders"}, "takes nothing"),
    ):
        upstream = linked(**stated)
        assert not next(f for f in upstream.functions if f.name == "me").links
        assert told in next(w.reason for w in upstream.warnings if w.kind == "link")


def test_link_to_a_write_or_with_an_unknown_member_is_a_note() -> None:
    for target, member in (("drop", "id"), ("orders", "nothing")):
        woven = weave(Catalog.of(linked(operationId=target, parameters={"id": f"$response.body#/{member}"})))
        assert not [one for one in woven.links if one.origin == "declared"]
        assert any("link Orders" in note for note in woven.notes)


def test_declared_links_keep_their_targets_when_an_upstream_is_renamed() -> None:
    upstream = linked(operationId="orders", parameters={"id": "$response.body#/id"}).renamed(
        UpstreamId("shop")
    )
    assert next(f for f in upstream.functions if f.name == "me").links[0].target == "shop.orders"


def test_headers_and_errors_are_read() -> None:
    problem = {"application/problem+json": {"schema": {"type": "object"}}}
    headers = {
        "X-Total-Count": {"schema": {"type": "integer"}},
        "Link": {"schema": {"type": "string"}},
        "X-Tags": {"schema": {"type": "array", "items": {"type": "string"}}},
    }
    responses = {
        **answering(USER, headers=headers),
        "404": {"content": problem},
        "5XX": {},
        "default": {"content": problem},
    }
    one = binding(read({"/me": {"get": {"responses": responses}}}).functions[0])
    assert one.described_headers == {"x-total-count": "int32", "link": "string", "x-tags": "string"}
    assert one.errors == ("404", "default")


def test_shown_headers_stand_beside_the_body() -> None:
    headers = {"X-Total-Count": {"schema": {"type": "integer"}}}
    upstream = read(
        {"/users": {"get": {"operationId": "users", "responses": answering(USER, headers=headers)}}}
    )
    rule = FunctionRule(headers=("x-total-count", "link"))
    (changed,) = override_functions(Catalog.of(upstream), {FunctionId("up.users"): rule}).upstreams
    assert changed.functions[0].result == Reference(shape=ShapeName("UsersAnswer"))
    shape = changed.shapes[ShapeName("UsersAnswer")]
    assert isinstance(shape, ObjectShape)
    assert [field.name for field in shape.fields] == ["body", "x-total-count", "link"]
    assert shape.fields[1].type == Scalar(kind="int32", nullable=True)


def test_extension_says_whether_an_operation_reads() -> None:
    upstream = read({"/run": {"post": {"x-weft-effect": "read"}, "get": {"x-weft-effect": "write"}}})
    told = {binding(f).method: (f.effect, f.effect_reason) for f in upstream.functions}
    reason = "x-weft-effect in the description"
    assert told == {"POST": ("read", reason), "GET": ("write", reason)}
