"""``weft up``: discover, serve, and keep the schema current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .discover import print_states
from .output import note
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings
from .serve import note_address
from .snapshots import probe

if TYPE_CHECKING:
    from ..settings import Settings


def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Look at every upstream, serve the schema, and keep both current until Ctrl-C.

    An upstream that cannot be read is left out until it can; the others are served. With a section `gateway`
    in the configuration, Envoy listens in front, and the engine's calls go through it.

    Examples:

        weft up

        weft up -c shop/weft.yaml
    """
    from ..app.discovering import watching_process, write_snapshot
    from ..app.serving import free_port
    from ..app.serving import serve as serve_snapshot

    settings = read_settings(config)
    if settings.gateway is not None:
        up_with_gateway(config, settings)
        return
    port = free_port(config, settings)
    snapshot = probe(settings)
    for text in write_snapshot(settings, snapshot):
        note(text)
    print_states(snapshot)
    note_address(settings, port)
    with watching_process(config):
        serve_snapshot(config, settings, port=port)


def up_with_gateway(config: Path, settings: Settings) -> None:
    """The same, with Envoy in front."""
    from ..app.discovering import watching_process, write_snapshot
    from ..app.gateway import Running, listen_address, run_until_stopped
    from ..app.serving import free_port_at

    host, wanted = listen_address(settings)
    port = free_port_at(config, host, wanted, key="gateway")
    snapshot = probe(settings)
    for text in write_snapshot(settings, snapshot):
        note(text)
    print_states(snapshot)
    sys.stdout.flush()

    def say(running: Running) -> None:
        shown = f"[{host}]" if ":" in host else host
        workers = len(running.engines)
        note(
            f"GraphQL at http://{shown}:{port}/graphql, Envoy in front of {workers} worker(s); Ctrl-C to stop"
        )

    with watching_process(config):
        run_until_stopped(config, settings, port=port, on_ready=say)
