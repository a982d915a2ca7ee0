"""The endpoint around a live engine."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..discovery import load_snapshot
from ..engine.endpoint.hooks import HookPath
from ..engine.endpoint.rsgi import Application
from ..engine.endpoint.server import serve as serve_target
from ..engine.endpoint.settings import EndpointSettings
from ..engine.execute.engine import Engine
from ..engine.transport.hooks import Hooks
from ..schemas.catalog import Snapshot
from ..schemas.errors import WeftError
from ..schemas.stitch import Stitched
from ..settings import Settings, load_settings
from .behind import Behind
from .live import LiveEngine, Loaded, file_version, following
from .logs import configure_logging, log_level
from .processes import collect_less_often, end_with_parent, schedule_as_batch, settle_heap
from .sockets import make_sockets
from .stitching import stitch_snapshot
from .transports import engine_settings, load_transports, make_transports

if TYPE_CHECKING:
    import strawberry

logger = logging.getLogger(__name__)

_CONFIG: Final = "WEFT_CONFIG"
_SOCKET: Final = "WEFT_SOCKET"
"""Environment variables by which a worker process learns of its configuration file, and where it serves."""

_LEAVE_S: Final = 0.5
"""For what is on its way to a worker that is stopped alone; Envoy learns of it from the next answer."""


@dataclass(frozen=True, slots=True)
class Preloaded:
    """The snapshot's schema, built before the worker processes are forked: they share its memory."""

    loaded: Loaded
    stitched: Stitched


def preload(settings: Settings) -> Preloaded | None:
    """The schema of the snapshot file, and in this process all modules that a worker needs for it.

    ``None`` if there is no snapshot that can be served: the workers say why, and wait for a better one.
    """
    path = settings.discovery.snapshot
    try:
        version = file_version(path)
        snapshot = load_snapshot(path)
        load_transports(snapshot)
        return Preloaded(Loaded(version, snapshot), stitch_snapshot(snapshot, settings))
    except (OSError, WeftError):
        return None
    except Exception:
        logger.exception("snapshot not usable", extra={"path": str(path)})
        return None


def make_engine(
    snapshot: Snapshot,
    settings: Settings,
    *,
    stitched: Stitched | None = None,
    handwritten: strawberry.Schema | None = None,
    hooks: Hooks | None = None,
) -> Engine:
    """An engine for *snapshot*; its owner enters its context.

    Args:
        snapshot: What is served.
        settings: How.
        stitched: The schema of *snapshot*, if it is there already.
        handwritten: Merged into the schema, where there is none already.
        hooks: Where the events come from that upstreams send.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog.
        StitchConflict: The hand-written schema defines what is generated too.
    """
    stitched = stitched or stitch_snapshot(snapshot, settings, handwritten=handwritten)
    behind = Behind.of_environment()
    headers = behind.canary_headers
    if headers is None:
        from .gateway import canary_headers

        headers = canary_headers(settings, snapshot)
    return Engine(
        stitched,
        make_transports(snapshot, settings, gateway=behind.socket, hooks=hooks),
        engine_settings(snapshot, settings, behind=behind, canary_headers=headers),
    )


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
    preloaded: Preloaded | None = None,
    handwritten: strawberry.Schema | None = None,
    settle: Callable[[], None] = lambda: None,
    socket: Path | None = None,
) -> Application:
    """The RSGI application that serves the newest snapshot of *settings*.

    Args:
        settings: What is served, and how.
        preloaded: The schema of the snapshot that is there now, without hand-written fields.
        handwritten: Merged into every schema.
        settle: Called whenever an engine was opened or closed.
        socket: The Unix socket that it is served on, if it is one.
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
            known = preloaded is not None and snapshot is preloaded.loaded.snapshot
            stitched = preloaded.stitched if preloaded is not None and known else None
            return make_engine(snapshot, settings, stitched=stitched, handwritten=handwritten, hooks=hooks)

        loaded = preloaded.loaded if preloaded is not None else None
        async with following(
            settings.discovery.snapshot,
            make,
            loaded=loaded,
            settle=settle,
            # What canaries look at changes while the gateway runs.
            also=lambda: Behind.of_environment().canary_headers,
        ) as live:
            yield live

    endpoint = endpoint_settings(settings)
    sockets = make_sockets(settings, endpoint, socket)
    return Application(lifespan, endpoint, hooks=path, sockets=sockets)


def spawned_application() -> Application:
    """What a worker serves that is spawned; its configuration is named in the environment."""
    configure_logging()
    end_with_parent()
    collect_less_often()
    socket = os.environ.get(_SOCKET)
    settings = load_settings(Path(os.environ[_CONFIG]))
    return make_application(settings, settle=settle_heap, socket=Path(socket) if socket else None)


def serve(config: Path, settings: Settings, *, port: int, workers: int) -> None:
    """Serve the newest snapshot from worker processes, until SIGTERM or SIGINT.

    On Linux the workers are forked from this process, so it must have opened no connections and started no
    threads: a worker would inherit half of them.

    Args:
        config: The configuration file.
        settings: What it holds.
        port: What ``free_port`` gave.
        workers: How many processes.
    """
    server = settings.server
    target = _target(config, settings)
    serve_target(target, host=server.host, port=port, workers=workers, log_level=log_level().lower())


def serve_on_socket(config: Path, settings: Settings, socket: Path) -> None:
    """Serve the newest snapshot from one worker on a Unix socket, until SIGTERM or SIGINT.

    When the worker dies this process ends too, and nobody listens any more: whoever balances between
    sockets turns to the others.

    Args:
        config: The configuration file.
        settings: What it holds.
        socket: Where to listen; only this user can connect.
    """
    os.umask(0o077)
    target = _target(config, settings, socket)
    level = log_level().lower()
    serve_target(target, uds=socket, workers=1, respawn=False, leave_s=_LEAVE_S, log_level=level)


def _target(config: Path, settings: Settings, socket: Path | None = None) -> str | Callable[[], Application]:
    """What makes the application in a worker: a function where workers are forked, else its name."""
    schedule_as_batch()
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)
        os.register_at_fork(after_in_child=_end_on_signals)
        return _forked_target(settings, socket)
    # Elsewhere system libraries do not survive a fork.
    multiprocessing.set_start_method("spawn", force=True)
    os.environ[_CONFIG] = str(config.resolve())
    if socket is not None:
        os.environ[_SOCKET] = str(socket)
    return "weft.app.serving:spawned_application"


def _end_on_signals() -> None:
    # Until a worker has handlers of its own it would have granian's for the main process, which note a
    # signal that nobody in the worker looks for: one stopped as it starts would go on until it is killed.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def _forked_target(settings: Settings, socket: Path | None) -> Callable[[], Application]:
    # What is built here lives as long as the workers. Collections would look through it for nothing, and
    # write to its pages, which are shared as long as nobody does.
    gc.disable()
    preloaded = preload(settings)
    gc.freeze()
    gc.enable()

    settled = False

    def settle() -> None:
        nonlocal settled
        if settled:
            settle_heap()
        else:  # a collection would look through what was built before the fork, and take pages of its own
            settled = True
            gc.freeze()
            # Whoever first needs a DataLoader would wait 0.1 s for Strawberry; nobody waits for it to start.
            threading.Thread(
                target=import_module, args=("strawberry.dataloader",), name="weft-imports", daemon=True
            ).start()

    def application() -> Application:
        logging.getLogger().setLevel(log_level())
        end_with_parent()
        collect_less_often()
        return make_application(settings, preloaded=preloaded, settle=settle, socket=socket)

    return application
