"""Backends, filters and Secrets: what routes and policies refer to.

Source: Envoy Gateway v1, ``gateway.envoyproxy.io/v1alpha1``; Kubernetes core ``v1``.
"""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Literal

import msgspec

from .base import ObjectReference, Part


class Fqdn(Part, frozen=True):
    """A name that DNS knows."""

    hostname: str
    port: int


class IpEndpoint(Part, frozen=True):
    """An address."""

    address: str
    port: int


class UnixEndpoint(Part, frozen=True):
    """A Unix socket."""

    path: str


class BackendEndpoint(Part, frozen=True):
    """Where a backend listens: one of the three."""

    fqdn: Fqdn | None = None
    ip: IpEndpoint | None = None
    unix: UnixEndpoint | None = None
    hostname: str | None = None

    def __post_init__(self) -> None:
        """Hold one of the three.

        Raises:
            ValueError: None, or more.
        """
        if sum(part is not None for part in (self.fqdn, self.ip, self.unix)) != 1:
            raise ValueError("an endpoint has one of `fqdn`, `ip`, `unix`")


class BackendTls(Part, frozen=True):
    """TLS to a backend."""

    well_known_ca_certificates: Literal["System"] | None = msgspec.field(
        name="wellKnownCACertificates", default=None
    )
    ca_certificate_refs: tuple[ObjectReference, ...] = ()
    insecure_skip_verify: bool = False
    sni: str | None = None


class BackendSpec(Part, frozen=True):
    """Somewhere requests can go."""

    endpoints: tuple[BackendEndpoint, ...]
    app_protocols: tuple[str, ...] = ()
    tls: BackendTls | None = None
    type: Literal["Endpoints"] = "Endpoints"


class RegexRewrite(Part, frozen=True):
    r"""A path's parts that match, replaced; ``\1`` is the first group."""

    pattern: str
    substitution: str


class FilterPath(Part, frozen=True):
    """A new path."""

    type: Literal["ReplaceRegexMatch"]
    replace_regex_match: RegexRewrite


class FilterHost(Part, frozen=True):
    """A new host."""

    type: Literal["Header", "Backend"]
    header: str | None = None


class FilterRewrite(Part, frozen=True):
    """A new host and path."""

    hostname: FilterHost | None = None
    path: FilterPath | None = None


class InlineBody(Part, frozen=True):
    """Text."""

    inline: str
    type: Literal["Inline"] = "Inline"


class DirectResponse(Part, frozen=True):
    """An answer that needs no backend."""

    status_code: int = 200
    content_type: str | None = None
    body: InlineBody | None = None


class CredentialReference(Part, frozen=True):
    """A Secret that holds ``credential``."""

    value_ref: ObjectReference


class CredentialInjection(Part, frozen=True):
    """A credential that the backend is sent."""

    credential: CredentialReference
    header: str = "Authorization"
    overwrite: bool = False


class HTTPRouteFilterSpec(Part, frozen=True):
    """What the Gateway API's own filters cannot say."""

    url_rewrite: FilterRewrite | None = None
    direct_response: DirectResponse | None = None
    credential_injection: CredentialInjection | None = None


class SecretSpec(Part, frozen=True, dict=True):
    """A Kubernetes Secret or ConfigMap: text by key. ``repr`` hides it."""

    data: dict[str, str] = {}
    string_data: dict[str, str] = {}
    type: str = "Opaque"
    plain: bool = False

    @cached_property
    def values(self) -> dict[str, str]:
        """The texts in the clear.

        Raises:
            ValueError: ``data`` of a Secret is no base64.
        """
        if self.plain:
            return {**self.data}
        decoded = {key: base64.b64decode(value, validate=True).decode() for key, value in self.data.items()}
        return {**decoded, **self.string_data}

    def __repr__(self) -> str:
        return f"SecretSpec({sorted({*self.data, *self.string_data})}: ********)"
