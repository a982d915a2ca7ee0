"""Memory of one worker over many requests: it must stay what it was after the first ten thousand.

The requests are of several kinds, in turns: nothing shared, all the same, a long answer, errors of the
upstream, and documents that nobody sent before.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from .contenders.base import Serving
from .contenders.weft import WEFT
from .load import LoadFailed, Mode, run_load
from .rounds import Running, started
from .workload import Workload, workloads

FIRST: Final = 10_000
MOST_GROWTH: Final = 1.05
"""By which the memory at the end may exceed that after `FIRST` requests: fragments come and go."""
LAST: Final = 5
DOCUMENTS: Final = 9_000
"""How many documents are sent before the memory is looked at first: so many fill the cache of documents, which
is bounded in bytes and may grow up to that bound."""

# The load puts a number of nine digits in place of @@.
NEW_DOCUMENTS: Final = Workload(
    "documents", "{user(id:@@){name}}", {"data": {"user": None}}, 1, connections=10
)


@dataclass(frozen=True, slots=True)
class Memory:
    """The worker's resident memory after some requests."""

    requests: int
    rss_bytes: int


def kinds() -> list[tuple[Workload, Mode, float]]:
    """What is asked in turns, and for how long of ten seconds."""
    found = workloads()
    return [
        (replace(found["wide"], least_s=1), "differs", 1),
        (NEW_DOCUMENTS, "differs", 1),
        (found["titles"], "differs", 2),
        (found["posts"], "same", 4),
        (found["posts"], "differs", 2),
    ]


def worker_memory(serving: Serving) -> int:
    """Resident memory of the one worker: the process that has used the most CPU."""
    pid = max(serving.program.pids(), key=serving.program.cpu_of)
    return serving.program.rss_bytes()[pid]


def soak(requests: int, *, tell: Callable[[str], None]) -> list[Memory]:
    """Send at least *requests* requests to one worker.

    Returns:
        Its memory after the first `FIRST` requests, and each time after all kinds had their turn: always
        after the same kind, since a long answer leaves more behind than a short one.
    """
    with started([WEFT], workers=1) as running:
        serving = running.contenders[WEFT.name][1]
        found: list[Memory] = []
        done = 0
        while done < DOCUMENTS:
            done += _load(running, serving, NEW_DOCUMENTS, "differs", 5)
        while done < requests:
            for workload, mode, seconds in kinds():
                done += _load(running, serving, workload, mode, seconds if found else 1)
            if done >= FIRST:
                found.append(Memory(done, worker_memory(serving)))
                tell(f"{done:,} requests: {found[-1].rss_bytes / 2**20:.1f} MiB")
        return found


def _load(running: Running, serving: Serving, workload: Workload, mode: Mode, seconds: float) -> int:
    sample = run_load(
        serving.url,
        workload,
        mode,
        connections=workload.connections,
        seconds=seconds,
        groups={"server": serving.program},
        count_calls=running.upstream.requests,
        least_operations=1,
    )
    if sample is None:
        raise LoadFailed(f"nothing was answered: {workload.name}, {mode}")
    return sample.operations


def growth(found: Sequence[Memory]) -> float:
    """The memory at the end by that after the first requests; the end is the median of the last few."""
    return statistics.median(memory.rss_bytes for memory in found[-LAST:]) / found[0].rss_bytes


def report(found: Sequence[Memory]) -> str:
    """For people."""
    first, last = found[0], found[-1]
    verdict = "met" if growth(found) <= MOST_GROWTH else "MISSED"
    return (
        f"one worker, {first.requests:,} requests: {first.rss_bytes / 2**20:.1f} MiB\n"
        f"{last.requests:,} requests: {last.rss_bytes / 2**20:.1f} MiB; "
        f"the most between {max(memory.rss_bytes for memory in found) / 2**20:.1f} MiB\n"
        f"growth {growth(found):.3f}, at most {MOST_GROWTH:g}: {verdict}\n"
    )


def as_json(found: Sequence[Memory]) -> str:
    """For programs."""
    memory: list[dict[str, Any]] = [asdict(one) for one in found]
    return json.dumps({"memory": memory, "growth": growth(found)}, indent=2) + "\n"
