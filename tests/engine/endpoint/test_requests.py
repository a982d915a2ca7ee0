"""HTTP requests into GraphQL requests."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.endpoint.requests import HttpProblem, KnownBodies, check_head, parse_query_string
from weft.engine.operation.request import GraphQLRequest

NOT_MAPS: list[Any] = ["string", 0, False, ["array"]]


def parse_request(
    method: str, content_type: str | None, query_string: str, body: bytes
) -> GraphQLRequest | HttpProblem:
    """The steps that the endpoint takes."""
    problem = check_head(method, content_type)
    if problem is not None:
        return problem
    return KnownBodies().parse(body) if method == "POST" else parse_query_string(query_string)


def post(body: bytes | object, content_type: str | None = "application/json") -> GraphQLRequest | HttpProblem:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_request("POST", content_type, "", raw)


def get(**parameters: str) -> GraphQLRequest | HttpProblem:
    return parse_request("GET", None, urlencode(parameters), b"")


def refused(result: GraphQLRequest | HttpProblem) -> HttpProblem:
    assert isinstance(result, HttpProblem)
    return result


def test_post_reads_all_four_parameters() -> None:
    body = {"query": "q", "operationName": "o", "variables": {"a": 1}, "extensions": {"b": 2}}
    assert post(body) == GraphQLRequest("q", {"a": 1}, "o", {"b": 2})


def test_get_reads_all_four_parameters() -> None:
    request = get(query="{a b}", operationName="o", variables='{"a":1}', extensions='{"b":2}')
    assert request == GraphQLRequest("{a b}", {"a": 1}, "o", {"b": 2})


def test_head_is_read_as_get() -> None:
    assert parse_request("HEAD", None, "query=q", b"") == GraphQLRequest("q")


@pytest.mark.parametrize("name", ["operationName", "variables", "extensions"])
def test_null_equals_absent(name: str) -> None:
    assert post({"query": "q", name: None}) == GraphQLRequest("q")


def test_unknown_members_are_ignored() -> None:
    assert post({"query": "q", "id": 7}) == GraphQLRequest("q")


def test_unknown_query_fields_are_ignored() -> None:
    assert get(query="q", utm_source="mail") == GraphQLRequest("q")


def test_the_query_may_be_any_string() -> None:
    assert post({"query": ""}) == GraphQLRequest("")


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("value", NOT_MAPS)
def test_maps_must_be_objects(name: str, value: object) -> None:
    problem = refused(post({"query": "q", name: value}))
    assert problem.status == 400
    assert f"`{name}`" in problem.message


@pytest.mark.parametrize("value", [{"obj": "ect"}, 0, False, ["array"]])
def test_operation_name_must_be_a_string(value: object) -> None:
    assert refused(post({"query": "q", "operationName": value})).status == 400


@pytest.mark.parametrize("value", [{"obj": "ect"}, 0, False, ["array"], None])
def test_query_must_be_a_string(value: object) -> None:
    assert refused(post({"query": value})).status == 400


def test_a_missing_query_is_named() -> None:
    assert refused(post({"qeury": "q"})).message == "the request is not well-formed: `query` is missing"
    assert refused(get(qeury="q")).message == "the request is not well-formed: `query` is missing"


@pytest.mark.parametrize("body", [b"NONSENSE", b'{"query":', b"", b'{"query":"q"} x', b'{"query":"\xff"}'])
def test_a_body_that_is_not_json_is_400(body: bytes) -> None:
    assert refused(post(body)).status == 400


@pytest.mark.parametrize("body", [b'"q"', b"7", b"null"])
def test_a_body_that_is_not_an_object_is_400(body: bytes) -> None:
    assert refused(post(body)).status == 400


def test_a_batch_is_refused_in_words() -> None:
    assert refused(post([{"query": "q"}])).message.startswith("batches of requests are not supported")


def test_deep_json_is_400() -> None:
    deep = b'{"query":"q","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    assert refused(post(deep)).message == "the body is nested too deeply"


def test_deep_variables_of_get_are_400() -> None:
    deep = parse_request("GET", None, "query=q&variables=" + '{"a":' * 50_000, b"")
    assert refused(deep).message == "`variables` is nested too deeply"


@pytest.mark.parametrize("text", ["[1]", "7", '"s"', "{", "nonsense"])
def test_maps_of_get_must_be_json_objects(text: str) -> None:
    assert refused(get(query="q", variables=text)).status == 400
    assert refused(get(query="q", extensions=text)).status == 400


@pytest.mark.parametrize("text", ["", "null"])
def test_an_empty_map_of_get_equals_none(text: str) -> None:
    assert get(query="q", variables=text, extensions=text) == GraphQLRequest("q")


def test_an_empty_operation_name_of_get_equals_none() -> None:
    assert get(query="q", operationName="") == GraphQLRequest("q")


def test_a_parameter_given_twice_is_400() -> None:
    assert refused(parse_request("GET", None, "query=a&query=b", b"")).message == "`query` is given twice"


def test_a_query_string_that_is_not_utf8_is_400() -> None:
    assert refused(parse_request("GET", None, "query=%ff", b"")).status == 400


def test_a_query_string_of_many_fields_is_400() -> None:
    assert refused(parse_request("GET", None, "query=q" + "&a=1" * 1000, b"")).status == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'Application/JSON;charset="UTF-8"',
        "application/json; charset=utf8; other=1",
    ],
)
def test_json_in_utf8_is_accepted(content_type: str) -> None:
    assert post({"query": "q"}, content_type) == GraphQLRequest("q")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/graphql",
        "application/json; charset=latin-1",
        "text/plain, application/json",
    ],
)
def test_other_media_types_are_415(content_type: str | None) -> None:
    problem = refused(post({"query": "q"}, content_type))
    assert problem.status == 415
    assert ("accept", "application/json") in problem.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_405_and_told_which_are_allowed(method: str) -> None:
    problem = refused(parse_request(method, "application/json", "", b"{}"))
    assert problem.status == 405
    assert ("allow", "GET, HEAD, POST, OPTIONS") in problem.headers


def test_a_problem_reads_as_a_request_error() -> None:
    assert msgspec.json.decode(HttpProblem(400, "no", "BAD").body) == {
        "errors": [{"message": "no", "extensions": {"code": "BAD"}}]
    }


@given(st.binary())
def test_any_body_is_parsed_or_refused(body: bytes) -> None:
    assert isinstance(post(body), GraphQLRequest | HttpProblem)


@given(st.text())
def test_any_query_string_is_parsed_or_refused(query_string: str) -> None:
    assert isinstance(parse_request("GET", None, query_string, b""), GraphQLRequest | HttpProblem)


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers() | st.none()),
)
def test_get_and_post_read_the_same(query: str, variables: dict[str, int | None]) -> None:
    assert get(query=query, variables=json.dumps(variables)) == post({"query": query, "variables": variables})
