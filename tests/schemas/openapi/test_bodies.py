from typing import Any

import msgspec
import pytest

from weft.engine.transport.http_request import build_request
from weft.schemas.catalog import (
    Body,
    EnumShape,
    Function,
    HttpBinding,
    JsonType,
    ListOf,
    Reference,
    Scalar,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import BadArguments
from weft.schemas.openapi import parse_document, read_openapi

USER = {"type": "object", "properties": {"id": {"type": "string"}}}
FILE = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
TEXT = {"type": "string"}


def read(content: Any, *, required: bool = False, answer: Any = None) -> tuple[Function, Upstream]:
    """The function of one operation, whose body is offered as *content*: media type to schema."""
    body = {"required": required, "content": {name: {"schema": schema} for name, schema in content.items()}}
    answered = {name: {"schema": schema} for name, schema in (answer or {}).items()}
    operation = {"operationId": "send", "requestBody": body, "responses": {"200": {"content": answered}}}
    document = {"openapi": "3.1.0", "info": {}, "paths": {"/a": {"post": operation}}}
    upstream = read_openapi(
        parse_document(msgspec.json.encode(document), source="test"),
        upstream=UpstreamId("up"),
        document_url="http://up",
    )
    return upstream.functions[0], upstream


def bodies(function: Function) -> list[Body]:
    binding = function.binding
    assert isinstance(binding, HttpBinding)
    return [one for one in (binding.body, *binding.other_bodies) if one is not None]


def sent(function: Function, **arguments: Any) -> tuple[str, bytes | None]:
    request = build_request(function, arguments, "http://up")
    return request.headers.get("Content-Type", ""), request.body


def test_media_types_of_one_schema_are_one_argument() -> None:
    one, _ = read(
        {"application/json": USER, "application/x-www-form-urlencoded": USER, "application/xml": USER}
    )
    assert [(body.argument, body.media_type, body.choice) for body in bodies(one)] == [
        ("input", "application/json", "")
    ]


def test_argument_chooses_among_kin_that_mean_something_else() -> None:
    patches = ["application/json-patch+json", "application/merge-patch+json"]
    one, upstream = read({key: {} for key in patches})
    (body,) = bodies(one)
    assert (body.media_type, body.choice) == ("application/merge-patch+json", "content_type")
    argument = one.argument("content_type")
    assert argument is not None
    assert isinstance(argument.type, Reference)
    enum = upstream.shapes[argument.type.shape]
    assert isinstance(enum, EnumShape)
    assert [value.value for value in enum.values] == list(reversed(patches))
    assert sent(one, input={"a": 1}) == ("application/merge-patch+json", b'{"a":1}')
    assert sent(one, input=[], content_type=patches[0]) == (patches[0], b"[]")


def test_body_of_another_type_has_an_argument_of_its_own() -> None:
    one, _ = read({"application/json": USER, "text/plain": TEXT}, required=True)
    assert [(body.argument, body.media_type) for body in bodies(one)] == [
        ("input", "application/json"),
        ("input_text", "text/plain"),
    ]
    assert not any(argument.required for argument in one.arguments)
    assert sent(one, input={"id": "a"}) == ("application/json", b'{"id":"a"}')
    assert sent(one, input_text="hello") == ("text/plain", b"hello")
    for given, told in (({}, "a body is needed"), ({"input": {}, "input_text": "a"}, "both the body")):
        with pytest.raises(BadArguments, match=told):
            sent(one, **given)


def test_form_is_better_than_json_where_files_are_sent() -> None:
    one, _ = read({"application/json": FILE, "multipart/form-data": FILE})
    assert [(body.media_type, body.binary_members) for body in bodies(one)] == [
        ("multipart/form-data", ("file",))
    ]


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-ndjson", b'{"id":"a"}\n{"id":"b"}\n'),
        ("application/json-seq", b'\x1e{"id":"a"}\n\x1e{"id":"b"}\n'),
    ],
)
def test_lists_are_sent_item_by_item(media_type: str, body: bytes) -> None:
    one, _ = read({media_type: USER})
    assert isinstance(one.arguments[0].type, ListOf)
    assert sent(one, input=[{"id": "a"}, {"id": "b"}]) == (media_type, body)


@pytest.mark.parametrize(
    ("media_type", "schema", "streaming", "is_list"),
    [
        ("application/x-ndjson", USER, "none", True),
        ("application/jsonl", {"type": "array", "items": USER}, "none", True),
        ("application/json-seq", USER, "none", True),
        ("text/event-stream", USER, "server", False),
        ("application/stream+json", USER, "server", False),
    ],
)
def test_finite_streams_are_lists_and_endless_ones_are_streams(
    media_type: str, schema: Any, streaming: str, is_list: bool
) -> None:
    one, _ = read({}, answer={media_type: schema})
    assert (one.streaming, isinstance(one.result, ListOf)) == (streaming, is_list)


def test_bytes_that_are_base64_on_the_wire_stay_base64() -> None:
    one, _ = read({"image/jpeg": {"type": "string", "format": "byte"}})
    assert one.arguments[0].type == Scalar(kind="byte")
    assert sent(one, input="Ynl0ZXM=") == ("image/jpeg", b"Ynl0ZXM=")
    raw, _ = read({"image/jpeg": {"type": "string", "format": "binary"}})
    assert sent(raw, input="Ynl0ZXM=") == ("image/jpeg", b"bytes")


def test_octet_stream_with_members_is_a_value() -> None:
    one, _ = read({"application/octet-stream": USER})
    assert isinstance(one.arguments[0].type, Reference)
    assert sent(one, input={"id": "a"}) == ("application/octet-stream", b'{"id":"a"}')


def test_xml_without_a_described_value_is_a_text() -> None:
    one, _ = read({"application/xml": {}}, answer={"text/xml": {"type": "string"}})
    assert (one.arguments[0].type, one.result) == (Scalar(kind="string"), Scalar(kind="string"))
    assert sent(one, input="<a/>") == ("application/xml", b"<a/>")


def test_xml_of_an_object_is_typed() -> None:
    one, _ = read({"application/xml": USER}, answer={"application/xml": USER})
    assert isinstance(one.result, Reference)
    assert isinstance(one.binding, HttpBinding)
    assert one.binding.xml is not None
    assert sent(one, input={"id": "a"})[1] == b'<?xml version="1.0" encoding="UTF-8"?><root><id>a</id></root>'


def test_parts_have_the_media_types_that_their_encoding_says() -> None:
    media = {"schema": {**FILE, "properties": {**FILE["properties"], "about": USER}}}  # type: ignore[dict-item]
    media["encoding"] = {
        "file": {"contentType": "image/png, image/*"},
        "about": {"contentType": "application/x+json"},
    }
    operation = {"requestBody": {"content": {"multipart/form-data": media}}}
    document = {"openapi": "3.0.3", "info": {}, "paths": {"/a": {"post": operation}}}
    upstream = read_openapi(
        parse_document(msgspec.json.encode(document), source="test"),
        upstream=UpstreamId("up"),
        document_url="http://up",
    )
    _, body = sent(upstream.functions[0], input={"file": "Ynl0ZXM=", "about": {"id": "a"}})
    assert body is not None
    assert b'name="file"; filename="file"\r\nContent-Type: image/png\r\n\r\nbytes' in body
    assert b'name="about"\r\nContent-Type: application/x+json\r\n\r\n{"id":"a"}' in body


@pytest.mark.parametrize("method", ["head", "get"])
def test_what_http_gives_no_content_answers_nothing(method: str) -> None:
    content = {"application/json": {"schema": USER}}
    responses = {"200": {"content": content}} if method == "head" else {"204": {"content": content}}
    document = {"openapi": "3.0.3", "info": {}, "paths": {"/a": {method: {"responses": responses}}}}
    upstream = read_openapi(
        parse_document(msgspec.json.encode(document), source="test"),
        upstream=UpstreamId("up"),
        document_url="http://up",
    )
    assert upstream.functions[0].result is None


def test_member_that_is_required_and_not_described_can_be_sent() -> None:
    one, upstream = read({"application/json": {**USER, "required": ["uris"]}})
    assert isinstance(one.arguments[0].type, Reference)
    shape: Any = upstream.shapes[one.arguments[0].type.shape]
    assert {field.name: isinstance(field.type, JsonType) for field in shape.fields} == {
        "id": False,
        "uris": True,
    }
    assert any(warning.kind == "undescribed-member" for warning in upstream.warnings)
