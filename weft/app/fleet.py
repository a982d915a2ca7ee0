"""The control plane for Envoys that others run, and the files that they start with."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import msgspec
from yarl import URL

from ..gateway.control import ControlPlane
from ..gateway.envoy.binary import find_envoy
from ..gateway.envoy.bootstrap import ControlAddress, dynamic_bootstrap, static_bootstrap
from ..gateway.envoy.preflight import preflight
from ..gateway.figures import FiguresServer
from ..gateway.limits.budgets import Budgets
from ..gateway.limits.service import RateLimitService
from ..gateway.lower import Lowered, lower
from ..gateway.lower.world import CONTROL
from ..gateway.objects import ObjectProblems
from ..gateway.objects.crds import check_files, load_crds
from ..gateway.publish.ads import AdsPublisher
from ..gateway.resources import Resource, Resources, typed
from ..schemas.errors import ConfigError
from ..settings import Settings
from ..settings.gateway import ControlEntry
from .gateway import Places, followed, listen_address, section_of, status_file, stop_event, world_reader

logger = logging.getLogger(__name__)

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
ADMIN_SOCKET: Final = Path("weft-admin.sock")
"""Where an Envoy that others run has its admin interface: in the folder that it is started in."""


def fleet_places(settings: Settings, *, limits: str, admin: Path = ADMIN_SOCKET) -> Places:
    """Where things are for Envoys on other machines: nothing of it is made here."""
    section = section_of(settings)
    server = settings.server
    engines = section.engines or (f"http://{server.host}:{server.port}",)
    port = server.websockets.port if server.websockets is not None else None
    sockets = () if port is None else tuple(str(URL(engine).with_port(port)) for engine in engines)
    return Places(
        admin.parent,
        engines,
        listen_address(settings)[1],
        section.metrics_port,
        limits,
        None,
        sockets,
        admin,
    )


@dataclass(frozen=True, slots=True)
class Rendered:
    """A bootstrap that holds everything, for an Envoy without a control plane.

    Attributes:
        bootstrap: With the secrets that Envoy needs.
        masked: The same for people to look at.
    """

    bootstrap: dict[str, Any] = field(repr=False)
    masked: dict[str, Any]

    @property
    def has_secrets(self) -> bool:
        """Whether Envoy could not run with what is masked."""
        return self.bootstrap != self.masked


def rendered(config: Path, settings: Settings, *, admin: Path = ADMIN_SOCKET) -> Rendered:
    """A bootstrap that holds everything, for an Envoy without a control plane.

    Raises:
        WeftError: What is configured cannot be used.
    """
    places = fleet_places(settings, limits=section_of(settings).limits_service or "", admin=admin)
    resources = lower(world_reader(config, places)()).resources
    bootstrap = static_bootstrap(resources, admin=admin)
    return Rendered(bootstrap, _masked(bootstrap, resources))


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that only this user can read.

    Raises:
        ConfigError: It cannot be written there.
    """
    data = msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2)
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(data + b"\n")
        temporary.replace(path)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise ConfigError(source=str(path), key="", problem=problem) from error


def _masked(value: Any, resources: Resources) -> Any:
    if isinstance(value, str):
        return resources.mask(value)
    if isinstance(value, list):
        return [_masked(item, resources) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, resources) for key, item in value.items()}
    return value


def joining_bootstrap(settings: Settings, *, node: str, admin: Path = ADMIN_SOCKET) -> dict[str, Any]:
    """A bootstrap for an Envoy that takes everything from ``weft gateway``.

    Where ``weft gateway`` listens on all addresses, the host must be put in: it is not known here.
    """
    control = section_of(settings).control
    address = ControlAddress(host=control.host, port=control.port, tls=_client_tls(control))
    return dynamic_bootstrap(control=address, admin=admin, node=node)


async def check(config: Path, settings: Settings, *, crds: Sequence[Path] = ()) -> Lowered:
    """Lower everything, and have Envoy check it.

    Args:
        config: The configuration file.
        settings: What it holds.
        crds: Files with the CustomResourceDefinitions that its objects are held to first.

    Raises:
        WeftError: What is configured cannot be used.
    """
    if crds and (problems := check_files(section_of(settings).files, load_crds(crds))):
        raise ObjectProblems(problems)
    lowered = lower(world_reader(config, fleet_places(settings, limits=CONTROL))())
    await preflight(lowered.resources, find_envoy())
    return lowered


@asynccontextmanager
async def running_control(config: Path, settings: Settings) -> AsyncIterator[ControlPlane]:
    """The control plane alone, until the block ends.

    Raises:
        WeftError: Nothing can listen there, or what is configured cannot be used.
    """
    section = section_of(settings)
    places = fleet_places(settings, limits=section.limits_service or CONTROL)
    control = section.control
    if control.cert is None and control.host not in _LOOPBACK:
        logger.warning(
            "Envoys are told their secrets in the clear: `control` has no certificate",
            extra={"host": control.host},
        )
    budgets = Budgets()
    try:
        envoy: Path | None = find_envoy()
    except ConfigError:
        envoy = None  # what is wrong is then told by the Envoys, as refusals
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(
            AdsPublisher(
                f"{control.host}:{control.port}",
                credentials=_server_tls(control),
                services=[RateLimitService(budgets).add_to],
            )
        )
        plane = ControlPlane(
            world_reader(config, places),
            publisher,
            envoy=envoy,
            budgets=budgets,
            status_file=status_file(settings),
            details={"pid": os.getpid(), "control": f"{control.host}:{publisher.port}"},
        )
        if control.metrics_port is not None:
            server = FiguresServer(plane, host=control.host, port=control.metrics_port)
            try:
                await stack.enter_async_context(server)
            except OSError as error:
                problem = f"cannot listen on {control.host}:{control.metrics_port}: {error.strerror}"
                raise ConfigError(
                    source=str(config), key="gateway.control.metrics_port", problem=problem
                ) from error
        await plane.start()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        follower = group.create_task(plane.follow(followed(config, settings)))
        try:
            yield plane
        finally:
            follower.cancel()


def run_control(config: Path, settings: Settings, *, on_ready: Callable[[ControlPlane], None]) -> None:
    """Run the control plane until SIGTERM or SIGINT."""

    async def run() -> None:
        stop = stop_event()
        async with running_control(config, settings) as plane:
            on_ready(plane)
            await stop.wait()

    asyncio.run(run())


def _server_tls(control: ControlEntry) -> grpc.ServerCredentials | None:
    if control.cert is None or control.key is None or control.ca is None:
        return None
    try:
        pair = (control.key.read_bytes(), control.cert.read_bytes())
        authority = control.ca.read_bytes()
    except OSError as error:
        raise ConfigError(
            source=str(error.filename), key="gateway.control", problem=f"cannot be read: {error.strerror}"
        ) from error
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=True)


def _client_tls(control: ControlEntry) -> Resource | None:
    if control.cert is None:
        return None
    pair = {
        "certificate_chain": {"filename": str(control.cert)},
        "private_key": {"filename": str(control.key)},
    }
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=control.host,
        common_tls_context={
            "tls_certificates": [pair],
            "validation_context": {"trusted_ca": {"filename": str(control.ca)}},
            "alpn_protocols": ["h2"],
        },
    )
