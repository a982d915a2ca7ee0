"""The section ``gateway``: short forms for the common cases, and the files that hold the rest."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from ..gateway.objects.base import ENVOY_GROUP, GATEWAY_GROUP, WEFT_GROUP
from ..gateway.objects.routes import template_regex
from ..schemas.catalog import Catalog, Function, GrpcBinding, HttpBinding
from ..schemas.errors import ConfigError
from .section import Section
from .values import Duration, HeaderName, HeaderValue, SettingsPath, parse_path, problem

GATEWAY_NAME: Final = "edge"
_UNITS: Final = {"second": "Second", "minute": "Minute", "hour": "Hour", "day": "Day"}

Document = tuple[str, dict[str, Any]]
"""The key of ``weft.yaml`` that an object comes from, and the object as a file would hold it."""


def _jwks(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value
    return parse_path(value, info)


Jwks: TypeAlias = Annotated[
    str | Path, BeforeValidator(_jwks), WithJsonSchema({"type": "string", "minLength": 1})
]
"""Where keys are: a URL, or a file."""


class RouteEntry(Section):
    """One route, to a function, an upstream, or a server."""

    path: StrictStr = Field(pattern=r"^/")
    """A path template, such as `/v1/items/{id}`; one that ends in `/*` takes all paths below."""

    method: StrictStr | None = None
    """The method; left out, the function's own for an OpenAPI operation, and any for all others."""

    headers: dict[HeaderName, StrictStr] = {}
    """Headers that a request must have."""

    function: StrictStr | None = None
    """The function that answers, such as `products.get_product`."""

    upstream: StrictStr | None = None
    """The upstream that answers, with the client's own path."""

    url: StrictStr | None = Field(default=None, pattern=r"^https?://")
    """Any other server."""

    arguments: dict[StrictStr, StrictStr] = {}
    """Where the function's arguments come from: `path.id`, `query.q`, `header.x-tenant`, `cookie.sid`,
    `body.user.id`, `=text`. Left out: from the part of the path, the query or the body of that name."""

    open: StrictBool = False
    """Ask for no token and no key here."""

    @model_validator(mode="after")
    def _one_answers(self) -> RouteEntry:
        if sum(value is not None for value in (self.function, self.upstream, self.url)) != 1:
            raise problem("must say who answers", "one of `function`, `upstream`, `url`")
        if self.arguments and self.function is None:
            raise problem("`arguments` are a function's", "`function` beside them")
        return self


class VersionEntry(Section):
    """One version of an upstream."""

    url: StrictStr | None = None
    """Where it is."""

    upstream: StrictStr | None = None
    """A discovered upstream that is this version."""

    qualifier: StrictStr | None = None
    """Of Lambda functions: a version or alias."""


class MatchEntry(Section):
    """Requests that get one version."""

    version: StrictStr
    """Its name."""

    header: dict[HeaderName, StrictStr] = {}
    """A header and its value."""

    cookie: dict[StrictStr, StrictStr] = {}
    """A cookie and its value."""


class StickyEntry(Section):
    """Who stays with one version."""

    header: HeaderName | None = None
    """Requests with equal values of this header."""

    cookie: StrictStr | None = None
    """Clients, by this cookie."""

    operation: StrictBool = False
    """All calls of one GraphQL operation."""


class MirrorEntry(Section):
    """Copies of reads for a version."""

    version: StrictStr
    """Its name."""

    percent: float = Field(default=100, gt=0, le=100)
    """How many."""


class CanaryEntry(Section):
    """How the traffic of an upstream or function is shared out between versions."""

    versions: dict[StrictStr, StrictStr | VersionEntry] = {}
    """By name: a URL, or a mapping. What was discovered is the version `stable`."""

    weights: dict[StrictStr, StrictInt] = {}
    """In percent; `stable` gets the rest."""

    matches: tuple[MatchEntry, ...] = ()
    """Requests that get one version whatever the weights say."""

    sticky: StickyEntry | None = None
    """Who stays with one version."""

    mirror: MirrorEntry | None = None
    """Copies of reads for a version."""


class JwtEntry(Section):
    """Tokens of one issuer."""

    issuer: StrictStr | None = None
    """Who must have issued a token: its claim `iss`."""

    audiences: tuple[StrictStr, ...] = ()
    """One of which a token must be for: its claim `aud`."""

    jwks: Jwks
    """Its keys: a URL, or a file."""

    claims: dict[StrictStr, HeaderName] = {}
    """Claims that upstreams are told, and the header for each."""

    optional: StrictBool = False
    """Let requests without a token pass; one that is there must be right."""

    for_: tuple[StrictStr, ...] = Field(default=(), alias="for")
    """`graphql`, and globs of function ids. Left out: everything."""


class ApiKeysEntry(Section):
    """Keys of clients."""

    header: HeaderName = "x-api-key"
    """Where a key is."""

    clients: dict[StrictStr, HeaderValue]
    """By the client's name its key; `${NAME}` stands for an environment variable."""

    for_: tuple[StrictStr, ...] = Field(default=(), alias="for")
    """`graphql`, and globs of function ids. Left out: everything."""


class LimitEntry(Section):
    """A budget."""

    requests: StrictInt = Field(ge=1)
    """So many requests; with `cost`, so many calls of functions."""

    per: Literal["second", "minute", "hour", "day"] = "second"
    """In what time."""

    by: StrictStr | None = Field(default=None, pattern=r"^(address|client|header\.[\w-]+|claim\.[\w.-]+)$")
    """Who has a budget of its own: `address`, `client` (by API key), `header.NAME` or `claim.NAME`.
    Left out: all share it."""

    shared: StrictBool = False
    """One budget for all Envoys, kept by the rate limit service."""

    cost: StrictBool = False
    """Count what GraphQL operations cost rather than requests."""

    for_: tuple[StrictStr, ...] = Field(default=(), alias="for")
    """`graphql`, and globs of function ids. Left out: everything."""


class CorsEntry(Section):
    """Browsers on other origins."""

    origins: tuple[StrictStr, ...]
    """Which, such as `https://shop.example`; `*` in one stands for any text."""

    methods: tuple[StrictStr, ...] = ("GET", "POST")
    """Methods they may use."""

    headers: tuple[StrictStr, ...] = ("content-type", "authorization")
    """Headers they may send."""

    credentials: StrictBool = False
    """Whether they may send cookies."""


class TracingEntry(Section):
    """Spans."""

    url: StrictStr
    """Of an OpenTelemetry collector: `http://host:4318`, or `grpc://host:4317`."""

    percent: float = Field(default=100, ge=0, le=100)
    """How many requests are traced, of those that no caller decided on."""


class ControlEntry(Section):
    """Where `weft gateway` waits for Envoys."""

    host: StrictStr = "127.0.0.1"
    """The address to listen on."""

    port: StrictInt = Field(default=18000, ge=0, le=65535)
    """The port."""

    cert: SettingsPath | None = None
    """The certificate that it shows, as a PEM file. With `key` and `ca`, both sides prove who they are."""

    key: SettingsPath | None = None
    """The certificate's key."""

    ca: SettingsPath | None = None
    """The authority whose certificates Envoys must show."""

    @model_validator(mode="after")
    def _all_or_none(self) -> ControlEntry:
        if len({value is None for value in (self.cert, self.key, self.ca)}) > 1:
            raise problem("`cert`, `key` and `ca` go together", "all of them, or none")
        return self


class GatewaySection(Section):
    """Envoy in front of the API and under its calls."""

    host: StrictStr | None = None
    """The address to listen on; `server.host` where it is left out."""

    port: StrictInt | None = Field(default=None, ge=0, le=65535)
    """The port; `server.port` where it is left out."""

    files: tuple[SettingsPath, ...] = ()
    """Files and folders with Gateway API objects."""

    expose: tuple[StrictStr, ...] = ()
    """Globs of functions that have a route of their own: `/products/…` with the operation's path for
    OpenAPI, `/Service/Method` for gRPC, `/pricing/get_prices` for Lambda."""

    routes: tuple[RouteEntry, ...] = ()
    """Routes to functions."""

    canaries: dict[StrictStr, CanaryEntry] = {}
    """By upstream or function: versions, and how traffic is shared out between them."""

    jwt: tuple[JwtEntry, ...] = ()
    """Tokens that are asked for: one entry, or a list."""

    api_keys: ApiKeysEntry | None = Field(default=None, alias="apiKeys")
    """Keys that are asked for."""

    limits: tuple[LimitEntry, ...] = ()
    """Budgets."""

    cors: CorsEntry | None = None
    """Browsers on other origins."""

    traffic: dict[StrictStr, dict[str, Any]] = {}
    """By upstream, function or `graphql`: members of a BackendTrafficPolicy (`timeout`, `retry`,
    `circuitBreaker`, `healthCheck`, …)."""

    internal: StrictBool = True
    """Send the engine's own calls through Envoy, so that canaries and retries hold for them too."""

    metrics_port: StrictInt | None = Field(default=None, ge=0, le=65535)
    """Where Prometheus finds Envoy's figures, at `/metrics`."""

    access_log: StrictStr | None = None
    """A file for the access log, in JSON; `-` for standard output."""

    tracing: TracingEntry | None = None
    """Where spans go."""

    concurrency: StrictInt = Field(default=1, ge=1, le=1024)
    """Envoy's worker threads."""

    drain_s: Duration = Field(default=5.0, alias="drain")
    """How long requests under way may go on at the stop."""

    control: ControlEntry = Field(default_factory=ControlEntry)
    """Where `weft gateway` waits for Envoys."""

    engines: tuple[StrictStr, ...] = ()
    """Where engines listen, for `weft gateway`: `http://host:port`."""

    limits_service: StrictStr | None = None
    """A rate limit service to ask, `host:port`; left out, Weft keeps shared budgets itself."""

    state: SettingsPath = Field(default=Path(".weft/gateway"), validate_default=True)
    """A folder for the weights that were set, and for what `weft status` shows."""

    @model_validator(mode="before")
    @classmethod
    def _one_issuer(cls, value: object) -> object:
        if isinstance(value, Mapping) and isinstance(value.get("jwt"), Mapping):
            return {**value, "jwt": [value["jwt"]]}
        return value

    def documents(self, catalog: Catalog, *, host: str, port: int, has_gateway: bool) -> list[Document]:
        """The objects that the short forms stand for.

        Args:
            catalog: What was discovered.
            host: The address to listen on.
            port: The port.
            has_gateway: Whether the files hold a Gateway: then none is added.
        """
        made: list[Document] = []
        if not has_gateway:
            made.append(("gateway", _gateway(host, port)))
        made.append(("gateway", _graphql()))
        for number, route in enumerate(self.routes):
            made += _route(route, number, catalog)
        made += _exposed(catalog, self.expose)
        made += [
            (f"gateway.canaries.{name}", _canary(name, entry, catalog))
            for name, entry in self.canaries.items()
        ]
        made += self._security(catalog)
        made += self._limits(catalog)
        for name, spec in self.traffic.items():
            value = {"targetRefs": _targets((name,), catalog), "mergeType": "StrategicMerge", **spec}
            made.append(
                (
                    f"gateway.traffic.{name}",
                    _object(ENVOY_GROUP, "BackendTrafficPolicy", f"weft-traffic-{name}", value),
                )
            )
        return made

    def _security(self, catalog: Catalog) -> list[Document]:
        made: list[Document] = []
        if self.cors is not None:
            cors = {
                "allowOrigins": list(self.cors.origins),
                "allowMethods": list(self.cors.methods),
                "allowHeaders": list(self.cors.headers),
                "allowCredentials": self.cors.credentials,
            }
            spec = {"targetRefs": _targets((), catalog), "mergeType": "StrategicMerge", "cors": cors}
            made.append(("gateway.cors", _object(ENVOY_GROUP, "SecurityPolicy", "weft-cors", spec)))
        by_target: dict[tuple[str, ...], list[tuple[int, JwtEntry]]] = {}
        for number, entry in enumerate(self.jwt):
            by_target.setdefault(entry.for_, []).append((number, entry))
        for target, entries in by_target.items():
            number = entries[0][0]
            jwt = {
                "providers": [self._provider(n, entry) for n, entry in entries],
                "optional": any(entry.optional for _, entry in entries),
            }
            spec = {"targetRefs": _targets(target, catalog), "mergeType": "StrategicMerge", "jwt": jwt}
            made.append(
                (f"gateway.jwt[{number}]", _object(ENVOY_GROUP, "SecurityPolicy", f"weft-jwt-{number}", spec))
            )
        keys = self.api_keys
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

    def _provider(self, number: int, entry: JwtEntry) -> dict[str, Any]:
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
        for limit in self.limits:
            if limit.by and limit.by.startswith("claim."):
                name = limit.by.removeprefix("claim.")
                claims.setdefault(name, _claim_header(name))
        provider["claimToHeaders"] = [{"claim": claim, "header": header} for claim, header in claims.items()]
        return provider

    def _limits(self, catalog: Catalog) -> list[Document]:
        made: list[Document] = []
        by_target: dict[tuple[str, ...], dict[str, list[dict[str, Any]]]] = {}
        for entry in self.limits:
            kind = "global" if entry.shared or entry.cost else "local"
            rule: dict[str, Any] = {"limit": {"requests": entry.requests, "unit": _UNITS[entry.per]}}
            selector = self._selector(entry)
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

    def _selector(self, entry: LimitEntry) -> dict[str, Any]:
        kind, _, name = (entry.by or "").partition(".")
        match kind:
            case "address":
                return {"sourceCIDR": {"type": "Distinct", "value": "0.0.0.0/0"}}
            case "client":
                return {"headers": [{"name": "x-weft-client", "type": "Distinct"}]}
            case "header":
                return {"headers": [{"name": name, "type": "Distinct"}]}
            case "claim":
                header = next((e.claims[name] for e in self.jwt if name in e.claims), _claim_header(name))
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
    function = catalog.functions.get(route.function) if route.function else None  # type: ignore[call-overload]
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
            functions = [f for f in catalog.functions if fnmatch.fnmatchcase(f, name)] or [name]
            found += [{"group": WEFT_GROUP, "kind": "Function", "name": function} for function in functions]
    return found or [{"group": GATEWAY_GROUP, "kind": "Gateway", "name": GATEWAY_NAME}]
