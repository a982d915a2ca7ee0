"""Every document of a folder to a schema: ``make corpus DIR=folder REPORT=report.json``.

The table is for people; the report is the same as JSON. The exit status is 1 where a document gave no
schema, an operation no field, or graphql-js another opinion.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .documents import Reader, default_folder, documents_in
from .node import Raced, have_node, run_peer, validate_with_graphql_js
from .one import Reading

SHOWN_KINDS = 4
console = Console()


def main(
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Folder of documents; the sample if left out.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="File that gets the report as JSON.")] = None,
    graphql_js: Annotated[bool, typer.Option(help="Ask graphql-js about each schema.")] = True,
    peer: Annotated[bool, typer.Option(help="Race @omnigraph/openapi over the same documents.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once; 1 for times to compare.")] = 1,
    failures: Annotated[bool, typer.Option(help="Show only documents where something is amiss.")] = False,
) -> None:
    """Convert every document, and say what became of each."""
    where = folder or default_folder()
    paths = documents_in(where)
    if not paths:
        console.print(f"no .json, .yaml or .yml below {where}")
        raise typer.Exit(2)
    with tempfile.TemporaryDirectory() as scratch, _progress() as progress:
        ask_js = graphql_js and have_node()
        reader = Reader(where, Path(scratch) if ask_js else None)
        raced: dict[str, Raced] = {}
        found: list[Reading] = []
        if peer and have_node():
            # One after the other on each document, so that whatever else the machine does hits both.
            for path in progress.track(paths, description="documents"):
                found.append(reader.read(path))
                raced[found[-1].name] = run_peer(path)
        else:
            readings = reader.read_all(paths, jobs=jobs)
            found += progress.track(readings, total=len(paths), description="documents")
        found.sort(key=lambda one: one.name)
        if ask_js:
            files = {reader.sdl_of(path): str(path.relative_to(where)) for path in paths}
            written = [file for file in files if file is not None and file.is_file()]
            checked = progress.track(
                validate_with_graphql_js(written), total=len(written), description="graphql-js"
            )
            said = {files[file]: problem for file, problem in checked}
            found = [
                msgspec.structs.replace(one, graphql_js=said.get(one.name, "no schema to look at"))
                for one in found
            ]
    totals = _totals(found, raced)
    console.print(_table([one for one in found if not failures or _amiss(one)]))
    for name, value in totals.items():
        console.print(f"{name:22} {value}")
    if not graphql_js or not have_node():
        console.print("graphql-js was not asked")
    if report:
        documents = [
            {
                **msgspec.to_builtins(one),
                **({"peer": msgspec.to_builtins(raced[one.name])} if one.name in raced else {}),
            }
            for one in found
        ]
        data = msgspec.json.encode({"totals": totals, "documents": documents})
        report.write_bytes(msgspec.json.format(data, indent=1) + b"\n")
    if any(_amiss(one) for one in found):
        raise typer.Exit(1)


def _amiss(one: Reading) -> bool:
    return not one.converted or one.covered < one.operations or bool(one.graphql_js)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _totals(found: list[Reading], raced: dict[str, Raced]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for one in found:
        kinds.update(one.warnings)
    slowest = max(found, key=lambda one: one.seconds)
    busiest = max(found, key=lambda one: one.cpu_seconds)
    largest = max(found, key=lambda one: one.peak_mb)
    totals: dict[str, Any] = {
        "documents": len(found),
        "converted": sum(one.converted for one in found),
        "valid by graphql-js": sum(one.graphql_js == "" for one in found),
        "operations": sum(one.operations for one in found),
        "covered": sum(one.covered for one in found),
        "seconds": round(sum(one.seconds for one in found), 2),
        "cpu seconds": round(sum(one.cpu_seconds for one in found), 2),
        "most cpu": f"{busiest.cpu_seconds:.2f} s ({busiest.name})",
        "slowest": f"{slowest.seconds:.2f} s ({slowest.name})",
        "most memory": f"{largest.peak_mb:.0f} MB ({largest.name})",
        "warnings": dict(kinds.most_common()),
    }
    if raced:
        seconds = sum(one.seconds for one in raced.values())
        totals["peer converted"] = sum(one.converted for one in raced.values())
        totals["peer fields"] = sum(one.fields for one in raced.values())
        totals["peer seconds"] = round(seconds, 2)
        totals["times the peer"] = round(seconds / max(totals["seconds"], 1e-9), 1)
    return totals


def _table(found: list[Reading]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("document", overflow="fold")
    for heading in ("operations", "fields", "types", "seconds", "peak MB"):
        table.add_column(heading, justify="right")
    table.add_column("schema")
    table.add_column("warnings", overflow="fold")
    for one in found:
        schema = (
            "yes" if one.converted and not one.graphql_js else one.error or f"graphql-js: {one.graphql_js}"
        )
        common = list(one.warnings.items())
        shown = ", ".join(f"{kind} {count}" for kind, count in common[:SHOWN_KINDS])
        table.add_row(
            one.name, str(one.operations), str(one.covered), str(one.types), f"{one.seconds:.2f}",
            f"{one.peak_mb:.0f}", schema, shown + (", …" if len(common) > SHOWN_KINDS else ""),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    typer.run(main)
