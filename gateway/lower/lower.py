"""Objects and catalog to resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...schemas.catalog import LambdaTarget
from ...schemas.errors import ConfigError
from ..envoy.bootstrap import XDS_CLUSTER
from ..objects.load import ObjectProblems
from ..resources import Resource, Resources, typed
from .addresses import place_of_url
from .attach import Port, belongs, hosts_at, ports_of, routes_by_host, shared_ports
from .clusters import LIMITS, Clusters, make_cluster
from .filters import DECIDING, JWT, NOTHING_TYPE, PROCESSING, STRIP, mutations
from .index import Index
from .internal import NAME as INTERNAL
from .internal import internal_routes
from .listeners import (
    edge_listener,
    internal_listener,
    metrics_listener,
    route_configurations,
    traces_cluster,
)
from .routes import Routes
from .security import Security
from .tree import host_routes
from .world import CONTROL, EdgeRoute, Lowered, World


def lower(world: World) -> Lowered:
    """The resources that *world* comes to, the budgets for the rate limit service, and every route.

    Raises:
        ObjectProblems: With every mistake that was found, each with its object.
    """
    index = Index(world.objects)
    clusters = Clusters(world, index)
    security = Security(clusters, index)
    ports = ports_of(index)
    routes = Routes(world, index, clusters, security, ports)
    settings = world.settings
    found = routes.all()
    problems = [*index.problems, *routes.problems]
    groups, wrong_ports = shared_ports(ports)
    problems += wrong_ports
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
    for group in groups:
        gateway = group[0].gateway
        try:
            listener = edge_listener(
                group,
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
        origins["listeners", listener["name"]] = str(gateway)
        for name, members in route_configurations(group, security.logins).items():
            configurations[name] = _configuration(name, members, found, security)
            origins["routes", name] = str(gateway)
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
        listener, own = metrics_listener(*settings.metrics, settings.admin, settings.figures)
        listeners[listener["name"]] = listener
        clusters.found |= {cluster["name"]: cluster for cluster in own}
    if settings.tracing is not None:
        cluster = traces_cluster(settings.tracing)
        clusters.found[cluster["name"]] = cluster
    extensions = {JWT: {"name": JWT, "typed_config": security.jwt_extension()}}
    for name in (*DECIDING, *PROCESSING):
        config = security.extensions.get(name, typed(NOTHING_TYPE))
        extensions[name] = {"name": name, "typed_config": config}
    origins |= {("extensions", name): origin for name, origin in security.origins.items()}
    origins |= {("clusters", name): origin for name, origin in clusters.origins.items()}
    origins |= {("paths", route.name): f"{route.origin} {route.place}" for route in found}
    resources = Resources(
        clusters=clusters.found,
        secrets=security.secrets,
        listeners=listeners,
        routes=configurations,
        extensions=extensions,
        origins=origins,
    )
    return Lowered(resources, tuple(dict.fromkeys(routes.limits)), tuple(everything))


def _configuration(
    name: str, ports: Sequence[Port], routes: Iterable[EdgeRoute], security: Security
) -> Resource:
    """The routes of listeners that share them, by their hosts."""
    pairs = []
    for route in routes:
        assert route.origin is not None
        hosts = [
            host
            for port in ports
            if belongs(route.origin, route.parents, port)
            for host in hosts_at(port, route.hostnames)
        ]
        pairs.append((route, hosts))
    virtual_hosts = [
        {
            "name": host,
            "domains": [host],
            **host_routes([route.resource for route in found]),
            # Headers that say who somebody is, of whatever listener: only filters behind this one set them.
            "typed_per_filter_config": {STRIP: mutations(remove=sorted(security.stripped))},
        }
        for host, found in routes_by_host(pairs).items()
    ]
    return {
        "name": name,
        # Without it a route to a cluster that is not there is taken, and answers 503.
        "validate_clusters": True,
        "virtual_hosts": virtual_hosts,
        "ignore_port_in_host_matching": True,
    }
