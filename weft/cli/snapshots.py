"""The snapshot that a command works on."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from .output import STYLES, console, is_terminal, note

if TYPE_CHECKING:
    from ..schemas.catalog import Snapshot, UpstreamStatus
    from ..settings import Settings


def current_snapshot(settings: Settings, *, fresh: bool) -> Snapshot:
    """The snapshot file's, or one made now if there is none or *fresh* asks for it.

    Raises:
        DocumentError: The file is no snapshot.
    """
    from ..discovery import load_snapshot

    path = settings.discovery.snapshot
    if not fresh and path.exists():
        return load_snapshot(path)
    if not fresh:
        note(f"there is no snapshot at {path}: looking at the upstreams now")
    return probe(settings)


def probe(settings: Settings) -> Snapshot:
    """Look at every upstream, with progress on standard error."""
    from ..app.discovering import discover as discover_upstreams

    if not is_terminal(sys.stderr):
        return asyncio.run(discover_upstreams(settings))
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("looking at upstreams", total=len(settings.upstreams))

        def on_progress(status: UpstreamStatus) -> None:
            style = STYLES[status.state]
            progress.update(task, advance=1, description=f"[{style}]{status.upstream}[/] {status.state}")

        return asyncio.run(discover_upstreams(settings, on_progress=on_progress))
