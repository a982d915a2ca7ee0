"""``weft up``: discover, serve, and keep the schema current."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
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

    An upstream that cannot be read is left out until it can; the others are served. With a section `gateway`
    in the configuration, Envoy listens in front, and the engine's calls go through it.

    Examples:

        weft up

        weft up -c shop/weft.yaml
    """
    from ..app.discovering import watching_process
    from ..app.machine import free_port_at

    settings = read_settings(config)
    server, section = settings.server, settings.gateway
    host, port, key = server.host, server.port, "server"
    if section is not None:
        host, port, key = section.host or host, port if section.port is None else section.port, "gateway"
    port = free_port_at(config, host, port, key=key)
    # Upstreams are asked in a process of their own from the start: the workers are forked from this one.
    with watching_process(lambda sender: _watch(settings, sender)) as watching:
        # Imported while the upstreams answer.
        start = _starter(config, settings, host, port)
        try:
            code = watching.recv()
        except EOFError:
            code = 1
        if code:
            raise typer.Exit(code)
        start()


def _starter(config: Path, settings: Settings, host: str, port: int) -> Callable[[], None]:
    """What serves until SIGTERM or SIGINT, all that it needs imported."""
    from ..app.machine import worker_count

    workers = worker_count(settings)
    if settings.gateway is None:
        from ..app.serving import serve as serve_snapshot

        def start() -> None:
            note_address(settings, port, workers)
            serve_snapshot(config, settings, port=port, workers=workers)

        return start
    from ..app.gateway import run_until_stopped

    shown = f"[{host}]" if ":" in host else host
    text = f"GraphQL at http://{shown}:{port}/graphql, Envoy and {workers} worker(s); Ctrl-C to stop"

    def start_behind_envoy() -> None:
        sys.stdout.flush()
        run_until_stopped(config, settings, port=port, on_ready=lambda: note(text))

    return start_behind_envoy


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
