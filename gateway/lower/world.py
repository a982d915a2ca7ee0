"""What is lowered, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ...schemas.catalog import Catalog, UpstreamId
from ...schemas.errors import ConfigError
from ..objects.base import Object
from ..objects.routes import ParentReference
from ..resources import Resource, Resources

CONTROL: Final = "control"
"""Stands for the control plane itself as the rate limit service."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where spans go.

    Attributes:
        url: Of an OpenTelemetry collector: ``http://host:4318/v1/traces``, or ``grpc://host:4317``.
        percent: How many of the requests without a decision of their own are traced.
    """

    url: str
    percent: float = 100.0


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What the objects do not say.

    Attributes:
        host: Address of the listeners of Gateways that name none.
        internal: Unix socket of the listener under the engine's calls; ``None`` for none.
        metrics: Host and port where Prometheus finds the figures; ``None`` for nowhere.
        admin: Unix socket of the admin interface, which the figures are taken from.
        figures: Unix socket of the control plane's own figures; ``None`` for none.
        access_log: File of the access log; ``-`` for standard output, ``""`` for none.
        limits_address: Where the rate limit service listens: ``unix:/path`` or ``host:port``; `CONTROL` for
            the control plane, ``""`` for none.
        graphql_path: Where the engine serves GraphQL.
        upstream_headers: Sent with each call to an upstream. They may be secrets.
        timeout_s: For a request that nothing else bounds.
        cost_header: The engine's answer says in it what an operation cost.
    """

    host: str = "127.0.0.1"
    internal: Path | None = None
    metrics: tuple[str, int] | None = None
    admin: Path | None = None
    figures: Path | None = None
    access_log: str = ""
    tracing: Tracing | None = None
    limits_address: str = ""
    graphql_path: str = "/graphql"
    upstream_headers: Mapping[UpstreamId, Mapping[str, str]] = field(default_factory=dict, repr=False)
    timeout_s: float = 30.0
    cost_header: str = "x-weft-cost"


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the resources follow from.

    Attributes:
        engines: Where the engine's workers listen: ``unix:/path`` or ``host:port``.
        sockets: Where they take WebSockets; empty for nowhere.
    """

    objects: tuple[Object, ...]
    catalog: Catalog
    engines: tuple[str, ...] = ()
    settings: EdgeSettings = field(default_factory=EdgeSettings)
    sockets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GlobalLimit:
    """A budget that the rate limit service keeps.

    Attributes:
        domain: Whose budgets.
        entries: Keys and values of the descriptor; ``None`` gives each value a budget of its own.
        requests: Hits in *unit_s* seconds.
    """

    domain: str
    entries: tuple[tuple[str, str | None], ...]
    requests: int
    unit_s: int


@dataclass(frozen=True)
class EdgeRoute:
    """One route of a virtual host, while it is put together.

    Attributes:
        name: ``HTTPRoute/shop/0``, as access logs have it.
        hostnames: Of its virtual hosts; empty for all.
        parents: The Gateways that it belongs to; empty for all.
        match: ``RouteMatch``.
        action: ``route``, ``redirect`` or ``direct_response`` and its value, in one mapping.
        filters: Per-route configurations, by filter.
        extra: Other members of the route.
        function: The function's id, or ``graphql``, or the backend's name.
        rank: What orders it: smaller goes first.
        place: In its object, for messages.
    """

    name: str
    match: Resource
    action: Resource
    origin: Object | None
    function: str = ""
    hostnames: tuple[str, ...] = ()
    parents: tuple[ParentReference, ...] = ()
    filters: Mapping[str, Resource] = field(default_factory=dict)
    extra: Resource = field(default_factory=dict)
    rank: tuple[Any, ...] = ()
    place: str = ""

    def with_filters(self, filters: Mapping[str, Resource]) -> EdgeRoute:
        """The same with more per-route configurations."""
        return replace(self, filters={**self.filters, **filters})

    def with_action(self, **members: Any) -> EdgeRoute:
        """The same with other members of its ``route`` action; ``None`` takes one away."""
        if "route" not in self.action:
            return self
        merged = {**self.action["route"], **members}
        kept = {name: value for name, value in merged.items() if value is not None}
        return replace(self, action={**self.action, "route": kept})

    def with_extra(self, **members: Any) -> EdgeRoute:
        """The same with other members; lists are added to."""
        extra = dict(self.extra)
        for name, value in members.items():
            extra[name] = [*extra[name], *value] if isinstance(value, list) and name in extra else value
        return replace(self, extra=extra)

    @property
    def resource(self) -> Resource:
        """``Route``."""
        value: Resource = {"name": self.name, "match": self.match, **self.action, **self.extra}
        if self.function:
            # Envoy counts requests, errors and times under it; a dot would end the name.
            value["stat_prefix"] = self.function.replace(".", "/")
            value["metadata"] = {"filter_metadata": {"weft": {"function": self.function}}}
        if self.filters:
            value["typed_per_filter_config"] = dict(self.filters)
        return value


@dataclass(frozen=True)
class Lowered:
    """What comes out.

    Attributes:
        limits: For the rate limit service.
        routes: Every route, for ``weft status``.
    """

    resources: Resources
    limits: tuple[GlobalLimit, ...] = ()
    routes: tuple[EdgeRoute, ...] = ()


def wrong(origin: Object, key: str, problem: str, accepted: str = "") -> ConfigError:
    """A mistake in an object."""
    return ConfigError(
        source=origin.origin.source,
        key=f"{origin.id} {key}".strip(),
        problem=problem,
        accepted=accepted,
        line=origin.origin.line,
    )
