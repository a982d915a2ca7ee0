"""The objects that the short forms of the section ``gateway`` stand for."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from ..gateway.objects.base import ENVOY_GROUP, GATEWAY_GROUP, WEFT_GROUP
from ..gateway.objects.routes import template_regex
from ..schemas.catalog import Catalog, Function, FunctionId, GrpcBinding, HttpBinding
from ..schemas.errors import ConfigError
from .gateway import CanaryEntry, GatewaySection, JwtEntry, LimitEntry, RouteEntry

GATEWAY_NAME: Final = "edge"
_UNITS: Final = {"second": "Second", "minute": "Minute", "hour": "Hour", "day": "Day"}

Document = tuple[str, dict[str, Any]]
"""The key of ``weft.yaml`` that an object comes from, and the object as a file would hold it."""


def documents(
    section: GatewaySection, catalog: Catalog, *, host: str, port: int, gateways: Iterable[str] = ()
) -> list[Document]:
    """The objects that the short forms stand for.

    Args:
        section: Holds them.
        catalog: What was discovered.
        host: The address to listen on.
        port: The port.
        gateways: Names of the Gateways that the files hold. Where they hold one, none is added, and what is
            for everything is for all of them.
    """
    made: list[Document] = []
    names = tuple(gateways)
    if not names:
        made.append(("gateway", _gateway(host, port)))
    made.append(("gateway", _graphql()))
    for number, route in enumerate(section.routes):
        made += _route(route, number, catalog)
    made += _exposed(catalog, section.expose)
    made += [
        (f"gateway.canaries.{name}", _canary(name, entry, catalog))
        for name, entry in section.canaries.items()
    ]
    made += _security(section, catalog)
    made += _limits(section, catalog)
    for name, spec in section.traffic.items():
        value = {"targetRefs": _targets((name,), catalog), "mergeType": "StrategicMerge", **spec}
        made.append(
            (
                f"gateway.traffic.{name}",
                _object(ENVOY_GROUP, "BackendTrafficPolicy", f"weft-traffic-{name}", value),
            )
        )
    return [(key, _for_gateways(value, names)) for key, value in made] if names else made


def _for_gateways(document: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """*document*, whose policy for the Gateway of the short forms is one for those of the files."""
    targets = document.get("spec", {}).get("targetRefs")
    if not targets or targets[0].get("name") != GATEWAY_NAME or targets[0].get("kind") != "Gateway":
        return document
    own = [{**targets[0], "name": name} for name in names]
    return {**document, "spec": {**document["spec"], "targetRefs": own}}


def _security(section: GatewaySection, catalog: Catalog) -> list[Document]:
    made: list[Document] = []
    if section.cors is not None:
        cors = {
            "allowOrigins": list(section.cors.origins),
            "allowMethods": list(section.cors.methods),
            "allowHeaders": list(section.cors.headers),
            "allowCredentials": section.cors.credentials,
        }
        spec = {"targetRefs": _targets((), catalog), "mergeType": "StrategicMerge", "cors": cors}
        made.append(("gateway.cors", _object(ENVOY_GROUP, "SecurityPolicy", "weft-cors", spec)))
    by_target: dict[tuple[str, ...], list[tuple[int, JwtEntry]]] = {}
    for number, entry in enumerate(section.jwt):
        by_target.setdefault(entry.for_, []).append((number, entry))
    for target, entries in by_target.items():
        number = entries[0][0]
        jwt = {
            "providers": [_provider(section, n, entry) for n, entry in entries],
            "optional": any(entry.optional for _, entry in entries),
        }
        spec = {"targetRefs": _targets(target, catalog), "mergeType": "StrategicMerge", "jwt": jwt}
        made.append(
            (f"gateway.jwt[{number}]", _object(ENVOY_GROUP, "SecurityPolicy", f"weft-jwt-{number}", spec))
        )
    keys = section.api_keys
    if keys is not None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "weft-api-keys"}}
        secret["stringData"] = {name: plain(value) for name, value in keys.clients.items()}
        made.append(("gateway.apiKeys", secret))
        auth = {
            "credentialRefs": [{"name": "weft-api-keys"}],
            "extractFrom": [{"headers": [keys.header]}],
            "sanitize": True,
        }
        spec = {
            "targetRefs": _targets(keys.for_, catalog),
            "mergeType": "StrategicMerge",
            "apiKeyAuth": auth,
        }
        made.append(("gateway.apiKeys", _object(ENVOY_GROUP, "SecurityPolicy", "weft-api-keys", spec)))
    return made


def _provider(section: GatewaySection, number: int, entry: JwtEntry) -> dict[str, Any]:
    provider: dict[str, Any] = {"name": f"jwt{number}"}
    if entry.issuer is not None:
        provider["issuer"] = entry.issuer
    if entry.audiences:
        provider["audiences"] = list(entry.audiences)
    if isinstance(entry.jwks, str):
        provider["remoteJWKS"] = {"uri": entry.jwks}
    else:
        provider["localJWKS"] = {"type": "Inline", "inline": _text(entry.jwks)}
    claims = {**entry.claims}
    for limit in section.limits:
        if limit.by and limit.by.startswith("claim."):
            name = limit.by.removeprefix("claim.")
            claims.setdefault(name, _claim_header(name))
    provider["claimToHeaders"] = [{"claim": claim, "header": header} for claim, header in claims.items()]
    return provider


def _limits(section: GatewaySection, catalog: Catalog) -> list[Document]:
    made: list[Document] = []
    by_target: dict[tuple[str, ...], dict[str, list[dict[str, Any]]]] = {}
    for entry in section.limits:
        kind = "global" if entry.shared or entry.cost else "local"
        rule: dict[str, Any] = {"limit": {"requests": entry.requests, "unit": _UNITS[entry.per]}}
        selector = _selector(section, entry)
        if selector:
            rule["clientSelectors"] = [selector]
        if entry.cost:
            metadata = {"namespace": "weft", "key": "cost"}
            rule["cost"] = {
                "request": {"from": "Number", "number": 0},
                "response": {"from": "Metadata", "metadata": metadata},
            }
        by_target.setdefault(entry.for_, {}).setdefault(kind, []).append(rule)
    for number, (target, kinds) in enumerate(by_target.items()):
        spec = {
            "targetRefs": _targets(target, catalog),
            "mergeType": "StrategicMerge",
            "rateLimit": {kind: {"rules": rules} for kind, rules in kinds.items()},
        }
        made.append(
            (
                "gateway.limits",
                _object(ENVOY_GROUP, "BackendTrafficPolicy", f"weft-limits-{number}", spec),
            )
        )
    return made


def _selector(section: GatewaySection, entry: LimitEntry) -> dict[str, Any]:
    kind, _, name = (entry.by or "").partition(".")
    match kind:
        case "address":
            return {"sourceCIDR": {"type": "Distinct", "value": "0.0.0.0/0"}}
        case "client":
            return {"headers": [{"name": "x-weft-client", "type": "Distinct"}]}
        case "header":
            return {"headers": [{"name": name, "type": "Distinct"}]}
        case "claim":
            header = next((e.claims[name] for e in section.jwt if name in e.claims), _claim_header(name))
            return {"headers": [{"name": header, "type": "Distinct"}]}
        case _:
            return {}


def plain(value: SecretStr) -> str:
    """A secret in the clear: for Envoy only."""
    return value.get_secret_value()


def _claim_header(claim: str) -> str:
    return f"x-weft-claim-{claim.lower().replace('.', '-')}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(source=str(path), key="gateway.jwt", problem="cannot be read") from error


def _object(group: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    version = "v1" if group == GATEWAY_GROUP else "v1alpha1"
    return {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _gateway(host: str, port: int) -> dict[str, Any]:
    spec = {
        "gatewayClassName": "weft",
        "addresses": [{"value": host}],
        "listeners": [{"name": "http", "port": port, "protocol": "HTTP"}],
    }
    return _object(GATEWAY_GROUP, "Gateway", GATEWAY_NAME, spec)


def _graphql() -> dict[str, Any]:
    backend = {"group": WEFT_GROUP, "kind": "GraphQL", "name": "graphql"}
    matches = [{"path": {"type": "PathPrefix", "value": "/graphql"}}]
    matches += [
        {"path": {"type": "Exact", "value": path}} for path in ("/schema.graphql", "/readyz", "/healthz")
    ]
    rules = [
        {"name": "graphql", "matches": matches[:2], "backendRefs": [backend]},
        {"name": "health", "matches": matches[2:], "backendRefs": [backend]},
    ]
    return _object(GATEWAY_GROUP, "HTTPRoute", "weft", {"rules": rules})


def _route(route: RouteEntry, number: int, catalog: Catalog) -> list[Document]:
    key, name = f"gateway.routes[{number}]", f"weft-route-{number}"
    made: list[Document] = []
    path: dict[str, str]
    if route.path.endswith("/*"):
        path = {"type": "PathPrefix", "value": route.path.removesuffix("/*") or "/"}
    elif "{" in route.path:
        path = {"type": "RegularExpression", "value": template_regex(route.path)}
    else:
        path = {"type": "Exact", "value": route.path}
    match: dict[str, Any] = {"path": path}
    function = catalog.functions.get(FunctionId(route.function)) if route.function else None
    method = route.method
    if method is None and isinstance(function, Function) and isinstance(function.binding, HttpBinding):
        method = function.binding.method
    if method is not None:
        match["method"] = method.upper()
    if route.headers:
        match["headers"] = [{"name": header, "value": value} for header, value in route.headers.items()]
    rule: dict[str, Any] = {"matches": [match]}
    if route.function is not None:
        rule["backendRefs"] = [{"group": WEFT_GROUP, "kind": "Function", "name": route.function}]
    elif route.upstream is not None:
        rule["backendRefs"] = [{"group": WEFT_GROUP, "kind": "Upstream", "name": route.upstream}]
    else:
        made.append((key, _backend(name, str(route.url))))
        rule["backendRefs"] = [{"group": ENVOY_GROUP, "kind": "Backend", "name": name}]
    if route.arguments:
        made.append((key, _object(WEFT_GROUP, "FunctionCall", name, {"arguments": route.arguments})))
        reference = {"group": WEFT_GROUP, "kind": "FunctionCall", "name": name}
        rule["filters"] = [{"type": "ExtensionRef", "extensionRef": reference}]
    made.append((key, _object(GATEWAY_GROUP, "HTTPRoute", name, {"rules": [rule]})))
    if route.open:
        target = {"group": GATEWAY_GROUP, "kind": "HTTPRoute", "name": name}
        made.append((key, _object(ENVOY_GROUP, "SecurityPolicy", name, {"targetRefs": [target]})))
    return made


def _backend(name: str, url: str) -> dict[str, Any]:
    from ..gateway.lower.addresses import place_of_url

    place = place_of_url(url)
    kind, host = ("ip", "address") if place.is_address else ("fqdn", "hostname")
    spec: dict[str, Any] = {"endpoints": [{kind: {host: place.host, "port": place.port}}]}
    if place.tls:
        spec["tls"] = {"wellKnownCACertificates": "System"}
    return _object(ENVOY_GROUP, "Backend", name, spec)


def _exposed(catalog: Catalog, globs: Iterable[str]) -> list[Document]:
    made: list[Document] = []
    for function in catalog.functions.values():
        glob = next((one for one in globs if fnmatch.fnmatchcase(function.id, one)), None)
        if glob is None:
            continue
        match: dict[str, Any]
        binding = function.binding
        if isinstance(binding, HttpBinding):
            value = f"/{function.upstream}{binding.path.partition('?')[0]}"
            kind = "RegularExpression" if "{" in value else "Exact"
            named = _python_names(value)
            match = {
                "path": {"type": kind, "value": template_regex(named) if kind != "Exact" else value},
                "method": binding.method,
            }
        elif isinstance(binding, GrpcBinding):
            match = {
                "path": {"type": "Exact", "value": f"/{binding.service}/{binding.method}"},
                "method": "POST",
            }
        else:
            match = {
                "path": {"type": "Exact", "value": f"/{function.id.replace('.', '/', 1)}"},
                "method": "POST",
            }
        backend = {"group": WEFT_GROUP, "kind": "Function", "name": function.id}
        rule = {"matches": [match], "backendRefs": [backend]}
        made.append(
            ("gateway.expose", _object(GATEWAY_GROUP, "HTTPRoute", f"weft-{function.id}", {"rules": [rule]}))
        )
    return made


def _python_names(path: str) -> str:
    """A path template whose placeholders can be names of groups: ``{order-id}`` cannot."""
    return re.sub(r"\{([^}]*)\}", lambda found: "{" + re.sub(r"\W", "_", found[1]) + "}", path)


def _canary(name: str, entry: CanaryEntry, catalog: Catalog) -> dict[str, Any]:
    is_function = name in catalog.functions or "." in name
    spec: dict[str, Any] = {
        "targetRef": {"group": WEFT_GROUP, "kind": "Function" if is_function else "Upstream", "name": name},
        "versions": {
            version: {"url": found} if isinstance(found, str) else found.model_dump(exclude_none=True)
            for version, found in entry.versions.items()
        },
        "weights": dict(entry.weights),
    }
    matches = []
    for match in entry.matches:
        value: dict[str, Any] = {"version": match.version}
        for kind, pairs in (("header", match.header), ("cookie", match.cookie)):
            for key, text in pairs.items():
                value[kind] = {"name": key, "value": text}
        matches.append(value)
    if matches:
        spec["matches"] = matches
    if entry.sticky:
        spec["sticky"] = entry.sticky.model_dump(exclude_none=True, exclude_defaults=True)
    if entry.mirror:
        spec["mirror"] = entry.mirror.model_dump()
    return _object(WEFT_GROUP, "Canary", name, spec)


def _targets(names: Iterable[str], catalog: Catalog) -> list[dict[str, str]]:
    """What ``for`` names: the whole gateway where it names nothing."""
    found: list[dict[str, str]] = []
    for name in names:
        if name == "graphql":
            found.append({"group": WEFT_GROUP, "kind": "GraphQL", "name": "graphql"})
        elif name in {upstream.id for upstream in catalog.upstreams}:
            found.append({"group": WEFT_GROUP, "kind": "Upstream", "name": name})
        else:
            functions = [f for f in catalog.functions if fnmatch.fnmatchcase(f, name)] or [FunctionId(name)]
            found += [{"group": WEFT_GROUP, "kind": "Function", "name": function} for function in functions]
    return found or [{"group": GATEWAY_GROUP, "kind": "Gateway", "name": GATEWAY_NAME}]
