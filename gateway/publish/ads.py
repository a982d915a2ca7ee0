"""The aggregated discovery service: the control plane's side of xDS, over gRPC.

The only module that knows protobuf. It needs the extra ``edge`` (``xds-protos``).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import grpc
import grpc.aio

from ...schemas.errors import ConfigError
from ..resources import TYPE_URLS, Resource, Resources, ResourceType, content_hash
from .session import DeltaSession, NodeStatus, Session, WorldSession

logger = logging.getLogger(__name__)

_MOST_NODES: Final = 10_000
"""Envoys whose last state is remembered."""


def require_protos() -> None:
    """Import what xDS messages are made with.

    Raises:
        ConfigError: ``xds-protos`` is not installed.
    """
    try:
        importlib.import_module("envoy.service.discovery.v3.ads_pb2_grpc")
    except ImportError as error:
        raise ConfigError(
            source="environment",
            key="gateway",
            problem="the package xds-protos is not installed",
            accepted="`pip install 'weft[edge]'`",
        ) from error


class Encoder:
    """JSON resources to messages; what was encoded is kept as long as it is published."""

    def __init__(self) -> None:
        self._kept: dict[tuple[ResourceType, str, str], Any] = {}

    def __call__(self, kind: ResourceType, resources: Mapping[str, Resource]) -> dict[str, Any]:
        """``Any`` messages by name."""
        return {name: self._encoded(kind, name, resource) for name, resource in resources.items()}

    def _encoded(self, kind: ResourceType, name: str, resource: Resource) -> Any:
        key = (kind, name, content_hash(resource))
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = encode_any({"@type": TYPE_URLS[kind], **resource})
        return found

    def keep_only(self, *published: Resources) -> None:
        """Forget what is in none of *published*."""
        wanted = {
            (kind, name, content_hash(resource))
            for resources in published
            for kind, of_kind in resources.items()
            for name, resource in of_kind.items()
        }
        self._kept = {key: value for key, value in self._kept.items() if key in wanted}


def encode_any(value: Mapping[str, Any]) -> Any:
    """Proto3-JSON with ``@type`` as an ``Any`` message.

    Raises:
        ConfigError: It is not what its type has.
    """
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.protobuf.json_format import ParseDict, ParseError

    for type_name in sorted(_types_in(value)):
        import_message(type_name)
    try:
        return ParseDict(dict(value), AnyMessage())
    except (ParseError, TypeError) as error:
        raise ConfigError(source="gateway", key=str(value.get("name", "")), problem=str(error)) from error


def _types_in(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for item in value for name in _types_in(item)}
    if not isinstance(value, dict | Mapping):
        return set()
    found = {name for item in value.values() for name in _types_in(item)}
    if "@type" in value:
        found.add(str(value["@type"]).rpartition("/")[2])
    return found


def import_message(type_name: str) -> None:
    """Register the message *type_name* by importing the module of its package that defines it."""
    from google.protobuf.descriptor_pool import Default

    with contextlib.suppress(KeyError):
        Default().FindMessageTypeByName(type_name)
        return
    package = importlib.import_module(type_name.rpartition(".")[0])
    import pkgutil

    for module in pkgutil.iter_modules(package.__path__):
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{package.__name__}.{module.name}")


class AdsPublisher:
    """Serves `Resources` to every Envoy that connects. An async context manager: it listens in the block."""

    def __init__(
        self, address: str, *, credentials: Any = None, services: Iterable[Callable[[Any], None]] = ()
    ) -> None:
        """Take where to listen.

        Args:
            address: ``unix:/path`` or ``host:port``; port 0 takes a free one.
            credentials: ``grpc.ServerCredentials`` for TLS.
            services: Add other services to the same server.

        Raises:
            ConfigError: ``xds-protos`` is not installed.
        """
        require_protos()
        self.port = 0
        self.resources = Resources()
        self._address = address
        self._credentials = credentials
        self._services = tuple(services)
        self._server: Any = None
        self._sessions: set[Session] = set()
        self._nodes: dict[str, NodeStatus] = {}
        self._encode = Encoder()
        self._has_published = asyncio.Event()

    @property
    def nodes(self) -> tuple[NodeStatus, ...]:
        """Every Envoy that has been here, with what it has."""
        live = {id(session.status) for session in self._sessions}
        return tuple(status for status in self._nodes.values() if not status.connected or id(status) in live)

    async def __aenter__(self) -> AdsPublisher:
        """Listen."""
        from envoy.service.discovery.v3.ads_pb2_grpc import add_AggregatedDiscoveryServiceServicer_to_server

        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 1024 * 1024)])
        add_AggregatedDiscoveryServiceServicer_to_server(self, self._server)
        for add in self._services:
            add(self._server)
        try:
            if self._credentials is not None:
                self.port = self._server.add_secure_port(self._address, self._credentials)
            else:
                self.port = self._server.add_insecure_port(self._address)
        except RuntimeError as error:
            problem = f"cannot listen on {self._address}"
            raise ConfigError(source="gateway", key="control", problem=problem) from error
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; Envoys go on with what they have."""
        await self._server.stop(0.2)

    async def publish(self, resources: Resources) -> None:
        """Bring every Envoy to *resources*: those that are here now, and those that come.

        Raises:
            ConfigError: A resource is not what its type has; nothing was published.
        """

        def encode_all() -> None:
            for kind, of_kind in resources.items():
                self._encode(kind, of_kind)

        # Some 60 ms for 1000 routes, and each but once.
        await asyncio.to_thread(encode_all)
        before, self.resources = self.resources, resources
        self._has_published.set()
        for session in self._sessions:
            session.publish(resources)
        self._encode.keep_only(before, resources)

    async def until_acknowledged(self, *, timeout_s: float = 20.0) -> bool:
        """Wait until every connected Envoy, and at least one, has the published resources; false if not."""
        end = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < end:
            statuses = [session.status for session in self._sessions]
            if statuses and all(status.version == self.resources.version for status in statuses):
                return True
            if any(status.failed == self.resources.version for status in statuses):
                return False
            await asyncio.sleep(0.005)
        return False

    async def StreamAggregatedResources(  # noqa: N802 - gRPC names it
        self, requests: AsyncIterator[Any], context: Any
    ) -> None:
        """Serve the state-of-the-world variant."""
        await self._serve(WorldSession(context.write, self._encode), requests)

    async def DeltaAggregatedResources(  # noqa: N802 - gRPC names it
        self, requests: AsyncIterator[Any], context: Any
    ) -> None:
        """Serve the incremental variant."""
        await self._serve(DeltaSession(context.write, self._encode), requests)

    async def _serve(self, session: Session, requests: AsyncIterator[Any]) -> None:
        # An Envoy that comes back before anything is published must not be told that there is nothing.
        await self._has_published.wait()
        self._sessions.add(session)
        session.publish(self.resources)
        try:
            async for first in requests:
                self._remember(first.node.id, session.status)
                await session.run(_after(first, requests))
                break
        except* (grpc.aio.AioRpcError, grpc.aio.BaseError):
            logger.debug("Envoy went away", extra={"node": session.status.node})
        finally:
            session.status.connected = False
            self._sessions.discard(session)

    def _remember(self, node: str, status: NodeStatus) -> None:
        status.node = node
        if len(self._nodes) >= _MOST_NODES:
            self._nodes.pop(next(iter(self._nodes)))
        self._nodes[node] = status


async def _after(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for request in rest:
        yield request
