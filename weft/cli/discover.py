"""``weft discover``: look at the upstreams, and write the snapshot."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import STYLES, note, print_json, print_rows
from .parameters import DEFAULT_CONFIG, ConfigOption, JsonOption, read_settings
from .snapshots import Probing, probe

if TYPE_CHECKING:
    from ..schemas.catalog import Snapshot


def discover(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and write again whatever changes.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if any upstream is not ready.")
    ] = False,
    functions: Annotated[bool, typer.Option("--functions", help="List every function too.")] = False,
    warnings: Annotated[
        bool, typer.Option("--warnings", help="List what the readers could not take as it stands.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at every upstream, print what was found, and write the snapshot and the lock file.

    Examples:

        weft discover

        weft discover --functions --json | jq '.functions[].id'

        weft discover --watch -c /etc/weft/weft.yaml
    """
    from ..app.discovering import watch_from_snapshot, write_snapshot
    from ..app.stitching import configured

    settings = read_settings(config)

    def show(found: Snapshot, notes: tuple[str, ...]) -> None:
        for text in notes:
            note(text)
        snapshot = configured(found, settings)
        if as_json:
            print_json(as_data(snapshot))
            return
        print_states(snapshot)
        if functions:
            print()
            print_functions(snapshot)
        if warnings:
            print()
            print_warnings(snapshot)

    if watch:
        with Probing(settings) as probing:

            def on_first(found: Snapshot, notes: tuple[str, ...]) -> None:
                probing.close()
                show(found, notes)
                sys.stdout.flush()
                note("watching; Ctrl-C to stop")

            asyncio.run(watch_from_snapshot(settings, on_progress=probing.on_progress, on_first=on_first))
    found = probe(settings)
    show(found, write_snapshot(settings, found))
    states = [status.state for status in found.statuses]
    wanted = [state for state in states if state != "ignored"]
    if wanted and ("ready" not in wanted or (strict and any(state != "ready" for state in wanted))):
        raise typer.Exit(1)


def as_data(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot for programs: states, functions and warnings."""
    return {
        "content_hash": snapshot.catalog.content_hash,
        "upstreams": [
            {
                "upstream": status.upstream,
                "state": status.state,
                "kind": status.kind,
                "address": status.address,
                "reason": status.reason,
                "functions": count_functions(snapshot, status.upstream),
                "checked_at": datetime.fromtimestamp(status.checked_at, UTC).isoformat(),
            }
            for status in snapshot.statuses
        ],
        "functions": [
            {
                "id": function.id,
                "effect": function.effect,
                "effect_reason": function.effect_reason,
                "streaming": function.streaming,
                "arguments": [argument.name for argument in function.arguments],
                "description": function.description,
                # The version or alias of Lambda that is called.
                "qualifier": getattr(function.binding, "qualifier", ""),
                "types_from": function.types_from,
            }
            for function in snapshot.catalog.functions.values()
        ],
        "warnings": [
            {"upstream": upstream.id, "kind": w.kind, "pointer": w.pointer, "reason": w.reason}
            for upstream in snapshot.catalog.upstreams
            for w in upstream.warnings
        ],
    }


def count_functions(snapshot: Snapshot, upstream_id: str) -> int:
    """How many functions the upstream has; none if it is not in the catalog."""
    return sum(len(u.functions) for u in snapshot.catalog.upstreams if u.id == upstream_id)


def print_states(snapshot: Snapshot) -> None:
    """One row for each upstream."""
    warnings = {upstream.id: len(upstream.warnings) for upstream in snapshot.catalog.upstreams}
    rows = [
        (
            status.upstream,
            status.state,
            status.kind or "-",
            str(count_functions(snapshot, status.upstream)),
            str(warnings.get(status.upstream, 0)),
            status.address,
            status.reason,
        )
        for status in snapshot.statuses
    ]
    print_rows(
        ("UPSTREAM", "STATE", "KIND", "FUNCTIONS", "WARNINGS", "ADDRESS", "REASON"),
        rows,
        styles=[STYLES[status.state] for status in snapshot.statuses],
    )


def print_functions(snapshot: Snapshot) -> None:
    """One row for each function."""
    rows = [
        (
            f.id,
            f.effect,
            f.effect_reason,
            f.streaming,
            ", ".join(a.name for a in f.arguments),
            f.types_from,
        )
        for f in snapshot.catalog.functions.values()
    ]
    print_rows(("FUNCTION", "EFFECT", "BECAUSE", "STREAMING", "ARGUMENTS", "TYPES FROM"), rows)


def print_warnings(snapshot: Snapshot) -> None:
    """One row for each warning."""
    rows = [
        (upstream.id, warning.kind, warning.pointer, warning.reason)
        for upstream in snapshot.catalog.upstreams
        for warning in upstream.warnings
    ]
    print_rows(("UPSTREAM", "KIND", "WHERE", "WHAT"), rows)
