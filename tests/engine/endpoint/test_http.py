"""GraphQL over HTTP, against granian.

Ids such as ``22EB`` name the audit of graphql-http that a test answers to.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.engine.endpoint.core_engine import CoreEngine

RESPONSE = "application/graphql-response+json"
LEGACY = "application/json"
BOTH = pytest.mark.parametrize("accept", [RESPONSE, LEGACY])
REQUEST_ERRORS = pytest.mark.parametrize(
    "body",
    [
        pytest.param({"query": "{"}, id="document cannot be parsed"),
        pytest.param({"query": "{ unknown }"}, id="document is not valid"),
        pytest.param({"query": "query A {hello} query B {hello}"}, id="operation cannot be determined"),
        pytest.param(
            {"query": "query Q($n: String!) {hello(name: $n)}", "variables": {"n": None}},
            id="variable cannot be coerced",
        ),
    ],
)


async def post(
    http: aiohttp.ClientSession, body: object, accept: str | None = None, **headers: str
) -> tuple[int, str, Any]:
    if accept:
        headers["accept"] = accept
    async with http.post("/graphql", json=body, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.json(content_type=None)


async def get(
    http: aiohttp.ClientSession, accept: str | None = None, **parameters: str
) -> tuple[int, str, Any]:
    headers = {"accept": accept} if accept else {}
    async with http.get("/graphql", params=parameters, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.json(content_type=None)


@BOTH
async def test_post_answers_in_the_accepted_media_type(http: aiohttp.ClientSession, accept: str) -> None:
    """22EB, 4655, 13EE, 34A2."""
    assert await post(http, {"query": "{hello}"}, accept) == (200, accept, {"data": {"hello": "hello world"}})


@BOTH
async def test_get_answers_in_the_accepted_media_type(http: aiohttp.ClientSession, accept: str) -> None:
    """5A70."""
    assert await get(http, accept, query="{hello}") == (200, accept, {"data": {"hello": "hello world"}})


@pytest.mark.parametrize("accept", [None, "*/*"])
async def test_legacy_json_is_the_default(http: aiohttp.ClientSession, accept: str | None) -> None:
    """80D8, 47DE."""
    assert (await post(http, {"query": "{hello}"}, accept))[:2] == (200, LEGACY)


async def test_the_charset_is_said(http: aiohttp.ClientSession) -> None:
    """82A3."""
    async with http.post("/graphql", json={"query": "{hello}"}) as answer:
        assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
async def test_the_request_is_read_as_utf8(http: aiohttp.ClientSession, content_type: str) -> None:
    """BF61, 78D5."""
    body = json.dumps({"query": '{hello(name: "Run🏃Swim🏊")}'}, ensure_ascii=False).encode()
    async with http.post("/graphql", data=body, headers={"content-type": content_type}) as answer:
        assert (await answer.json())["data"] == {"hello": "hello Run🏃Swim🏊"}


@BOTH
async def test_variables_and_operation_name_are_passed_on(http: aiohttp.ClientSession, accept: str) -> None:
    """28B9, 2EA1, B8B3, 8161."""
    body = {
        "query": "query A($n: String) {hello(name: $n)} query B {maybe}",
        "variables": {"n": "Ada"},
        "operationName": "A",
    }
    assert (await post(http, body, accept))[2] == {"data": {"hello": "hello Ada"}}


@BOTH
async def test_get_passes_variables_on(http: aiohttp.ClientSession, accept: str) -> None:
    """D6D5, 6A70."""
    _, _, body = await get(
        http, accept, query="query A($n: String) {hello(name: $n)}", variables='{"n": "Ada"}'
    )
    assert body == {"data": {"hello": "hello Ada"}}


async def test_extensions_and_headers_reach_the_engine(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    """1B7A, 428F."""
    await post(http, {"query": "{hello}", "extensions": {"some": "value"}}, **{"X-Tenant": "blue"})
    assert engine.seen["request"].extensions == {"some": "value"}
    assert engine.seen["headers"]["x-tenant"] == "blue"


async def test_a_header_that_came_twice_reaches_the_engine_whole(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    headers = [("content-type", "application/json"), ("x-tag", "a"), ("x-tag", "b")]
    async with http.post("/graphql", data=b'{"query":"{hello}"}', headers=headers):
        assert engine.seen["headers"]["x-tag"] == "a, b"


@REQUEST_ERRORS
async def test_a_request_error_is_400_in_the_modern_media_type(
    http: aiohttp.ClientSession, body: object
) -> None:
    """865D, 556A, D586, 51FE, 74FF, 5E5B, 86EE."""
    status, content_type, answer = await post(http, body, RESPONSE)
    assert (status, content_type) == (400, RESPONSE)
    assert "data" not in answer
    assert answer["errors"]


@REQUEST_ERRORS
async def test_a_request_error_is_200_in_legacy_json(http: aiohttp.ClientSession, body: object) -> None:
    """572B, FDE2, 7B9B."""
    status, content_type, answer = await post(http, body, LEGACY)
    assert (status, content_type) == (200, LEGACY)
    assert "data" not in answer


@BOTH
async def test_an_execution_error_is_200(http: aiohttp.ClientSession, accept: str) -> None:
    status, _, answer = await post(http, {"query": "{hello broken}"}, accept)
    assert status == 200
    assert answer["data"] == {"hello": "hello world", "broken": None}


@BOTH
@pytest.mark.parametrize(
    "body", [b"NONSENSE", b'{"query":', b"", b'{"qeury":"{hello}"}', b'[{"query":"{hello}"}]']
)
async def test_a_request_that_is_not_well_formed_is_400(
    http: aiohttp.ClientSession, accept: str, body: bytes
) -> None:
    """A5BF, 423L, B6DC, BCF8, B7N8, 8764, 3E3A."""
    headers = {"content-type": "application/json", "accept": accept}
    async with http.post("/graphql", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert answer.content_type == accept
        assert (await answer.json(content_type=None))["errors"]


async def test_a_post_without_content_type_is_415(http: aiohttp.ClientSession) -> None:
    """9ABE."""
    async with http.post(
        "/graphql", data=b'{"query":"{hello}"}', skip_auto_headers=["content-type"]
    ) as answer:
        assert answer.status == 415


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_a_post_that_a_foreign_form_can_send_does_not_run(
    http: aiohttp.ClientSession, engine: CoreEngine, content_type: str
) -> None:
    headers = {"content-type": content_type}
    async with http.post("/graphql", data=b'{"query":"mutation {count}"}', headers=headers) as answer:
        assert answer.status == 415
    assert engine.counter == 0


@pytest.mark.parametrize("accept", [RESPONSE, LEGACY, "text/event-stream"])
async def test_a_mutation_over_get_is_405_and_does_not_run(
    http: aiohttp.ClientSession, engine: CoreEngine, accept: str
) -> None:
    """9C48."""
    headers = {"accept": accept}
    async with http.get("/graphql", params={"query": "mutation {count}"}, headers=headers) as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "POST"
    assert engine.counter == 0


async def test_a_mutation_over_post_runs(http: aiohttp.ClientSession) -> None:
    assert (await post(http, {"query": "mutation {count}"}))[2] == {"data": {"count": 1}}


async def test_an_unknown_accept_is_406(http: aiohttp.ClientSession) -> None:
    assert (await post(http, {"query": "{hello}"}, "image/png"))[0] == 406


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_405(http: aiohttp.ClientSession, method: str) -> None:
    async with http.request(method, "/graphql", json={"query": "{hello}"}) as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_options_says_what_is_allowed(http: aiohttp.ClientSession) -> None:
    async with http.options("/graphql") as answer:
        assert answer.status == 204
        assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


async def test_head_answers_without_a_body(http: aiohttp.ClientSession) -> None:
    async with http.head("/graphql", params={"query": "{hello}"}) as answer:
        assert answer.status == 200
        assert answer.headers["content-length"] == "32"
        assert await answer.read() == b""


async def test_the_number_of_upstream_calls_is_told(http: aiohttp.ClientSession) -> None:
    async with http.post("/graphql", json={"query": "{hello}"}) as answer:
        assert answer.headers["server-timing"] == 'upstream;desc="4 calls"'


async def test_responses_are_not_sniffed_and_not_stored(http: aiohttp.ClientSession) -> None:
    async with http.post("/graphql", json={"query": "{hello}"}) as answer:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
