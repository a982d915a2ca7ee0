"""Server-Sent Events, in distinct connections mode."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.engine.endpoint.conftest import Serve
from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import EndpointSettings

EVENTS = {"accept": "text/event-stream"}
SILENCE = {"query": "subscription {silence}"}


async def read_events(answer: aiohttp.ClientResponse) -> list[tuple[str, object]]:
    """Each event's name and data; ``None`` for no data."""
    assert answer.status == 200
    assert answer.content_type == "text/event-stream"
    events: list[tuple[str, object]] = []
    for block in (await answer.text()).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            events.append((fields["event"], json.loads(fields["data"]) if fields["data"] else None))
    return events


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_sends_each_response_then_completes(
    http: aiohttp.ClientSession, method: str
) -> None:
    request = {"query": "subscription {ticks(until: 3)}"}
    given = {"params": request} if method == "GET" else {"json": request}
    async with http.request(method, "/graphql", headers=EVENTS, **given) as answer:  # type: ignore[arg-type]
        assert await read_events(answer) == [
            *[("next", {"data": {"ticks": tick}}) for tick in range(3)],
            ("complete", None),
        ]


@pytest.mark.parametrize("query", ["{maybe}", "mutation {maybe: __typename}"])
async def test_one_response_is_also_a_stream(http: aiohttp.ClientSession, query: str) -> None:
    async with http.post("/graphql", json={"query": query}, headers=EVENTS) as answer:
        events = await read_events(answer)
    assert [name for name, _ in events] == ["next", "complete"]


async def test_a_request_error_is_a_next_event(http: aiohttp.ClientSession) -> None:
    async with http.post("/graphql", json={"query": "{unknown}"}, headers=EVENTS) as answer:
        (name, response), _ = await read_events(answer)
    assert name == "next"
    assert isinstance(response, dict)
    assert list(response) == ["errors"]


async def test_a_subscription_is_streamed_to_who_takes_events_only_second(
    http: aiohttp.ClientSession,
) -> None:
    headers = {"accept": "application/graphql-response+json, text/event-stream;q=0.5"}
    body = {"query": "subscription {ticks(until: 1)}"}
    async with http.post("/graphql", json=body, headers=headers) as answer:
        assert len(await read_events(answer)) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_subscription_without_events_is_406(http: aiohttp.ClientSession, method: str) -> None:
    request = {"query": "subscription {ticks(until: 1)}"}
    given = {"params": request} if method == "GET" else {"json": request}
    async with http.request(method, "/graphql", **given) as answer:  # type: ignore[arg-type]
        assert answer.status == 406
        assert "text/event-stream" in (await answer.json())["errors"][0]["message"]


async def test_an_exception_ends_the_stream_as_an_error_without_its_text(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    engine.stream_raises = RuntimeError("the password is swordfish")
    body = {"query": "subscription {ticks(until: 1)}"}
    async with http.post("/graphql", json=body, headers=EVENTS) as answer:
        _, (name, response), last = await read_events(answer)
    assert (name, last) == ("next", ("complete", None))
    assert "internal error" in str(response)
    assert "swordfish" not in str(response)


async def test_a_silent_stream_starts_at_once_and_is_kept_alive(serve: Serve) -> None:
    async with (
        serve(EndpointSettings(keep_alive_s=0.01)) as http,
        http.post("/graphql", json=SILENCE, headers=EVENTS) as answer,
    ):
        assert [await answer.content.readline() for _ in range(4)] == [b":\n", b"\n", b":\n", b"\n"]


async def test_a_client_that_goes_away_cancels_its_subscription(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    async with http.post("/graphql", json=SILENCE, headers=EVENTS) as answer:
        await engine.started.wait()
        answer.close()
    await asyncio.wait_for(engine.cancelled.wait(), 5)


async def test_head_of_a_subscription_is_answered_at_once(http: aiohttp.ClientSession) -> None:
    async with http.head("/graphql", params=SILENCE, headers=EVENTS) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"


async def test_an_event_stream_is_not_buffered_by_proxies(http: aiohttp.ClientSession) -> None:
    async with http.post("/graphql", json={"query": "{hello}"}, headers=EVENTS) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
