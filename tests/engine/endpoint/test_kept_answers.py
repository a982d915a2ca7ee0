"""Answers kept, asked for again and repeated on the wire; what the response says of how long it may be used."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.small_catalogs import TEXT, get, key_argument, write
from weft.engine.endpoint import Application, running
from weft.engine.execute.engine import CallSettings, Engine, EngineSettings
from weft.engine.execute.retries import RetryRule
from weft.engine.transport import TransportSettings
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Catalog, HttpTarget, Upstream, UpstreamId
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

Handler = Callable[[web.Request], web.StreamResponse]
NEWS = UpstreamId("news")
FUNCTIONS = (
    get("news.get_item", "/items/{id}", TEXT, key_argument("id")),
    get("news.get_weather", "/weather", TEXT),
    write("news.put_item", "/items/{id}", TEXT, key_argument("id")),
)


class News:
    """An endpoint over one upstream whose handlers a test writes."""

    def __init__(self, http: aiohttp.ClientSession, engine: Engine, requests: list[web.Request]) -> None:
        self.http = http
        self.engine = engine
        self.requests = requests

    async def ask(self, query: str, **headers: str) -> tuple[Any, str]:
        """The response map, and its Cache-Control."""
        async with self.http.post("/graphql", json={"query": query}, headers=headers) as answer:
            return await answer.json(), answer.headers["cache-control"]


@contextlib.asynccontextmanager
async def serving(
    item: Handler, weather: Handler | None = None, *, forward: tuple[str, ...] = (), **settings: Any
) -> AsyncIterator[News]:
    requests: list[web.Request] = []

    def counted(handler: Handler) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            requests.append(request)
            return handler(request)

        return handle

    app = web.Application()
    app.router.add_get("/items/{id}", counted(item))
    app.router.add_post("/items/{id}", counted(lambda _: web.json_response("written")))
    app.router.add_get("/weather", counted(weather or item))
    async with TestServer(app) as server:
        target = HttpTarget(base_url=str(server.make_url("")).rstrip("/"))
        upstream = Upstream(id=NEWS, target=target, functions=FUNCTIONS)
        catalog = Catalog.of(upstream)
        calls = {NEWS: CallSettings(forward, retries=RetryRule(base_s=0.001))}
        engine = Engine(
            stitch(catalog, weave(catalog)),
            {NEWS: HttpTransport(upstream, TransportSettings())},
            EngineSettings(calls=calls, **settings),
        )
        async with running(Application(lambda: engine)) as url, aiohttp.ClientSession(url) as http:
            yield News(http, engine, requests)


def fresh(seconds: int, **more: str) -> Handler:
    headers = {"cache-control": f"max-age={seconds}", **more}
    return lambda _: web.json_response("x", headers=headers)


async def test_a_response_says_the_least_age_of_its_calls() -> None:
    async with serving(fresh(600), fresh(60)) as news:
        _, alone = await news.ask('{ item(id: "1") }')
        _, both = await news.ask('{ item(id: "1") weather }')
        assert alone in {"max-age=600", "max-age=599"}
        assert both in {"max-age=60", "max-age=59"}
        assert len(news.requests) == 2


async def test_what_depends_on_the_client_is_private() -> None:
    async with serving(fresh(600), forward=("authorization",)) as news:
        _, said = await news.ask("{ weather }")
        assert said.startswith("private, max-age=")


async def test_a_private_answer_makes_the_response_private() -> None:
    async with serving(
        lambda _: web.json_response("x", headers={"cache-control": "private, max-age=9"})
    ) as news:
        for _ in range(2):
            _, said = await news.ask("{ weather }")
            assert said.startswith("private, max-age=")
        assert len(news.requests) == 1


@pytest.mark.parametrize(
    ("query", "weather"),
    [
        ("{ weather }", lambda _: web.json_response("x")),
        ("{ weather }", lambda _: web.json_response("x", headers={"cache-control": "no-store"})),
        ("{ weather }", lambda _: web.json_response({}, headers={"cache-control": "max-age=60"})),
        ('{ weather item(id: "1") }', lambda _: web.Response(status=500)),
        ("{ __typename }", fresh(60)),
        ('mutation { putItem(id: "1") }', fresh(60)),
        ("{ nothing }", fresh(60)),
    ],
    ids=["unsaid", "no-store", "wrong type", "error", "no calls", "mutation", "request error"],
)
async def test_a_response_that_must_not_be_used_again_says_so(query: str, weather: Handler) -> None:
    async with serving(fresh(60), weather) as news:
        for _ in range(2):
            _, said = await news.ask(query)
            assert said == "no-store"


async def test_a_stale_answer_is_asked_for_by_its_etag_on_the_wire() -> None:
    def item(request: web.Request) -> web.Response:
        headers = {"etag": '"1"', "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == '"1"':
            return web.Response(status=304, headers=headers)
        return web.json_response("long", headers=headers)

    async with serving(item) as news:
        for _ in range(3):
            assert await news.ask("{ weather }") == ({"data": {"weather": "long"}}, "no-store")
        assert len(news.requests) == 3
        assert news.engine.cache is not None
        assert news.engine.cache.revalidated == 2


async def test_credentials_are_never_answered_with_what_others_read() -> None:
    def item(request: web.Request) -> web.Response:
        who = request.headers.get("authorization", "nobody")
        return web.json_response(who, headers={"cache-control": "public, max-age=600"})

    async with serving(item, forward=("authorization",)) as news:
        for _ in range(2):
            for who in ("anna", "ben"):
                body, _ = await news.ask("{ weather }", authorization=who)
                assert body == {"data": {"weather": who}}
        assert (await news.ask("{ weather }"))[0] == {"data": {"weather": "nobody"}}
        assert len(news.requests) == 3


async def test_a_write_makes_what_is_kept_of_its_path_stale() -> None:
    async with serving(fresh(600)) as news:
        for _ in range(2):
            await news.ask('{ a: item(id: "1") b: item(id: "2") }')
        await news.ask('mutation { putItem(id: "1") }')
        await news.ask('{ a: item(id: "1") b: item(id: "2") }')
        paths = [f"{request.method} {request.path}" for request in news.requests]
        assert sorted(paths) == ["GET /items/1", "GET /items/1", "GET /items/2", "POST /items/1"]


async def test_an_upstream_that_asks_for_time_gets_it() -> None:
    def item(_: web.Request) -> web.Response:
        if len(news.requests) == 1:
            return web.Response(status=503, headers={"retry-after": "0"})
        return web.json_response("there")

    async with serving(item) as news:
        assert (await news.ask("{ weather }"))[0] == {"data": {"weather": "there"}}
        assert len(news.requests) == 2


async def test_an_upstream_that_asks_for_more_time_than_there_is_fails_at_once() -> None:
    def item(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"retry-after": "3600"})

    async with serving(item) as news:
        body, _ = await news.ask("{ weather }")
        assert body["errors"][0]["extensions"]["code"] == "UPSTREAM_STATUS"
        assert len(news.requests) == 1


async def test_nothing_is_kept_where_that_is_switched_off() -> None:
    async with serving(fresh(600), cache_bytes=0) as news:
        for _ in range(2):
            assert await news.ask("{ weather }") == ({"data": {"weather": "x"}}, "no-store")
        assert len(news.requests) == 2
        assert news.engine.cache is None
