"""``weft up``: discover, serve, and keep the schema current."""

from __future__ import annotations

import typer

from ..app.discovering import watching_process, write_snapshot
from ..app.serving import serve as serve_snapshot
from ..settings import load_settings
from .discover import print_states
from .output import note
from .parameters import DEFAULT_CONFIG, ConfigOption
from .snapshots import probe


def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Look at every upstream, serve the schema, and keep both current until Ctrl-C.

    An upstream that cannot be read is left out until it can; the others are served.

    Examples:

        weft up

        weft up -c shop/weft.yaml
    """
    settings = load_settings(config)
    snapshot = probe(settings)
    write_snapshot(settings, snapshot)
    print_states(snapshot)
    server = settings.server
    note(f"GraphQL at http://{server.host}:{server.port}/graphql, {server.workers} worker(s); Ctrl-C to stop")
    with watching_process(config):
        serve_snapshot(config, settings)
    raise typer.Exit
