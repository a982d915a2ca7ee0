"""CPU that a call costs beside its transport: what finds it equal to another, keeps it, bounds it, counts it.

The transport answers at once. As a script it prints a table; the suite runs it once, untimed, and asserts
the answers: ``python -m tests.benchmarks.bench_calls [CALLS]``.
"""

from __future__ import annotations

import asyncio
import platform
import statistics
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import uvloop

from tests.support.calling import GET_ORDER, headers_of
from weft.engine.execute.calls import Calls
from weft.engine.execute.response_cache import ResponseCache
from weft.engine.execute.upstream_caller import CallSettings, UpstreamCaller
from weft.engine.transport.base import Fetched
from weft.schemas.catalog import Function

ROUNDS: Final = 9
ARGUMENTS: Final = {"orderId": "1"}
HEADERS: Final = {
    "host": "weft", "authorization": "Bearer abc", "x-request-id": "r", "traceparent": "t", "accept": "*/*",
}  # fmt: skip
_SENT: Final = {
    "date": "Mon, 05 Oct 2026 10:00:00 GMT", "server": "bench", "content_type": "application/json",
    "x_request_id": "4bf92f3577b34da6a3ce929d0e0e4736", "content_length": "500",
}  # fmt: skip
UNSAID: Final = Fetched(b'{"id":"1"}', headers_of(**_SENT))
FRESH: Final = Fetched(b'{"id":"1"}', headers_of(**_SENT, cache_control="max-age=600"))


class AtOnce:
    """A transport that answers at once."""

    def __init__(self, answer: Fetched) -> None:
        self.answer = answer
        self.made = 0

    async def fetch(
        self, function: Function, arguments: Mapping[str, Any], *, deadline: float, headers: Mapping[str, str]
    ) -> Fetched:
        self.made += 1
        return self.answer


def ways() -> dict[str, tuple[AtOnce, UpstreamCaller]]:
    """Ways to treat a read, by what is switched on."""
    found: dict[str, tuple[AtOnce, UpstreamCaller]] = {}
    for name, share, keep, answer in (
        ("nothing", False, False, UNSAID),
        ("shared", True, False, UNSAID),
        ("shared, kept: nothing is fresh", True, True, UNSAID),
        ("shared, kept: a hit", True, True, FRESH),
    ):
        transport = AtOnce(answer)
        cache = ResponseCache() if keep else None
        caller = UpstreamCaller(transport, CallSettings(("authorization",)), cache=cache, share=share)  # type: ignore[arg-type]  # it is only fetched from
        found[name] = (transport, caller)
    return found


async def cpu_per_call_s(calls: int) -> dict[str, tuple[float, float]]:
    """Median CPU per call by way: of many calls of one operation, and of operations with one call each."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for name, (_, caller) in ways().items():
            deadline = asyncio.get_running_loop().time() + 1000
            callers = {GET_ORDER.upstream: caller}
            one = Calls(callers, HEADERS, deadline, calls, 10**12)
            began = time.process_time()
            for _ in range(calls):
                assert type(await one.fetch(GET_ORDER, ARGUMENTS)) is Fetched
            between = time.process_time()
            for _ in range(calls):
                assert type(await Calls(callers, HEADERS, deadline).fetch(GET_ORDER, ARGUMENTS)) is Fetched
            ended = time.process_time()
            found.setdefault(name, []).append(((between - began) / calls, (ended - between) / calls))
    return {
        name: (statistics.median(a for a, _ in each), statistics.median(b for _, b in each))
        for name, each in found.items()
    }


def print_table(calls: int) -> None:
    found = uvloop.run(cpu_per_call_s(calls))
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, uvloop {version('uvloop')}, {platform.machine()}; ")
    write(f"{calls} calls, median of {ROUNDS}\n\n")
    write(f"{'':32} {'a call':>10} {'an operation of one call':>26}\n")
    for name, (call, operation) in found.items():
        write(f"{name:32} {call * 1e6:>7.2f} µs {operation * 1e6:>23.2f} µs\n")


if __name__ == "__main__":
    print_table(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
