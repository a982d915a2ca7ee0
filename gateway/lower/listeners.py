"""Gateways to listeners. What varies is not in them: see ``filters``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..objects.base import Object, seconds
from ..objects.clients import ClientTrafficPolicySpec
from ..objects.routes import GatewayListener, GatewaySpec
from ..resources import Resource, content_hash, typed
from .addresses import Place, place_of_url
from .attach import Port
from .changes import parse_quantity
from .clusters import ADMIN, make_cluster
from .filters import LAMBDA, SIGNING, UNSIGNED, http_filters
from .index import Index
from .world import EdgeSettings, Tracing, wrong

_HCM: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TRACES: Final = "weft_traces"
CONTROL_FIGURES: Final = "weft_control"
_FIGURES: Final = {
    ADMIN: ("/metrics", "/stats/prometheus?usedonly"),
    CONTROL_FIGURES: ("/metrics/control", "/metrics"),
}
LOCAL_HEADER: Final = "x-weft-local"
"""The engine's transports read it; see ``engine.transport.base``."""

_LOG_FORMAT: Final[Resource] = {
    "time": "%START_TIME%",
    "function": "%METADATA(ROUTE:weft:function)%",
    "route": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "traceparent": "%REQ(TRACEPARENT)%",
}
"""No query, no other header: they may hold secrets."""

_FAILED: Final[Resource] = {
    "status_code_filter": {
        "comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "weft.local"}}
    }
}


_WRITTEN: Final[Resource] = {
    "extension_filter": {
        "name": "envoy.access_loggers.extension_filters.cel",
        "typed_config": typed(
            "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            expression="response.code_details == 'direct_response'",
        ),
    }
}


def _said(message: str) -> Resource:
    return {
        "json_format": {"errors": [{"message": message, "extensions": {"code": "%RESPONSE_CODE_DETAILS%"}}]},
        "content_type": "application/json",
    }


_LOCAL_REPLY: Final[Resource] = {
    "mappers": [
        # What somebody wrote as an answer stays as it is.
        {"filter": _WRITTEN},
        {
            "filter": {"response_flag_filter": {"flags": ["NR"]}},
            "body_format_override": _said("no route leads from here"),
        },
        {"filter": _FAILED, "body_format_override": _said("%LOCAL_REPLY_BODY%")},
    ]
}
"""A failure that Envoy itself answers has the form of a GraphQL error, which clients of other functions can read too."""


def route_configurations(
    group: Sequence[Port], logins: Mapping[str, Resource]
) -> Mapping[str, Sequence[Port]]:
    """The names of the route configurations of one port, and the listeners whose routes each holds.

    Connections keep the chain of filters that they were opened with. Routes that need another chain have
    another name, so that no connection has routes whose filters it has not.
    """
    first = group[0]
    parts = [[port] for port in group] if first.listener.protocol == "HTTPS" else [list(group)]
    suffix = f"@{content_hash(dict(logins))}" if logins else ""
    return {f"{part[0].gateway.name}/{part[0].listener.name}{suffix}": part for part in parts}


def edge_listener(
    group: Sequence[Port],
    index: Index,
    settings: EdgeSettings,
    *,
    limits: str,
    has_lambda: bool,
    logins: Mapping[str, Resource],
) -> Resource:
    """A public port: one listener of a Gateway, or several that are told apart by their hosts.

    Raises:
        ConfigError: Its certificate is not there.
    """
    gateway, listener = group[0].gateway, group[0].listener
    spec = gateway.spec
    assert isinstance(spec, GatewaySpec)
    found = index.policy(
        ClientTrafficPolicySpec,
        [("Gateway", gateway.name, listener.name), ("Gateway", gateway.name, "")],
    )
    client = found[0] if found else ClientTrafficPolicySpec()
    hosts = [address.value for address in spec.addresses] or [settings.host]
    filters = http_filters(limits=limits, has_lambda=has_lambda, logins=logins)
    members: Resource = {
        "use_remote_address": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "server_header_transformation": "PASS_THROUGH",
        "local_reply_config": _LOCAL_REPLY,
        # An answer names the request that its log lines have.
        "always_set_request_id_in_response": True,
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "early_header_mutation_extensions": [_early(client)],
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
    }
    detection = client.client_ip_detection
    if detection and detection.x_forwarded_for:
        members["xff_num_trusted_hops"] = detection.x_forwarded_for.num_trusted_hops
    if client.timeout and client.timeout.http:
        timeout = client.timeout.http
        if timeout.request_received_timeout:
            members["request_timeout"] = seconds(timeout.request_received_timeout)
        if timeout.idle_timeout:
            members["common_http_protocol_options"] = {"idle_timeout": seconds(timeout.idle_timeout)}
        if timeout.stream_idle_timeout:
            members["stream_idle_timeout"] = seconds(timeout.stream_idle_timeout)
    chains: list[Resource] = []
    for name, ports in route_configurations(group, logins).items():
        hcm = _manager(f"edge.{ports[0].listener.name}", name, filters, settings) | members
        chain: Resource = {"filters": [_network_filter(hcm)]}
        if listener.protocol == "HTTPS":
            chain["transport_socket"] = _tls(gateway, ports[0].listener, index)
            hostname = ports[0].listener.hostname
            if len(group) > 1 and hostname:
                chain["filter_chain_match"] = {"server_names": [hostname]}
        chains.append(chain)
    value: Resource = {
        "name": f"{gateway.name}/{listener.name}",
        "address": {"socket_address": {"address": hosts[0], "port_value": listener.port}},
        "filter_chains": chains,
        "per_connection_buffer_limit_bytes": 32768,
    }
    if len(hosts) > 1:
        value["additional_addresses"] = [
            {"address": {"socket_address": {"address": host, "port_value": listener.port}}}
            for host in hosts[1:]
        ]
    connection = client.connection
    if connection and connection.buffer_limit:
        value["per_connection_buffer_limit_bytes"] = parse_quantity(connection.buffer_limit)
    first_looks: list[Resource] = []
    if client.proxy_protocol or client.enable_proxy_protocol:
        optional = client.proxy_protocol.optional if client.proxy_protocol else False
        first_looks.append(
            {
                "name": "envoy.filters.listener.proxy_protocol",
                "typed_config": typed(
                    "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
                    allow_requests_without_proxy_protocol=optional,
                ),
            }
        )
    if any("filter_chain_match" in chain for chain in chains):
        inspector = typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector")
        first_looks.append({"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector})
    if first_looks:
        value["listener_filters"] = first_looks
    if connection and connection.connection_limit:
        limit = {
            "name": "envoy.filters.network.connection_limit",
            "typed_config": typed(
                "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
                stat_prefix=f"edge.{listener.name}",
                max_connections=connection.connection_limit.value,
            ),
        }
        for chain in chains:
            chain["filters"].insert(0, limit)
    return value


def internal_listener(socket: Path, settings: EdgeSettings, name: str, *, has_lambda: bool) -> Resource:
    """The listener under the engine's calls."""
    chain = http_filters(limits="", has_lambda=has_lambda)
    filters = [*(one for one in chain if one["name"] in {UNSIGNED, LAMBDA, SIGNING}), chain[-1]]
    hcm = _manager(name, name, filters, settings)
    hcm |= {
        "preserve_external_request_id": True,
        # What the upstream gets is what the engine sends.
        "use_remote_address": False,
        "skip_xff_append": True,
        "server_header_transformation": "PASS_THROUGH",
        # The engine's streams end when it ends them.
        "stream_idle_timeout": "0s",
        # So the engine can tell an upstream's 503 from one that nobody has said.
        "local_reply_config": {
            "mappers": [
                {
                    "filter": _FAILED,
                    "headers_to_add": [{"header": {"key": LOCAL_HEADER, "value": "%RESPONSE_CODE_DETAILS%"}}],
                }
            ]
        },
    }
    return {
        "name": name,
        "address": {"pipe": {"path": str(socket), "mode": 0o600}},
        "filter_chains": [{"filters": [_network_filter(hcm)]}],
    }


def metrics_listener(
    host: str, port: int, admin: Path, control: Path | None
) -> tuple[Resource, list[Resource]]:
    """A listener that gives Prometheus its figures, and nothing else of the admin interface; its clusters.

    Args:
        host: The address to listen on.
        port: The port.
        admin: The socket of Envoy's admin interface.
        control: The socket of the control plane's own figures.
    """
    places = {ADMIN: admin, **({CONTROL_FIGURES: control} if control else {})}
    routes = {
        "name": "metrics",
        "virtual_hosts": [
            {
                "name": "metrics",
                "domains": ["*"],
                "routes": [
                    {
                        "match": {"path": _FIGURES[name][0], "headers": [_method("GET")]},
                        "route": {"cluster": name, "prefix_rewrite": _FIGURES[name][1]},
                    }
                    for name in places
                ],
            }
        ],
    }
    hcm = typed(
        _HCM,
        stat_prefix="metrics",
        route_config=routes,
        http_filters=[http_filters(limits="")[-1]],
    )
    listener = {
        "name": "metrics",
        "address": {"socket_address": {"address": host, "port_value": port}},
        "filter_chains": [{"filters": [_network_filter(hcm)]}],
    }
    return listener, [
        make_cluster(name, [Place(name, 0, unix_path=str(path))], {}, kind="plain")
        for name, path in places.items()
    ]


def traces_cluster(tracing: Tracing) -> Resource:
    """Where spans are sent."""
    place = place_of_url(tracing.url)
    return make_cluster(TRACES, [place], {}, kind="plain")


def _method(name: str) -> Resource:
    return {"name": ":method", "string_match": {"exact": name}}


def _manager(prefix: str, routes: str, filters: list[Resource], settings: EdgeSettings) -> Resource:
    value: Resource = typed(
        _HCM,
        stat_prefix=prefix,
        rds={"route_config_name": routes, "config_source": {"ads": {}, "resource_api_version": "V3"}},
        http_filters=filters,
        generate_request_id=True,
    )
    if settings.access_log and prefix.startswith("edge"):
        value["access_log"] = [_access_log(settings.access_log)]
    if settings.tracing is not None:
        value["tracing"] = _tracing(settings.tracing, prefix)
    return value


def _access_log(path: str) -> Resource:
    form = {"log_format": {"json_format": _LOG_FORMAT}}
    if path == "-":
        name, kind, where = "stdout", "stream.v3.StdoutAccessLog", {}
    else:
        name, kind, where = "file", "file.v3.FileAccessLog", {"path": path}
    return {
        "name": f"envoy.access_loggers.{name}",
        "typed_config": typed(f"envoy.extensions.access_loggers.{kind}", **where, **form),
    }


def _tracing(tracing: Tracing, prefix: str) -> Resource:
    place = place_of_url(tracing.url)
    service: Any
    if place.http2:
        service = {"grpc_service": {"envoy_grpc": {"cluster_name": TRACES}, "timeout": "1s"}}
    else:
        service = {
            "http_service": {
                "http_uri": {
                    "uri": f"{tracing.url.rstrip('/')}"
                    if place.path
                    else f"{tracing.url.rstrip('/')}/v1/traces",
                    "cluster": TRACES,
                    "timeout": "1s",
                }
            }
        }
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": typed(
                "envoy.config.trace.v3.OpenTelemetryConfig",
                service_name=f"weft-{prefix.split('.')[0]}",
                **service,
            ),
        },
        "random_sampling": {"value": tracing.percent},
        "spawn_upstream_span": True,
        "custom_tags": [
            {
                "tag": "weft.function",
                "metadata": {
                    "kind": {"route": {}},
                    "metadata_key": {"key": "weft", "path": [{"key": "function"}]},
                },
            }
        ],
    }


def _early(client: ClientTrafficPolicySpec) -> Resource:
    """What clients may never say, taken away before a route is chosen."""
    removed = (
        client.headers.early_request_headers.remove
        if client.headers and client.headers.early_request_headers
        else ()
    )
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            mutations=[
                {"remove_on_match": {"key_matcher": {"prefix": "x-weft-"}}},
                *({"remove": name} for name in removed),
            ],
        ),
    }


def _tls(gateway: Object, listener: GatewayListener, index: Index) -> Resource:
    references = listener.tls.certificate_refs if listener.tls else ()
    if not references:
        raise wrong(gateway, f"spec.listeners {listener.name}", "has no certificate", "`tls.certificateRefs`")
    certificates = [
        {
            "certificate_chain": {"inline_string": index.secret(reference, "tls.crt", of=gateway)},
            "private_key": {"inline_string": index.secret(reference, "tls.key", of=gateway)},
        }
        for reference in references
    ]
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(
            "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={
                "tls_certificates": certificates,
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            },
        ),
    }


def _network_filter(hcm: Resource) -> Resource:
    return {"name": "envoy.filters.network.http_connection_manager", "typed_config": hcm}
