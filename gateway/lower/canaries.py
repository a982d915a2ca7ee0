"""A function's versions and weights to destinations of its routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ...schemas.catalog import Function, HttpTarget, LambdaBinding, LambdaTarget, Upstream, UpstreamId
from ..objects.base import Object
from ..objects.routes import NamedValue
from ..objects.traffic import BackendTrafficPolicySpec
from ..objects.weft import STABLE, CanaryMatch, CanarySpec, CanaryVersion
from ..resources import Resource
from .addresses import Place, place_of_url
from .clusters import Clusters, upstream_place
from .index import Index
from .world import wrong

COOKIE_HEADER: Final = "x-weft-cookie-"
"""Before the name of a cookie that canaries look at: Envoy takes it out of ``cookie`` for the engine's calls."""

OPERATION_HEADER: Final = "x-request-id"
"""Equal in all calls of one GraphQL operation."""


@dataclass(frozen=True)
class Version:
    """Where one version of a function is called.

    Attributes:
        place: ``None`` for Lambda's qualifiers: they share their place.
    """

    name: str
    cluster: str
    place: Place
    qualifier: str = ""


@dataclass(frozen=True)
class Destination:
    """Where requests for a function go.

    Attributes:
        action: Members of ``RouteAction`` that choose the cluster and name the host.
        condition: A header match that requests must fulfil; ``None`` for the rest.
        suffix: Tells the route from the function's other ones.
        versions: Version to percentage, for ``weft status``.
    """

    action: Resource
    condition: Resource | None = None
    suffix: str = ""
    versions: Mapping[str, int] = field(default_factory=dict)


def canary_of(function: Function, index: Index) -> tuple[CanarySpec, Object] | None:
    """The canary of a function: its own, or its upstream's."""
    by_upstream: tuple[CanarySpec, Object] | None = None
    for one in index.of_kind("Canary"):
        spec = one.spec
        assert isinstance(spec, CanarySpec)
        if spec.target_ref.kind == "Function" and spec.target_ref.name == function.id:
            return spec, one
        if spec.target_ref.kind == "Upstream" and spec.target_ref.name == function.upstream:
            by_upstream = spec, one
    return by_upstream


def destinations(
    function: Function,
    upstream: Upstream,
    clusters: Clusters,
    index: Index,
    traffic: BackendTrafficPolicySpec | None,
    upstreams: Mapping[UpstreamId, Upstream],
    *,
    internal: bool,
) -> tuple[Destination, ...]:
    """Where requests for *function* go: first those with a condition, at last the rest.

    Args:
        function: What is called.
        upstream: Whose it is.
        clusters: Makes the clusters.
        index: Finds the canary.
        traffic: What a policy says of the clusters.
        upstreams: Those that versions may name.
        internal: In the listener under the engine's calls: cookies arrive as headers.

    Raises:
        ConfigError: A canary names what is not there.
    """
    server = getattr(function.binding, "server", "")
    cluster = clusters.upstream(upstream, traffic, server=server)
    place = place_of_url(server) if server else upstream_place(upstream)
    qualifier = function.binding.qualifier if isinstance(function.binding, LambdaBinding) else ""
    stable = Version(STABLE, cluster, place, qualifier)
    found = canary_of(function, index)
    if found is None:
        return (Destination(_to(stable)),)
    spec, origin = found
    versions = {STABLE: stable}
    for name, version in spec.versions.items():
        versions[name] = _version(
            function, upstream, name, version, stable, clusters, traffic, upstreams, origin
        )
    if spec.mirror is not None and isinstance(upstream.target, LambdaTarget):
        # A copy has the path of its original: it would call the same version twice.
        raise wrong(origin, "spec.mirror", "calls of Lambda functions cannot be copied")
    mirror = _mirror(spec, versions, function)
    matches = list(spec.matches)
    if spec.sticky and spec.sticky.cookie:
        # Its value is the version. A version that gets nothing any more loses its clients too.
        matches += [
            CanaryMatch(version=name, cookie=NamedValue(name=spec.sticky.cookie, value=name))
            for name, share in spec.shares.items()
            if share
        ]
    conditional = [
        Destination(
            {**_chosen(versions[match.version]), **mirror},
            _condition(match.header, match.cookie, internal=internal),
            f"@{match.version}",
            {match.version: 100},
        )
        for match in matches
    ]
    return (
        *conditional,
        Destination({**_shared_out(spec, versions, internal=internal), **mirror}, versions=spec.shares),
    )


def _version(
    function: Function,
    upstream: Upstream,
    name: str,
    version: CanaryVersion,
    stable: Version,
    clusters: Clusters,
    traffic: BackendTrafficPolicySpec | None,
    upstreams: Mapping[UpstreamId, Upstream],
    origin: Object,
) -> Version:
    key = f"spec.versions.{name}"
    if isinstance(upstream.target, LambdaTarget):
        if version.qualifier is None:
            raise wrong(origin, key, "is no version of a Lambda function", "`qualifier`: a version or alias")
        return replace(stable, name=name, qualifier=version.qualifier)
    if version.upstream is not None:
        other = upstreams.get(UpstreamId(version.upstream))
        if other is None:
            raise wrong(origin, f"{key}.upstream", f"there is no upstream {version.upstream!r}")
        made = Version(name, clusters.upstream(other, traffic), upstream_place(other))
    elif version.url is not None:
        cluster = clusters.version(upstream, name, version.url, traffic, origin)
        made = Version(name, cluster, place_of_url(version.url))
    else:
        raise wrong(origin, key, "does not say where it is", "`url`, or `upstream`")
    if isinstance(upstream.target, HttpTarget) and made.place.path != stable.place.path:
        text = f"has the base path {made.place.path or '/'!r}, and the stable version {stable.place.path or '/'!r}"
        raise wrong(origin, key, text, "the same base path: requests are written for one of them")
    return made


def _to(version: Version) -> Resource:
    return {"cluster": version.cluster, "host_rewrite_literal": version.place.authority}


def _chosen(version: Version) -> Resource:
    """One version. A Lambda function's has its own filters, which only shares of the traffic can have."""
    if not version.qualifier:
        return _to(version)
    entry = {"name": version.cluster, "weight": 100, "host_rewrite_literal": version.place.authority}
    return {"weighted_clusters": {"clusters": [{**entry, **_marked(version)}]}}


def _shared_out(spec: CanarySpec, versions: Mapping[str, Version], *, internal: bool) -> Resource:
    shares = spec.shares
    sticky = spec.sticky
    cookie = sticky.cookie if sticky and not internal else None
    weighted: Resource = {
        "clusters": [
            {
                "name": versions[name].cluster,
                "weight": weight,
                "host_rewrite_literal": versions[name].place.authority,
                **_marked(versions[name]),
                **({"response_headers_to_add": [set_cookie(cookie, name)]} if cookie else {}),
            }
            for name, weight in shares.items()
        ]
    }
    action: Resource = {"weighted_clusters": weighted}
    if sticky is not None and sticky.cookie is None:
        weighted["use_hash_policy"] = True
        header = OPERATION_HEADER if sticky.operation else str(sticky.header).lower()
        action["hash_policy"] = [{"header": {"header_name": header}}]
    return action


def set_cookie(name: str, value: str) -> Resource:
    """A response header that keeps a client with one version for its session."""
    text = f"{name}={value}; Path=/; HttpOnly; SameSite=Lax"
    return {"header": {"key": "set-cookie", "value": text}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}


def _marked(version: Version) -> Resource:
    """What only one version of a Lambda function needs: its qualifier. Filled in where its ARN is known."""
    return {"qualifier": version.qualifier} if version.qualifier else {}


def _mirror(spec: CanarySpec, versions: Mapping[str, Version], function: Function) -> Resource:
    if spec.mirror is None or function.effect == "write":
        return {}
    share = {"default_value": {"numerator": round(spec.mirror.percent * 10_000), "denominator": "MILLION"}}
    return {
        "request_mirror_policies": [
            {"cluster": versions[spec.mirror.version].cluster, "runtime_fraction": share}
        ]
    }


def _condition(header: Any, cookie: Any, *, internal: bool) -> Resource:
    if header is not None:
        return {"name": header.name.lower(), "string_match": {"exact": header.value}}
    if internal:
        return {"name": f"{COOKIE_HEADER}{cookie.name.lower()}", "string_match": {"exact": cookie.value}}
    return cookie_match(cookie.name, _escaped(cookie.value))


def sticky_canaries(index: Index) -> tuple[CanarySpec, ...]:
    """Those that keep clients by a cookie."""
    specs = [one.spec for one in index.of_kind("Canary")]
    return tuple(
        spec for spec in specs if isinstance(spec, CanarySpec) and spec.sticky and spec.sticky.cookie
    )


def cookie_match(name: str, value: str = "[^;]*") -> Resource:
    """A header match for a cookie; *value* is a regular expression."""
    pattern = rf"(.*;\s*)?{_escaped(name)}={value}(\s*;.*)?"
    return {"name": "cookie", "string_match": {"safe_regex": {"regex": pattern}}}


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in r"\.+*?()[]{}|^$" else c for c in text)


def looked_at(index: Index) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The headers and the cookies of clients that canaries look at."""
    headers: set[str] = set()
    cookies: set[str] = set()
    for one in index.of_kind("Canary"):
        spec = one.spec
        assert isinstance(spec, CanarySpec)
        for match in spec.matches:
            if match.header:
                headers.add(match.header.name.lower())
            if match.cookie:
                cookies.add(match.cookie.name)
        if spec.sticky and spec.sticky.header:
            headers.add(spec.sticky.header.lower())
        if spec.sticky and spec.sticky.cookie:
            cookies.add(spec.sticky.cookie)
    return tuple(sorted(headers)), tuple(sorted(cookies))


def headers_of(objects: Iterable[Object]) -> tuple[str, ...]:
    """Headers that the engine's calls must have for canaries: those they look at, and cookies as headers."""
    headers, cookies = looked_at(Index(objects))
    return (*headers, *(f"{COOKIE_HEADER}{name.lower()}" for name in cookies))
