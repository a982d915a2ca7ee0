"""Payloads and answers that hold many inputs, or an event of API Gateway; from values alone."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from weft.engine.transport.base import Fetched
from weft.engine.transport.lambda_events import encode_event, unwrap_answer
from weft.schemas.catalog import (
    Argument,
    Body,
    Function,
    FunctionId,
    HttpBinding,
    JsonType,
    LambdaBatch,
    LambdaBinding,
    ListOf,
    Parameter,
    ProxyEvent,
    Scalar,
    Type,
    UpstreamId,
)
from weft.schemas.errors import BadArguments, KeyFailed, UpstreamAnswer, UpstreamStatus

TEXT = Scalar(kind="string")


def function(result: Type | None = JsonType(), **binding: Any) -> Function:  # noqa: B008 - it is frozen
    return Function(
        id=FunctionId("shop.get_price"),
        upstream=UpstreamId("shop"),
        name="get_price",
        binding=LambdaBinding(function_name="get-price", **binding),
        arguments=(Argument(name="ids", type=ListOf(item=TEXT)),),
        result=result,
    )


def batched(items: str = "", results: str = "") -> Function:
    return function(batch=LambdaBatch(argument="ids", key="id", items=items, results=results))


def proxied(version: str = "1.0", **http: Any) -> Function:
    binding = HttpBinding(
        **{
            "method": "GET",
            "path": "/things/{id}",
            "parameters": (
                Parameter(argument="id", name="id", location="path", style="simple"),
                Parameter(argument="tag", name="tag", location="query"),
                Parameter(argument="session", name="session", location="cookie"),
            ),
            "accept": ("application/json",),
            **http,
        }
    )
    return function(proxy=ProxyEvent(http=binding, version=version, resource="/things/{id}"))  # type: ignore[arg-type]


def event(of: Function, headers: dict[str, str] | None = None, **arguments: Any) -> Any:
    return json.loads(encode_event(of, arguments, headers))


# -- many inputs


def test_each_key_is_an_input_with_the_other_arguments() -> None:
    assert event(batched(), ids=["a", "b"], currency="EUR") == [
        {"currency": "EUR", "id": "a"},
        {"currency": "EUR", "id": "b"},
    ]
    assert event(batched(items="items"), ids=["a"]) == {"items": [{"id": "a"}]}


def test_what_is_no_list_of_keys_is_not_sent() -> None:
    with pytest.raises(BadArguments):
        encode_event(batched(), {"ids": "a"})


@pytest.mark.parametrize(
    ("results", "data", "body"),
    [
        ("", b' [{"id": "a"}]', b' [{"id": "a"}]'),
        ("", b'{"results": [{"id": "a"}], "errors": []}', b'[{"id": "a"}]'),
        ("prices", b'{"prices": [1]}', b"[1]"),
    ],
)
def test_results_are_left_as_their_bytes(results: str, data: bytes, body: bytes) -> None:
    assert unwrap_answer(batched(results=results), data) == Fetched(body, is_silent=True)


def test_errors_of_single_inputs_stand_among_the_results() -> None:
    data = {"results": [{"id": "a"}], "errors": [{"id": "b", "errorType": "E", "errorMessage": "secret"}]}
    answer = unwrap_answer(batched(items="items", results="results"), json.dumps(data).encode())
    assert isinstance(answer, list)
    result, error = answer
    assert result == {"id": "a"}
    assert isinstance(error, KeyFailed)
    assert (error.key, error.detail) == ("b", "E: secret")
    assert "secret" not in error.public_message


@pytest.mark.parametrize(
    "data", [b"3", b"{}", b'{"results": null, "errors": [{}]}', b"{", b'{"results": [], "errors": 3}']
)
def test_another_answer_to_many_inputs_is_none(data: bytes) -> None:
    assert isinstance(unwrap_answer(batched(), data), UpstreamAnswer)


# -- events of API Gateway


def test_a_rest_api_leaves_the_path_as_it_came() -> None:
    found = event(proxied(), {"x-a": "1"}, id="a b", tag=["x", "y&"], session="s")
    assert (found["path"], found["pathParameters"]) == ("/things/a%20b", {"id": "a%20b"})
    assert (found["httpMethod"], found["resource"]) == ("GET", "/things/{id}")
    assert found["multiValueQueryStringParameters"] == {"tag": ["x", "y&"]}
    assert found["queryStringParameters"] == {"tag": "y&"}
    assert found["multiValueHeaders"]["x-a"] == ["1"]
    assert found["headers"]["cookie"] == "session=s"
    assert (found["body"], found["isBase64Encoded"]) == (None, False)


def test_an_http_api_decodes_the_path() -> None:
    found = event(proxied("2.0"), id="a b", tag=["x", "y"], session="s")
    assert (found["rawPath"], found["pathParameters"]) == ("/things/a b", {"id": "a b"})
    assert (found["routeKey"], found["version"]) == ("GET /things/{id}", "2.0")
    assert (found["rawQueryString"], found["queryStringParameters"]) == ("tag=x&tag=y", {"tag": "x,y"})
    assert (found["cookies"], "cookie" in found["headers"]) == (["session=s"], False)
    assert "body" not in found


def test_a_body_that_is_no_text_is_base64() -> None:
    body = Body(argument="file", media_type="application/octet-stream")
    sent = event(proxied(method="PUT", body=body), id="1", file=base64.b64encode(b"\xff\x00").decode())
    assert (base64.b64decode(sent["body"]), sent["isBase64Encoded"]) == (b"\xff\x00", True)


def answer(of: Function, **told: Any) -> Any:
    return unwrap_answer(of, json.dumps(told).encode())


def test_a_body_of_json_is_left_as_its_bytes() -> None:
    assert answer(proxied(), statusCode=200, body='{"a": 1}') == Fetched(b'{"a": 1}', is_silent=True)
    encoded = base64.b64encode(b"[]").decode()
    assert answer(proxied(), statusCode="200", body=encoded, isBase64Encoded=True) == Fetched(
        b"[]", is_silent=True
    )


def test_headers_say_what_the_body_is() -> None:
    text = proxied(accept=("text/plain",))
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    assert answer(text, statusCode=200, headers=headers, body="hi") == "hi"
    assert answer(text, statusCode=200, multiValueHeaders={"content-type": ["text/plain"]}, body="hi") == "hi"


def test_an_error_status_is_an_error() -> None:
    found = answer(proxied(), statusCode=404, body="no such thing")
    assert isinstance(found, UpstreamStatus)
    assert (found.status, found.detail) == ("404", "no such thing")


def test_of_version_2_a_bare_value_is_the_body() -> None:
    assert unwrap_answer(proxied("2.0"), b'{"a": 1}') == {"a": 1}
    void = msgspec.structs.replace(proxied("2.0"), result=None)
    assert unwrap_answer(void, b"null") is None


@pytest.mark.parametrize(
    ("version", "data"),
    [
        ("1.0", b'{"a": 1}'),
        ("1.0", b"3"),
        ("1.0", b'{"statusCode": "x"}'),
        ("2.0", b'{"statusCode": 200, "body": "&", "isBase64Encoded": true}'),
    ],
)
def test_what_api_gateway_does_not_read_is_no_answer(version: str, data: bytes) -> None:
    assert isinstance(unwrap_answer(proxied(version), data), UpstreamAnswer)
