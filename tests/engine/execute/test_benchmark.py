"""The benchmark of calls runs and measures what it says."""

from __future__ import annotations

from tests.benchmarks import bench_calls as bench
from tests.support.calling import GET_ORDER
from weft.engine.execute.calls import Calls


async def test_every_way_answers() -> None:
    assert len(await bench.cpu_per_call_s(2)) == 4


async def test_only_a_hit_spares_calls() -> None:
    for name, (transport, caller) in bench.ways().items():
        for _ in range(3):
            await Calls({GET_ORDER.upstream: caller}, bench.HEADERS, 1e12).fetch(GET_ORDER, bench.ARGUMENTS)
        assert transport.made == (1 if "hit" in name else 3)
