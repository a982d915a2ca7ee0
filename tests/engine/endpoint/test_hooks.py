"""Webhooks and callbacks, from the upstream's request to the subscriber's response."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from weft.engine.endpoint import Application
from weft.engine.endpoint.hooks import HookPath
from weft.engine.endpoint.server import running
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.hooks import BadEvent, Hooks
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Catalog, Function, HookBinding, UpstreamId, with_webhooks
from weft.schemas.errors import UpstreamAnswer
from weft.schemas.links import Weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.stitch import stitch

SECRET = "a-secret-of-16-characters"
PAYMENT = {"type": "object", "properties": {"id": {"type": "string"}, "amount": {"type": "integer"}}}
EVENT = {"requestBody": {"content": {"application/json": {"schema": PAYMENT}}}, "responses": {"204": {}}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "payments", "version": "1"},
    "paths": {
        "/subscribe": {
            "post": {
                "operationId": "subscribe",
                "responses": {"204": {}},
                "callbacks": {"onPaid": {"{$request.query.url}": {"put": EVENT}}},
            }
        }
    },
    "webhooks": {"refunded": {"post": {**EVENT, "summary": "A payment was paid back."}}},
}
READ = read_openapi(
    parse_document(msgspec.json.encode(DOCUMENT), source="test"),
    upstream=UpstreamId("pay"),
    document_url="http://pay.test",
)
(UPSTREAM,) = with_webhooks(Catalog.of(READ)).upstreams
REFUNDED = next(f for f in UPSTREAM.functions if f.name == "refunded")


def test_webhooks_and_callbacks_are_functions_that_stream() -> None:
    found = {f.name: f for f in UPSTREAM.functions if isinstance(f.binding, HookBinding)}
    assert found.keys() == {"refunded", "subscribe_onPaid"}
    assert {f.streaming for f in found.values()} == {"server"}
    assert found["subscribe_onPaid"].binding == HookBinding(method="PUT", media_type="application/json")
    assert found["refunded"].description == "A payment was paid back."
    assert [f.name for f in READ.functions] == ["subscribe"]


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Engine, aiohttp.ClientSession]]:
    hooks = Hooks()
    transport = HttpTransport(UPSTREAM, TransportSettings(hooks=hooks))
    engine = Engine(stitch(Catalog.of(UPSTREAM), Weave((), ())), {UPSTREAM.id: transport})

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Engine]:
        async with engine:
            yield engine

    application = Application(lifespan, hooks=HookPath(hooks, SECRET, max_body_bytes=1_000))
    async with running(application, "127.0.0.1", 0) as url, aiohttp.ClientSession(url) as http:
        yield engine, http


async def test_event_reaches_its_subscribers() -> None:
    async with served() as (engine, http), asyncio.timeout(10):
        query = "subscription { refunded { id amount } }"
        async with contextlib.aclosing(engine.subscribe(GraphQLRequest(query))) as responses:
            first = asyncio.create_task(anext(responses))
            await asyncio.sleep(0)  # the subscription is there before the request is sent
            path = f"/hooks/{SECRET}/pay.refunded"
            async with http.post(path, json={"id": "p1", "amount": 7}) as answer:
                assert answer.status == 204
            assert msgspec.json.decode((await first).body) == {
                "data": {"refunded": {"id": "p1", "amount": 7}}
            }


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        (f"/hooks/{SECRET}/pay.refunded", "POST", b"{}", 204),
        (f"/hooks/{SECRET}/pay.subscribe_onPaid", "PUT", b"{}", 204),
        (f"/hooks/{SECRET}/pay.subscribe_onPaid", "POST", b"{}", 405),
        (f"/hooks/{SECRET}/pay.refunded", "GET", b"", 405),
        (f"/hooks/{SECRET}/pay.subscribe", "POST", b"{}", 404),
        (f"/hooks/{SECRET}/pay.nothing", "POST", b"{}", 404),
        ("/hooks/wrong/pay.refunded", "POST", b"{}", 404),
        ("/hooks//pay.refunded", "POST", b"{}", 404),
        (f"/hooks/{SECRET}", "POST", b"{}", 404),
        (f"/hooks/{SECRET}/pay.refunded", "POST", b"no json", 400),
        (f"/hooks/{SECRET}/pay.refunded", "POST", b" " * 2_000, 413),
    ],
)
async def test_requests_that_are_taken_and_refused(path: str, method: str, body: bytes, status: int) -> None:
    async with served() as (_, http), http.request(method, path, data=body) as answer:
        assert answer.status == status
        assert SECRET not in await answer.text()


async def collect(hooks: Hooks, function: Function, into: list[Any]) -> None:
    async with contextlib.aclosing(hooks.subscribe(function)) as events:
        into.extend([event async for event in events])


async def test_subscriber_that_falls_behind_is_told_and_the_others_go_on() -> None:
    hooks = Hooks(max_waiting=2)
    hooks.know(UPSTREAM.functions)
    slow: list[Any] = []
    task = asyncio.create_task(collect(hooks, REFUNDED, slow))
    await asyncio.sleep(0)
    counts = [hooks.publish(REFUNDED.id, "application/json", b"1") for _ in range(4)]
    await task
    assert slow[:2] == [1, 1]
    assert isinstance(slow[2], UpstreamAnswer)
    assert (len(slow), counts[-1]) == (3, 0)
    assert not hooks._queues


@pytest.mark.parametrize(
    ("content_type", "body", "event"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("", b'{"a": 1}', {"a": 1}),
        ("application/x-www-form-urlencoded", b"a=1&b=", {"a": "1", "b": ""}),
        ("text/plain", b"hello", "hello"),
        ("application/json", b"", None),
    ],
)
async def test_events_are_read_by_their_media_types(content_type: str, body: bytes, event: Any) -> None:
    hooks = Hooks()
    hooks.know([REFUNDED])
    events = hooks.subscribe(REFUNDED)
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    assert hooks.publish(REFUNDED.id, content_type, body) == 1
    assert await waiting == event
    await events.aclose()


@pytest.mark.parametrize(("content_type", "body"), [("application/json", b"{"), ("text/plain", b"\xff")])
def test_body_that_is_no_event_is_refused(content_type: str, body: bytes) -> None:
    hooks = Hooks()
    hooks.know([REFUNDED])
    with pytest.raises(BadEvent):
        hooks.publish(REFUNDED.id, content_type, body)


def test_secret_is_long_and_never_shown() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        HookPath(Hooks(), "short", max_body_bytes=1)
    assert SECRET not in repr(HookPath(Hooks(), SECRET, max_body_bytes=1))
