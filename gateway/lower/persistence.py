"""Clients that stay: with a version for their operations, and with the backend that answered them first."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..objects.base import seconds
from ..objects.routes import SessionPersistence
from ..objects.weft import CanarySpec
from ..resources import Resource, typed
from .canaries import COOKIE_HEADER, cookie_match, set_cookie
from .filters import SESSION
from .world import EdgeRoute

_STATE: Final = "envoy.extensions.http.stateful_session"
_PER_ROUTE: Final = "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute"
_DEFAULT_NAME: Final = "weft-session"


def persistent(route: EdgeRoute, persistence: SessionPersistence) -> EdgeRoute:
    """*route*, whose clients stay with the endpoint that answered them first.

    The endpoint's address is what the cookie or header holds. Between weighted backends a second cookie chooses.

    Source: Gateway API, GEP-1619.
    """
    name = persistence.session_name or _DEFAULT_NAME
    is_permanent = (
        persistence.cookie_config is not None and persistence.cookie_config.lifetime_type == "Permanent"
    )
    ttl = seconds(persistence.absolute_timeout or "0s") if is_permanent else "0s"
    state: Resource
    if persistence.type == "Header":
        kind, state, hashed = "header", {"name": name}, {"header": {"header_name": name}}
    else:
        kind, state = "cookie", {"cookie": {"name": name, "path": "/", "ttl": ttl}}
        hashed = {"cookie": {"name": f"{name}-backend", "path": "/", "ttl": ttl}}
    state_type = f"{_STATE}.{kind}.v3.{kind.capitalize()}BasedSessionState"
    config = typed(
        _PER_ROUTE,
        stateful_session={
            "session_state": {
                "name": f"envoy.http.stateful_session.{kind}",
                "typed_config": typed(state_type, **state),
            }
        },
    )
    weighted = route.action.get("route", {}).get("weighted_clusters")
    if weighted:
        route = route.with_action(
            hash_policy=[hashed], weighted_clusters={**weighted, "use_hash_policy": True}
        )
    return route.with_filters({SESSION: config})


def chosen(route: EdgeRoute, spec: CanarySpec) -> list[EdgeRoute]:
    """The route of clients that have no version yet: one is chosen here, for all calls of their operations."""
    assert spec.sticky is not None
    cookie = str(spec.sticky.cookie)
    members = dict(route.action["route"])
    cluster = members.pop("cluster")
    members["weighted_clusters"] = {
        "clusters": [
            {
                "name": cluster,
                "weight": share,
                "request_headers_to_add": [
                    {"header": {"key": f"{COOKIE_HEADER}{cookie.lower()}", "value": version}}
                ],
                "response_headers_to_add": [set_cookie(cookie, version)],
            }
            for version, share in spec.shares.items()
        ]
    }
    known = [version for version, share in spec.shares.items() if share]
    has_version = cookie_match(cookie, f"({'|'.join(known)})")
    condition = {**has_version, "invert_match": True, "treat_missing_header_as_empty": True}
    match = {**route.match, "headers": [*route.match.get("headers", []), condition]}
    rank = (*route.rank[:-1], route.rank[-1] - 0.5)
    return [replace(route, name=f"{route.name}@new", match=match, rank=rank, action={"route": members})]


def cookies_to_metadata(cookies: tuple[str, ...]) -> Resource:
    """A per-route configuration that takes cookies out of ``cookie``, where templates find them."""
    return typed(
        "envoy.extensions.filters.http.header_to_metadata.v3.Config",
        request_rules=[
            {
                "cookie": name,
                "on_header_present": {
                    "metadata_namespace": "weft.cookies",
                    "key": f"{COOKIE_HEADER}{name.lower()}",
                    "type": "STRING",
                },
            }
            for name in cookies
        ],
    )


def cookies_to_headers(cookies: tuple[str, ...]) -> list[Resource]:
    """``request_headers_to_add``: each cookie as a header, for the engine's calls."""
    return [
        {
            "header": {
                "key": f"{COOKIE_HEADER}{name.lower()}",
                "value": f"%DYNAMIC_METADATA(weft.cookies:{COOKIE_HEADER}{name.lower()})%",
            },
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for name in cookies
    ]
