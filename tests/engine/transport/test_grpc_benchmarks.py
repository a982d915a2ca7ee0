"""The benchmarks of gRPC clients and messages give the right answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.benchmarks import bench_grpc_client as clients
from tests.benchmarks import bench_grpc_messages as messages


@pytest.mark.slow
async def test_every_client_of_the_benchmark_gets_the_same_answer() -> None:
    with clients.serving() as port:
        for client in clients.CLIENTS.values():
            async with asyncio.timeout(20):
                assert await clients.answer_of(client, port) == clients.ANSWER
                assert await clients.cpu_per_call_s(client, port, clients.WORKERS) > 0


def test_the_ways_to_read_messages_agree() -> None:
    generated, converted, _ = messages.ways().values()
    data = messages.answer(3)
    assert generated(data) == converted(data)
    assert len(generated(data).a0) == 3
    made, parsed = messages.request_ways().values()
    assert made() == parsed()
