"""``python -m tests.corpus.calls [FOLDER|FILE…] [--report FILE] [--most N]``: call correctness over documents."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .check import Checked, check_document

_SAMPLE = Path(__file__).parents[3].parent / "shared" / "corpus" / "openapi"


def main() -> int:
    """Check every document, print a table, and write the report; 1 if under the wanted share."""
    parser = argparse.ArgumentParser(prog="tests.corpus.calls", description=__doc__)
    parser.add_argument("places", nargs="*", type=Path, default=[_SAMPLE], help="folders or files")
    parser.add_argument("--report", type=Path, help="write the outcomes here, as JSON")
    parser.add_argument("--most", type=int, help="operations of each document")
    parser.add_argument(
        "--share", type=float, default=0.98, help="of consistent operations that must be right"
    )
    parser.add_argument("--prism", type=Path, help="the program `prism`, for a second opinion")
    options = parser.parse_args()
    files = [
        file
        for place in options.places
        for file in (sorted([*place.glob("*.json"), *place.glob("*.yaml")]) if place.is_dir() else [place])
    ]
    console = Console(stderr=True)
    found: list[Checked] = []
    with Progress(console=console) as progress:
        bar = progress.add_task("documents", total=len(files))
        for file in files:
            progress.update(bar, description=file.name[:40])
            found.append(asyncio.run(check_document(file, most=options.most, program=options.prism)))
            progress.advance(bar)
    report = report_of(found)
    if options.report:
        options.report.write_text(json.dumps(report, indent=1))
    show(found, report)
    return 0 if report["share"] >= options.share else 1


def report_of(found: list[Checked]) -> dict[str, object]:
    """The counts and every outcome that is not right."""
    totals: Counter[str] = Counter(o.verdict for c in found for o in c.outcomes)
    reasons: Counter[str] = Counter(
        f"{o.verdict}: {o.reason}" for c in found for o in c.outcomes if o.verdict != "right"
    )
    consistent = sum(totals.values()) - totals["document"]
    right = totals["right"] + totals["validator"]
    return {
        "operations": sum(totals.values()),
        "right": totals["right"],
        "validator": totals["validator"],
        "document": totals["document"],
        "generator": totals["generator"],
        "ours": totals["ours"],
        "prism_takes": sum(o.prism == "" for c in found for o in c.outcomes),
        "prism_refuses": sum(bool(o.prism) for c in found for o in c.outcomes),
        "share": right / consistent if consistent else 1.0,
        "reasons": dict(reasons.most_common()),
        "documents": [
            {
                "name": one.name,
                "operations": len(one.outcomes),
                "right": one.count("right"),
                "seconds": round(one.seconds, 2),
                "others": [asdict(o) for o in one.outcomes if o.verdict != "right" or o.prism],
            }
            for one in found
        ],
    }


def show(found: list[Checked], report: dict[str, object]) -> None:
    """Print a table for people."""
    console = Console()
    table = Table("document", "operations", "right", "validator", "document", "generator", "ours", "seconds")
    for one in found:
        counts = [one.count(v) for v in ("right", "validator", "document", "generator", "ours")]
        table.add_row(one.name, str(len(one.outcomes)), *(str(c) for c in counts), f"{one.seconds:.1f}")
    console.print(table)
    reasons = report["reasons"]
    assert isinstance(reasons, dict)
    for reason, count in reasons.items():
        console.print(f"{count:6} {reason}")
    console.print(
        f"{report['operations']} operations: right {report['right']}, refused by openapi-core alone "
        f"{report['validator']}, document at odds with itself {report['document']}, nothing found to send "
        f"{report['generator']}, ours {report['ours']}; "
        f"share of consistent operations {report['share']:.2%}"
    )
    if report["prism_takes"] or report["prism_refuses"]:
        console.print(f"Prism takes {report['prism_takes']} requests and refuses {report['prism_refuses']}")


if __name__ == "__main__":
    sys.exit(main())
