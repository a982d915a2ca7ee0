"""HTTPRoutes and GRPCRoutes to routes of virtual hosts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ...schemas.catalog import (
    Function,
    FunctionId,
    GrpcTarget,
    LambdaBinding,
    LambdaTarget,
    Upstream,
    UpstreamId,
)
from ...schemas.errors import ConfigError
from ..objects.backends import HTTPRouteFilterSpec
from ..objects.base import WEFT_GROUP, BackendReference, Object, seconds
from ..objects.clients import EnvoyExtensionPolicySpec
from ..objects.routes import (
    GRPCMatch,
    GRPCRouteSpec,
    GRPCRule,
    HTTPFilter,
    HTTPMatch,
    HTTPRouteSpec,
    HTTPRule,
    PathMatch,
    RequestMirror,
    RouteBackend,
)
from ..objects.security import SecurityPolicySpec
from ..objects.traffic import BackendTrafficPolicySpec
from ..objects.weft import FunctionCallSpec, TransformationSpec
from ..resources import Resource
from .attach import Port, check_attachment
from .canaries import Destination, destinations, looked_at, sticky_canaries
from .changes import (
    extension_filters,
    header_members,
    redirect_action,
    rewrite_members,
    route_filter,
    traffic_filters,
    transformation_filters,
)
from .clusters import Clusters
from .filters import COOKIES, CORS, LAMBDA
from .functions import LAMBDA_REQUEST_BYTES, Shaped, lambda_invoke, qualified_stream, shape_call
from .index import Index, Target
from .limiting import rate_limit_filters
from .matches import grpc_match, http_match, rank
from .persistence import chosen, cookies_to_headers, cookies_to_metadata, persistent
from .resilience import route_members
from .security import Security, cors
from .world import EdgeRoute, GlobalLimit, World, wrong

GRAPHQL: Final = "graphql"
"""Stands for the engine where a function's id would stand."""

_READS: Final = "@get"
"""After the name of the route of queries over GET."""


@dataclass
class Routes:
    """Lowers routes, and gathers what they need of the whole.

    Attributes:
        problems: Mistakes found so far: one in an object does not hide those in others.
    """

    world: World
    index: Index
    clusters: Clusters
    security: Security
    ports: tuple[Port, ...] = ()
    limits: list[GlobalLimit] = field(default_factory=list)
    problems: list[ConfigError] = field(default_factory=list)

    def all(self) -> tuple[EdgeRoute, ...]:
        """Every route, in the order in which they are tried."""
        found: list[EdgeRoute] = []
        order = 0
        for kind in ("HTTPRoute", "GRPCRoute"):
            for one in self.index.of_kind(kind):
                order += 1
                try:
                    found += self._lower(one, order)
                except ConfigError as error:
                    self.problems.append(error)
        return tuple(sorted(found, key=lambda route: route.rank))

    def _lower(self, one: Object, order: int) -> Iterator[EdgeRoute]:
        spec = one.spec
        assert isinstance(spec, HTTPRouteSpec | GRPCRouteSpec)
        check_attachment(one, spec.parent_refs, spec.hostnames, self.ports)
        is_grpc = isinstance(spec, GRPCRouteSpec)
        rules: tuple[HTTPRule | GRPCRule, ...] = spec.rules
        for number, rule in enumerate(rules):
            for place, match in enumerate(rule.matches):
                if isinstance(match, HTTPMatch):
                    matched, path, method = http_match(match), match.path, match.method
                else:
                    assert isinstance(match, GRPCMatch)
                    matched, path, method = grpc_match(match), PathMatch(), None
                name = f"{one.id}/{rule.name or number}" + (f"/{place}" if len(rule.matches) > 1 else "")
                base = EdgeRoute(
                    name=name,
                    match=matched,
                    action={},
                    origin=one,
                    hostnames=spec.hostnames,
                    parents=spec.parent_refs,
                    rank=rank(matched, order * 1000 + number),
                    place=f"spec.rules[{number}]",
                )
                rule_routes = _Rule(self, one, rule, number, base, path, method, is_grpc=is_grpc)
                yield from rule_routes.routes()


@dataclass
class _Rule:
    """One rule with one of its matches."""

    parent: Routes
    one: Object
    rule: HTTPRule | GRPCRule
    number: int
    base: EdgeRoute
    path: PathMatch
    method: str | None
    is_grpc: bool

    def routes(self) -> list[EdgeRoute]:
        answered = self._answered()
        if answered is not None:
            return [self._finish(answered, self._targets(""))]
        references = [one for one in self.rule.backend_refs if one.weight > 0]
        if not references:
            # Gateway API: a rule without a backend that can be reached answers 500.
            text = {"status": 500, "body": {"inline_string": "no backend"}}
            return [self._finish(replace(self.base, action={"direct_response": text}), self._targets(""))]
        if len(references) == 1:
            return [_for_one(route, references[0]) for route in self._to_one(references[0])]
        return [self._to_many(references)]

    def _wrong(self, reference: BackendReference, problem: str, accepted: str = "") -> ConfigError:
        """A mistake in a reference to a backend."""
        named = [one.name for one in self.rule.backend_refs]
        place = f"[{named.index(reference.name)}]" if reference.name in named else ""
        return wrong(self.one, f"spec.rules[{self.number}].backendRefs{place}", problem, accepted)

    # -- what holds here

    def _targets(self, function: str, upstream: str = "") -> list[Target]:
        """What policies may be attached to, the most specific first."""
        targets: list[Target] = []
        if function == GRAPHQL:
            targets.append(("GraphQL", GRAPHQL, ""))
        elif function:
            targets += [("Function", function, ""), ("Upstream", upstream, "")]
        if self.rule.name:
            targets.append((self.one.kind, self.one.name, self.rule.name))
        targets.append((self.one.kind, self.one.name, ""))
        parents = [parent.name for parent in self.base.parents]
        names = parents or [one.name for one in self.parent.index.of_kind("Gateway")]
        targets += [("Gateway", name, "") for name in names]
        return targets

    def _traffic(self, targets: list[Target]) -> BackendTrafficPolicySpec | None:
        found = self.parent.index.policy(BackendTrafficPolicySpec, targets)
        return found[0] if found else None

    @property
    def _request_timeout(self) -> str | None:
        timeouts = self.rule.timeouts if isinstance(self.rule, HTTPRule) else None
        return timeouts.request if timeouts else None

    # -- answers without a backend

    def _answered(self) -> EdgeRoute | None:
        for one in self.rule.filters:
            if one.request_redirect:
                redirect = redirect_action(one.request_redirect, self.base.match)
                return replace(self.base, action={"redirect": redirect})
            if one.extension_ref and one.extension_ref.kind == "HTTPRouteFilter":
                spec = self._extension(one).spec
                assert isinstance(spec, HTTPRouteFilterSpec)
                answer = route_filter(spec, self.one, self.parent.index)[1]
                if answer is not None:
                    extra = {key: value for key, value in answer.items() if key != "direct_response"}
                    action = {"direct_response": answer["direct_response"]}
                    return replace(self.base, action=action, extra=extra)
        return None

    # -- one backend

    def _to_one(self, reference: BackendReference) -> list[EdgeRoute]:
        if reference.group != WEFT_GROUP:
            targets = self._targets("")
            traffic = self._traffic(targets)
            http2 = self.is_grpc
            cluster = self.parent.clusters.backend(reference, traffic, of=self.one, http2=http2)
            members = route_members(
                traffic,
                kind="grpc" if http2 else "http",
                repeatable=False,
                timeout_s=self.parent.world.settings.timeout_s,
                request_timeout=self._request_timeout,
                streams=http2,
            )
            action = {"route": {"cluster": cluster, **members}}
            return [self._finish(replace(self.base, action=action, function=reference.name), targets)]
        if reference.kind == "GraphQL":
            return self._to_engine()
        if reference.kind == "Upstream":
            return self._to_upstream(reference)
        function, upstream = self._function(reference)
        return self._to_function(function, upstream, rewrites=True)

    def _function(self, reference: BackendReference) -> tuple[Function, Upstream]:
        catalog = self.parent.world.catalog
        function = catalog.functions.get(FunctionId(reference.name))
        if reference.kind != "Function":
            raise self._wrong(
                reference,
                f"{reference.kind} is no kind of {WEFT_GROUP}",
                "Function, Upstream, GraphQL",
            )
        if function is None:
            near = difflib.get_close_matches(reference.name, catalog.functions, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `weft discover --functions`"
            raise self._wrong(reference, f"there is no function {reference.name!r}; {hint}")
        binding = function.binding
        if isinstance(binding, LambdaBinding) and (binding.proxy is not None or binding.batch is not None):
            text = f"{function.id} takes an event that only the engine makes of arguments"
            raise self._wrong(reference, text, "kind: GraphQL")
        upstream = catalog.upstreams_by_id[function.upstream]
        if isinstance(upstream.target, LambdaTarget) and upstream.target.has_own_credentials:
            text = (
                f"{function.id} is called in a role or profile, and Envoy signs with its own credentials only"
            )
            raise self._wrong(reference, text, "kind: GraphQL")
        return function, upstream

    def _to_engine(self) -> list[EdgeRoute]:
        targets = self._targets(GRAPHQL)
        traffic = self._traffic(targets)
        members = route_members(
            traffic,
            kind="engine",
            # A document may hold a mutation: only what no worker has begun is sent to another one.
            repeatable=False,
            timeout_s=self.parent.world.settings.timeout_s,
            request_timeout=self._request_timeout,
            # Subscriptions end when their client wants: the engine bounds all others itself.
            streams=True,
        )
        members |= {"cluster": self.parent.clusters.engine(traffic)}
        members.setdefault("upgrade_configs", [{"upgrade_type": "websocket"}])
        route = replace(self.base, action={"route": members}, function=GRAPHQL)
        cookies = looked_at(self.parent.index)[1]
        if cookies:
            route = route.with_filters({COOKIES: cookies_to_metadata(cookies)})
            route = route.with_extra(request_headers_to_add=cookies_to_headers(cookies))
        routes = [route]
        if self.method in {None, "GET"}:
            # GET runs queries only: what one worker fails at may be asked of another.
            retries = route_members(traffic, kind="engine", repeatable=True, timeout_s=0)["retry_policy"]
            routes = [_read(route, retries), route]
        for spec in sticky_canaries(self.parent.index)[:1]:
            routes = [*(new for one in routes for new in chosen(one, spec)), *routes]
        if self.parent.world.sockets:
            cluster = self.parent.clusters.sockets(traffic)
            routes = [*(_upgraded(one, cluster) for one in routes if _READS not in one.name), *routes]
        return [self._finish(one, targets) for one in routes]

    def _to_upstream(self, reference: BackendReference) -> list[EdgeRoute]:
        catalog = self.parent.world.catalog
        upstream = catalog.upstreams_by_id.get(UpstreamId(reference.name))
        if upstream is None:
            known = ", ".join(one.id for one in catalog.upstreams)
            raise self._wrong(reference, f"there is no upstream {reference.name!r}", known)
        if not upstream.functions:
            raise self._wrong(reference, f"upstream {reference.name} has no functions")
        # Versions and weights of the upstream; paths are the client's.
        return self._to_function(upstream.functions[0], upstream, rewrites=False)

    def _to_function(self, function: Function, upstream: Upstream, *, rewrites: bool) -> list[EdgeRoute]:
        parent = self.parent
        targets = self._targets(function.id if rewrites else "", upstream.id)
        if not rewrites:
            targets.insert(0, ("Upstream", upstream.id, ""))
        traffic = self._traffic(targets)
        shaped = Shaped()
        if rewrites:
            shaped = shape_call(
                function,
                upstream,
                self.path,
                self._call(),
                of=self.one,
                method=self.method,
                straight=self.is_grpc,
            )
        found = destinations(
            function,
            upstream,
            parent.clusters,
            parent.index,
            traffic,
            parent.world.catalog.upstreams_by_id,
            internal=False,
        )
        kind = kind_of(upstream)
        members = route_members(
            traffic,
            kind=kind,
            repeatable=rewrites and function.idempotent,
            timeout_s=parent.world.settings.timeout_s,
            request_timeout=self._request_timeout,
            streams=(rewrites and function.streaming != "none") or not rewrites,
        )
        headers = parent.world.settings.upstream_headers.get(upstream.id, {})
        routes = []
        for destination in found:
            route = self._aimed(function, upstream, destination, {**members, **shaped.action})
            route = route.with_filters(shaped.filters)
            if kind == "lambda":
                route = route.with_extra(request_body_buffer_limit=LAMBDA_REQUEST_BYTES)
            if headers:
                route = route.with_extra(request_headers_to_add=constant_headers(headers))
            name = function.id if rewrites else upstream.id
            routes.append(self._finish(replace(route, function=name), targets))
        return routes

    def _aimed(
        self, function: Function, upstream: Upstream, destination: Destination, members: Resource
    ) -> EdgeRoute:
        match = self.base.match
        order = self.base.rank
        if destination.condition is not None:
            match = {**match, "headers": [*match.get("headers", []), destination.condition]}
            order = (*order[:-1], order[-1] - 0.5)
        action = aimed(function, upstream, destination)
        return replace(
            self.base,
            name=f"{self.base.name}{destination.suffix}",
            match=match,
            rank=order,
            action={"route": {**members, **action}},
        )

    # -- several backends

    def _to_many(self, references: list[RouteBackend]) -> EdgeRoute:
        """Weights between backends. Between functions they must want the same path and method."""
        clusters = []
        actions: list[EdgeRoute] = []
        for reference in references:
            routes = self._to_one(reference)
            plain = routes[-1]
            action = plain.action["route"]
            if "cluster" not in action:
                text = f"{reference.name} has versions of its own"
                raise self._wrong(reference, text, "one backend, or weights in its Canary")
            entry: Resource = {"name": action["cluster"], "weight": reference.weight}
            if "host_rewrite_literal" in action:
                entry["host_rewrite_literal"] = action["host_rewrite_literal"]
            if plain.filters:
                entry["typed_per_filter_config"] = dict(plain.filters)
            if "regex_rewrite" in action:
                text = f"{reference.name} wants another path than the request's"
                raise self._wrong(reference, text, "a rule for each function, or a Canary")
            entry |= _headers_of(reference)
            clusters.append(entry)
            actions.append(plain)
        first = actions[0]
        kept = {
            key: value
            for key, value in first.action["route"].items()
            if key not in {"cluster", "host_rewrite_literal"}
        }
        return replace(
            first,
            name=self.base.name,
            action={"route": {**kept, "weighted_clusters": {"clusters": clusters}}},
            function=",".join(route.function for route in actions),
        )

    # -- filters and policies

    def _extension(self, one: HTTPFilter) -> Object:
        reference = one.extension_ref
        assert reference is not None
        return self.parent.index.find(
            reference.kind, reference.name, of=self.one, namespace=reference.namespace
        )

    def _call(self) -> FunctionCallSpec | None:
        for one in self.rule.filters:
            if one.extension_ref and one.extension_ref.kind == "FunctionCall":
                spec = self._extension(one).spec
                assert isinstance(spec, FunctionCallSpec)
                return spec
        return None

    def _finish(self, route: EdgeRoute, targets: list[Target]) -> EdgeRoute:
        """The route with its filters, and what policies say of it."""
        parent = self.parent
        for one in self.rule.filters:
            route = self._filtered(route, one)
        timeouts = self.rule.timeouts if isinstance(self.rule, HTTPRule) else None
        if timeouts and timeouts.backend_request and "route" in route.action:
            retries = route.action["route"].get("retry_policy", {})
            one_try = {**retries, "per_try_timeout": seconds(timeouts.backend_request)}
            route = route.with_action(retry_policy=one_try)
        persistence = self.rule.session_persistence
        if persistence is not None:
            route = persistent(route, persistence)
        security = parent.index.policy(SecurityPolicySpec, targets)
        if security:
            route = route.with_filters(parent.security.route_filters(*security))
        traffic = parent.index.policy(BackendTrafficPolicySpec, targets)
        if traffic:
            route = route.with_filters(traffic_filters(traffic[0]))
            if traffic[0].rate_limit:
                filters, limits = rate_limit_filters(
                    traffic[0].rate_limit,
                    traffic[1],
                    cost_header=parent.world.settings.cost_header,
                )
                parent.limits += limits
                route = route.with_filters(filters)
        extension = parent.index.policy(EnvoyExtensionPolicySpec, targets)
        if extension:
            route = route.with_filters(extension_filters(*extension, parent.security))
        return route

    def _filtered(self, route: EdgeRoute, one: HTTPFilter) -> EdgeRoute:
        if one.request_header_modifier or one.response_header_modifier:
            members = header_members(one.request_header_modifier, one.response_header_modifier)
            return route.with_extra(**members)
        if one.url_rewrite:
            return route.with_action(**rewrite_members(one.url_rewrite, self.base.match))
        if one.cors:
            return route.with_filters({CORS: cors(one.cors)})
        if one.request_mirror:
            policies = [self._mirror(one.request_mirror)]
            if "route" in route.action:
                policies = [*route.action["route"].get("request_mirror_policies", []), *policies]
            return route.with_action(request_mirror_policies=policies)
        if one.extension_ref is None:
            return route
        found = self._extension(one)
        if isinstance(found.spec, HTTPRouteFilterSpec):
            members, _, filters = route_filter(found.spec, found, self.parent.index)
            return route.with_action(**members).with_filters(filters)
        if isinstance(found.spec, TransformationSpec):
            path = found.spec.request.path if found.spec.request else None
            if path is not None:
                route = route.with_action(path_rewrite=path, regex_rewrite=None, prefix_rewrite=None)
            return route.with_filters(transformation_filters(found.spec, found))
        if not isinstance(found.spec, FunctionCallSpec):
            raise wrong(self.one, f"spec.rules[{self.number}].filters", f"{found.id} is no filter of a route")
        return route

    def _mirror(self, mirror: RequestMirror) -> Resource:
        reference = mirror.backend_ref
        if reference.group == WEFT_GROUP:
            _, upstream = self._function(reference)
            cluster = self.parent.clusters.upstream(upstream)
        else:
            cluster = self.parent.clusters.backend(reference, None, of=self.one)
        percent: float = 100 if mirror.percent is None else mirror.percent
        if mirror.fraction:
            percent = 100 * mirror.fraction.numerator / mirror.fraction.denominator
        share = {"numerator": round(percent * 10_000), "denominator": "MILLION"}
        return {"cluster": cluster, "runtime_fraction": {"default_value": share}}


def _headers_of(reference: RouteBackend) -> Resource:
    """What is changed for one backend alone."""
    members: Resource = {}
    for one in reference.filters:
        members |= header_members(one.request_header_modifier, one.response_header_modifier)
    return members


def _for_one(route: EdgeRoute, reference: RouteBackend) -> EdgeRoute:
    return route.with_extra(**_headers_of(reference))


def _read(route: EdgeRoute, retries: Resource) -> EdgeRoute:
    """The route of queries over GET to the engine, with retries of its own."""
    condition = {"name": ":method", "string_match": {"exact": "GET"}}
    match = {**route.match, "headers": [*route.match.get("headers", []), condition]}
    rank_ = (*route.rank[:-1], route.rank[-1] - 0.25)
    action = {"route": {**route.action["route"], "retry_policy": retries}}
    return replace(route, name=f"{route.name}{_READS}", match=match, rank=rank_, action=action)


def _upgraded(route: EdgeRoute, cluster: str) -> EdgeRoute:
    """The route of WebSockets to the engine: its workers take them on listeners of their own."""
    members = dict(route.action["route"])
    if "cluster" in members:
        members["cluster"] = cluster
    else:
        entries = [{**entry, "name": cluster} for entry in members["weighted_clusters"]["clusters"]]
        members["weighted_clusters"] = {"clusters": entries}
    condition = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
    match = {**route.match, "headers": [*route.match.get("headers", []), condition]}
    rank_ = (*route.rank[:-1], route.rank[-1] - 0.75)
    return replace(route, name=f"{route.name}@socket", match=match, rank=rank_, action={"route": members})


def kind_of(upstream: Upstream) -> str:
    """The kind of an upstream, as defaults are chosen by it."""
    if isinstance(upstream.target, GrpcTarget):
        return "grpc"
    return "lambda" if isinstance(upstream.target, LambdaTarget) else "http"


def aimed(
    function: Function, upstream: Upstream, destination: Destination, *, internal: bool = False
) -> Resource:
    """A destination's members of a route's action, with each version's own Lambda function."""
    action: Resource = dict(destination.action)
    weighted = action.get("weighted_clusters")
    if weighted and isinstance(function.binding, LambdaBinding):
        entries = []
        for entry in weighted["clusters"]:
            qualifier = entry.get("qualifier", "")
            rest = {key: value for key, value in entry.items() if key != "qualifier"}
            if internal and function.binding.invocation == "stream":
                own = qualified_stream(qualifier)
            else:
                own = {LAMBDA: lambda_invoke(upstream, function.binding, qualifier)}
            entries.append({**rest, "typed_per_filter_config": own})
        action["weighted_clusters"] = {**weighted, "clusters": entries}
    return action


def constant_headers(headers: Mapping[str, str]) -> list[Resource]:
    """``request_headers_to_add`` of headers that every call has; what the client sent of them is replaced."""
    return [
        {
            "header": {"key": name, "value": value.replace("%", "%%")},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for name, value in headers.items()
    ]
