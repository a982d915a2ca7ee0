"""The Gateway API's own kinds: Gateway, HTTPRoute, GRPCRoute.

Source: Gateway API v1, https://gateway-api.sigs.k8s.io/reference/spec/.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .base import GATEWAY_GROUP, BackendReference, Duration, ObjectReference, Part


class CertificateReferences(Part, frozen=True):
    """``tls`` of a listener: certificates in Secrets with ``tls.crt`` and ``tls.key``."""

    mode: Literal["Terminate"] = "Terminate"
    certificate_refs: tuple[ObjectReference, ...] = ()


class RouteNamespaces(Part, frozen=True):
    """Where a listener's routes may be written: in its Gateway's own namespace, or anywhere."""

    from_: Literal["All", "Same"] = msgspec.field(name="from", default="Same")


class RouteKind(Part, frozen=True):
    """A kind of routes."""

    kind: Literal["HTTPRoute", "GRPCRoute"]
    group: str = GATEWAY_GROUP


class AllowedRoutes(Part, frozen=True):
    """Which routes may belong to a listener."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteKind, ...] = ()


class GatewayListener(Part, frozen=True):
    """A port that is listened on."""

    name: str
    port: int
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    hostname: str | None = None
    tls: CertificateReferences | None = None
    allowed_routes: AllowedRoutes | None = None


class GatewayAddress(Part, frozen=True):
    """An address to listen on."""

    value: str
    type: str = "IPAddress"


class GatewaySpec(Part, frozen=True):
    """Listeners of one data plane."""

    gateway_class_name: str = "weft"
    listeners: tuple[GatewayListener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()


class ParentReference(ObjectReference, frozen=True):
    """The Gateway that a route belongs to."""

    port: int | None = None


class PathMatch(Part, frozen=True):
    """A condition on the path."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: str = "/"


def template_regex(path: str) -> str:
    r"""The regular expression of a path template: ``/items/{id}`` to ``/items/(?P<id>[^/]+)``.

    >>> template_regex("/items/{id}.json")
    '/items/(?P<id>[^/]+)\\\\.json'
    """
    parts = re.split(r"\{([A-Za-z_]\w*)\}", path)
    return "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts)
    )


class NamedMatch(Part, frozen=True):
    """A condition on a header or query parameter."""

    name: str
    value: str
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPMatch(Part, frozen=True):
    """Conditions that all hold."""

    path: PathMatch = PathMatch()
    method: str | None = None
    headers: tuple[NamedMatch, ...] = ()
    query_params: tuple[NamedMatch, ...] = ()


class NamedValue(Part, frozen=True):
    """A header and its value."""

    name: str
    value: str


class HeaderFilter(Part, frozen=True):
    """Headers that are set, added, removed."""

    set: tuple[NamedValue, ...] = ()
    add: tuple[NamedValue, ...] = ()
    remove: tuple[str, ...] = ()


class PathModifier(Part, frozen=True):
    """A new path."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class UrlRewrite(Part, frozen=True):
    """A new host and path for the request."""

    hostname: str | None = None
    path: PathModifier | None = None


class RequestRedirect(Part, frozen=True):
    """An answer that sends the client elsewhere."""

    scheme: Literal["http", "https"] | None = None
    hostname: str | None = None
    path: PathModifier | None = None
    port: int | None = None
    status_code: int = 302


class Fraction(Part, frozen=True):
    """A share."""

    numerator: int
    denominator: int = 100


class RequestMirror(Part, frozen=True):
    """A copy of the request, whose answer nobody reads."""

    backend_ref: BackendReference
    percent: int | None = None
    fraction: Fraction | None = None


class Cors(Part, frozen=True):
    """Cross-origin requests of browsers."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    max_age: int | str | None = None
    allow_credentials: bool = False


class HTTPFilter(Part, frozen=True):
    """One step of a route's processing."""

    type: Literal[
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "CORS",
        "ExtensionRef",
    ]
    request_header_modifier: HeaderFilter | None = None
    response_header_modifier: HeaderFilter | None = None
    request_mirror: RequestMirror | None = None
    request_redirect: RequestRedirect | None = None
    url_rewrite: UrlRewrite | None = None
    cors: Cors | None = None
    extension_ref: ObjectReference | None = None

    def __post_init__(self) -> None:
        """Hold the one member that the type names.

        Raises:
            ValueError: It is absent, or another one is given.
        """
        wanted = {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(
            self.type, self.type[0].lower() + self.type[1:]
        )
        given = {
            name
            for name, value in (
                ("requestHeaderModifier", self.request_header_modifier),
                ("responseHeaderModifier", self.response_header_modifier),
                ("requestMirror", self.request_mirror),
                ("requestRedirect", self.request_redirect),
                ("urlRewrite", self.url_rewrite),
                ("cors", self.cors),
                ("extensionRef", self.extension_ref),
            )
            if value is not None
        }
        if given != {wanted}:
            raise ValueError(f"a filter of type {self.type} has `{wanted}` and no other member")


class RouteBackend(BackendReference, frozen=True):
    """Where a rule's requests go, and what is changed for this backend alone."""

    filters: tuple[HTTPFilter, ...] = ()

    def __post_init__(self) -> None:
        """Hold filters to those that one of several backends can have.

        Raises:
            ValueError: Another one.
        """
        for one in self.filters:
            if not one.type.endswith("HeaderModifier"):
                raise ValueError(
                    f"a backend's filter of type {one.type} is not done here; "
                    "RequestHeaderModifier and ResponseHeaderModifier are"
                )


class Timeouts(Part, frozen=True):
    """How long a request may take, and one call to the backend."""

    request: Duration | None = None
    backend_request: Duration | None = None


class CookieLifetime(Part, frozen=True):
    """How long a session's cookie is kept."""

    lifetime_type: Literal["Session", "Permanent"] = "Session"


class SessionPersistence(Part, frozen=True):
    """A client stays with the backend that answered it first."""

    session_name: str | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    absolute_timeout: Duration | None = None
    cookie_config: CookieLifetime | None = None


class HTTPRule(Part, frozen=True):
    """Matches, what is done, and where it goes."""

    name: str | None = None
    matches: tuple[HTTPMatch, ...] = (HTTPMatch(),)
    filters: tuple[HTTPFilter, ...] = ()
    backend_refs: tuple[RouteBackend, ...] = ()
    timeouts: Timeouts | None = None
    session_persistence: SessionPersistence | None = None


class HTTPRouteSpec(Part, frozen=True):
    """Rules for some hosts of some gateways."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[HTTPRule, ...] = ()


class MethodMatch(Part, frozen=True):
    """A condition on the gRPC method."""

    service: str | None = None
    method: str | None = None
    type: Literal["Exact", "RegularExpression"] = "Exact"


class GRPCMatch(Part, frozen=True):
    """Conditions that all hold."""

    method: MethodMatch = MethodMatch()
    headers: tuple[NamedMatch, ...] = ()


class GRPCRule(Part, frozen=True):
    """Matches, what is done, and where it goes."""

    name: str | None = None
    matches: tuple[GRPCMatch, ...] = (GRPCMatch(),)
    filters: tuple[HTTPFilter, ...] = ()
    backend_refs: tuple[RouteBackend, ...] = ()
    session_persistence: SessionPersistence | None = None


class GRPCRouteSpec(Part, frozen=True):
    """Rules for gRPC calls to some hosts of some gateways."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[GRPCRule, ...] = ()
