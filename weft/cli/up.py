"""``weft up``: discover, serve, and keep the schema current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from ..schemas.errors import ConfigError, WeftError
from .discover import print_states
from .output import fail, note
from .parameters import DEFAULT_CONFIG, ConfigOption, read_settings
from .serve import note_address
from .snapshots import Probing

if TYPE_CHECKING:
    from ..settings import Settings


def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Look at every upstream, serve the schema, and keep both current until Ctrl-C.

    An upstream that cannot be read is left out until it can; the others are served.

    Examples:

        weft up

        weft up -c shop/weft.yaml
    """
    from ..app.discovering import watching_process
    from ..app.machine import free_port, worker_count

    settings = read_settings(config)
    port = free_port(config, settings)
    # Upstreams are asked in a process of their own from the start: the workers are forked from this one.
    with watching_process(lambda sender: _watch(settings, sender)) as watching:
        from ..app.serving import serve as serve_snapshot  # imported while the upstreams answer

        try:
            code = watching.recv()
        except EOFError:
            code = 1
        if code:
            raise typer.Exit(code)
        workers = worker_count(settings)
        note_address(settings, port, workers)
        serve_snapshot(config, settings, port=port, workers=workers)


async def _watch(settings: Settings, sender: Any) -> None:
    """Watch for ever; print the first round, and send 0 once it is written, or the exit code if it is not."""
    from ..app.discovering import watch_from_snapshot

    with Probing(settings) as probing:

        def on_first(snapshot: Any, notes: tuple[str, ...]) -> None:
            probing.close()
            for text in notes:
                note(text)
            print_states(snapshot)
            sender.send(0)
            sender.close()

        try:
            await watch_from_snapshot(settings, on_progress=probing.on_progress, on_first=on_first)
        except WeftError as error:
            probing.close()
            for line in str(error).splitlines():
                fail(line)
            sender.send(2 if isinstance(error, ConfigError) else 1)
