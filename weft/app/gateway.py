"""The gateway of a configuration: its objects, and Envoy with the engine behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from ..discovery import load_snapshot
from ..gateway.canaries import load_weights, with_weights
from ..gateway.child import Child
from ..gateway.control import ControlPlane
from ..gateway.envoy.binary import find_envoy
from ..gateway.envoy.bootstrap import ControlAddress, dynamic_bootstrap
from ..gateway.envoy.process import START_TIMEOUT_S, EnvoyProcess, EnvoySettings
from ..gateway.figures import FiguresServer
from ..gateway.limits.budgets import Budgets
from ..gateway.limits.service import RateLimitService
from ..gateway.lower import EdgeSettings, World
from ..gateway.lower.canaries import headers_of
from ..gateway.lower.world import CONTROL, Tracing
from ..gateway.objects import Object, ObjectProblems, Origin, load_objects, read_object
from ..gateway.publish.ads import AdsPublisher
from ..schemas.catalog import Catalog, Snapshot
from ..schemas.errors import ConfigError, WeftError
from ..settings import GatewaySection, LambdaUpstream, Settings, entries_by_upstream, load_settings
from ..settings.short_forms import documents
from ..settings.upstreams import plain_headers
from .behind import BEHIND_GATEWAY, GATEWAY_SOCKET, headers_file
from .machine import worker_count
from .sockets import drain_sockets, takes_sockets, web_socket_path
from .stitching import configured

logger = logging.getLogger(__name__)

ENGINE_START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are that one run of the gateway made.

    Attributes:
        folder: Of the Unix sockets.
        engines: Where the engine's workers listen.
        sockets: Where they take WebSockets; empty for nowhere.
        admin: Envoy's admin socket, if it is not in the folder.
        figures: The socket of the control plane's own figures.
    """

    folder: Path
    engines: tuple[str, ...]
    port: int
    metrics_port: int | None = None
    limits: str = ""
    internal: Path | None = None
    sockets: tuple[str, ...] = ()
    admin: Path | None = None
    figures: Path | None = None


def section_of(settings: Settings) -> GatewaySection:
    """The section ``gateway``; its defaults where there is none."""
    if settings.gateway is not None:
        return settings.gateway
    filled = Settings.from_mapping({"upstreams": [], "gateway": {}}).gateway
    assert filled is not None
    return filled


def gateway_objects(settings: Settings, catalog: Catalog, *, port: int) -> tuple[Object, ...]:
    """Every object of a configuration: those of its files, and those that its short forms stand for.

    Raises:
        ObjectProblems: With every mistake.
    """
    section = section_of(settings)
    loaded = load_objects(section.files)
    made_of = documents(
        section,
        catalog,
        host=section.host or settings.server.host,
        port=port,
        gateways=[one.name for one in loaded if one.kind == "Gateway"],
    )
    made: list[Object] = []
    problems: list[ConfigError] = []
    for key, document in made_of:
        try:
            one = read_object(document, Origin(f"weft.yaml {key}"))
        except ObjectProblems as error:
            problems += error.problems
        else:
            if one is not None:
                made.append(one)
    if problems:
        raise ObjectProblems(problems)
    objects = (*loaded, *made)
    return with_weights(objects, load_weights(weights_file(settings)))


def weights_file(settings: Settings) -> Path:
    """Where weights that were set are kept."""
    return section_of(settings).state / "canaries.json"


def status_file(settings: Settings) -> Path:
    """Where ``weft status`` reads."""
    return section_of(settings).state / "status.json"


def canary_headers(settings: Settings, snapshot: Snapshot) -> tuple[str, ...]:
    """Headers that the engine passes on for canaries: those they look at, and their cookies as headers."""
    return headers_of(gateway_objects(settings, snapshot.catalog, port=0))


def make_world(settings: Settings, snapshot: Snapshot, places: Places) -> World:
    """What the resources follow from."""
    section = section_of(settings)
    snapshot = configured(snapshot, settings)
    entries = entries_by_upstream(settings, snapshot.statuses)
    host = section.host or settings.server.host
    metrics = None if places.metrics_port is None else (host, places.metrics_port)
    tracing = section.tracing and Tracing(section.tracing.url, section.tracing.percent)
    edge = EdgeSettings(
        host=host,
        internal=places.internal,
        metrics=metrics,
        admin=places.admin or places.folder / "admin.sock",
        figures=places.figures,
        access_log=section.access_log or "",
        tracing=tracing or None,
        limits_address=places.limits,
        upstream_headers={
            # Of Lambda they are no headers: the engine puts them where a function sees them.
            upstream: plain_headers(entry)
            for upstream, entry in entries.items()
            if not isinstance(entry, LambdaUpstream)
        },
        timeout_s=settings.server.timeout_s,
    )
    objects = gateway_objects(settings, snapshot.catalog, port=places.port)
    return World(objects, snapshot.catalog, places.engines, edge, places.sockets)


def world_reader(config: Path, places: Places) -> Callable[[], World]:
    """Reads configuration, objects, snapshot and weights anew."""

    def read() -> World:
        settings = load_settings(config)
        return make_world(settings, _snapshot(settings), places)

    return read


def followed(config: Path, settings: Settings) -> Callable[[], Iterable[Path]]:
    """The files that the gateway follows: those that the configuration names now, not those it once named."""
    known = settings

    def paths() -> list[Path]:
        return [config, known.discovery.snapshot, weights_file(known), *section_of(known).files]

    seen: tuple[int, int] | None = None

    def current() -> list[Path]:
        nonlocal known, seen
        with contextlib.suppress(OSError, WeftError):  # told by the refresh that reads it too
            found = config.stat()
            mark = (found.st_mtime_ns, found.st_ino)
            if mark != seen:
                seen = mark
                known = load_settings(config)
        return paths()

    return current


def _snapshot(settings: Settings) -> Snapshot:
    path = settings.discovery.snapshot
    return load_snapshot(path) if path.exists() else Snapshot(catalog=Catalog(), statuses=())


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """A folder of this user's for Unix sockets: their paths must be short."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    usable = base and len(base) < 60 and os.access(base, os.W_OK)
    with tempfile.TemporaryDirectory(prefix="weft-", dir=base if usable else None) as folder:
        yield Path(folder)


@asynccontextmanager
async def running_gateway(config: Path, settings: Settings, *, port: int) -> AsyncIterator[Running]:
    """Envoy with the engine's workers behind it, until the block ends.

    Order at the start: objects read, engines ready, resources checked, Envoy. At the stop: sockets, then Envoy
    drained, then the engines.

    Args:
        config: The configuration file, which is followed.
        settings: What it holds.
        port: To listen on.

    Raises:
        WeftError: Something did not start.
    """
    section = section_of(settings)
    envoy_binary = find_envoy()
    with run_folder() as folder:
        internal = folder / "internal.sock" if section.internal else None
        sockets = [folder / f"engine{number}.sock" for number in range(worker_count(settings))]
        places = Places(
            folder,
            tuple(f"unix:{socket}" for socket in sockets),
            port,
            section.metrics_port,
            section.limits_service or CONTROL,
            internal,
            tuple(f"unix:{web_socket_path(socket)}" for socket in sockets) if takes_sockets(settings) else (),
            figures=folder / "control.sock",
        )
        async with AsyncExitStack() as stack:
            budgets = Budgets()
            services = [RateLimitService(budgets).add_to] if section.limits_service is None else []
            publisher = await stack.enter_async_context(
                AdsPublisher(f"unix:{folder / 'xds.sock'}", services=services)
            )
            control = ControlPlane(
                world_reader(config, places),
                publisher,
                envoy=envoy_binary,
                budgets=budgets,
                status_file=status_file(settings),
                headers_file=headers_file(internal) if internal else None,
                details={"admin": str(folder / "admin.sock"), "pid": os.getpid()},
            )
            await stack.enter_async_context(FiguresServer(control, socket=places.figures))
            await control.read()
            engines = [
                await stack.enter_async_context(engine_child(config, socket, internal)) for socket in sockets
            ]
            await control.start()
            await until_ready(sockets)
            envoy_settings = EnvoySettings(
                envoy_binary, folder, concurrency=section.concurrency, drain_s=section.drain_s
            )
            bootstrap = dynamic_bootstrap(
                control=ControlAddress(path=folder / "xds.sock"),
                admin=envoy_settings.admin_socket,
                node=f"weft-{os.getpid()}",
            )
            envoy = await stack.enter_async_context(EnvoyProcess(envoy_settings, bootstrap))
            if not await envoy.admin.until_live(timeout_s=START_TIMEOUT_S):
                raise WeftError(f"Envoy does not listen after {START_TIMEOUT_S:g} s; its log says why")
            if takes_sockets(settings):
                stack.push_async_callback(drain_sockets, [web_socket_path(socket) for socket in sockets])
            group = await stack.enter_async_context(asyncio.TaskGroup())
            follower = group.create_task(control.follow(followed(config, settings), poll_s=_POLL_S))
            try:
                yield Running(control, envoy, tuple(engines), places)
            finally:
                follower.cancel()


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs."""

    control: ControlPlane
    envoy: EnvoyProcess
    engines: tuple[Child, ...]
    places: Places


def engine_child(config: Path, socket: Path, internal: Path | None) -> Child:
    """One engine process on a Unix socket. Its end frees the socket, so that Envoy turns to the others."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", BEHIND_GATEWAY: "1"}
    environment.pop(GATEWAY_SOCKET, None)
    if internal is not None:
        environment[GATEWAY_SOCKET] = str(internal)
    return Child(
        [sys.executable, "-m", "weft", "serve", "--wait", "-c", str(config), "--socket", str(socket)],
        name=socket.stem,
        environment=environment,
        on_line=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201 - it is a log already
        before_start=lambda: socket.unlink(missing_ok=True),
        stop_timeout_s=40.0,
        stop_signal=signal.SIGINT,  # when all ends, Envoy has ended before: there is nobody to be told
    )


async def until_ready(sockets: Iterable[Path], *, timeout_s: float = ENGINE_START_TIMEOUT_S) -> None:
    """Wait until the engine behind each socket serves a schema.

    Raises:
        WeftError: One does not, in time.
    """
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
            for socket in sockets:
                group.create_task(_until_ready(socket))
    except TimeoutError as error:
        raise WeftError(f"an engine is not ready after {timeout_s:g} s; its log says why") from error


async def _until_ready(socket: Path) -> None:
    while True:
        if await _is_ready(socket):
            return
        await asyncio.sleep(0.05)


async def _is_ready(socket: Path) -> bool:
    connector = aiohttp.UnixConnector(path=str(socket))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=2)) as session:
        try:
            async with session.get("http://engine/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


def run_until_stopped(config: Path, settings: Settings, *, port: int, on_ready: Callable[[], None]) -> None:
    """Run the gateway until SIGTERM or SIGINT."""

    async def run() -> None:
        stop = stop_event()
        async with running_gateway(config, settings, port=port):
            on_ready()
            await stop.wait()

    asyncio.run(run())


def stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def listen_address(settings: Settings) -> tuple[str, int]:
    """The address that the gateway listens on."""
    section = section_of(settings)
    return (
        section.host or settings.server.host,
        settings.server.port if section.port is None else section.port,
    )
