"""What is broken outside stays outside: each bad upstream, query and answer beside what is good.

The servers are real and misbehave on loopback; everything goes through ``weft.discover``, ``weft.stitch`` and
``weft.serve``, over HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

import weft
from tests.support.aws_answers import aws_error
from tests.support.document_server import Answer, document, endless, serving, text
from tests.support.shop import free_ports
from weft.app.discovering import write_snapshot
from weft.app.transports import make_transports

pytestmark = pytest.mark.slow

TIMEOUT_S = 2.0
ITEM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
GRAPHQL = "application/graphql-response+json"


def described(title: str, schemas: Mapping[str, Any], *paths: str) -> Answer:
    """A document whose operations answer ``Item``."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}
    operation = {"responses": {"200": {"description": "", "content": content}}}
    whole = document(title, components={"schemas": dict(schemas)})
    whole["paths"] = {path: {"get": operation} for path in paths}
    return text(json.dumps(whole))


GOOD = {"/openapi.json": described("Good", {"Item": ITEM}, "/fine"), "/fine": text('{"name": "fine"}')}


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """A port that takes connections, and never says a word."""
    over = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await over.wait()
        finally:
            writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        over.set()


@contextlib.asynccontextmanager
async def served(settings: weft.Settings, snapshot: weft.Snapshot) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the schema of *snapshot*."""
    async with (
        weft.stitch(snapshot, settings) as schema,
        weft.serve(schema, settings, port=0) as url,
        aiohttp.ClientSession(url) as http,
    ):
        yield http


async def ask(http: aiohttp.ClientSession, query: str) -> Any:
    async with http.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL}) as answer:
        return await answer.json(content_type=None)


# -- upstreams that cannot be read


@dataclass(frozen=True)
class Found:
    """What was found of all of them together.

    Attributes:
        took_s: How long it took.
        answer: To a query for the good one.
    """

    snapshot: weft.Snapshot
    took_s: float
    answer: Any


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Found]:
    html = text("<!doctype html><title>Hello</title>", kind="text/html")
    looped = {"Item": {"$ref": "#/components/schemas/Other"}, "Other": {"$ref": "#/components/schemas/Item"}}
    (closed,) = free_ports(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        async with contextlib.AsyncExitStack() as stack:

            async def server(answers: Mapping[str, Answer]) -> str:
                return (await stack.enter_async_context(serving(answers))).url

            silent = await stack.enter_async_context(silent_server())
            refusing = await server(
                {"*": aws_error(403, "AccessDeniedException", "User is not authorized to perform it")}
            )
            urls = {
                "good": await server(GOOD),
                "down": f"http://127.0.0.1:{closed}",
                "html": await server({"*": html}),
                "huge": await server({"/openapi.json": endless(b" " * 1_000_000, 200)}),
                "not_json": await server({"/openapi.json": text("{")}),
                "loop": await server({"/openapi.json": described("Loop", looped, "/looped")}),
                "nowhere": await server({"/openapi.json": described("Nowhere", {}, "/lost")}),
                "silent": f"http://127.0.0.1:{silent}",
                "reflection": f"grpc://127.0.0.1:{silent}",
                "no_grpc": f"grpc://{(await server({})).removeprefix('http://')}",
            }
            upstreams: list[Any] = [{"name": name, "url": url} for name, url in urls.items()]
            upstreams.append({"name": "denied", "lambda": {"region": "eu-west-1", "endpoint": refusing}})
            settings = weft.Settings.from_mapping(
                {"upstreams": upstreams, "discovery": {"timeout": TIMEOUT_S}}, tmp_path_factory.mktemp("bad")
            )
            began = time.monotonic()
            snapshot = await weft.discover(settings)
            took_s = time.monotonic() - began
            async with served(settings, snapshot) as http:
                yield Found(snapshot, took_s, await ask(http, "{ fine { name } }"))


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [
        ("good", "ready", ""),
        ("down", "failed", "connection refused"),
        ("html", "failed", "HTML"),
        ("huge", "failed", "32 MiB"),
        ("not_json", "failed", "openapi.json"),
        ("loop", "ready", ""),
        ("nowhere", "ready", ""),
        ("silent", "failed", "no answer within the time limit"),
        ("reflection", "failed", "no answer within the time limit"),
        ("no_grpc", "failed", ""),
        ("denied", "failed", "not allowed to list functions"),
    ],
)
def test_each_upstream_has_a_state_with_its_reason(name: str, state: str, reason: str, found: Found) -> None:
    status = next(status for status in found.snapshot.statuses if status.upstream == name)
    assert (status.state, "\n" in status.reason) == (state, False)
    assert reason in status.reason
    assert bool(status.reason) == (state != "ready")


@pytest.mark.parametrize("name", ["loop", "nowhere"])
def test_reference_that_leads_nowhere_is_a_warning(name: str, found: Found) -> None:
    upstream = next(upstream for upstream in found.snapshot.catalog.upstreams if upstream.id == name)
    assert any("Item" in warning.reason or "Item" in warning.pointer for warning in upstream.warnings)


def test_no_upstream_takes_longer_than_it_may(found: Found) -> None:
    assert found.took_s < TIMEOUT_S + 1.5


def test_good_one_is_served_beside_all_of_them(found: Found) -> None:
    assert found.answer == {"data": {"fine": {"name": "fine"}}}


# -- answers


SECRETS = ("s3cr3t", "body-of-the-upstream", "127.0.0.1", "x-secret")


async def never(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


ODD: dict[str, tuple[Answer, str]] = {
    "list": (text('[{"name": "body-of-the-upstream"}]'), "UPSTREAM_ANSWER"),
    "words": (text("body-of-the-upstream", kind="text/plain"), "UPSTREAM_ANSWER"),
    "page": (text("<p>body-of-the-upstream", kind="text/html"), "UPSTREAM_ANSWER"),
    "half": (text('{"name": "body-of-the-ups'), "UPSTREAM_ANSWER"),
    "number": (text('{"name": {"body-of-the-upstream": 1}}'), "UPSTREAM_ANSWER"),
    "lacking": (text("{}"), "UPSTREAM_ANSWER"),
    "broken": (text("body-of-the-upstream", status=500, x_secret="s3cr3t"), "UPSTREAM_STATUS"),
    "absent": (text('{"detail": "body-of-the-upstream"}', status=404), "UPSTREAM_STATUS"),
    "moved": (text("", status=302, location="http://body-of-the-upstream/"), "UPSTREAM_STATUS"),
    "late": (never, "UPSTREAM_TIMEOUT"),
    "hung": (hang_up, "UPSTREAM_UNREACHABLE"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def odd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """The response to a query for a good field, and for each of ``ODD``."""
    described_odd = described("Odd", {"Item": ITEM}, *(f"/{name}" for name in ODD))
    answers = {"/openapi.json": described_odd, **{f"/{name}": answer for name, (answer, _) in ODD.items()}}
    async with serving(GOOD) as good, serving(answers) as bad:
        settings = weft.Settings.from_mapping(
            {
                "upstreams": [
                    good.url,
                    {"url": bad.url, "timeout": "500ms", "headers": {"x-secret": "s3cr3t"}},
                ]
            },
            tmp_path_factory.mktemp("odd"),
        )
        async with served(settings, await weft.discover(settings)) as http:
            fields = " ".join(f"{name} {{ name }}" for name in ODD)
            yield await ask(http, f"{{ fine {{ name }} {fields} }}")


@pytest.mark.parametrize("name", ODD)
def test_bad_answer_is_null_with_an_error_at_its_path(name: str, odd: Any) -> None:
    assert odd["data"][name] is None
    (error,) = [error for error in odd["errors"] if error["path"][0] == name]
    assert error["extensions"]["code"] == ODD[name][1]
    assert error["extensions"]["upstream"] == "odd"
    assert error["extensions"]["function"].startswith("odd.")
    of_status = {"status"} if error["extensions"]["code"] == "UPSTREAM_STATUS" else set()
    assert error["extensions"].keys() == {"code", "upstream", "function"} | of_status


def test_rest_of_the_data_is_there(odd: Any) -> None:
    assert odd["data"]["fine"] == {"name": "fine"}


@pytest.mark.parametrize("secret", SECRETS)
def test_error_holds_nothing_of_the_upstream(secret: str, odd: Any) -> None:
    assert secret not in json.dumps(odd)


# -- queries


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(GOOD) as good:
        settings = weft.Settings.from_mapping(
            {"upstreams": [good.url], "server": {"max_body": "64KB"}}, tmp_path_factory.mktemp("queries")
        )
        async with served(settings, await weft.discover(settings)) as http:
            yield http


BAD_QUERIES = [
    ("{ fine { ", {}, "GRAPHQL_PARSE_FAILED"),
    ("", {}, ""),
    ("{ nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("{ fine }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query ($n: Int!) { fine { name @include(if: $n) } }", {}, "GRAPHQL_VALIDATION_FAILED"),
    ("query ($n: Boolean!) { fine { name @include(if: $n) } }", {"n": "x"}, "BAD_USER_INPUT"),
    ("query A { fine { name } } query B { fine { name } }", {}, "OPERATION_RESOLUTION_FAILURE"),
    ("{ fine { name } } " + "#" * 100_000, {}, ""),
]


@pytest.mark.parametrize(("query", "variables", "code"), BAD_QUERIES, ids=range(len(BAD_QUERIES)))
@pytest.mark.asyncio(loop_scope="module")
async def test_bad_query_is_answered_without_data(
    query: str, variables: dict[str, Any], code: str, api: aiohttp.ClientSession
) -> None:
    """GraphQL over HTTP, 6.4: a 4xx for its own media type, with ``errors`` and no ``data``."""
    body = {"query": query, "variables": variables}
    async with api.post("/graphql", json=body, headers={"accept": GRAPHQL}) as answer:
        told = await answer.json(content_type=None)
        assert 400 <= answer.status < 500
        assert answer.content_type == GRAPHQL
    assert "data" not in told
    assert told["errors"]
    assert all(error["message"] for error in told["errors"])
    assert not code or told["errors"][0]["extensions"]["code"] == code


@pytest.mark.asyncio(loop_scope="module")
async def test_old_client_gets_200_for_a_query_that_does_not_validate(api: aiohttp.ClientSession) -> None:
    body = {"query": "{ nope }"}
    async with api.post("/graphql", json=body, headers={"accept": "application/json"}) as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert "data" not in await answer.json()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"query": 1}', b"\xff"], ids=repr)
@pytest.mark.asyncio(loop_scope="module")
async def test_body_that_is_no_request_is_400(body: bytes, api: aiohttp.ClientSession) -> None:
    async with api.post("/graphql", data=body, headers={"content-type": "application/json"}) as answer:
        assert answer.status == 400
        assert (await answer.json(content_type=None))["errors"]


# -- secrets


async def test_secret_headers_are_sent_and_appear_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NEWS_TOKEN", "s3cr3t-token")

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers), status=403)

    async def closed(request: web.Request) -> web.Response:
        return web.Response(status=401, headers={"www-authenticate": request.headers["authorization"]})

    caplog.set_level(logging.DEBUG)
    answers = {"/openapi.json": described("News", {"Item": ITEM}, "/fine"), "/fine": echo}
    async with serving(answers) as news, serving({"*": closed}) as other, silent_server() as silent:
        headers = {"authorization": "Bearer ${NEWS_TOKEN}"}
        settings = weft.Settings.from_mapping(
            {
                "upstreams": [
                    {"url": news.url, "headers": headers},
                    {"url": other.url, "headers": headers},
                    {"url": f"grpc://127.0.0.1:{silent}", "headers": headers},
                ],
                "discovery": {"timeout": "1s"},
            },
            tmp_path,
        )
        snapshot = await weft.discover(settings)
        write_snapshot(settings, snapshot)
        assert news.headers is not None
        assert news.headers["authorization"] == "Bearer s3cr3t-token"
        async with served(settings, snapshot) as http:
            answer = await ask(http, "{ fine { name } }")
    assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_STATUS"
    transports = make_transports(snapshot, settings)
    shown = {
        "snapshot": settings.discovery.snapshot.read_text(),
        "lock": settings.names.lock.read_text(),
        "log": "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records),
        "answer": json.dumps(answer),
        "settings": f"{settings!r} {settings} {settings.model_dump_json()}",
        "transports": f"{transports!r} {[vars(transport) for transport in transports.values()]}",
    }
    assert [place for place, told in shown.items() if "s3cr3t" in told] == []
