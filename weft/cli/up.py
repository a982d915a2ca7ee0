"""``weft up``: discover, serve, and keep the schema current."""

from __future__ import annotations

from .discover import print_states
from .output import note
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings
from .serve import note_address
from .snapshots import probe


def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Look at every upstream, serve the schema, and keep both current until Ctrl-C.

    An upstream that cannot be read is left out until it can; the others are served.

    Examples:

        weft up

        weft up -c shop/weft.yaml
    """
    from ..app.discovering import watching_process, write_snapshot
    from ..app.serving import free_port
    from ..app.serving import serve as serve_snapshot

    settings = read_settings(config)
    port = free_port(config, settings)
    snapshot = probe(settings)
    for text in write_snapshot(settings, snapshot):
        note(text)
    print_states(snapshot)
    note_address(settings, port)
    with watching_process(config):
        serve_snapshot(config, settings, port=port)
