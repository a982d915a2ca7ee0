"""Who may ask: tokens, keys, passwords, logins, decisions of other services, rules on claims.

Source: Envoy Gateway, SecurityPolicy; Envoy, the filters named here.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..objects.base import BackendReference, Object, seconds
from ..objects.routes import Cors
from ..objects.security import (
    ApiKeyAuth,
    Authorization,
    BasicAuth,
    ExtAuth,
    Jwt,
    JwtProvider,
    Oidc,
    SecurityPolicySpec,
)
from ..resources import Resource, content_hash, typed
from .clusters import Clusters
from .filters import (
    API_KEY,
    BASIC,
    CORS,
    DECIDING,
    EXT_AUTHZ_TYPE,
    JWT,
    JWT_TYPE,
    RBAC,
    USER_HEADER,
    switched_on,
)
from .index import Index
from .logins import make_login
from .rules import first_that_fits, predicate_of
from .world import wrong

_HTTP: Final = "envoy.extensions.filters.http"

CLAIMS_HEADER: Final = "x-weft-claims"
"""The payload of the token that was accepted, base64url, for the engine."""

CLIENT_HEADER: Final = "x-weft-client"
"""The id of the client whose key was accepted."""

ALWAYS_STRIPPED: Final = (CLAIMS_HEADER, CLIENT_HEADER, USER_HEADER)


@dataclass
class Security:
    """Lowers SecurityPolicies, and gathers what they need of the whole.

    Attributes:
        providers: Of the one filter for tokens, by name.
        requirements: Of the same, by name.
        extensions: Configurations of discovered filters, by their places in the chain.
        stripped: Headers that no client may set.
    """

    clusters: Clusters
    index: Index
    providers: dict[str, Resource] = field(default_factory=dict)
    requirements: dict[str, Resource] = field(default_factory=dict)
    extensions: dict[str, Resource] = field(default_factory=dict)
    secrets: dict[str, Resource] = field(default_factory=dict)
    stripped: set[str] = field(default_factory=lambda: set(ALWAYS_STRIPPED))
    origins: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    logins: dict[str, Resource] = field(default_factory=dict)
    provider_origins: dict[str, str] = field(default_factory=dict)
    login_paths: dict[str, tuple[str, str]] = field(default_factory=dict)

    def route_filters(self, policy: SecurityPolicySpec, origin: Object) -> dict[str, Resource]:
        """The per-route configurations of a route that *policy* holds for.

        Raises:
            ConfigError: The policy names what is not there.
        """
        filters: dict[str, Resource] = {}
        if policy.cors:
            filters[CORS] = cors(policy.cors)
        if policy.jwt:
            name = self._requirement(policy.jwt, origin)
            filters[JWT] = typed(f"{_HTTP}.jwt_authn.v3.PerRouteConfig", requirement_name=name)
        if policy.api_key_auth:
            filters[API_KEY] = self._api_keys(policy.api_key_auth, origin)
        if policy.basic_auth:
            filters[BASIC] = self._basic(policy.basic_auth, origin)
        if policy.oidc:
            filters[self._oidc(policy.oidc, origin)] = switched_on()
        if policy.ext_auth:
            filters[self._ext_auth(policy.ext_auth, origin)] = switched_on()
        if policy.authorization:
            filters[RBAC] = self._authorization(policy.authorization, policy, origin)
        return filters

    def jwt_extension(self) -> Resource:
        """The configuration of the one filter for tokens."""
        return typed(
            JWT_TYPE,
            **({"providers": self.providers} if self.providers else {}),
            **({"requirement_map": self.requirements} if self.requirements else {}),
            # Preflights carry no token; browsers ask them before they send one.
            bypass_cors_preflight=True,
        )

    # -- tokens

    def _requirement(self, jwt: Jwt, origin: Object) -> str:
        names = [self._provider(provider, origin) for provider in jwt.providers]
        alternatives: list[Resource] = [{"provider_name": name} for name in names]
        if jwt.optional:
            # A token may be absent, and is held to its issuer's keys where there is one.
            alternatives.append({"allow_missing": {}})
        requirement = (
            alternatives[0] if len(alternatives) == 1 else {"requires_any": {"requirements": alternatives}}
        )
        name = f"{'optional' if jwt.optional else 'any'}:{','.join(names)}"
        self.requirements[name] = requirement
        return name

    def _provider(self, provider: JwtProvider, origin: Object) -> str:
        claims = [
            {"header_name": claim.header.lower(), "claim_name": claim.claim}
            for claim in provider.claim_to_headers
        ]
        self.stripped.update(claim["header_name"] for claim in claims)
        value: Resource = {
            "forward": True,
            "forward_payload_header": CLAIMS_HEADER,
            "payload_in_metadata": provider.name,
            # `scope` is one text of words, by RFC 8693; rules look for single ones.
            "normalize_payload_in_metadata": {"space_delimited_claims": ["scope", "permission"]},
            "require_expiration": False,
            "clock_skew_seconds": 10,
            # The signature of a token that was seen before is not calculated again.
            "jwt_cache_config": {"jwt_cache_size": 1000},
        }
        if provider.issuer:
            value["issuer"] = provider.issuer
        if provider.audiences:
            value["audiences"] = list(provider.audiences)
        if claims:
            value["claim_to_headers"] = claims
        extract = provider.extract_from
        if extract and (extract.headers or extract.cookies or extract.params):
            value["from_headers"] = [
                {
                    "name": header.name,
                    **({"value_prefix": header.value_prefix} if header.value_prefix else {}),
                }
                for header in extract.headers
            ]
            value["from_cookies"] = list(extract.cookies)
            value["from_params"] = list(extract.params)
        if provider.remote_jwks is not None:
            uri = provider.remote_jwks.uri
            if provider.remote_jwks.backend_refs:
                cluster = self.clusters.backend(provider.remote_jwks.backend_refs[0], None, of=origin)
            else:
                host = re.sub(r"^(\w+://[^/]+).*$", r"\1", uri)
                cluster = self.clusters.url(f"jwks:{host}", host, str(origin))
            value["remote_jwks"] = {
                "http_uri": {"uri": uri, "cluster": cluster, "timeout": "5s"},
                "cache_duration": seconds(provider.remote_jwks.cache_duration or "5m"),
                "retry_policy": {"num_retries": 3},
                # Fetched ahead: the first request after a start does not wait for the issuer.
                "async_fetch": {"fast_listener": True},
            }
        else:
            assert provider.local_jwks is not None
            local = provider.local_jwks
            text = local.inline
            if local.type == "ValueRef" and local.value_ref is not None:
                text = self.index.secret(local.value_ref, "jwks", of=origin)
            if not text:
                raise wrong(
                    origin, f"spec.jwt.providers {provider.name}", "has no keys", "`localJWKS.inline`"
                )
            value["local_jwks"] = {"inline_string": text}
        name = provider.name
        if name in self.providers and self.providers[name] != value:
            name = f"{name}:{content_hash(value)[:6]}"
        self.providers[name] = value
        # As Envoy names it where its keys are wrong.
        self.provider_origins[name] = f"{origin} spec.jwt.providers"
        return name

    # -- keys and passwords

    def _api_keys(self, auth: ApiKeyAuth, origin: Object) -> Resource:
        credentials = [
            {"key": key, "client": client}
            for reference in auth.credential_refs
            for client, key in self.index.secret_values(reference, of=origin).items()
        ]
        sources: list[Resource] = []
        for extract in auth.extract_from:
            sources += [{"header": name} for name in extract.headers]
            sources += [{"query": name} for name in extract.params]
            sources += [{"cookie": name} for name in extract.cookies]
        header = (auth.forward_client_id_header or CLIENT_HEADER).lower()
        self.stripped.add(header)
        return typed(
            f"{_HTTP}.api_key_auth.v3.ApiKeyAuthPerRoute",
            credentials=credentials,
            key_sources=sources,
            forwarding={"header": header, "hide_credentials": auth.sanitize},
        )

    def _basic(self, auth: BasicAuth, origin: Object) -> Resource:
        text = self.index.secret(auth.users, ".htpasswd", of=origin)
        if auth.forward_username_header and auth.forward_username_header.lower() != USER_HEADER:
            raise wrong(
                origin,
                "spec.basicAuth.forwardUsernameHeader",
                "cannot be chosen on one machine",
                f"{USER_HEADER}, which is always set",
            )
        return typed(f"{_HTTP}.basic_auth.v3.BasicAuthPerRoute", users={"inline_string": text})

    # -- logins, and decisions of others

    def _oidc(self, oidc: Oidc, origin: Object) -> str:
        made = make_login(oidc, origin, self.clusters, self.index)
        self.secrets |= made.secrets
        self.logins[made.name] = made.config
        self.login_paths[made.name] = (made.callback_path, oidc.logout_path)
        return made.name

    def _ext_auth(self, auth: ExtAuth, origin: Object) -> str:
        name = f"ext_authz.{origin.namespace}.{origin.name}"
        config: Resource = {
            "transport_api_version": "V3",
            "failure_mode_allow": auth.fail_open,
            "clear_route_cache": False,
            "status_on_error": {"code": "ServiceUnavailable"},
        }
        if auth.headers_to_ext_auth:
            config["allowed_headers"] = {
                "patterns": [
                    {"exact": header.lower(), "ignore_case": True} for header in auth.headers_to_ext_auth
                ]
            }
        if auth.body_to_ext_auth:
            config["with_request_body"] = {"max_request_bytes": auth.body_to_ext_auth.max_request_bytes}
        if auth.grpc:
            cluster = self._decider(auth.grpc.backend_refs, origin, http2=True)
            config["grpc_service"] = {"envoy_grpc": {"cluster_name": cluster}, "timeout": "1s"}
        else:
            assert auth.http is not None
            cluster = self._decider(auth.http.backend_refs, origin, http2=False)
            config["http_service"] = {
                "server_uri": {
                    "uri": f"http://{cluster.replace('/', '-')}",
                    "cluster": cluster,
                    "timeout": "1s",
                },
                "path_prefix": auth.http.path,
            }
            if auth.http.headers_to_backend:
                patterns = [{"exact": header.lower()} for header in auth.http.headers_to_backend]
                config["http_service"]["authorization_response"] = {
                    "allowed_upstream_headers": {"patterns": patterns}
                }
            self.stripped.update(header.lower() for header in auth.http.headers_to_backend)
        return self.place(name, DECIDING, typed(EXT_AUTHZ_TYPE, **config), origin)

    def _decider(self, references: Iterable[BackendReference], origin: Object, *, http2: bool) -> str:
        found = list(references)
        if not found:
            raise wrong(origin, "spec.extAuth", "names no backend")
        return self.clusters.backend(found[0], None, of=origin, http2=http2)

    def place(self, name: str, places: Sequence[str], config: Resource, origin: Object) -> str:
        """Put a configuration into a place of the chain; the place's name.

        The place follows from the name: others that come and go seldom move it.

        Raises:
            ConfigError: There is no place left.
        """
        start = zlib.crc32(name.encode())
        for step in range(len(places)):
            found = places[(start + step) % len(places)]
            if self.names.setdefault(found, name) == name:
                self.extensions[found] = config
                self.origins[found] = str(origin)
                return found
        raise wrong(
            origin, "spec", f"there are more than {len(places)} policies of this kind", f"{len(places)}"
        )

    # -- rules

    def _authorization(self, rules: Authorization, policy: SecurityPolicySpec, origin: Object) -> Resource:
        providers = {provider.name for provider in policy.jwt.providers} if policy.jwt else set()
        matchers = []
        for number, rule in enumerate(rules.rules):
            jwt = rule.principal.jwt
            if jwt and jwt.provider not in providers and jwt.provider not in self.providers:
                raise wrong(
                    origin,
                    f"spec.authorization.rules[{number}]",
                    f"there is no provider {jwt.provider!r}",
                    ", ".join(sorted({*providers, *self.providers})) or "a provider in `jwt`",
                )
            matchers.append(predicate_of(rule))
        # The first rule that fits decides: each denies what those before it did not allow.
        return first_that_fits(matchers, [rule.action for rule in rules.rules], rules.default_action)


def cors(rules: Cors) -> Resource:
    """``CorsPolicy``."""
    value: dict[str, Any] = {
        "allow_origin_string_match": [_origin(origin) for origin in rules.allow_origins],
        "allow_methods": ",".join(rules.allow_methods),
        "allow_headers": ",".join(rules.allow_headers),
        "expose_headers": ",".join(rules.expose_headers),
        "allow_credentials": rules.allow_credentials,
        "forward_not_matching_preflights": False,
    }
    if rules.max_age is not None:
        text = str(rules.max_age)
        value["max_age"] = seconds(text).removesuffix("s") if text.endswith(("s", "m", "h")) else text
    return typed(f"{_HTTP}.cors.v3.CorsPolicy", **value)


def _origin(origin: str) -> Resource:
    if "*" in origin:
        return {"safe_regex": {"regex": re.escape(origin).replace(r"\*", ".*")}}
    return {"exact": origin}
