"""The settings as values: one frozen model per section of ``weft.yaml``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..schemas.catalog import FunctionId, FunctionRule, Invocation
from ..schemas.links import BulkRule, LinkRule
from .auth import AuthSection, CostSection
from .aws_lambda import LambdaForm, equal_name
from .credentials import Credentials, TlsSection
from .gateway import GatewaySection
from .grpc import GrpcSection
from .hooks import HooksSection
from .links import BulkEntry, FunctionName, LinkEntry
from .problems import validate
from .section import Section
from .values import (
    Duration,
    HeaderName,
    HeaderValue,
    Patches,
    Room,
    SettingsPath,
    Size,
    Surroundings,
    UpstreamName,
    UpstreamUrl,
    Workers,
    choose_upstream_form,
    problem,
)
from .websockets import WebSocketsSection


def _off_as_section(value: Any) -> Any:
    # YAML 1.2: `off` is a word.
    return {"off": True} if value == "off" or value is False else value


def _accept_off(schema: dict[str, Any]) -> None:
    reference = {"$ref": schema.pop("$ref")} if "$ref" in schema else {"allOf": schema.pop("allOf")}
    schema["anyOf"] = [reference, {"enum": ["off", False]}]


class CacheSection(Section):
    """How long answers of reads are kept, where they do not say so themselves."""

    max_age_s: Duration | None = Field(default=None, alias="max_age")
    """How long an answer is used that says nothing of it. Left out: such answers are used once."""

    override: StrictBool = False
    """Let `max_age` hold against what the answers say."""

    stale_while_revalidate_s: Duration | None = Field(default=None, alias="stale_while_revalidate")
    """How long after `max_age` an answer is used while a new one is fetched."""

    stale_if_error_s: Duration | None = Field(default=None, alias="stale_if_error")
    """How long after `max_age` an answer is used while the upstream fails."""

    off: StrictBool = False
    """Keep no answers."""

    @model_validator(mode="after")
    def _go_with_max_age(self) -> CacheSection:
        others = (self.stale_while_revalidate_s, self.stale_if_error_s)
        if self.off and (self.max_age_s is not None or self.override or any(others)):
            raise problem("`off` goes alone", "`off`, or the other keys")
        if self.max_age_s is None and (self.override or any(others)):
            raise problem("the other keys go with `max_age`", "`max_age` beside them")
        return self


class RetriesSection(Section):
    """How calls that may be repeated are repeated when they fail."""

    attempts: StrictInt = Field(default=2, ge=0, le=10)
    """The most retries of one call."""

    base_s: Duration = Field(default=0.025, alias="base")
    """The first retry waits up to this, each next up to twice as long; how long is drawn by lot."""

    max_s: Duration = Field(default=0.25, alias="max")
    """No retry waits longer, but where the upstream asks for it."""

    budget: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The most retries, as a share of the upstream's calls."""

    off: StrictBool = False
    """Repeat nothing."""


CacheForm: TypeAlias = Annotated[
    CacheSection, BeforeValidator(_off_as_section), Field(json_schema_extra=_accept_off)
]
RetriesForm: TypeAlias = Annotated[
    RetriesSection, BeforeValidator(_off_as_section), Field(json_schema_extra=_accept_off)
]


WebSocketsForm: TypeAlias = Annotated[
    WebSocketsSection, BeforeValidator(_off_as_section), Field(json_schema_extra=_accept_off)
]


class UpstreamEntry(Section):
    """What every upstream in the list may say."""

    form: ClassVar[str]

    name: UpstreamName | None = None
    """The upstream's id in function ids; made from the description's title where it is left out."""

    timeout_s: Duration | None = Field(default=None, alias="timeout")
    """How long one call may take, such as `5s`. Left out: as long as the operation has."""

    max_concurrency: StrictInt = Field(default=100, ge=1, le=100_000)
    """The most calls under way to this upstream at once."""

    share: StrictBool = True
    """Let equal reads that are under way at the same time share one call."""

    cache: CacheForm = Field(default_factory=CacheSection)
    """How long its answers are kept, or `off`. Left out: as long as they say themselves."""

    retries: RetriesForm = Field(default_factory=RetriesSection)
    """How reads, and writes that are idempotent, are repeated when they fail, or `off`."""

    ignore: StrictBool = False
    """Leave the upstream out of the schema, and never ask it anything."""

    nullability: Literal["described", "relaxed"] = "described"
    """Whether output fields are non-null where the description says so, or `relaxed`: all are nullable, for
    an upstream whose answers leave out what its description requires."""

    apart: StrictBool = False
    """Its keys mean nothing elsewhere, such as those of another company's API: no link between it and other
    upstreams is inferred."""


class ServerUpstream(UpstreamEntry):
    """An HTTP or gRPC server."""

    form: ClassVar[str] = "<server>"

    @property
    def place_keys(self) -> tuple[str, ...]:
        """Each equal for entries in the same place."""
        return (self.url,)

    @property
    def upstream_names(self) -> tuple[str, ...]:
        """The names of its upstreams, as far as they are settled before anybody looked."""
        return (self.name,) if self.name is not None else ()

    url: UpstreamUrl
    """Where it is: `http://…`, `https://…`, `grpc://host:port` (plain text) or `grpcs://host:port` (TLS)."""

    openapi: Annotated[str | Path, Field(union_mode="left_to_right")] | None = None
    """Where its OpenAPI document is: a URL, a path on the server (`/v3/api-docs`), or a file (`specs/a.yaml`,
    `file:/etc/a.yaml`). Left out: the well-known paths are tried."""

    patch: Patches = ()
    """Changes to its OpenAPI document before it is read: a merge patch (a mapping), a JSON Patch (a list of
    operations), a file with either, or a list of these."""

    references: Literal["same-origin", "any", "none"] = "same-origin"
    """Which other documents its OpenAPI document may refer to."""

    headers: dict[HeaderName, HeaderValue] = {}
    """Sent with every call and probe. `${NAME}` stands for an environment variable, `${file:/path}` for
    what a file holds."""

    forward: tuple[HeaderName, ...] = ()
    """Headers of the client that are passed on to this upstream."""

    credentials: Credentials = {}
    """What fulfils the security schemes of its OpenAPI document, by their names there. `${NAME}` and
    `${file:/path}` stand for environment variables and files."""

    tls: TlsSection | None = None
    """The certificate that calls show (mutual TLS), and whom they trust."""

    errors: Literal["hidden", "described"] = "hidden"
    """Whether `extensions` of a GraphQL error hold the body of an answer with an error status: `described`
    shows bodies that the document describes, and `application/problem+json`."""

    grpc: GrpcSection = Field(default_factory=GrpcSection)
    """How a gRPC server is read and connected to."""

    @field_validator("openapi", mode="before")
    @classmethod
    def _openapi(cls, value: object, info: ValidationInfo) -> object:
        """A URL and a path on the server stay text, a file becomes a `Path`."""
        accepted = "a URL, a path on the server that begins with `/`, or a file"
        if value is None:
            return None
        if not isinstance(value, str | Path) or not str(value):
            raise problem("is not the place of a document", accepted)
        base = Surroundings.of(info).base
        if isinstance(value, Path):
            return base / value
        if value.startswith("file:"):
            return base / value.removeprefix("file:").removeprefix("//")
        if value.startswith(("http://", "https://", "/")):
            return value
        if "://" in value:
            raise problem("has an unknown scheme", accepted)
        return base / value

    @model_validator(mode="after")
    def _kinds(self) -> ServerUpstream:
        if self.openapi is not None and self.url.startswith("grpc"):
            raise problem("`openapi` is for HTTP servers only", "an http:// or https:// URL beside `openapi`")
        if self.credentials and self.url.startswith("grpc"):
            raise problem("`credentials` are for HTTP servers only", "`headers`, which are sent as metadata")
        if self.tls and not self.url.startswith("https://"):
            raise problem("`tls` is for HTTPS servers only", "an https:// URL; gRPC servers have `grpc.tls`")
        if "grpc" in self.model_fields_set and not self.url.startswith("grpc"):
            raise problem("`grpc` is for gRPC servers only", "a grpc:// or grpcs:// URL beside `grpc`")
        if self.grpc.tls is not None and not self.url.startswith("grpcs"):
            raise problem("`grpc.tls` is for TLS only", "a grpcs:// URL beside it")
        return self


class LambdaUpstream(UpstreamEntry):
    """The Lambda functions of regions of accounts. Each region of each account is an upstream."""

    form: ClassVar[str] = "<lambda>"

    @property
    def place_keys(self) -> tuple[str, ...]:
        """Each equal for entries in the same place."""
        return tuple(place.key for place in self.place.places(self.name))

    @property
    def upstream_names(self) -> tuple[str, ...]:
        """The names of its upstreams, as far as they are settled before anybody looked."""
        return tuple(place.name for place in self.place.places(self.name) if place.name is not None)

    place: LambdaForm = Field(alias="lambda")
    """Where the functions are, and which of them: a region, or a mapping."""

    headers: dict[HeaderName, HeaderValue] = {}
    """Given to every function, as members of `context.client_context.custom`. `${NAME}` stands for an
    environment variable, `${file:/path}` for what a file holds."""

    forward: tuple[HeaderName, ...] = ()
    """Headers of the client that are passed on to the functions, in the same place."""


def _entry_of_text(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


def _accept_text(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": "string", "pattern": r"^(https?|grpcs?)://[^\s@?#]+$"}, *schema.pop("oneOf")]


Entry: TypeAlias = Annotated[
    Annotated[ServerUpstream, Tag("<server>")] | Annotated[LambdaUpstream, Tag("<lambda>")],
    Discriminator(
        choose_upstream_form,
        custom_error_type="weft",
        custom_error_message="{problem}",
        custom_error_context={
            "problem": "is not an upstream",
            "accepted": "a URL, a mapping with `url`, or a mapping with `lambda`",
        },
    ),
    BeforeValidator(_entry_of_text),
    Field(json_schema_extra=_accept_text),
]


class ServerSection(Section):
    """How the GraphQL API is served."""

    host: StrictStr = Field(default="127.0.0.1", min_length=1)
    """The address to listen on; `0.0.0.0` for all."""

    port: StrictInt = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""

    workers: Workers = "auto"
    """Processes that serve. `auto`: one for each core that Weft may use, its CPU quota considered."""

    graphiql: StrictBool = True
    """Serve GraphiQL to browsers."""

    introspection: StrictBool = True
    """Answer introspection queries and serve the schema as text."""

    timeout_s: Duration = Field(default=30.0, alias="timeout")
    """How long one operation may take."""

    max_depth: StrictInt = Field(default=16, ge=1, le=1000)
    """The deepest nesting of fields that an operation may have."""

    max_body_bytes: Size = Field(default=1_000_000, alias="max_body")
    """The largest request body, such as `1MB`."""

    max_upload_bytes: Size = Field(default=10_000_000, alias="max_upload")
    """The largest request body that holds files, such as `10MB`."""

    uploads: StrictInt = Field(default=10, ge=0, le=1000)
    """The most files of one request; 0 takes none."""

    hooks: HooksSection | None = None
    """Take webhooks and callbacks, as subscriptions. Left out: none are taken. Needs `workers: 1`."""

    websockets: WebSocketsForm | None = None
    """GraphQL over WebSocket, or `off`. Left out: `weft up` takes sockets where the section `gateway` is, and
    `weft serve` takes none."""

    max_calls: StrictInt = Field(default=1000, ge=1, le=1_000_000)
    """The most upstream calls that an operation may make."""

    max_answer_bytes: Size = Field(default=64 * 1024 * 1024, alias="max_answers")
    """The most bytes that the answers to an operation's calls may have together."""

    max_response_bytes: Size = Field(default=32 * 1024 * 1024, alias="max_response")
    """The largest response."""

    share: StrictBool = True
    """Let equal queries that are under way at the same time share one execution, and equal reads one call."""

    cache_bytes: Room = Field(default=64 * 1024 * 1024, alias="cache")
    """The most memory that each worker keeps answers in, or `off`."""

    @model_validator(mode="after")
    def _one_worker(self) -> ServerSection:
        if self.hooks is not None and self.workers != 1:
            # An event reaches one process, and its subscribers may be in another.
            raise problem("`hooks` and several `workers` do not go together", "`workers: 1` beside `hooks`")
        return self

    @model_validator(mode="after")
    def _two_ports(self) -> ServerSection:
        if self.websockets is not None and self.websockets.port == self.port:
            at = ("websockets", "port")
            raise problem("is the port of `server.port` too: sockets have one of their own", "another", at=at)
        return self


class DiscoverySection(Section):
    """How upstreams are looked at."""

    interval_s: Duration = Field(default=30.0, alias="interval")
    """Between two looks at an upstream that is well."""

    timeout_s: Duration = Field(default=10.0, alias="timeout")
    """For one look at one upstream."""

    concurrency: StrictInt = Field(default=16, ge=1, le=1000)
    """Upstreams looked at at once."""

    snapshot: SettingsPath = Field(default=Path(".weft/snapshot.json"), validate_default=True)
    """The file that `weft discover` writes and `weft serve` reads."""


class FunctionEntry(Section):
    """What is said of one function."""

    effect: Literal["read", "write"] | None = None
    """Whether it reads (a field of Query) or writes (a field of Mutation)."""

    cache: CacheForm | None = None
    """How long its answers are kept, in place of what the upstream's entry says, or `off`."""

    off: StrictBool = False
    """Leave it out of the schema."""

    invocation: Invocation | None = None
    """How a Lambda function is invoked: `request` waits for its result, `event` only for Lambda to take the
    payload (a field of Mutation), `stream` reads what it writes (a field of Subscription)."""

    headers: tuple[HeaderName, ...] = ()
    """Headers of its answers that clients may read (OpenAPI), such as `x-total-count`. The field then gives an
    object: `body`, and a field for each of them."""

    @property
    def rule(self) -> FunctionRule:
        """The same, as the catalog takes it."""
        return FunctionRule(
            effect=self.effect, off=self.off, headers=self.headers, invocation=self.invocation
        )


class NamesSection(Section):
    """How names are kept."""

    lock: SettingsPath = Field(default=Path("weft.lock"), validate_default=True)
    """The file that keeps every name that was given, so that none changes later."""

    namespaces: StrictBool | tuple[UpstreamName, ...] = False
    """Upstreams whose fields of Query and Mutation stand in a field of the upstream's name,
    `{ orders { order } }`; `true` for all."""

    def namespaced(self, upstreams: Iterable[str]) -> frozenset[str]:
        """Those of *upstreams* whose fields stand in a namespace."""
        if isinstance(self.namespaces, bool):
            return frozenset(upstreams) if self.namespaces else frozenset()
        return frozenset(self.namespaces).intersection(upstreams)


class Settings(Section):
    """Everything that `weft.yaml` says."""

    upstreams: tuple[Entry, ...]
    """Where the functions are: URLs, servers and regions of Lambda."""

    server: ServerSection = Field(default_factory=ServerSection)
    """How the GraphQL API is served."""

    discovery: DiscoverySection = Field(default_factory=DiscoverySection)
    """How upstreams are looked at."""

    links: tuple[LinkEntry, ...] = ()
    """Links added to those that are found, or switched off."""

    bulk: tuple[BulkEntry, ...] = ()
    """Bulk functions added to those that are found, or switched off."""

    functions: dict[FunctionName, FunctionEntry] = {}
    """What is said of single functions, by their ids."""

    names: NamesSection = Field(default_factory=NamesSection)
    """How names are kept."""

    auth: AuthSection = Field(default_factory=AuthSection)
    """Who may ask for which fields."""

    cost: CostSection | None = None
    """What operations cost. Left out: they are not weighed."""

    gateway: GatewaySection | None = None
    """Envoy in front of the API and under its calls. Left out: there is none."""

    @model_validator(mode="before")
    @classmethod
    def _say_every_section(cls, value: object) -> object:
        """Read an absent or empty section as its defaults, so that their paths begin in the right folder."""
        if not isinstance(value, Mapping):
            return value
        sections: dict[str, Any] = {
            name: {} for name in ("server", "discovery", "names", "auth") if value.get(name) is None
        }
        sections |= {name: {} for name in ("gateway", "cost") if name in value and value[name] is None}
        lists: dict[str, Any] = {name: () for name in ("links", "bulk") if value.get(name) is None}
        return {**value, **sections, **lists}

    @model_validator(mode="after")
    def _sockets_come_in_somewhere(self) -> Settings:
        sockets = self.server.websockets
        if sockets is not None and not sockets.off and sockets.port is None and self.gateway is None:
            text = "has no `port`, and there is no gateway whose port they could come in at"
            raise problem(text, "`port`, or the section `gateway`", at=("server", "websockets"))
        return self

    @field_validator("upstreams")
    @classmethod
    def _tell_apart(cls, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Every upstream can be told from the others, by its name or by where it is."""
        first: dict[str, int] = {}
        named: dict[str, int] = {}
        for index, entry in enumerate(entries):
            keys = [entry.name] if entry.name is not None else [f"at {key}" for key in entry.place_keys]
            for key in keys:
                before = first.setdefault(key, index)
                if before != index and entry.name is not None:
                    raise problem(
                        f"is the name of upstreams[{before}] too", "another name", at=(index, "name")
                    )
                if before != index:
                    accepted = "another URL, or a `name` for each of them"
                    raise problem(f"stands where upstreams[{before}] does", accepted, at=(index,))
            for name in entry.upstream_names:
                other = equal_name(name, named)
                if other is not None and named[other] != index:
                    said = f"has an upstream {name}, as upstreams[{named[other]}] has {other}"
                    raise problem(said, "another `name` for one of them", at=(index,))
                named[name] = index
        return entries

    @property
    def link_rules(self) -> tuple[LinkRule, ...]:
        """What is said of links, as the schema takes it."""
        return tuple(entry.rule for entry in self.links)

    @property
    def function_rules(self) -> dict[FunctionId, FunctionRule]:
        """What is said of functions, as the catalog takes it."""
        return {FunctionId(name): entry.rule for name, entry in self.functions.items()}

    @property
    def bulk_rules(self) -> tuple[BulkRule, ...]:
        """What is said of bulk functions, as the schema takes it."""
        return tuple(entry.rule for entry in self.bulk)

    @classmethod
    def from_mapping(
        cls,
        mapping: Mapping[str, Any],
        base: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> Settings:
        """The settings that *mapping* holds, in the keys and forms of ``weft.yaml``.

        Args:
            mapping: As the file would be read; durations may be ``timedelta``, paths ``Path``.
            base: Folder that relative paths begin in; the current one if it is left out.
            environment: Where ``${NAME}`` is looked up; this process's environment if it is left out.

        Raises:
            ConfigErrors: With every mistake, each with its key.
        """
        surroundings = Surroundings(base or Path.cwd(), os.environ if environment is None else environment)
        return validate(cls, mapping, surroundings, source="settings")
