"""The kinds that are read, and the class of each kind's ``spec``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from .backends import BackendSpec, HTTPRouteFilterSpec, SecretSpec
from .base import ENVOY_GROUP, GATEWAY_GROUP, WEFT_GROUP
from .clients import ClientTrafficPolicySpec, EnvoyExtensionPolicySpec
from .routes import GatewaySpec, GRPCRouteSpec, HTTPRouteSpec
from .security import SecurityPolicySpec
from .traffic import BackendTrafficPolicySpec
from .weft import CanarySpec, FunctionCallSpec, TransformationSpec


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: its group, its versions, and what its ``spec`` is read into."""

    group: str
    name: str
    spec: type[Struct]
    versions: tuple[str, ...]


KINDS: Final = {
    (kind.group, kind.name): kind
    for kind in (
        Kind(GATEWAY_GROUP, "Gateway", GatewaySpec, ("v1", "v1beta1")),
        Kind(GATEWAY_GROUP, "HTTPRoute", HTTPRouteSpec, ("v1", "v1beta1")),
        Kind(GATEWAY_GROUP, "GRPCRoute", GRPCRouteSpec, ("v1",)),
        Kind(ENVOY_GROUP, "Backend", BackendSpec, ("v1alpha1",)),
        Kind(ENVOY_GROUP, "SecurityPolicy", SecurityPolicySpec, ("v1alpha1",)),
        Kind(ENVOY_GROUP, "BackendTrafficPolicy", BackendTrafficPolicySpec, ("v1alpha1",)),
        Kind(ENVOY_GROUP, "ClientTrafficPolicy", ClientTrafficPolicySpec, ("v1alpha1",)),
        Kind(ENVOY_GROUP, "EnvoyExtensionPolicy", EnvoyExtensionPolicySpec, ("v1alpha1",)),
        Kind(ENVOY_GROUP, "HTTPRouteFilter", HTTPRouteFilterSpec, ("v1alpha1",)),
        Kind(WEFT_GROUP, "FunctionCall", FunctionCallSpec, ("v1alpha1",)),
        Kind(WEFT_GROUP, "Transformation", TransformationSpec, ("v1alpha1",)),
        Kind(WEFT_GROUP, "Canary", CanarySpec, ("v1alpha1",)),
        Kind("", "Secret", SecretSpec, ("v1",)),
        Kind("", "ConfigMap", SecretSpec, ("v1",)),
    )
}

IGNORED: Final = {
    ("", "Namespace"),
    ("", "Service"),
    ("apps", "Deployment"),
    (GATEWAY_GROUP, "GatewayClass"),
    (GATEWAY_GROUP, "ReferenceGrant"),
    (ENVOY_GROUP, "EnvoyProxy"),
}
"""Kinds that a cluster needs beside these, and that say nothing to one machine."""
