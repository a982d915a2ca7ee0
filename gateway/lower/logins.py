"""Logins of browsers: OpenID Connect, by Envoy's OAuth 2.0 filter.

Source: Envoy Gateway, SecurityPolicy ``oidc``; Envoy, ``envoy.extensions.filters.http.oauth2.v3``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..objects.base import Object, seconds
from ..objects.routes import ParentReference
from ..objects.security import HeaderMatcher, Oidc
from ..resources import Resource, content_hash, typed
from .clusters import Clusters
from .filters import OAUTH2_TYPE, switched_on
from .index import Index
from .matches import rank
from .world import EdgeRoute, wrong

_LAST: Final = 10**9
"""Behind the routes that objects have for the same paths."""

_DEFAULT_REDIRECT: Final = "%REQ(x-forwarded-proto)%://%REQ(:authority)%/oauth2/callback"


@dataclass(frozen=True)
class Login:
    """One login.

    Attributes:
        name: Of its filter.
        config: The filter's.
        secrets: Discovered, by name.
        callback_path: Where the provider sends browsers back to.
    """

    name: str
    config: Resource
    secrets: dict[str, Resource] = field(repr=False)
    callback_path: str


def make_login(oidc: Oidc, origin: Object, clusters: Clusters, index: Index) -> Login:
    """The filter that *oidc* comes to.

    Raises:
        ConfigError: Its secret or its backend is not there, or it does not say where people log in.
    """
    name = f"oauth2.{origin.namespace}.{origin.name}"
    secret = index.secret(oidc.client_secret, "client-secret", of=origin)
    # Every Envoy must take the cookies that another one made, and after a restart too.
    seed = hmac.new(secret.encode(), f"weft cookies {name}".encode(), hashlib.sha256).hexdigest()
    index.hidden.add(seed)
    provider = oidc.provider
    token, authorization = provider.token_endpoint, provider.authorization_endpoint
    if token is None or authorization is None:
        key = "spec.oidc.provider." + ("tokenEndpoint" if token is None else "authorizationEndpoint")
        raise wrong(origin, key, "is missing, and the issuer has not said it", "a URL")
    if provider.backend_refs:
        cluster = clusters.backend(provider.backend_refs[0], None, of=origin)
    else:
        host = re.sub(r"^(\w+://[^/]+).*$", r"\1", token)
        cluster = clusters.url(f"oidc:{host}", host, str(origin))
    redirect = oidc.redirect_url or _DEFAULT_REDIRECT
    callback = "/" + redirect.split("://", 1)[-1].split("/", 1)[-1]
    config: Resource = {
        "token_endpoint": {"cluster": cluster, "uri": token, "timeout": "10s"},
        "authorization_endpoint": authorization,
        "redirect_uri": redirect,
        "redirect_path_matcher": {"path": {"exact": callback}},
        "signout_path": {"path": {"exact": oidc.logout_path}},
        "forward_bearer_token": oidc.forward_access_token,
        "auth_scopes": list(dict.fromkeys(("openid", *oidc.scopes))),
        "resources": list(oidc.resources),
        "auth_type": "BASIC_AUTH",
        "use_refresh_token": oidc.refresh_token,
        "credentials": {
            "client_id": oidc.client_id,
            "token_secret": _sds(f"{name}.token"),
            "hmac_secret": _sds(f"{name}.hmac"),
            "cookie_names": _cookie_names(oidc, content_hash(name)[:8]),
        },
    }
    if provider.end_session_endpoint:
        config["end_session_endpoint"] = provider.end_session_endpoint
    if oidc.pass_through_auth_header:
        # Programs bring their own tokens; who checks those is the policy's `jwt`.
        config["pass_through_matcher"] = [
            {"name": "authorization", "string_match": {"prefix": "Bearer "}},
        ]
    if oidc.deny_redirect:
        config["deny_redirect_matcher"] = [_matcher(header) for header in oidc.deny_redirect.headers]
    if oidc.cookie_domain:
        config["credentials"]["cookie_domain"] = oidc.cookie_domain
    if oidc.default_token_ttl:
        config["default_expires_in"] = seconds(oidc.default_token_ttl)
    if oidc.default_refresh_token_ttl:
        config["default_refresh_token_expires_in"] = seconds(oidc.default_refresh_token_ttl)
    secrets = {
        f"{name}.{kind}": {
            "name": f"{name}.{kind}",
            "generic_secret": {"secret": {"inline_string": text}},
        }
        for kind, text in (("token", secret), ("hmac", seed))
    }
    return Login(f"weft.{name}", typed(OAUTH2_TYPE, config=config), secrets, callback)


def login_routes(
    paths: Mapping[str, tuple[str, str]], used: Iterable[tuple[str, EdgeRoute]]
) -> list[EdgeRoute]:
    """Routes for coming back and for logging out, on each host where a login is asked for.

    The filter answers there; a path that no route has would be answered with 404 before it. Where two logins
    share a host and a path, their own routes must tell them apart.

    Args:
        paths: By the login's filter, where browsers come back and log out.
        used: Each login's filter and a route that asks for it.
    """
    wanted: dict[tuple[str, tuple[str, ...], tuple[ParentReference, ...], str], EdgeRoute] = {}
    for name, route in used:
        for path in paths[name]:
            wanted.setdefault((name, route.hostnames, route.parents, path), route)
    shared = Counter((hosts, parents, path) for _, hosts, parents, path in wanted)
    return [
        EdgeRoute(
            name=f"login{path}",
            match={"path": path},
            action={"direct_response": {"status": 404}},
            origin=route.origin,
            hostnames=hosts,
            parents=parents,
            filters={name: switched_on()},
            rank=rank({"path": path}, _LAST),
        )
        for (name, hosts, parents, path), route in wanted.items()
        if shared[hosts, parents, path] == 1
    ]


def _cookie_names(oidc: Oidc, tag: str) -> dict[str, str]:
    """Two logins on one host must not take each other's cookies."""
    names = {
        "bearer_token": f"AccessToken-{tag}",
        "oauth_hmac": f"OauthHMAC-{tag}",
        "oauth_expires": f"OauthExpires-{tag}",
        "id_token": f"IdToken-{tag}",
        "refresh_token": f"RefreshToken-{tag}",
        "oauth_nonce": f"OauthNonce-{tag}",
        "code_verifier": f"CodeVerifier-{tag}",
    }
    chosen = oidc.cookie_names
    if chosen and chosen.access_token:
        names["bearer_token"] = chosen.access_token
    if chosen and chosen.id_token:
        names["id_token"] = chosen.id_token
    return names


def _matcher(header: HeaderMatcher) -> Resource:
    match header.type:
        case "Exact":
            text: Resource = {"exact": header.value}
        case "Prefix":
            text = {"prefix": header.value}
        case "Suffix":
            text = {"suffix": header.value}
        case "RegularExpression":
            text = {"safe_regex": {"regex": header.value}}
    return {"name": header.name.lower(), "string_match": text}


def _sds(name: str) -> Resource:
    return {"name": name, "sds_config": {"ads": {}, "resource_api_version": "V3"}}
