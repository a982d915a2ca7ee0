"""The benchmark of the gateway: its answers, its table."""

from __future__ import annotations

import pytest

from . import bench_gateway
from .bench_gateway import CASES, Results, Sample
from .report import circumstances


@pytest.mark.slow
@pytest.mark.timeout(300)  # it starts six servers
def test_every_way_to_run_it_answers_right() -> None:
    told: list[str] = []
    assert bench_gateway.main(
        rounds=1, seconds=1, quick=True, command="", file=None, tell=told.append
    ) == 0  # fmt: skip
    assert told[0].startswith(f"all {len(CASES)} answers are right")


def test_what_is_added_is_told_round_by_round() -> None:
    results = Results()
    for case in CASES:
        is_base = case.name == case.base
        results.samples[case.name] = [
            Sample(p50_ms=busy + (0 if is_base else 0.5), p99_ms=busy * 2, per_s=100 if is_base else 50,
                   envoy_us=100, engine_us=100)
            for busy in (1.0, 9.0, 2.0)
        ]  # fmt: skip
    text = bench_gateway.report(results, circumstances((), command="x", workers=1, rounds=3, seconds=1))
    row = next(line for line in text.splitlines() if line.startswith("| function through Envoy"))
    assert row == "| function through Envoy | 2.50 | 4.00 | +0.50 | +0.00 | 100 | 100 | 5,000 | 0.50 |"
