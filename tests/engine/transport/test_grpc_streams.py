"""Streams: back-pressure, and their first messages as a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.engine.transport.test_grpc import Hanging, running_zoo
from weft.schemas.errors import BadArguments, GrpcStatus, UpstreamAnswer, UpstreamTimeout

LIST = "list.WatchPets"


async def watch(request: Any, _: Any) -> AsyncIterator[Any]:
    for number in range(5):
        yield {"petId": f"{request.pet_id}{number}"}


@pytest.mark.parametrize(
    ("given", "count"), [({}, 5), ({"first": 3}, 3), ({"first": 5}, 5), ({"first": 9}, 5)]
)
async def test_the_first_messages_of_a_stream_are_a_list(given: dict[str, Any], count: int) -> None:
    async with running_zoo({"WatchPets": watch}) as zoo:
        answer: Any = await zoo.call(LIST, {"petId": "p", **given})
    assert [one["petId"] for one in answer] == [f"p{n}" for n in range(count)]


async def test_a_stream_is_ended_once_the_list_is_full() -> None:
    hanging = Hanging()
    async with running_zoo({"WatchPets": hanging.stream}) as zoo:
        answer: Any = await zoo.call(LIST, {"first": 1})
        assert [one["petId"] for one in answer] == ["first"]
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


async def test_a_list_that_does_not_fill_ends_at_the_deadline() -> None:
    hanging = Hanging()
    async with running_zoo({"WatchPets": hanging.stream}) as zoo:
        assert isinstance(await zoo.call(LIST, {"first": 2}, timeout_s=0.2), UpstreamTimeout)
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


@pytest.mark.parametrize("first", [0, -1, 10_001, "1", None])
async def test_an_impossible_number_of_messages_is_refused(first: Any) -> None:
    async with running_zoo({"WatchPets": watch}) as zoo:
        answer = await zoo.call(LIST, {"first": first})
    assert isinstance(answer, BadArguments)
    assert "first" in answer.reason


async def test_messages_that_are_too_many_bytes_together_are_refused() -> None:
    async def large(_: Any, __: Any) -> AsyncIterator[Any]:
        for _ in range(20):
            yield {"petId": "x" * 100}

    async with running_zoo({"WatchPets": large}, max_body_bytes=1000) as zoo:
        assert isinstance(await zoo.call(LIST), UpstreamAnswer)


async def test_a_stream_that_fails_is_an_error_in_place_of_its_list() -> None:
    async def fail(_: Any, context: Any) -> AsyncIterator[Any]:
        yield {"petId": "p"}
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    async with running_zoo({"WatchPets": fail}) as zoo:
        answer = await zoo.call(LIST)
    assert isinstance(answer, GrpcStatus)
    assert answer.code == "DATA_LOSS"


@pytest.mark.slow
async def test_a_slow_reader_slows_the_server_down() -> None:
    sent = 0

    async def flood(_: Any, __: Any) -> AsyncIterator[Any]:
        nonlocal sent
        while sent < 10_000:
            sent += 1
            yield {"petId": "x" * 10_000}

    async with running_zoo({"WatchPets": flood}) as zoo:
        stream = zoo.stream("WatchPets")
        await anext(stream)
        before = -1
        async with asyncio.timeout(20):
            while sent != before:
                before = sent
                await asyncio.sleep(0.15)
        # HTTP/2's window and both sides' buffers are full; nothing else keeps the server from sending 100 MB.
        assert sent < 10_000
        await stream.aclose()
