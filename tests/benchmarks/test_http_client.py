import asyncio

import pytest

from tests.benchmarks import bench_http_client as bench


@pytest.mark.slow
async def test_both_clients_of_the_benchmark_get_the_same_answers() -> None:
    with bench.serving() as port:
        for size in bench.SIZES:
            for client in bench.CLIENTS.values():
                assert await bench.answers_of(client, port, size) == bench.body_of(size)
                async with asyncio.timeout(10):
                    assert await bench.cpu_per_call_s(client, port, size, bench.WORKERS) > 0
