"""Conditions of routes, and the order in which they are tried.

Source: Gateway API, HTTPRouteMatch: an exact path goes first, then the longest, then a method, then most
headers, then most query parameters, then the oldest. Envoy takes the first route that matches.
"""

from __future__ import annotations

from typing import Any

from ..objects.routes import GRPCMatch, HTTPMatch, NamedMatch, PathMatch
from ..resources import Resource


def string_match(match: NamedMatch) -> Resource:
    """``StringMatcher``."""
    if match.type == "RegularExpression":
        return {"safe_regex": {"regex": match.value}}
    return {"exact": match.value}


def header_match(match: NamedMatch) -> Resource:
    """``HeaderMatcher``."""
    return {"name": match.name.lower(), "string_match": string_match(match)}


def path_match(path: PathMatch) -> Resource:
    """The path part of ``RouteMatch``."""
    match path.type:
        case "Exact":
            return {"path": path.value}
        case "RegularExpression":
            return {"safe_regex": {"regex": path.value}}
        case _:
            # Element-wise: /a matches /a and /a/b, not /ab.
            prefix = path.value.rstrip("/")
            return {"path_separated_prefix": prefix} if prefix else {"prefix": "/"}


def http_match(match: HTTPMatch) -> Resource:
    """``RouteMatch`` of an HTTPRoute's match."""
    value = path_match(match.path)
    headers = [header_match(header) for header in match.headers]
    if match.method is not None:
        headers.append({"name": ":method", "string_match": {"exact": match.method}})
    if headers:
        value["headers"] = headers
    if match.query_params:
        value["query_parameters"] = [
            {"name": one.name, "string_match": string_match(one)} for one in match.query_params
        ]
    return value


def grpc_match(match: GRPCMatch) -> Resource:
    """``RouteMatch`` of a GRPCRoute's match."""
    method = match.method
    value: Resource
    if method.type == "RegularExpression":
        value = {"safe_regex": {"regex": f"/{method.service or '.+'}/{method.method or '.+'}"}}
    elif method.service and method.method:
        value = {"path": f"/{method.service}/{method.method}"}
    elif method.service:
        value = {"prefix": f"/{method.service}/"}
    elif method.method:
        value = {"safe_regex": {"regex": f"/.+/{method.method}"}}
    else:
        value = {"prefix": "/"}
    if match.headers:
        value["headers"] = [header_match(header) for header in match.headers]
    return value


def rank(match: Resource, order: int) -> tuple[Any, ...]:
    """What puts a match in its place: the smallest goes first.

    Args:
        match: ``RouteMatch``.
        order: Of its object and rule; the first wins among equals.
    """
    path: str = str(match.get("path", ""))
    regex: str = match.get("safe_regex", {}).get("regex", "")
    prefix: str = match.get("path_separated_prefix") or match.get("prefix") or ""
    kind, length = (0, len(path)) if path else (1, len(regex)) if regex else (2, len(prefix))
    headers = match.get("headers", [])
    has_method = any(header["name"] == ":method" for header in headers)
    return (kind, -length, not has_method, -len(headers), -len(match.get("query_parameters", [])), order)
