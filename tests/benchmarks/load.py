"""Load on one URL by wrk, with what it cost each of the processes involved."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from .running import Program
from .workload import Workload

LOAD: Final = Path(__file__).with_name("load.lua")

LEAST_OPERATIONS: Final = 3
"""For each connection, in one run: fewer, and what the end cuts off would count."""
LONGEST_S: Final = 60.0
TIMEOUT_S: Final = 120
"""Of one request; a slow contender on a busy machine may take half a minute."""

Mode: TypeAlias = Literal["same", "differs"]
"""``same``: one request from all clients. ``differs``: each carries an Authorization of its own, which is
forwarded, so that nothing can be shared."""


class LoadFailed(RuntimeError):
    """wrk saw errors, or could not run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of wrk.

    Attributes:
        per_s: Operations a second.
        p50_ms: Median latency in milliseconds.
        p99_ms: Latency in milliseconds that one request in a hundred exceeds.
        cpu_us: CPU of one operation in microseconds, by group of processes: ``server``, ``upstream``, ``wrk``.
        calls: Upstream calls of one operation; what was under way at the end counts too.
        operations: How many there were.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float]
    calls: float
    operations: int

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def run_load(
    url: str,
    workload: Workload,
    mode: Mode,
    *,
    connections: int,
    seconds: float,
    groups: Mapping[str, Program],
    count_calls: Callable[[], int],
    least_operations: int = LEAST_OPERATIONS,
) -> Sample | None:
    """Load *url* for some seconds; longer if there were few operations beside those cut off by the end.

    Args:
        url: Takes the operations.
        workload: What is asked.
        mode: Whether requests differ.
        connections: Kept busy by wrk.
        seconds: How long, unless *workload* or a slow contender needs longer; wrk takes whole ones.
        groups: Whose CPU is told, by name.
        count_calls: What the upstream was asked so far.
        least_operations: For each connection; fewer, and it is run again for longer.

    Returns:
        What it cost; ``None`` if nothing was answered.

    Raises:
        LoadFailed: An answer was no 2xx, or a connection broke.
    """
    seconds = max(seconds, workload.least_s)
    while True:
        sample = _run(url, workload, mode, connections, seconds, groups, count_calls)
        operations = sample.operations if sample is not None else 0
        if operations >= least_operations * connections or seconds >= LONGEST_S:
            return sample
        seconds = min(LONGEST_S, seconds * 4)


def _run(
    url: str,
    workload: Workload,
    mode: Mode,
    connections: int,
    seconds: float,
    groups: Mapping[str, Program],
    count_calls: Callable[[], int],
) -> Sample | None:
    """One run of wrk; ``None`` if nothing was answered."""
    calls, cpu = count_calls(), {name: group.cpu_s() for name, group in groups.items()}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    args = ["wrk", "-t1"]
    args += [
        f"-c{connections}",
        f"-d{round(seconds)}s",
        "--latency",
        f"--timeout={TIMEOUT_S}",
    ]
    done = subprocess.run(
        [*args, "-s", str(LOAD), url, "--", workload.body, mode],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {name: group.cpu_s() - cpu[name] for name, group in groups.items()}
    used["wrk"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    calls = count_calls() - calls
    result = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not result:
        raise LoadFailed(f"wrk failed: {done.stdout}\n{done.stderr}")
    told = json.loads(result[0].removeprefix("RESULT "))
    operations = told["requests"]
    errors = {kind: count for kind, count in told["errors"].items() if count}
    if errors:
        printed = "".join(f"\n{name} printed:\n{group.tail()}" for name, group in groups.items())
        raise LoadFailed(f"{url}: {operations} answers; errors by kind: {errors}{printed}")
    if not operations:
        return None
    return Sample(
        per_s=operations / told["duration_us"] * 1e6,
        p50_ms=told["p50_us"] / 1e3,
        p99_ms=told["p99_us"] / 1e3,
        cpu_us={name: seconds / operations * 1e6 for name, seconds in used.items()},
        calls=calls / operations,
        operations=operations,
    )
