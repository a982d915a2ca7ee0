"""Envoy's resources as one value: proto3-JSON by type and name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import msgspec

Resource: TypeAlias = dict[str, Any]
"""One resource in proto3-JSON, without ``@type``."""

ResourceType: TypeAlias = Literal["clusters", "secrets", "listeners", "routes", "extensions"]

TYPE_URLS: Final[Mapping[ResourceType, str]] = {
    "clusters": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "secrets": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
    "listeners": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "routes": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "extensions": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
}
"""What Envoy calls each type of resource."""

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {url: name for name, url in TYPE_URLS.items()}


def typed(type_name: str, **fields: Any) -> Resource:
    """A message inside an ``Any``: *fields* under the type *type_name*."""
    return {"@type": f"type.googleapis.com/{type_name}", **fields}


def content_hash(value: Any) -> str:
    """16 hexadecimal digits, equal for equal values."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:16]


def routes_in(host: Resource) -> list[Resource]:
    """The routes of a virtual host, from its list or its tree; one may be there more than once."""
    if "routes" in host:
        return list(host["routes"])
    matcher = host.get("matcher", {})
    actions = [matcher.get("on_no_match")]
    actions += matcher.get("matcher_tree", {}).get("prefix_match_map", {}).get("map", {}).values()
    return [route for one in actions if one for route in one["action"]["typed_config"]["routes"]]


@dataclass(frozen=True)
class Resources:
    """Everything that an Envoy is told, each type by the resources' names.

    Attributes:
        origins: Which object a resource came from, as people read it, by type and name.
    """

    clusters: Mapping[str, Resource] = field(default_factory=dict)
    secrets: Mapping[str, Resource] = field(default_factory=dict, repr=False)
    listeners: Mapping[str, Resource] = field(default_factory=dict)
    routes: Mapping[str, Resource] = field(default_factory=dict)
    extensions: Mapping[str, Resource] = field(default_factory=dict, repr=False)
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, kind: ResourceType) -> Mapping[str, Resource]:
        """The resources of one type."""
        found: Mapping[str, Resource] = getattr(self, kind)
        return found

    def items(self) -> Iterator[tuple[ResourceType, Mapping[str, Resource]]]:
        """Every type and its resources, in the order in which they are added."""
        for kind in TYPE_URLS:
            yield kind, self.of(kind)

    @cached_property
    def version(self) -> str:
        """Equal for equal resources."""
        return content_hash([dict(resources) for _, resources in self.items()])

    def with_types(self, **types: Mapping[str, Resource]) -> Resources:
        """The same with other resources of some types."""
        return replace(self, **types)  # type: ignore[arg-type]  # the names are those of fields
