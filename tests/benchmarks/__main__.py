"""``python -m tests.benchmarks``: Weft beside the bare limit and its peers. See docs/performance.md."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from . import bench_gateway, profiling, soak, stages
from .contenders.bare import BARE, BARE_GRPC
from .contenders.base import Contender
from .contenders.hive_gateway import HIVE
from .contenders.node_jit import GRAPHQL_JIT
from .contenders.strawberry import STRAWBERRY
from .contenders.weft import WEFT, WEFT_GRPC
from .install import need_programs
from .load import Mode
from .report import as_json, circumstances, print_report
from .rounds import check_all, measure, started
from .workload import Workload, workloads

CONTENDERS: Final[dict[str, Contender]] = {
    contender.name: contender
    for contender in (WEFT, BARE, WEFT_GRPC, BARE_GRPC, GRAPHQL_JIT, HIVE, STRAWBERRY)
}
EXACT: Final = ("weft", "bare", "weft-grpc", "bare-grpc")
"""Those that must make the fewest calls; how many the others make is told."""
DEFAULT: Final = EXACT


def _names(text: str, known: Sequence[str]) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} unknown; there are {', '.join(known)}")
    return names


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = found.add_argument
    known = [*CONTENDERS, "all"]
    add("--only", type=lambda text: _names(text, known), default=list(DEFAULT), metavar="NAME,…",
        help=f"contenders, of {', '.join(known)}; {','.join(DEFAULT)} by default")  # fmt: skip
    add("--workload", type=lambda text: _names(text, list(workloads())), default=list(workloads()),
        metavar="NAME,…", help=f"of {', '.join(workloads())}; all by default")  # fmt: skip
    add("--mode", choices=("differs", "same", "both"), default="both",
        help="an Authorization header that differs per request, or one request from all clients")  # fmt: skip
    add("--rounds", type=int, default=5, help="5 by default")
    add("--seconds", type=float, default=4, help="of each round and contender; 4 by default")
    add("--warm-up", type=float, default=2, metavar="SECONDS", help="before the first round; 2 by default")
    add("--workers", type=int, default=2, help="server processes of each contender; 2 by default")
    add("--json", type=Path, metavar="FILE", help="also write everything there")
    add("--quick", action="store_true", help="only check answers and upstream calls")
    add("--stages", action="store_true", help="only measure single stages beside graphql-core")
    add("--profile", action="store_true",
        help="only tell where one worker's time goes, for each contender of Python, workload and mode")  # fmt: skip
    add("--soak", type=int, metavar="N", help="only watch the memory of one worker over N requests")
    add("--gateway", action="store_true", help="only measure what Envoy in front and under the calls costs")
    add("--quiet", action="store_true", help="say nothing until the end")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)  # whoever ends this ends what it started, too
    names = list(CONTENDERS) if "all" in options.only else options.only
    contenders = [CONTENDERS[name] for name in names]
    modes: tuple[Mode, ...] = ("differs", "same") if options.mode == "both" else (options.mode,)
    cases: list[tuple[Workload, Mode]] = [
        (workloads()[name], mode) for name in options.workload for mode in modes
    ]

    def tell(line: str) -> None:
        if not options.quiet:
            sys.stderr.write(f"{line}\n")

    if options.gateway:
        command = " ".join(
            ["python -m tests.benchmarks", *(sys.argv[1:] if arguments is None else arguments)]
        )
        return bench_gateway.main(
            rounds=options.rounds,
            seconds=options.seconds,
            quick=options.quick,
            command=command,
            file=options.json,
            tell=tell,
        )
    if options.stages:
        asyncio.run(stages.print_table())
        return 0
    need_programs("nginx", "wrk")
    if options.soak:
        return _soak(options.soak, options.json, tell)
    for contender in contenders:
        contender.install()
    if options.profile:
        for workload, mode in cases:
            for contender in [one for one in contenders if one.measured(workload, mode)]:
                samples = profiling.profile(contender, workload, mode, seconds=options.seconds)
                sys.stdout.write(
                    profiling.report(samples, contender=contender.name, workload=workload.name, mode=mode)
                )
        return 0

    with started(contenders, workers=options.workers) as running:
        results = check_all(running, cases, exact=EXACT)
        tell("all answers are right, and so are the upstream calls")
        if options.quick:
            return 0
        measure(
            running,
            cases,
            results,
            rounds=options.rounds,
            seconds=options.seconds,
            warm_up_s=options.warm_up,
            tell=tell,
        )
    command = " ".join(["python -m tests.benchmarks", *(sys.argv[1:] if arguments is None else arguments)])
    found = circumstances(
        contenders, command=command, workers=options.workers, rounds=options.rounds, seconds=options.seconds
    )
    print_report(results, found)
    if options.json:
        options.json.write_text(as_json(results, found))
    return 0


def _stop(*_: object) -> None:
    raise SystemExit(143)


def _soak(requests: int, file: Path | None, tell: Callable[[str], None]) -> int:
    found = soak.soak(requests, tell=tell)
    sys.stdout.write(soak.report(found))
    if file:
        file.write_text(soak.as_json(found))
    return 0 if soak.growth(found) <= soak.MOST_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
