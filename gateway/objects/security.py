"""SecurityPolicy: who may ask.

Source: Envoy Gateway v1, ``gateway.envoyproxy.io/v1alpha1``,
https://gateway.envoyproxy.io/docs/api/extension_types/.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .base import BackendReference, Duration, ObjectReference, Part, Policy
from .routes import Cors


class ClaimToHeader(Part, frozen=True):
    """A claim that the backend is told; nested ones with dots."""

    header: str
    claim: str


class RemoteJwks(Part, frozen=True):
    """Keys that are fetched."""

    uri: str
    backend_refs: tuple[BackendReference, ...] = ()
    cache_duration: Duration | None = None


class LocalJwks(Part, frozen=True):
    """Keys that are given: inline, or in a ConfigMap or Secret under ``jwks``."""

    type: Literal["Inline", "ValueRef"] = "Inline"
    inline: str | None = None
    value_ref: ObjectReference | None = None


class JwtHeader(Part, frozen=True):
    """A header that a token is taken from."""

    name: str
    value_prefix: str | None = None


class JwtExtract(Part, frozen=True):
    """Where tokens are taken from; ``authorization: Bearer`` where nothing is said."""

    headers: tuple[JwtHeader, ...] = ()
    cookies: tuple[str, ...] = ()
    params: tuple[str, ...] = ()


class JwtProvider(Part, frozen=True):
    """One issuer of tokens."""

    name: str
    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    remote_jwks: RemoteJwks | None = msgspec.field(name="remoteJWKS", default=None)
    local_jwks: LocalJwks | None = msgspec.field(name="localJWKS", default=None)
    claim_to_headers: tuple[ClaimToHeader, ...] = ()
    extract_from: JwtExtract | None = None
    recompute_route: bool = False

    def __post_init__(self) -> None:
        """Hold one source of keys.

        Raises:
            ValueError: None, or two.
        """
        if (self.remote_jwks is None) == (self.local_jwks is None):
            raise ValueError("a provider has `remoteJWKS` or `localJWKS`")


class Jwt(Part, frozen=True):
    """Tokens that are asked for, of any one of the providers."""

    providers: tuple[JwtProvider, ...]
    optional: bool = False


class ExtractFrom(Part, frozen=True):
    """Where a key is taken from."""

    headers: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()


class ApiKeyAuth(Part, frozen=True):
    """Keys that are asked for. Each entry of the Secrets is a client's id and its key."""

    credential_refs: tuple[ObjectReference, ...]
    extract_from: tuple[ExtractFrom, ...]
    forward_client_id_header: str | None = msgspec.field(name="forwardClientIDHeader", default=None)
    sanitize: bool = False


class BasicAuth(Part, frozen=True):
    """Users and passwords, from a Secret's ``.htpasswd`` (SHA)."""

    users: ObjectReference
    forward_username_header: str | None = None


class OidcProvider(Part, frozen=True):
    """Where people log in. Endpoints that are left out are those that the issuer itself names."""

    issuer: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    end_session_endpoint: str | None = None
    backend_refs: tuple[BackendReference, ...] = ()


class HeaderMatcher(Part, frozen=True):
    """A header that fits."""

    name: str
    value: str
    type: Literal["Exact", "Prefix", "Suffix", "RegularExpression"] = "Exact"


class DenyRedirect(Part, frozen=True):
    """Requests that are answered with 401 rather than sent to log in: scripts cannot follow there."""

    headers: tuple[HeaderMatcher, ...]


class CookieNames(Part, frozen=True):
    """Names of the cookies that hold tokens."""

    access_token: str | None = None
    id_token: str | None = None


class Oidc(Part, frozen=True):
    """A login for browsers."""

    provider: OidcProvider
    client_secret: ObjectReference
    client_id: str = msgspec.field(name="clientID")
    scopes: tuple[str, ...] = ("openid",)
    resources: tuple[str, ...] = ()
    redirect_url: str | None = msgspec.field(name="redirectURL", default=None)
    logout_path: str = "/logout"
    forward_access_token: bool = False
    cookie_domain: str | None = None
    refresh_token: bool = False
    default_token_ttl: Duration | None = msgspec.field(name="defaultTokenTTL", default=None)
    default_refresh_token_ttl: Duration | None = msgspec.field(name="defaultRefreshTokenTTL", default=None)
    pass_through_auth_header: bool = False
    deny_redirect: DenyRedirect | None = None
    cookie_names: CookieNames | None = None


class ExtAuthBackend(Part, frozen=True):
    """A service that decides over gRPC, ``envoy.service.auth.v3.Authorization``."""

    backend_refs: tuple[BackendReference, ...]


class ExtAuthHttp(Part, frozen=True):
    """A service that decides over HTTP: 200 allows."""

    backend_refs: tuple[BackendReference, ...]
    path: str = ""
    headers_to_backend: tuple[str, ...] = ()


class BodyToExtAuth(Part, frozen=True):
    """How much of the body the deciding service is sent."""

    max_request_bytes: int


class ExtAuth(Part, frozen=True):
    """Another service decides."""

    grpc: ExtAuthBackend | None = None
    http: ExtAuthHttp | None = None
    headers_to_ext_auth: tuple[str, ...] = ()
    body_to_ext_auth: BodyToExtAuth | None = None
    fail_open: bool = False

    def __post_init__(self) -> None:
        """Hold one of both.

        Raises:
            ValueError: None, or two.
        """
        if (self.grpc is None) == (self.http is None):
            raise ValueError("extAuth has `grpc` or `http`")


class JwtClaim(Part, frozen=True):
    """A claim that has one of the values; a list claim holds one of them."""

    name: str
    values: tuple[str, ...]
    value_type: Literal["String", "StringArray"] = "String"


class JwtPrincipal(Part, frozen=True):
    """Whoever has these claims."""

    provider: str
    claims: tuple[JwtClaim, ...] = ()
    scopes: tuple[str, ...] = ()


class HeaderValues(Part, frozen=True):
    """A header that has one of the values."""

    name: str
    values: tuple[str, ...]


class Principal(Part, frozen=True):
    """Who asks: all that is given must hold."""

    client_cidrs: tuple[str, ...] = msgspec.field(name="clientCIDRs", default=())
    jwt: JwtPrincipal | None = None
    headers: tuple[HeaderValues, ...] = ()


class Operation(Part, frozen=True):
    """What is asked."""

    methods: tuple[str, ...] = ()


class AuthorizationRule(Part, frozen=True):
    """One decision."""

    action: Literal["Allow", "Deny"]
    principal: Principal
    name: str | None = None
    operation: Operation | None = None


class Authorization(Part, frozen=True):
    """The first rule that fits decides; else the default."""

    rules: tuple[AuthorizationRule, ...] = ()
    default_action: Literal["Allow", "Deny"] = "Deny"


class SecurityPolicySpec(Policy, frozen=True):
    """Who may ask."""

    jwt: Jwt | None = None
    api_key_auth: ApiKeyAuth | None = None
    basic_auth: BasicAuth | None = None
    oidc: Oidc | None = None
    ext_auth: ExtAuth | None = None
    authorization: Authorization | None = None
    cors: Cors | None = None
