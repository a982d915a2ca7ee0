"""Upstreams, versions, backends and engines to clusters."""

from __future__ import annotations

import re
from typing import Final, assert_never

from ...schemas.catalog import GrpcTarget, HttpTarget, LambdaTarget, Upstream
from ...schemas.errors import ConfigError
from ..objects.backends import BackendSpec
from ..objects.base import BackendReference, Object
from ..objects.traffic import BackendTrafficPolicySpec
from ..resources import Resource, content_hash, typed
from .addresses import Place, place_of_url
from .index import Index
from .resilience import cluster_members
from .world import World, wrong

ENGINE: Final = "engine"
SOCKETS: Final = "engine_sockets"
LIMITS: Final = "weft_limits"
ADMIN: Final = "weft_admin"

# In figures a dot would end the name.
_ENDS_NAMES: Final = re.compile(r"[.:]")
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_CA_FILES: Final = "/etc/ssl/certs/ca-certificates.crt"


class Clusters:
    """Makes each cluster once. What a policy says of the cluster itself makes it another one."""

    def __init__(self, world: World, index: Index) -> None:
        """Take where things are."""
        self.found: dict[str, Resource] = {}
        self.origins: dict[str, str] = {}
        self._world = world
        self._index = index

    def engine(self, traffic: BackendTrafficPolicySpec | None = None) -> str:
        """The engine's workers: asked how they are, and left out as soon as they fail.

        Raises:
            ConfigError: It is not said where they listen.
        """
        if not self._world.engines:
            raise ConfigError(
                source="gateway", key="engines", problem="it is not said where the engine listens"
            )
        places = [place_of_url(address) for address in self._world.engines]
        return self._add(ENGINE, places, traffic, kind="engine", origin="the engine")

    def sockets(self, traffic: BackendTrafficPolicySpec | None = None) -> str:
        """Where the engine's workers take WebSockets."""
        places = [place_of_url(address) for address in self._world.sockets]
        return self._add(SOCKETS, places, traffic, kind="engine", origin="the engine")

    def upstream(
        self, upstream: Upstream, traffic: BackendTrafficPolicySpec | None = None, *, server: str = ""
    ) -> str:
        """A discovered upstream, or another *server* of one of its operations."""
        target = upstream.target
        origin = f"upstream {upstream.id}"
        if server:
            place = _place(server, origin)
            return self._add(f"{upstream.id}/{place.authority}", [place], traffic, kind="http", origin=origin)
        kind = "http"
        match target:
            case HttpTarget(base_url=url):
                place = _place(url, origin)
            case GrpcTarget(address=address, tls=tls):
                place = _place(f"{'grpcs' if tls else 'grpc'}://{_plain_target(address)}", origin)
                kind = "grpc"
            case LambdaTarget():
                place = lambda_place(target)
                kind = "lambda"
            case _ as never:
                assert_never(never)
        return self._add(upstream.id, [place], traffic, kind=kind, origin=origin)

    def version(
        self,
        upstream: Upstream,
        name: str,
        url: str,
        traffic: BackendTrafficPolicySpec | None,
        origin: Object,
    ) -> str:
        """Another version of an upstream, at *url*."""
        try:
            place = place_of_url(url)
        except ValueError as error:
            raise wrong(origin, f"spec.versions.{name}.url", str(error)) from error
        kind = "grpc" if isinstance(upstream.target, GrpcTarget) else "http"
        if kind == "grpc" and not place.http2:
            place = _place(f"grpc{'s' if place.tls else ''}://{place.host}:{place.port}", origin.id)
        return self._add(f"{upstream.id}@{name}", [place], traffic, kind=kind, origin=str(origin))

    def backend(
        self,
        reference: BackendReference,
        traffic: BackendTrafficPolicySpec | None,
        *,
        of: Object,
        http2: bool = False,
    ) -> str:
        """A Backend object, or a Kubernetes Service by its DNS name.

        Raises:
            ConfigError: There is no such object.
        """
        if reference.kind == "Service":
            if reference.port is None:
                raise wrong(of, "backendRefs", f"Service {reference.name} has no `port`")
            namespace = reference.namespace or of.namespace
            place = Place(f"{reference.name}.{namespace}.svc", reference.port, http2=http2)
            return self._add(
                f"{namespace}/{reference.name}:{reference.port}",
                [place],
                traffic,
                kind="http",
                origin=str(of),
            )
        found = self._index.find("Backend", reference.name, of=of, namespace=reference.namespace)
        spec = found.spec
        assert isinstance(spec, BackendSpec)
        http2 = http2 or "gateway.envoyproxy.io/h2c" in spec.app_protocols
        places = []
        for endpoint in spec.endpoints:
            tls = spec.tls is not None
            if endpoint.fqdn:
                place = Place(endpoint.fqdn.hostname, endpoint.fqdn.port, tls=tls, http2=http2)
            elif endpoint.ip:
                place = Place(endpoint.ip.address, endpoint.ip.port, tls=tls, http2=http2)
            else:
                assert endpoint.unix is not None
                place = Place(
                    endpoint.hostname or "localhost", 0, tls=tls, http2=http2, unix_path=endpoint.unix.path
                )
            places.append(place)
        name = f"{found.namespace}/{found.name}{'+h2' if http2 else ''}"
        cluster = self._add(name, places, traffic, kind="http", origin=str(found))
        if spec.tls is not None:
            context: Resource = {"sni": spec.tls.sni or places[0].host}
            if not spec.tls.insecure_skip_verify:
                context["common_tls_context"] = self._trust(found, spec)
            self.found[cluster]["transport_socket"] = _tls_socket(context)
        return cluster

    def url(self, name: str, url: str, origin: str) -> str:
        """A server that Envoy itself asks: for keys, tokens, decisions."""
        return self._add(name, [_place(url, origin)], None, kind="plain", origin=origin)

    def _trust(self, found: Object, spec: BackendSpec) -> Resource:
        assert spec.tls is not None
        if spec.tls.ca_certificate_refs:
            text = "".join(
                self._index.secret(reference, "ca.crt", of=found)
                for reference in spec.tls.ca_certificate_refs
            )
            return {"validation_context": {"trusted_ca": {"inline_string": text}}}
        return {"validation_context": {"trusted_ca": {"filename": _CA_FILES}}}

    def _add(
        self,
        name: str,
        places: list[Place],
        traffic: BackendTrafficPolicySpec | None,
        *,
        kind: str,
        origin: str,
    ) -> str:
        members = cluster_members(traffic, kind)
        if members != cluster_members(None, kind):
            name = f"{name}|{content_hash(members)[:6]}"
        if name not in self.found:
            self.found[name] = make_cluster(name, places, members, kind=kind)
            self.origins[name] = origin
        return name


def make_cluster(name: str, places: list[Place], members: Resource, *, kind: str) -> Resource:
    """``Cluster``."""
    first = places[0]
    cluster: Resource = {
        "name": name,
        "type": "STATIC" if all(place.is_address for place in places) else "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [_endpoint(place) for place in places]},
            ],
        },
        **members,
    }
    stat_name = _ENDS_NAMES.sub("_", name)
    if stat_name != name:
        cluster["alt_stat_name"] = stat_name
    if cluster["type"] == "STRICT_DNS":
        cluster["dns_lookup_family"] = "ALL"
    options: Resource = {}
    if first.http2:
        options = {"explicit_http_config": {"http2_protocol_options": _HTTP2}}
    elif first.tls:
        options = {"auto_config": {"http_protocol_options": {}, "http2_protocol_options": _HTTP2}}
    common = cluster.pop("common_http_protocol_options", {})
    if options or common:
        options = options or {"explicit_http_config": {"http_protocol_options": {}}}
        if common:
            options["common_http_protocol_options"] = common
        cluster["typed_extension_protocol_options"] = {_HTTP_OPTIONS: typed(_HTTP_OPTIONS, **options)}
    if first.tls:
        cluster["transport_socket"] = _tls_socket(
            {
                "sni": first.host,
                "common_tls_context": {
                    "validation_context": {
                        "trusted_ca": {"filename": _CA_FILES},
                        "match_typed_subject_alt_names": [
                            {
                                "san_type": "IP_ADDRESS" if first.is_address else "DNS",
                                "matcher": {"exact": first.host},
                            }
                        ],
                    }
                },
            }
        )
    if kind == "lambda":
        # The filter signs requests to clusters that say so.
        cluster["metadata"] = {"filter_metadata": {"com.amazonaws.lambda": {"egress_gateway": True}}}
    return cluster


# Envoy pings a connection that is idle no oftener than grpc-go's servers allow.
_HTTP2: Final[Resource] = {"connection_keepalive": {"interval": "310s", "timeout": "20s"}}


def _endpoint(place: Place) -> Resource:
    endpoint: Resource = {"address": place.address}
    if not place.unix_path and not place.is_address:
        endpoint["hostname"] = place.host
    return {"endpoint": endpoint}


def _tls_socket(context: Resource) -> Resource:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", **context),
    }


def lambda_place(target: LambdaTarget) -> Place:
    """Where Lambda's API is."""
    return place_of_url(target.endpoint or f"https://lambda.{target.region}.amazonaws.com")


def upstream_place(upstream: Upstream) -> Place:
    """Where a discovered upstream is."""
    match upstream.target:
        case HttpTarget(base_url=url):
            return place_of_url(url)
        case GrpcTarget(address=address, tls=tls):
            return place_of_url(f"{'grpcs' if tls else 'grpc'}://{_plain_target(address)}")
        case LambdaTarget() as target:
            return lambda_place(target)
        case _ as never:
            assert_never(never)


def _plain_target(address: str) -> str:
    """``host:port`` of a gRPC target, which may name its resolver."""
    return address.rpartition("/")[2] if address.startswith(("dns:", "ipv4:", "ipv6:")) else address


def _place(url: str, origin: str) -> Place:
    try:
        return place_of_url(url)
    except ValueError as error:
        raise ConfigError(source="gateway", key=origin, problem=str(error)) from error
