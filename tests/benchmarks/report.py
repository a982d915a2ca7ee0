"""What was measured: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from .contenders.base import Contender
from .rounds import Case, Results
from .running import ROOT

OURS: Final = ("weft", "weft-grpc")

TARGETS: Final[Mapping[Case, Mapping[str, float]]] = {
    ("posts", "differs"): {"bare": 0.75, "graphql-jit": 4, "hive": 50, "strawberry": 50},
    ("posts", "same"): {"bare": 0.8},
    ("titles", "differs"): {"bare": 0.75, "graphql-jit": 3, "hive": 30},
    ("titles", "same"): {"bare": 0.8},
    ("wide", "differs"): {"bare": 0.7, "strawberry": 20},
    ("grpc", "differs"): {"bare-grpc": 0.7},
}
"""The least that Weft's operations per second must be, as multiples of another contender's."""

HEADERS: Final = (
    "contender",
    "ops/s",
    "p50 ms",
    "p99 ms",
    "cpu µs/op",
    "upstream µs",
    "wrk µs",
    "calls/op",
    "alone",
    "weft is",
    "by cpu",
    "target",
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where, when and of what the figures are."""

    commit: str
    date: str
    machine: str
    python: str
    command: str
    workers: int
    rounds: int
    seconds: float
    versions: Mapping[str, Mapping[str, str]]


def circumstances(
    contenders: Sequence[Contender], *, command: str, workers: int, rounds: int, seconds: float
) -> Circumstances:
    """Those of this run."""
    versions = {contender.name: dict(contender.versions()) for contender in contenders}
    versions["upstream"] = {"nginx": _version(["nginx", "-v"])}
    versions["load"] = {"wrk": _version(["wrk", "-v"])}
    return Circumstances(
        commit=_commit(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=_machine(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        command=command,
        workers=workers,
        rounds=rounds,
        seconds=seconds,
        versions=versions,
    )


def _version(args: Sequence[str]) -> str:
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _commit() -> str:
    git = ["git", "-C", str(ROOT)]
    done = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "unknown"
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=False)
    return done.stdout.strip() + (", changed" if changed.stdout.strip() else "")


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = model[1] if model else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def _ours(results: Results, case: Case) -> str:
    """Weft's name among the contenders of *case*."""
    return next((name for name in OURS if name in results.samples[case]), "")


def rows_of(results: Results, case: Case) -> list[list[str]]:
    """One row for each contender, under `HEADERS`."""
    rows: list[list[str]] = []
    targets = TARGETS.get(case, {})
    ours = _ours(results, case)
    for name in results.samples[case]:
        ratio = results.ratio(case, ours, name) if name != ours else None
        by_cpu = results.cpu_ratio(case, ours, name) if name != ours else None
        target = targets.get(name)
        met = "" if target is None or ratio is None else (" met" if ratio >= target else " MISSED")
        rows.append(
            [
                name,
                f"{results.median(case, name, lambda sample: sample.per_s):,.0f}",
                f"{results.median(case, name, lambda sample: sample.p50_ms):,.1f}",
                f"{results.median(case, name, lambda sample: sample.p99_ms):,.1f}",
                *(
                    f"{results.median(case, name, lambda sample, group=group: sample.cpu_us[group]):,.0f}"  # type: ignore[misc]
                    for group in ("server", "upstream", "wrk")
                ),
                f"{results.median(case, name, lambda sample: sample.calls):.2f}",
                f"{results.checked_calls[case][name]:g}",
                "" if ratio is None else f"{ratio:.2f}x",
                "" if by_cpu is None else f"{by_cpu:.2f}x",
                "" if target is None else f">= {target:g}{met}",
            ]
        )
    return rows


def print_report(results: Results, found: Circumstances) -> None:
    """Tables in a terminal; in a pipe, lines of fields with a tab between them."""
    out = Console(highlight=False, soft_wrap=True)
    said = [f"commit {found.commit}, {found.date}", f"{found.machine}; {found.python}", f"$ {found.command}"]
    said.append(f"{found.workers} server processes, medians of {found.rounds} rounds of {found.seconds:g} s")
    said += [
        f"{name}: {', '.join(f'{package} {version}' for package, version in packages.items())}"
        for name, packages in found.versions.items()
    ]
    out.print("\n".join(said), markup=False)
    for case in results.samples:
        title = f"{case[0]}, {'the same request' if case[1] == 'same' else 'nothing shared'}"
        rows = rows_of(results, case)
        if not out.is_terminal:
            # Not by rich, which makes blanks of tabs.
            out.file.write("\n".join(["", title, *("\t".join(row) for row in (HEADERS, *rows)), ""]))
            continue
        table = Table(box=None, pad_edge=False, title=f"\n{title}", title_justify="left", header_style="bold")
        for header in HEADERS:
            table.add_column(header, justify="left" if header in {"contender", "target"} else "right")
        for row in rows:
            table.add_row(*row)
        out.print(table)


def as_json(results: Results, found: Circumstances) -> str:
    """Everything, each round included."""
    cases: list[dict[str, Any]] = []
    for case, by_name in results.samples.items():
        cases.append(
            {
                "workload": case[0],
                "mode": case[1],
                "contenders": {
                    name: {
                        "checked_calls": results.checked_calls[case][name],
                        "rounds": [sample.as_json() for sample in samples],
                        "weft_is": results.ratio(case, _ours(results, case), name),
                        "weft_is_by_cpu": results.cpu_ratio(case, _ours(results, case), name),
                        "target": TARGETS.get(case, {}).get(name),
                    }
                    for name, samples in by_name.items()
                },
            }
        )
    return json.dumps({**asdict(found), "cases": cases}, indent=2) + "\n"
