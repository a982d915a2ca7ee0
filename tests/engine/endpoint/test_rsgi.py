"""Health, schema, and the engine's life in the application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.engine.endpoint.conftest import Serve
from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import Application, EndpointSettings, running

QUERY = {"query": "{hello}"}


async def status(http: aiohttp.ClientSession, path: str) -> int:
    async with http.get(path) as answer:
        return answer.status


async def test_health_is_always_ok(http: aiohttp.ClientSession, engine: CoreEngine) -> None:
    engine.ready = False
    async with http.get("/healthz") as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok"}


async def test_readiness_follows_the_engine(http: aiohttp.ClientSession, engine: CoreEngine) -> None:
    assert await status(http, "/readyz") == 200
    engine.ready = False
    assert await status(http, "/readyz") == 503


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_without_a_schema_graphql_is_503_and_says_when_to_come_back(
    http: aiohttp.ClientSession, engine: CoreEngine, accept: str
) -> None:
    engine.ready = False
    async with http.post("/graphql", json=QUERY, headers={"accept": accept}) as answer:
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
    assert await status(http, "/schema.graphql") == 503


async def test_the_schema_is_served_as_text(http: aiohttp.ClientSession, engine: CoreEngine) -> None:
    async with http.get("/schema.graphql") as answer:
        assert answer.content_type == "text/plain"
        assert await answer.text() == engine.sdl


@pytest.mark.parametrize("held", ["{etag}", "W/{etag}", '"other", {etag}', "*"])
async def test_a_schema_that_is_held_already_is_304(http: aiohttp.ClientSession, held: str) -> None:
    async with http.get("/schema.graphql") as answer:
        etag = answer.headers["etag"]
    headers = {"if-none-match": held.format(etag=etag)}
    async with http.get("/schema.graphql", headers=headers) as answer:
        assert answer.status == 304
        assert await answer.read() == b""


async def test_a_new_schema_has_a_new_etag(http: aiohttp.ClientSession, engine: CoreEngine) -> None:
    async with http.get("/schema.graphql") as answer:
        etag = answer.headers["etag"]
    engine.sdl = "type Query { other: Int }"
    async with http.get("/schema.graphql", headers={"if-none-match": etag}) as answer:
        assert await answer.text() == engine.sdl


async def test_the_schema_can_be_switched_off(serve: Serve) -> None:
    async with serve(EndpointSettings(schema=False)) as http:
        assert await status(http, "/schema.graphql") == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/schema.graphql", "/graphql/assets/page.js"])
async def test_head_answers_as_get_without_the_body(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as get, http.head(path) as head:
        assert head.status == get.status
        assert head.headers["content-length"] == get.headers["content-length"]
        assert await head.read() == b""


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/schema.graphql", "/graphql/assets/page.js"])
async def test_what_can_only_be_read_is_405_for_post(http: aiohttp.ClientSession, path: str) -> None:
    async with http.post(path) as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/graphql/", "/favicon.ico", "/graphqlx"])
async def test_any_other_path_is_404_as_json(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404
        assert (await answer.json())["errors"][0]["extensions"] == {"code": "NOT_FOUND"}


async def test_the_engine_is_left_in_the_task_that_entered_it(engine: CoreEngine) -> None:
    tasks = []

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        tasks.append(asyncio.current_task())
        yield engine
        tasks.append(asyncio.current_task())

    async with running(Application(lifespan)):
        assert len(tasks) == 1
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


async def test_until_the_engine_is_up_the_application_is_alive_and_not_ready(
    engine: CoreEngine, unused_tcp_port: int
) -> None:
    starting, may_start = asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        starting.set()
        await may_start.wait()
        yield engine

    async with (
        contextlib.AsyncExitStack() as stack,
        aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as http,
    ):
        server = running(Application(lifespan), port=unused_tcp_port)
        up = asyncio.create_task(stack.enter_async_context(server))
        await starting.wait()
        assert await status(http, "/healthz") == 200
        assert await status(http, "/readyz") == 503
        async with http.post("/graphql", json=QUERY) as answer:
            assert answer.status == 503
        may_start.set()
        await up
        assert await status(http, "/readyz") == 200


async def test_an_engine_that_cannot_start_is_told(caplog: pytest.LogCaptureFixture) -> None:
    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        raise RuntimeError("no disk")
        yield CoreEngine()

    with pytest.raises(RuntimeError, match="the engine failed to start"):
        async with running(Application(lifespan)):
            raise AssertionError("unreachable")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "engine failed"
    ]


async def test_two_applications_run_side_by_side(serve: Serve) -> None:
    async with serve() as one, serve() as two:
        assert await status(one, "/readyz") == 200
        assert await status(two, "/readyz") == 200
