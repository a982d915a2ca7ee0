"""``weft serve``: serve the snapshot, and every newer one."""

from __future__ import annotations

from typing import Annotated

import typer

from ..app.serving import serve as serve_snapshot
from ..settings import load_settings
from .output import note
from .parameters import DEFAULT_CONFIG, ConfigOption


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Start without a snapshot, and serve it once it is there.")
    ] = False,
) -> None:
    """Serve the snapshot that `weft discover` wrote, and swap in each newer one.

    Examples:

        weft serve

        weft serve --wait -c /etc/weft/weft.yaml
    """
    settings = load_settings(config)
    if not wait and not settings.discovery.snapshot.exists():
        raise typer.BadParameter(
            f"there is no snapshot at {settings.discovery.snapshot}: run `weft discover` first, or add --wait"
        )
    server = settings.server
    note(f"GraphQL at http://{server.host}:{server.port}/graphql, {server.workers} worker(s); Ctrl-C to stop")
    serve_snapshot(config, settings)
