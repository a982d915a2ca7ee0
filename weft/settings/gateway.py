"""The section ``gateway``: short forms for the common cases, and the files that hold the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from .section import Section
from .values import Duration, HeaderName, HeaderValue, SettingsPath, parse_path, problem


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

    metrics_port: StrictInt | None = Field(default=None, ge=0, le=65535)
    """Where Prometheus finds what `weft gateway` says of its Envoys, at `/metrics`."""

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
