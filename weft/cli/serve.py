"""``weft serve``: serve the snapshot, and every newer one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import BadCall, note
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings

if TYPE_CHECKING:
    from ..settings import Settings


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Start without a snapshot, and serve it once it is there.")
    ] = False,
    socket: Annotated[
        Path | None,
        typer.Option("--socket", help="Listen on this Unix socket, in one process.", metavar="PATH"),
    ] = None,
) -> None:
    """Serve the snapshot that `weft discover` wrote, and swap in each newer one.

    Examples:

        weft serve

        weft serve --wait -c /etc/weft/weft.yaml
    """
    from ..app.machine import free_port, worker_count
    from ..app.serving import serve as serve_snapshot
    from ..app.serving import serve_on_socket

    settings = read_settings(config)
    if not wait and not settings.discovery.snapshot.exists():
        raise BadCall(
            f"there is no snapshot at {settings.discovery.snapshot}: run `weft discover` first, or add --wait"
        )
    if socket is not None:
        serve_on_socket(config, settings, socket)
        return
    port = free_port(config, settings)
    workers = worker_count(settings)
    note_address(settings, port, workers)
    serve_snapshot(config, settings, port=port, workers=workers)


def note_address(settings: Settings, port: int, workers: int) -> None:
    """Say where the API is; what has been printed so far is read before it is served."""
    sys.stdout.flush()
    server = settings.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    note(f"GraphQL at http://{host}:{port}/graphql, {workers} worker(s); Ctrl-C to stop")
