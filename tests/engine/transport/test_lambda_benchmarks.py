"""The benchmark of Lambda's clients measures calls that give the right answer."""

from __future__ import annotations

import pytest

from tests.benchmarks import bench_lambda as bench


@pytest.mark.slow
async def test_all_clients_of_the_benchmark_get_the_same_answer() -> None:
    with bench.serving() as port:
        for client in bench.CLIENTS.values():
            assert await bench.answer_of(client, port) == bench.ANSWER
            assert await bench.cpu_per_call_s(client, port, bench.WORKERS) > 0
    assert (
        bench.own_signature()().partition(", Signature")[0]
        == bench.botocores_signature().partition(", Signature")[0]
    )
