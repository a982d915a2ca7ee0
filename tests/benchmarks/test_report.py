from __future__ import annotations

import json

import pytest

from . import report, soak
from .load import Sample
from .profiling import read_stacks
from .report import HEADERS, Circumstances, as_json, print_report, rows_of
from .rounds import Results


def sample(per_s: float, cpu_us: float = 100) -> Sample:
    cpu = {"server": cpu_us, "upstream": 10.0, "wrk": 5.0}
    return Sample(per_s=per_s, p50_ms=1, p99_ms=2, cpu_us=cpu, calls=2.001, operations=1000)


def results() -> Results:
    return Results(
        samples={
            ("posts", "differs"): {
                # The machine was slow in the second round, for both.
                "weft": [sample(900), sample(90), sample(800)],
                "bare": [sample(1000), sample(100), sample(1000)],
                "graphql-jit": [sample(400), sample(40), sample(400)],
            }
        },
        checked_calls={("posts", "differs"): {"weft": 2, "bare": 2, "graphql-jit": 2}},
    )


CIRCUMSTANCES = Circumstances(
    commit="abc",
    date="2026-01-01",
    machine="a machine",
    python="CPython 3.11",
    command="python -m tests.benchmarks",
    workers=2,
    rounds=3,
    seconds=4,
    versions={"weft": {"weft": "0.1.0"}},
)


def test_ratios_are_medians_of_those_within_a_round() -> None:
    found = results()
    case = ("posts", "differs")
    assert found.ratio(case, "weft", "bare") == pytest.approx(0.9)  # type: ignore[arg-type]
    assert found.ratio(case, "weft", "graphql-jit") == pytest.approx(2.25)  # type: ignore[arg-type]
    assert found.ratio(case, "weft", "hive") is None  # type: ignore[arg-type]


def test_cpu_ratios_count_all_processes() -> None:
    found = Results(
        samples={("posts", "same"): {"weft": [sample(1, cpu_us=185)], "bare": [sample(1, cpu_us=85)]}}
    )
    assert found.cpu_ratio(("posts", "same"), "weft", "bare") == 0.5


def test_misses_are_told() -> None:
    rows = {row[0]: dict(zip(HEADERS, row, strict=True)) for row in rows_of(results(), ("posts", "differs"))}
    assert rows["bare"]["target"] == ">= 0.75 met"
    assert rows["graphql-jit"]["target"] == ">= 4 MISSED"
    assert rows["weft"]["weft is"] == ""
    assert rows["bare"]["ops/s"] == "1,000"


def test_a_pipe_gets_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(results(), CIRCUMSTANCES)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "commit abc, 2026-01-01"
    assert "posts, nothing shared" in lines
    assert "\t".join(HEADERS) in lines
    assert lines[-1].split("\t")[0] == "graphql-jit"


def test_json_holds_every_round() -> None:
    found = json.loads(as_json(results(), CIRCUMSTANCES))
    assert found["commit"] == "abc"
    bare = found["cases"][0]["contenders"]["bare"]
    assert [one["per_s"] for one in bare["rounds"]] == [1000, 100, 1000]
    assert bare["weft_is"] == pytest.approx(0.9)
    assert bare["target"] == 0.75


def test_targets_name_contenders_and_workloads_that_exist() -> None:
    from .__main__ import CONTENDERS
    from .workload import workloads

    for (workload, _), targets in report.TARGETS.items():
        assert workload in workloads()
        assert set(targets) <= set(CONTENDERS)


def test_growth_is_of_the_last_turns_median_over_the_first() -> None:
    first = soak.Memory(10_000, 100)
    steady = [soak.Memory(n, size) for n, size in enumerate((101, 99, 300, 102, 101, 100))]
    assert soak.growth([first, *steady]) == pytest.approx(1.01)
    assert "met" in soak.report([first, *steady])
    assert "MISSED" in soak.report([first, *[soak.Memory(20_000, 110)] * 5])


def test_samples_count_for_the_deepest_frame() -> None:
    text = "<module> (a/app.py:1);run (a/loop.py:9);decode (x/engine/fast.py:7) 3\nrun (a/loop.py:11) 2\n 5\n"
    assert read_stacks(text) == {"engine/fast decode": 3, "a/loop run": 2, "(threads without Python)": 5}
