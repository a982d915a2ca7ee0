"""Every method of real APIs, served from their descriptors, discovered, and called through GraphQL.

``python -m tests.corpus.grpc [--rounds N] [--seed N] [--json] [DISTRIBUTION ...]``. Distributions that are not
installed are left out: ``pip install weft[corpus]`` gets all of them. Exits with 1 if anything differed.
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
from .packages import described, installed


def main() -> int:
    """Run, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus.grpc", description=__doc__)
    parser.add_argument("distributions", nargs="*", metavar="DISTRIBUTION")
    parser.add_argument("--rounds", type=int, default=3, help="random messages for each method")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print the outcomes as JSON")
    given = parser.parse_args()
    names = given.distributions or installed()
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
                    described(name),
                    rounds=given.rounds,
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
    table = Table(
        "distribution", "services", "methods", "fields", "operations", "failures", "warnings", "links"
    )
    for one in outcomes:
        counts = (
            one.services,
            one.methods,
            one.fields,
            one.calls,
            len(one.failures),
            one.warnings,
            one.links,
        )
        table.add_row(one.name, *map(str, counts))
    console = Console(width=100)
    console.print(table)
    for one in outcomes:
        for failure in one.failures[:20]:
            sys.stdout.write(f"{one.name}: {failure}\n")


if __name__ == "__main__":
    sys.exit(main())
