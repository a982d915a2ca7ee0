"""The file that Envoy starts with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..resources import Resource, Resources, typed

XDS_CLUSTER: Final = "weft_xds"
MAX_CONNECTIONS: Final = 50_000
"""Downstream connections of one Envoy; without a bound one client takes all its memory."""


@dataclass(frozen=True, slots=True)
class ControlAddress:
    """Where the control plane listens: a Unix socket, or a host and a port.

    Attributes:
        tls: ``UpstreamTlsContext`` for a host; ``None`` for plain text.
    """

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: Resource | None = None

    @property
    def address(self) -> Resource:
        """The same in Envoy's words."""
        if self.path is not None:
            return {"pipe": {"path": str(self.path)}}
        return {"socket_address": {"address": self.host, "port_value": self.port}}


def http2_options() -> Resource:
    """``typed_extension_protocol_options`` for an upstream that speaks HTTP/2 only."""
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            explicit_http_config={"http2_protocol_options": {}},
        )
    }


def dynamic_bootstrap(
    *, control: ControlAddress, admin: Path, node: str, tags: dict[str, str] | None = None
) -> dict[str, Any]:
    """A bootstrap that takes everything from a control plane.

    Args:
        control: Where it is.
        admin: The Unix socket of the admin interface.
        node: This Envoy's id.
        tags: Metadata of the node.
    """
    return {
        **_common(admin, node, tags),
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": XDS_CLUSTER}}],
            },
            "lds_config": {"resource_api_version": "V3", "ads": {}},
            "cds_config": {"resource_api_version": "V3", "ads": {}},
        },
        "static_resources": {"clusters": [control_cluster(control)]},
    }


def control_cluster(control: ControlAddress) -> Resource:
    """The cluster of the control plane."""
    cluster: Resource = {
        "name": XDS_CLUSTER,
        "type": "STATIC" if control.path is not None else "STRICT_DNS",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": http2_options(),
        "load_assignment": {
            "cluster_name": XDS_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": control.address}}]}],
        },
    }
    if control.tls is not None:
        cluster["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": control.tls}
    return cluster


def static_bootstrap(
    resources: Resources, *, admin: Path, node: str = "weft", extra_clusters: Iterable[Resource] = ()
) -> dict[str, Any]:
    """A bootstrap that holds all of *resources*: for ``envoy --mode validate``, and without a control plane."""
    routes, extensions = resources.routes, resources.extensions
    return {
        **_common(admin, node, None),
        "static_resources": {
            "listeners": [
                _inlined(listener, routes, extensions) for listener in resources.listeners.values()
            ],
            "clusters": [*resources.clusters.values(), *extra_clusters],
            "secrets": list(resources.secrets.values()),
        },
    }


def _common(admin: Path, node: str, tags: dict[str, str] | None) -> dict[str, Any]:
    return {
        "node": {"id": node, "cluster": "weft", **({"metadata": tags} if tags else {})},
        # A Unix socket: whoever reaches the admin interface can stop Envoy and read its secrets.
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": typed(
                        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        max_active_downstream_connections=MAX_CONNECTIONS,
                    ),
                }
            ]
        },
    }


def _inlined(value: Any, routes: Any, extensions: Any) -> Any:
    """*value* with what it names of a control plane's resources put in its place."""
    if isinstance(value, list):
        return [_inlined(item, routes, extensions) for item in value]
    if not isinstance(value, dict):
        return value
    if "config_discovery" in value:
        name = value["name"]
        rest = {key: item for key, item in value.items() if key != "config_discovery"}
        return {**rest, "typed_config": _inlined(extensions[name]["typed_config"], routes, extensions)}
    if "rds" in value:
        rest = {key: _inlined(item, routes, extensions) for key, item in value.items() if key != "rds"}
        return {**rest, "route_config": routes[value["rds"]["route_config_name"]]}
    if "sds_config" in value:
        return {"name": value["name"]}
    return {key: _inlined(item, routes, extensions) for key, item in value.items()}
