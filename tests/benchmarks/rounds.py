"""Contenders measured in turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .check import check
from .contenders.base import Contender, Serving, Upstreams
from .load import LEAST_OPERATIONS, LoadFailed, Mode, Sample, run_load
from .upstream import Upstream, upstreams
from .workload import Workload

Case = tuple[str, Mode]
"""A workload's name, and whether requests differ."""


@dataclass(slots=True)
class Results:
    """What was measured.

    Attributes:
        samples: By workload and mode, by contender; one for each round, in order.
        checked_calls: Upstream calls of an operation that is alone, by the same keys.
    """

    samples: dict[Case, dict[str, list[Sample]]] = field(default_factory=dict)
    checked_calls: dict[Case, dict[str, float]] = field(default_factory=dict)

    def median(self, case: Case, contender: str, value: Callable[[Sample], float]) -> float:
        """The median over the rounds."""
        return statistics.median(value(sample) for sample in self.samples[case][contender])

    def ratio(self, case: Case, contender: str, other: str) -> float | None:
        """The median of the operations per second of *contender* by those of *other* in the same round."""
        mine, others = (self.samples[case].get(name) for name in (contender, other))
        if not mine or not others:
            return None
        return statistics.median(a.per_s / b.per_s for a, b in zip(mine, others, strict=True))

    def cpu_ratio(self, case: Case, contender: str, other: str) -> float | None:
        """The same by CPU: of *other* by that of *contender*, each with the upstream's and wrk's.

        It is what the ratio would be if nothing else ran on the machine and all of its cores were busy.
        """
        mine, others = (self.samples[case].get(name) for name in (contender, other))
        if not mine or not others:
            return None
        return statistics.median(
            sum(b.cpu_us.values()) / sum(a.cpu_us.values()) for a, b in zip(mine, others, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Running:
    """The upstream and the contenders, ready."""

    upstream: Upstream
    contenders: Mapping[str, tuple[Contender, Serving]]

    def of(self, workload: Workload, mode: Mode) -> list[tuple[Contender, Serving]]:
        """Those that take part."""
        return [pair for pair in self.contenders.values() if pair[0].measured(workload, mode)]


@contextmanager
def started(contenders: Sequence[Contender], *, workers: int) -> Iterator[Running]:
    """Run the upstream and *contenders* until the block ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weft-bench-")))
        folder.chmod(0o755)
        upstream = stack.enter_context(upstreams(folder / "upstream"))
        serving: dict[str, tuple[Contender, Serving]] = {}
        for contender in contenders:
            own = folder / contender.name
            own.mkdir()
            called = Upstreams(upstream.url, upstream.grpc_address)
            serving[contender.name] = (
                contender,
                stack.enter_context(contender.start(called, own, workers)),
            )
        yield Running(upstream, serving)


def check_all(running: Running, cases: Sequence[tuple[Workload, Mode]], *, exact: Sequence[str]) -> Results:
    """Check answers and calls of every contender; those of *exact* must make the fewest calls."""
    results = Results()
    for workload, mode in cases:
        calls = results.checked_calls.setdefault((workload.name, mode), {})
        for contender, serving in running.of(workload, mode):
            calls[contender.name] = check(
                contender, serving, running.upstream, workload, mode, exact=contender.name in exact
            )
    return results


def measure(
    running: Running,
    cases: Sequence[tuple[Workload, Mode]],
    results: Results,
    *,
    rounds: int,
    seconds: float,
    warm_up_s: float,
    tell: Callable[[str], None],
) -> None:
    """Add *rounds* samples of each case and contender to *results*.

    Within a round, the contenders of a case are measured one right after the other, in an order that turns
    from round to round.
    """
    for workload, mode in cases:
        pairs = running.of(workload, mode)
        found = results.samples.setdefault((workload.name, mode), {pair[0].name: [] for pair in pairs})
        for number in range(-1 if warm_up_s else 0, rounds):
            start = number % len(pairs) if pairs else 0
            for contender, serving in pairs[start:] + pairs[:start]:
                sample = run_load(
                    serving.url_for(workload, mode),
                    workload,
                    mode,
                    connections=contender.connections_for(workload),
                    seconds=warm_up_s if number < 0 else seconds,
                    groups={"server": serving.program, "upstream": running.upstream.program},
                    count_calls=running.upstream.requests,
                    least_operations=0 if number < 0 else LEAST_OPERATIONS,
                )
                if number < 0:
                    continue
                if sample is None:
                    raise LoadFailed(f"{contender.name} answered nothing: {workload.name}, {mode}")
                found[contender.name].append(sample)
                tell(f"{workload.name} {mode} round {number + 1}: {contender.name} {sample.per_s:,.0f}/s")
