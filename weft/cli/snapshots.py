"""The snapshot that a command works on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

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

    with Probing(settings) as probing:
        return asyncio.run(discover_upstreams(settings, on_progress=probing.on_progress))


class Probing:
    """Progress of one look at every upstream, on standard error if that is a terminal.

    A context manager; ``close`` may end it before the block does.

    Attributes:
        on_progress: To be told how each probe ended; ``None`` where nobody looks.
    """

    def __init__(self, settings: Settings) -> None:
        self._total = len(settings.upstreams)
        self._stack = contextlib.ExitStack()
        self.on_progress: Callable[[UpstreamStatus], None] | None = None

    def __enter__(self) -> Self:
        """Begin."""
        if is_terminal(sys.stderr):
            self.on_progress = self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.close()

    def close(self) -> None:
        """End, and take the bar off the terminal."""
        self._stack.close()

    def _begin(self) -> Callable[[UpstreamStatus], None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        progress = self._stack.enter_context(
            Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                console=console(stderr=True),
                transient=True,
            )
        )
        task = progress.add_task("looking at upstreams", total=self._total)

        def on_progress(status: UpstreamStatus) -> None:
            style = STYLES[status.state]
            progress.update(task, advance=1, description=f"[{style}]{status.upstream}[/] {status.state}")

        return on_progress
