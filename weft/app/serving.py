"""The endpoint around a live engine."""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import strawberry

from ..engine.endpoint.hooks import HookPath
from ..engine.endpoint.rsgi import Application
from ..engine.endpoint.server import serve as serve_target
from ..engine.endpoint.settings import EndpointSettings
from ..engine.execute.engine import Engine
from ..engine.transport.hooks import Hooks
from ..schemas.catalog import Snapshot
from ..schemas.errors import ConfigError
from ..settings import Settings, load_settings
from .live import LiveEngine, following
from .logs import configure_logging, log_level
from .processes import collect_less_often, end_with_parent, settle_heap
from .stitching import stitch_snapshot
from .transports import engine_settings, make_transports

_CONFIG: Final = "WEFT_CONFIG"
"""Environment variable by which a worker process learns of its configuration file."""


def make_engine(
    snapshot: Snapshot,
    settings: Settings,
    *,
    handwritten: strawberry.Schema | None = None,
    hooks: Hooks | None = None,
) -> Engine:
    """An engine for *snapshot*; its owner enters its context. Events that upstreams send come from *hooks*.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog.
        StitchConflict: The hand-written schema defines what is generated too.
    """
    stitched = stitch_snapshot(snapshot, settings, handwritten=handwritten)
    return Engine(stitched, make_transports(snapshot, settings, hooks), engine_settings(snapshot, settings))


def endpoint_settings(settings: Settings) -> EndpointSettings:
    """The endpoint's settings, as the configuration has them."""
    server = settings.server
    return EndpointSettings(
        graphiql=server.graphiql,
        schema=server.introspection,
        max_body_bytes=server.max_body_bytes,
        max_upload_bytes=server.max_upload_bytes if server.uploads else 0,
        max_uploads=server.uploads,
        timeout_s=server.timeout_s,
    )


def make_application(
    settings: Settings,
    *,
    handwritten: strawberry.Schema | None = None,
    settle: Callable[[], None] = lambda: None,
) -> Application:
    """The RSGI application that serves the newest snapshot of *settings*.

    *settle* is called whenever an engine was opened or closed.
    """
    section = settings.server.hooks
    hooks = Hooks(max_waiting=section.max_waiting) if section is not None else None
    path: HookPath | None = None
    if hooks is not None and section is not None:
        most = settings.server.max_body_bytes
        path = HookPath(hooks, section.secret.get_secret_value(), max_body_bytes=most)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[LiveEngine]:
        def make(snapshot: Snapshot) -> Engine:
            return make_engine(snapshot, settings, handwritten=handwritten, hooks=hooks)

        async with following(settings.discovery.snapshot, make, settle=settle) as live:
            yield live

    return Application(lifespan, endpoint_settings(settings), hooks=path)


def worker_application() -> Application:
    """What each worker process serves; its configuration is named in the environment."""
    configure_logging()
    end_with_parent()
    collect_less_often()
    return make_application(load_settings(Path(os.environ[_CONFIG])), settle=settle_heap)


def free_port(config: Path, settings: Settings) -> int:
    """The configured port, or a free one where it is 0.

    Worker processes share their port, so the operating system would let a second Weft share it too.

    Raises:
        ConfigError: Nothing can listen there.
    """
    host, port = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # What closed connections leave behind does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            source=str(config),
            key="server",
            problem=f"cannot listen on {host}:{port}: {error.strerror}",
            accepted="an address of this machine as `host`, and a free `port`; 0 takes one",
        ) from error


def serve(config: Path, settings: Settings, *, port: int) -> None:
    """Serve the newest snapshot from worker processes, until SIGTERM or SIGINT.

    Args:
        config: The configuration file, which each worker reads again.
        settings: What it holds.
        port: What ``free_port`` gave.
    """
    os.environ[_CONFIG] = str(config.resolve())
    # A forked worker would inherit gRPC's and the event loop's state from discovery in this process.
    multiprocessing.set_start_method("spawn", force=True)
    server = settings.server
    serve_target(
        "weft.app.serving:worker_application",
        host=server.host,
        port=port,
        workers=server.workers,
        log_level=log_level().lower(),
    )
