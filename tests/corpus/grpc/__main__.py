"""Every method of real APIs, served from their descriptors, discovered, and called through GraphQL.

``python -m tests.corpus.grpc [--rounds N] [--more N] [--seed N] [--fetch] [--json] [DISTRIBUTION ...]``. The descriptors
are kept in ``sets``; ``--fetch`` takes them from the newest releases on PyPI first. Exits with 1 if anything
differed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .check import Outcome, check
from .stored import NAMES, fetch, load


def main() -> int:
    """Run, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.grpc", description=__doc__)
    parser.add_argument("distributions", nargs="*", metavar="DISTRIBUTION")
    parser.add_argument("--rounds", type=int, default=3, help="random messages for each method")
    parser.add_argument("--more", type=int, default=60, help="and as many, while leaves had no value yet")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fetch", action="store_true", help="install the distributions, each for itself")
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")
    given = parser.parse_args()
    names = given.distributions or NAMES
    if unknown := set(names).difference(NAMES):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(NAMES)}")
    outcomes: list[Outcome] = []
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for name in names:
            task = progress.add_task(name, total=None)
            found = asyncio.run(
                check(
                    fetch(name) if given.fetch else load(name),
                    rounds=given.rounds,
                    more=given.more,
                    seed=given.seed,
                    on_call=lambda task=task: progress.advance(task),  # type: ignore[misc]  # bound now
                )
            )
            outcomes.append(found)
    if given.json:
        sys.stdout.write(json.dumps([one.as_dict() for one in outcomes], indent=2) + "\n")
    else:
        _print(outcomes)
    return 1 if any(one.failures for one in outcomes) else 0


def _print(outcomes: list[Outcome]) -> None:
    table = Table("distribution", "services", "methods", "streams", "fields", "operations")
    for title in ("messages", "values", "reached", "failures", "warnings", "links"):
        table.add_column(title)
    for one in outcomes:
        streams = "/".join(str(one.methods[kind]) for kind in ("server", "client", "both"))
        reached = f"{one.reached / one.leaves:.1%}" if one.leaves else ""
        counts = (
            *(one.services, one.methods.total(), streams, one.fields, one.calls, one.messages, one.values),
            *(reached, len(one.failures), one.warnings, one.links),
        )
        table.add_row(f"{one.name} {one.version}", *map(str, counts))
    total = [sum(one.methods.total() for one in outcomes), sum(one.calls for one in outcomes)]
    total += [sum(one.values for one in outcomes), sum(len(one.failures) for one in outcomes)]
    Console(width=150).print(table)
    sys.stdout.write("{} methods, {} operations, {} values compared, {} failures\n".format(*total))
    for one in outcomes:
        for failure in one.failures[:20]:
            sys.stdout.write(f"{one.name}: {failure}\n")


if __name__ == "__main__":
    sys.exit(main())
