"""The listener under the engine's calls: a Unix socket with one route per function.

The engine says in ``x-weft-function`` which function it calls, and in ``Host`` of which upstream; the rest of
its request is what it would send to the upstream itself. So weights, retries, circuit breaking and outlier
detection hold for GraphQL fields as they do for direct calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ...schemas.catalog import Function, LambdaBinding, Upstream
from ..objects.traffic import BackendTrafficPolicySpec
from ..resources import Resource, typed
from .canaries import COOKIE_HEADER, destinations, looked_at
from .clusters import Clusters
from .functions import LAMBDA_REQUEST_BYTES, lambda_filters, lambda_stream_filters
from .index import Index
from .resilience import route_members
from .routes import aimed, kind_of
from .world import EdgeRoute, World

NAME: Final = "internal"
FUNCTION_HEADER: Final = "x-weft-function"
"""The engine's transports send it; see ``engine.transport.base``."""

_MATCHER: Final = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"


@dataclass(frozen=True)
class InternalRoutes:
    """The routes by function, and the route configuration that holds them."""

    routes: tuple[EdgeRoute, ...]
    configuration: Resource


def internal_routes(world: World, index: Index, clusters: Clusters) -> InternalRoutes:
    """One virtual host per upstream, and in it a tree of functions: no call waits for a list to be gone through.

    Raises:
        ConfigError: A canary names what is not there.
    """
    routes: list[EdgeRoute] = []
    hosts: list[Resource] = []
    for upstream in world.catalog.upstreams:
        by_function: dict[str, Resource] = {}
        for function in upstream.functions:
            found = _routes_of(function, upstream, world, index, clusters)
            routes += found
            resources = [route.resource for route in found]
            if len(resources) == 1:
                action = typed("envoy.config.route.v3.Route", **resources[0])
            else:
                action = typed("envoy.config.route.v3.RouteList", routes=resources)
            by_function[function.id] = {"action": {"name": "route", "typed_config": action}}
        if not by_function:
            continue
        hosts.append(
            {
                "name": upstream.id,
                "domains": [upstream.id],
                "matcher": {
                    "matcher_tree": {
                        "input": {
                            "name": "function",
                            "typed_config": typed(_MATCHER, header_name=FUNCTION_HEADER),
                        },
                        "exact_match_map": {"map": by_function},
                    }
                },
            }
        )
    return InternalRoutes(tuple(routes), {"name": NAME, "validate_clusters": True, "virtual_hosts": hosts})


def _routes_of(
    function: Function, upstream: Upstream, world: World, index: Index, clusters: Clusters
) -> list[EdgeRoute]:
    targets = [("Function", function.id, ""), ("Upstream", upstream.id, "")]
    policy = index.policy(BackendTrafficPolicySpec, targets)
    traffic = policy[0] if policy else None
    members = route_members(
        traffic,
        kind=kind_of(upstream),
        repeatable=function.idempotent,
        # The engine holds the deadline of each call, and goes away when it has passed.
        timeout_s=0,
        streams=function.streaming != "none",
    )
    extra: Resource = {}
    filters: dict[str, Resource] = {}
    if isinstance(function.binding, LambdaBinding):
        extra = {"request_body_buffer_limit": LAMBDA_REQUEST_BYTES}
        streams = function.binding.invocation == "stream"
        filters = lambda_stream_filters(upstream) if streams else lambda_filters(upstream, function.binding)
    found = destinations(
        function, upstream, clusters, index, traffic, world.catalog.upstreams_by_id, internal=True
    )
    # What is meant for this listener alone.
    removed = [FUNCTION_HEADER, *(f"{COOKIE_HEADER}{name.lower()}" for name in looked_at(index)[1])]
    routes = []
    for destination in found:
        match: Resource = {"prefix": "/"}
        if destination.condition is not None:
            match["headers"] = [destination.condition]
        routes.append(
            EdgeRoute(
                name=f"internal/{function.id}{destination.suffix}",
                match=match,
                action={"route": {**members, **aimed(function, upstream, destination, internal=True)}},
                origin=None,
                function=function.id,
                filters=filters,
                extra={"request_headers_to_remove": removed, **extra},
            )
        )
    return routes
