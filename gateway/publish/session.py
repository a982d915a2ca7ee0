"""One Envoy's stream of the aggregated discovery service.

Source: Envoy, "xDS REST and gRPC protocol": versions, nonces, ACK and NACK, both variants.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..reasons import is_named, refusal_of
from ..resources import RESOURCE_TYPES, TYPE_URLS, Resource, Resources, ResourceType, content_hash
from .views import SETTLE_S, stages

logger = logging.getLogger(__name__)

ACK_TIMEOUT_S: Final = 15.0
"""How long a step waits for its acknowledgement; a cluster is acknowledged before it is warm."""

_NOTHING: Final = Resources()
_ADDED_FIRST: Final[tuple[ResourceType, ...]] = ("secrets", "clusters", "extensions")
"""What routes and listeners lead to: it is dropped when they lead to it no more."""

Write = Callable[[Any], Awaitable[None]]
Encode = Callable[[ResourceType, Mapping[str, Resource]], Mapping[str, Any]]
"""JSON resources to ``Any`` messages by name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A NACK.

    Attributes:
        version: Of the resources that were refused.
        resources: The names that Envoy's reason names of what was new or changed; all of them if it names none.
        reason: What Envoy says.
        objects: What those resources were made of.
    """

    type: ResourceType
    version: str
    resources: tuple[str, ...]
    reason: str
    objects: tuple[str, ...] = ()


@dataclass(slots=True)
class _Subscription:
    """One type on one stream.

    Attributes:
        names: What Envoy asks for; ``None`` for everything.
        nonce: Of the last response.
        version: Of the last response.
        acked: The last version that was acknowledged.
        has: Hashes of what Envoy has, by name.
        sent: Hashes of what the last response leaves it with.
        changed: The names that the last response changed.
    """

    names: set[str] | None = None
    nonce: str = ""
    version: str = ""
    acked: str = ""
    has: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    pending: bool = False


@dataclass(slots=True)
class NodeStatus:
    """What one Envoy has.

    Attributes:
        version: Of the last resources that it has acknowledged as a whole.
        acked: The last acknowledged version of each type.
        refusals: NACKs since it connected.
        refusal: The last NACK, until an update is acknowledged.
        refused: How often each resource was refused, by type and name.
        failed: Version of the last resources that it did not take.
    """

    node: str = ""
    connected: bool = True
    version: str = ""
    acked: dict[str, str] = field(default_factory=dict)
    refusals: int = 0
    refusal: Refusal | None = None
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: str = ""


class Session(ABC):
    """Keeps one Envoy at the published resources.

    Two tasks: one reads what Envoy says, one walks the stages of each update.
    """

    def __init__(self, write: Write, encode: Encode) -> None:
        self.status = NodeStatus()
        self._write = write
        self._encode = encode
        self._view = Resources()
        self._good = Resources()
        self._types: dict[ResourceType, _Subscription] = {}
        self._nonces = itertools.count(1)
        self._target: Resources | None = None
        self._work = asyncio.Event()
        self._told = asyncio.Condition()
        self._writing = asyncio.Lock()
        self._refused: Refusal | None = None
        # What an Envoy that comes back still has of an earlier control plane, and this one does not know: hashes
        # by name. Its routes lead to it until it has ours.
        self._strangers: dict[ResourceType, dict[str, str]] = {}

    def publish(self, resources: Resources) -> None:
        """Bring the Envoy to *resources*, once the update under way has ended."""
        self._target = resources
        self._work.set()

    async def run(self, requests: AsyncIterator[Any]) -> None:
        """Serve the stream until Envoy ends it."""
        async with asyncio.TaskGroup() as group:
            walking = group.create_task(self._walk())
            try:
                async for request in requests:
                    await self._receive(request)
            finally:
                walking.cancel()
                self.status.connected = False

    # -- updates

    async def _walk(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            target = self._target
            if target is not None:
                await self._bring_to(target)
            if self._strangers:
                await self._drop_strangers()

    async def _bring_to(self, target: Resources) -> None:
        self._refused = None
        for stage in stages(self._view, target):
            await asyncio.sleep(stage.settle_s)
            self._view = stage.view
            for kind in TYPE_URLS:
                await self._send(kind)
            if not await self._acknowledged(stage.waits_for):
                await self._go_back(target)
                return
        self._good = target
        self.status.version = target.version
        self.status.refusal = None
        logger.info("Envoy has new resources", extra={"node": self.status.node, "version": target.version})

    async def _drop_strangers(self) -> None:
        """Take away what is none of ours, once Envoy has our routes and listeners."""

        def has_ours() -> bool:
            found = [self._types.get(kind) for kind in ("routes", "listeners")]
            return all(one is not None and not one.pending for one in found)

        # An Envoy without any listener asks for no routes: that may not keep it from the rest for ever.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACK_TIMEOUT_S), self._told:
                await self._told.wait_for(has_ours)
        await asyncio.sleep(SETTLE_S)
        kinds = tuple(self._strangers)
        self._strangers.clear()
        for kind in kinds:
            await self._send(kind)

    async def _go_back(self, target: Resources) -> None:
        """Tell the last good resources again: of what was refused Envoy may have taken a part."""
        self._view = self._good
        for kind in TYPE_URLS:
            await self._send(kind, again=True)
        refusal = self._refused
        logger.error(
            "Envoy refused an update; the last good one goes on",
            extra={
                "node": self.status.node,
                "version": target.version,
                "type": refusal.type if refusal else "none",
                "resources": ", ".join(refusal.resources) if refusal else "",
                "objects": ", ".join(refusal.objects) if refusal else "",
                "reason": refusal.reason if refusal else f"no answer within {ACK_TIMEOUT_S:g} s",
            },
        )
        self.status.failed = target.version

    async def _acknowledged(self, kinds: Iterable[ResourceType]) -> bool:
        """Wait until what was sent of *kinds* is acknowledged; false for a refusal, or for no answer."""

        def settled() -> bool:
            return self._refused is not None or not any(
                self._types[kind].pending for kind in kinds if kind in self._types
            )

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ACK_TIMEOUT_S), self._told:
                await self._told.wait_for(settled)
            return self._refused is None
        return False

    # -- the stream

    async def _receive(self, request: Any) -> None:
        kind = RESOURCE_TYPES.get(request.type_url)
        if request.node.id:
            self.status.node = request.node.id
        if kind is None:
            return  # Envoy may ask for endpoints or runtime: clusters hold theirs, and there is no runtime
        subscription = self._types.get(kind)
        is_first = subscription is None
        if subscription is None:
            subscription = self._types[kind] = _Subscription()
        if request.response_nonce and request.response_nonce == subscription.nonce:
            await self._settle(kind, subscription, request)
        asks_anew = self._subscribe(subscription, request, is_first=is_first)
        if is_first and kind in _ADDED_FIRST and subscription.has:
            self._strangers[kind] = dict(subscription.has)
            self._work.set()
        if is_first or asks_anew:
            await self._send(kind, again=is_first)

    async def _settle(self, kind: ResourceType, subscription: _Subscription, request: Any) -> None:
        subscription.pending = False
        if request.HasField("error_detail"):
            refusal = self._refusal(kind, subscription, request.error_detail.message)
            # The response left Envoy with what it had, or with a part of it: what it has is not known, so it
            # is sent again, or taken away.
            subscription.has |= dict.fromkeys(subscription.changed, "?")
            self._refused = self.status.refusal = refusal
            self.status.refusals += 1
            self.status.refused.update((kind, name) for name in refusal.resources)
        else:
            subscription.has = dict(subscription.sent)
            subscription.acked = self.status.acked[kind] = subscription.version
        async with self._told:
            self._told.notify_all()

    def _refusal(self, kind: ResourceType, subscription: _Subscription, message: str) -> Refusal:
        reason = refusal_of(message)
        changed = subscription.changed
        names = tuple(name for name in changed if is_named(name, reason)) or changed
        origins = (self._view.origins.get((kind, name), "") for name in names)
        return Refusal(kind, subscription.version, names, reason, tuple(dict.fromkeys(filter(None, origins))))

    async def _send(self, kind: ResourceType, *, again: bool = False) -> None:
        """Send what Envoy does not have of *kind*, if it asks for that type."""
        async with self._writing:  # gRPC takes one message at a time
            await self._send_alone(kind, again=again)

    async def _send_alone(self, kind: ResourceType, *, again: bool) -> None:
        subscription = self._types.get(kind)
        if subscription is None:
            return
        view = self._view
        if view.version == _NOTHING.version and self._target is not None:
            view = self._target  # who comes back asks before the first step: it must not lose all it has
        resources = view.of(kind)
        if subscription.names is not None:
            resources = {name: resources[name] for name in subscription.names if name in resources}
        hashes = {
            **self._strangers.get(kind, {}),
            **{name: content_hash(resource) for name, resource in resources.items()},
        }
        known = subscription.sent if subscription.pending else subscription.has
        if hashes == known and not again:
            return
        version = content_hash(hashes)
        subscription.changed = tuple(
            sorted({name for name in {*hashes, *known} if hashes.get(name) != known.get(name)})
        )
        subscription.sent = hashes
        subscription.nonce = str(next(self._nonces))
        subscription.version = version
        subscription.pending = True
        response = self._response(kind, subscription, resources, known, again=again)
        await self._write(response)

    @abstractmethod
    def _subscribe(self, subscription: _Subscription, request: Any, *, is_first: bool) -> bool:
        """Take over what Envoy asks for; whether that is something new."""

    @abstractmethod
    def _response(
        self,
        kind: ResourceType,
        subscription: _Subscription,
        resources: Mapping[str, Resource],
        known: Mapping[str, str],
        *,
        again: bool,
    ) -> Any:
        """The message that brings Envoy from *known* to *resources*."""


class WorldSession(Session):
    """State of the world: each response holds every resource of its type."""

    def _subscribe(self, subscription: _Subscription, request: Any, *, is_first: bool) -> bool:
        names = set(request.resource_names) - {"*"} or None
        if names == subscription.names and not is_first:
            return False
        subscription.names = names
        return True

    def _response(
        self,
        kind: ResourceType,
        subscription: _Subscription,
        resources: Mapping[str, Resource],
        known: Mapping[str, str],
        *,
        again: bool,
    ) -> Any:
        from envoy.service.discovery.v3.discovery_pb2 import DiscoveryResponse  # pyright: ignore[reportAttributeAccessIssue]

        return DiscoveryResponse(
            version_info=subscription.version,
            resources=self._encode(kind, resources).values(),
            type_url=TYPE_URLS[kind],
            nonce=subscription.nonce,
        )


class DeltaSession(Session):
    """Incremental: each response holds what changed, and the names of what is gone."""

    def _subscribe(self, subscription: _Subscription, request: Any, *, is_first: bool) -> bool:
        if is_first:
            # After a reconnect Envoy says what it has: only the rest is sent.
            subscription.has = dict(request.initial_resource_versions)
        names = set(subscription.names or ())
        asked = set(request.resource_names_subscribe)
        if "*" in asked or (is_first and not asked):
            subscription.names = None
            return True
        if not asked and not request.resource_names_unsubscribe:
            return False
        gone = set(request.resource_names_unsubscribe)
        subscription.names = (names | asked) - gone
        for name in (*gone, *asked):  # what is asked for again is sent again
            if name not in request.initial_resource_versions:
                subscription.has.pop(name, None)
        return bool(asked)

    def _response(
        self,
        kind: ResourceType,
        subscription: _Subscription,
        resources: Mapping[str, Resource],
        known: Mapping[str, str],
        *,
        again: bool,
    ) -> Any:
        from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse  # pyright: ignore[reportAttributeAccessIssue]
        from envoy.service.discovery.v3.discovery_pb2 import Resource as Message  # pyright: ignore[reportAttributeAccessIssue]

        hashes = subscription.sent
        changed = {name: resource for name, resource in resources.items() if hashes[name] != known.get(name)}
        encoded = self._encode(kind, changed)
        return DeltaDiscoveryResponse(
            system_version_info=subscription.version,
            resources=[
                Message(name=name, version=hashes[name], resource=message)
                for name, message in encoded.items()
            ],
            removed_resources=sorted(set(known) - set(hashes)),
            type_url=TYPE_URLS[kind],
            nonce=subscription.nonce,
        )
