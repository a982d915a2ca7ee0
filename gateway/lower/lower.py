"""Objects and catalog to resources."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Final

from ...schemas.catalog import LambdaTarget
from ...schemas.errors import ConfigError
from ..envoy.bootstrap import XDS_CLUSTER
from ..objects.base import Object
from ..objects.load import ObjectProblems
from ..objects.routes import GatewayListener, GatewaySpec
from ..resources import Resource, Resources, typed
from .addresses import place_of_url
from .clusters import LIMITS, Clusters, make_cluster
from .filters import DECIDING, JWT, NOTHING_TYPE, PROCESSING, STRIP, mutations
from .index import Index
from .internal import NAME as INTERNAL
from .internal import internal_routes
from .listeners import (
    edge_listener,
    internal_listener,
    metrics_listener,
    route_configuration_name,
    traces_cluster,
)
from .routes import Routes
from .security import Security
from .world import CONTROL, EdgeRoute, Lowered, World

_ANY: Final = ("*",)


@dataclass(frozen=True, slots=True)
class _Port:
    """A listener of a Gateway."""

    gateway: Object
    listener: GatewayListener


def lower(world: World) -> Lowered:
    """The resources that *world* comes to, the budgets for the rate limit service, and every route.

    Raises:
        ObjectProblems: With every mistake that was found, each with its object.
    """
    index = Index(world.objects)
    clusters = Clusters(world, index)
    security = Security(clusters, index)
    routes = Routes(world, index, clusters, security)
    settings = world.settings
    found = routes.all()
    problems = [*index.problems, *routes.problems]
    ports = [
        _Port(gateway, listener)
        for gateway in index.of_kind("Gateway")
        if isinstance(gateway.spec, GatewaySpec)
        for listener in gateway.spec.listeners
    ]
    limits = {"": "", CONTROL: XDS_CLUSTER}.get(settings.limits_address, LIMITS)
    has_lambda = any(isinstance(one.target, LambdaTarget) for one in world.catalog.upstreams)
    if routes.limits and not limits:
        problems.append(
            ConfigError(
                source="gateway", key="limits", problem="there is no rate limit service for global limits"
            )
        )
    listeners: dict[str, Resource] = {}
    configurations: dict[str, Resource] = {}
    origins: dict[tuple[str, str], str] = {}
    for port in ports:
        try:
            listener = edge_listener(
                port.gateway,
                port.listener,
                index,
                settings,
                limits=limits,
                has_lambda=has_lambda,
                logins=security.logins,
            )
        except ConfigError as error:
            problems.append(error)
            continue
        listeners[listener["name"]] = listener
        origins["listeners", listener["name"]] = str(port.gateway)
        configuration = _configuration(port, found, security)
        configurations[configuration["name"]] = configuration
        origins["routes", configuration["name"]] = str(port.gateway)
    everything: list[EdgeRoute] = list(found)
    if settings.internal is not None:
        try:
            internal = internal_routes(world, index, clusters)
        except ConfigError as error:
            problems.append(error)
        else:
            everything += internal.routes
            configurations[INTERNAL] = internal.configuration
            listeners[INTERNAL] = internal_listener(
                settings.internal, settings, INTERNAL, has_lambda=has_lambda
            )
    if problems:
        raise ObjectProblems(problems)
    if limits == LIMITS:
        place = place_of_url(settings.limits_address)
        clusters.found[LIMITS] = make_cluster(LIMITS, [replace(place, http2=True)], {}, kind="plain")
    if settings.metrics is not None and settings.admin is not None:
        listener, cluster = metrics_listener(*settings.metrics, settings.admin)
        listeners[listener["name"]] = listener
        clusters.found[cluster["name"]] = cluster
    if settings.tracing is not None:
        cluster = traces_cluster(settings.tracing)
        clusters.found[cluster["name"]] = cluster
    extensions = {JWT: {"name": JWT, "typed_config": security.jwt_extension()}}
    for name in (*DECIDING, *PROCESSING):
        config = security.extensions.get(name, typed(NOTHING_TYPE))
        extensions[name] = {"name": name, "typed_config": config}
    origins |= {("extensions", name): origin for name, origin in security.origins.items()}
    origins |= {("clusters", name): origin for name, origin in clusters.origins.items()}
    origins |= {("paths", route.name): str(route.origin) for route in found if route.origin}
    resources = Resources(
        clusters=clusters.found,
        secrets=security.secrets,
        listeners=listeners,
        routes=configurations,
        extensions=extensions,
        origins=origins,
        hidden=frozenset(
            index.hidden.union(*(headers.values() for headers in settings.upstream_headers.values()))
        ),
    )
    return Lowered(resources, tuple(dict.fromkeys(routes.limits)), tuple(everything))


def _configuration(port: _Port, routes: tuple[EdgeRoute, ...], security: Security) -> Resource:
    """The routes of one listener, by their hosts."""
    by_host: dict[str, list[EdgeRoute]] = defaultdict(list)
    own = port.listener.hostname
    for route in routes:
        if route.gateways and port.gateway.name not in route.gateways:
            continue
        for host in route.hostnames or ((own,) if own else _ANY):
            by_host[host].append(route)
    hosts = [
        {
            "name": host,
            "domains": [host],
            "routes": [route.resource for route in found],
            # Headers that say who somebody is, of whatever listener: only filters behind this one set them.
            "typed_per_filter_config": {STRIP: mutations(remove=sorted(security.stripped))},
        }
        for host, found in sorted(by_host.items())
    ]
    return {
        "name": route_configuration_name(port.gateway.name, port.listener, security.logins),
        # Without it a route to a cluster that is not there is taken, and answers 503.
        "validate_clusters": True,
        "virtual_hosts": hosts,
        "ignore_port_in_host_matching": True,
    }
