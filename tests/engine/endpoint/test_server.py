"""The application in worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.processes import RunningProcess, running_process

pytestmark = pytest.mark.slow


@pytest.fixture
async def served(unused_tcp_port: int) -> AsyncIterator[RunningProcess]:
    async with running_process(["-m", "tests.engine.endpoint.served", str(unused_tcp_port)]) as process:
        yield process


async def stop(process: RunningProcess) -> float:
    """Stop the server; how long it took, in seconds."""
    asked = time.monotonic()
    process.process.terminate()
    await process.process.wait()
    return time.monotonic() - asked


async def test_a_worker_answers(served: RunningProcess) -> None:
    async with (
        aiohttp.ClientSession(served.url) as http,
        http.post("/graphql", json={"query": "{hello}"}) as answer,
    ):
        assert await answer.json() == {"data": {"hello": "hello world"}}


async def test_a_stopping_worker_leaves_the_engine(served: RunningProcess) -> None:
    await stop(served)
    assert "engine left" in served.lines


async def test_a_stopping_worker_ends_event_streams(served: RunningProcess) -> None:
    async with (
        aiohttp.ClientSession(served.url) as http,
        http.post(
            "/graphql", json={"query": "subscription {silence}"}, headers={"accept": "text/event-stream"}
        ) as answer,
    ):
        assert await answer.content.readline() == b":\n"
        stopping = asyncio.create_task(stop(served))
        assert await answer.content.read() == b"\n"
        assert await stopping < 3
    assert "engine left" in served.lines
