"""Functions, the upstreams that hold them, and the catalog of all upstreams."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal, NewType, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType

from .bindings import Binding
from .security import Requirement, SecurityScheme
from .shapes import Shape, ShapeName, Type
from .webhooks import Webhook

UpstreamId = NewType("UpstreamId", str)
"""Name of an upstream: ``[a-z][a-z0-9_]*``, unique in the catalog."""

FunctionId = NewType("FunctionId", str)
"""``upstream.operation``; the operation may hold further dots (``inventory.InventoryService.GetStock``)."""

Effect: TypeAlias = Literal["read", "write"]

Streaming: TypeAlias = Literal["none", "server", "client", "both"]


class Argument(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One argument of a function.

    Attributes:
        name: Unique within the function; the wire name wherever that is unique.
        default: What the upstream assumes for an absent argument, or ``UNSET``.
        deprecated: The reason, ``""`` where none is given, or ``None`` if it is not deprecated.
        resource: Type of the resource whose name, or names, it takes; ``""`` for none.
    """

    name: str
    type: Type
    required: bool = False
    default: Any | UnsetType = UNSET
    description: str = ""
    deprecated: str | None = None
    resource: str = ""


class DeclaredLink(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a description says of where an answer leads.

    Attributes:
        name: The description's.
        target: The function that it leads to, of the same upstream.
        keys: Argument of the target to member of the answer.
    """

    name: str
    target: FunctionId
    keys: dict[str, str]
    description: str = ""


class DeclaredBulk(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a description says of answering many keys in one call.

    Attributes:
        argument: Takes the list of keys.
        key: Member of an item of the answer that says which key it answers.
        items: Members that lead from the answer to its list of items; empty if the answer is the list.
        max_keys: The most keys of one call.
        answers: The function that answers one key, for which this one may stand in; ``""`` for none.
    """

    argument: str
    key: str
    items: tuple[str, ...] = ()
    max_keys: int = 1000
    answers: FunctionId = FunctionId("")


class Function(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One callable operation of an upstream.

    Attributes:
        id: ``upstream.operation``.
        upstream: Id of its upstream.
        name: The operation: ``operationId``, ``Service.Method`` or the Lambda function's name, cleaned of
            what frameworks add to it.
        result: Type of the answer; ``None`` for a function that answers nothing.
        effect: A read becomes a Query field, a write a Mutation field.
        effect_reason: How *effect* was told, for people (``"GET"``, ``"method name begins with Get"``).
        streaming: Who sends more than one message.
        idempotent: Whether a call may be repeated after a failure.
        deprecated: The reason, ``""`` where none is given, or ``None`` if it is not deprecated.
        links: Where its answer leads, as the description says.
        bulk: How it answers many keys, as the description says; ``None`` where that says nothing.
        hidden: It has no field of its own: links lead to it, and calls of another function.
        types_from: Where its types were found, for people (``"manifest"``); ``""`` where that is plain.
    """

    id: FunctionId
    upstream: UpstreamId
    name: str
    binding: Binding
    arguments: tuple[Argument, ...] = ()
    result: Type | None = None
    effect: Effect = "read"
    effect_reason: str = ""
    streaming: Streaming = "none"
    idempotent: bool = False
    description: str = ""
    deprecated: str | None = None
    links: tuple[DeclaredLink, ...] = ()
    bulk: DeclaredBulk | None = None
    hidden: bool = False
    types_from: str = ""

    def argument(self, name: str) -> Argument | None:
        """The argument called *name*, if there is one."""
        return next((a for a in self.arguments if a.name == name), None)


class ReadingWarning(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a reader could not take as it stands, and what it made of it.

    Attributes:
        kind: A short stable word to count by, such as ``unresolved-ref``.
        pointer: JSON pointer into the document, or a fully-qualified protobuf name.
        reason: One line.
    """

    kind: str
    pointer: str
    reason: str


class HttpTarget(Struct, frozen=True, omit_defaults=True, tag="http", kw_only=True):
    """An HTTP server.

    Attributes:
        base_url: Absolute, without a trailing slash; it ends in the base path.
        schemes: What its description says of credentials.
        security: Requirements of functions that have none of their own; ``None`` where nothing is said.
    """

    base_url: str
    schemes: tuple[SecurityScheme, ...] = ()
    security: tuple[Requirement, ...] | None = None


class GrpcTarget(Struct, frozen=True, omit_defaults=True, tag="grpc", kw_only=True):
    """A gRPC server.

    Attributes:
        address: ``host:port``, or any target that gRPC's name resolution takes.
        tls: Whether the channel is encrypted.
        descriptors: A serialized ``google.protobuf.FileDescriptorSet`` with every file that the upstream's
            messages need.
    """

    address: str
    tls: bool = False
    descriptors: bytes = b""


class AssumedRole(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A role of AWS that is assumed for calls. None of it is secret, says AWS of the external id too.

    Attributes:
        arn: ``arn:aws:iam::123456789012:role/name``.
        external_id: What the role's trust policy asks for; ``""`` for nothing.
        session_name: Stands in the account's CloudTrail; ``""`` for ours.
    """

    arn: str
    external_id: str = ""
    session_name: str = ""

    @property
    def account(self) -> str:
        """The account whose role it is; ``""`` if the ARN does not say."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 5 else ""


class LambdaTarget(Struct, frozen=True, omit_defaults=True, tag="lambda", kw_only=True):
    """Lambda in one region of one account.

    Attributes:
        region: Such as ``eu-west-1``.
        endpoint: Replaces the regional endpoint URL; ``""`` for AWS's own.
        role: Assumed for every call; ``None`` for the credentials that there are.
        profile: Whose credentials they are, in the AWS configuration; ``""`` for the standard chain's.
    """

    region: str
    endpoint: str = ""
    role: AssumedRole | None = None
    profile: str = ""

    @property
    def has_own_credentials(self) -> bool:
        """Whether calls take other credentials than a process has of itself."""
        return self.role is not None or bool(self.profile)


Target: TypeAlias = HttpTarget | GrpcTarget | LambdaTarget


class Upstream(Struct, frozen=True, omit_defaults=True, kw_only=True, dict=True):
    """One destination and everything it can do.

    Attributes:
        id: Its name in function ids.
        title: The description's own title, for people.
        version: The description's own version.
        shapes: By name; types of this upstream's functions refer to these only.
        warnings: What its reader could not take as it stands.
        webhooks: The requests that it makes of its own accord, by name.
    """

    id: UpstreamId
    target: Target
    title: str = ""
    version: str = ""
    description: str = ""
    functions: tuple[Function, ...] = ()
    shapes: dict[ShapeName, Shape] = {}
    warnings: tuple[ReadingWarning, ...] = ()
    webhooks: tuple[Webhook, ...] = ()

    def renamed(self, name: UpstreamId) -> Upstream:
        """The same upstream under another id, its functions' ids with it."""
        functions = tuple(
            msgspec.structs.replace(
                function,
                id=FunctionId(f"{name}.{function.name}"),
                upstream=name,
                links=tuple(_renamed(link, self.id, name) for link in function.links),
                bulk=_renamed_bulk(function.bulk, self.id, name),
            )
            for function in self.functions
        )
        return msgspec.structs.replace(self, id=name, functions=functions)

    @cached_property
    def functions_by_id(self) -> dict[FunctionId, Function]:
        """Its functions by id."""
        return {function.id: function for function in self.functions}


def _renamed_bulk(bulk: DeclaredBulk | None, old: UpstreamId, new: UpstreamId) -> DeclaredBulk | None:
    if bulk is None or not bulk.answers:
        return bulk
    return msgspec.structs.replace(bulk, answers=FunctionId(new + bulk.answers.removeprefix(old)))


def _renamed(link: DeclaredLink, old: UpstreamId, new: UpstreamId) -> DeclaredLink:
    return msgspec.structs.replace(link, target=FunctionId(new + link.target.removeprefix(old)))


class Catalog(Struct, frozen=True, omit_defaults=True, kw_only=True, dict=True):
    """An immutable snapshot of all upstreams, sorted by id."""

    upstreams: tuple[Upstream, ...] = ()

    @cached_property
    def content_hash(self) -> str:
        """64 hexadecimal digits that are equal exactly for equal catalogs."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @cached_property
    def upstreams_by_id(self) -> dict[UpstreamId, Upstream]:
        """The upstreams by id."""
        return {upstream.id: upstream for upstream in self.upstreams}

    @cached_property
    def functions(self) -> dict[FunctionId, Function]:
        """Every function of every upstream, by id."""
        return {function.id: function for upstream in self.upstreams for function in upstream.functions}

    @classmethod
    def of(cls, *upstreams: Upstream) -> Catalog:
        """A catalog of *upstreams*, in the order of their ids."""
        return cls(upstreams=tuple(sorted(upstreams, key=lambda upstream: upstream.id)))
