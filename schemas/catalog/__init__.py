"""The catalog: what was discovered, as one immutable value.

In: what the readers (``openapi``, ``grpc``, ``aws_lambda``) found. Out: a ``Catalog``, with a content
hash, and the ``Snapshot`` file that processes share.

- ``shapes``: the neutral type system.
- ``security``: what upstreams want to know of their callers.
- ``xml``: values as elements and attributes.
- ``webhooks``: requests that an upstream makes.
- ``bindings``: how a call goes on the wire.
- ``functions``: functions, upstreams, the catalog.
- ``effects``: read or write, told from a name.
- ``files``: files as values.
- ``invocations``: how Lambda functions are invoked, and what that makes of their fields.
- ``overrides``: what the configuration says of single functions.
- ``reading``: what it says of how gRPC descriptors are read.
- ``snapshot``: the file format.

All of these are msgspec Structs and not dataclasses: they are frozen and slotted like them, and the
snapshot is decoded into them directly, tagged unions included.
"""

from .bindings import (
    Binding,
    Body,
    FieldMaskBinding,
    GrpcBinding,
    HookBinding,
    HttpBinding,
    Invocation,
    LambdaBatch,
    LambdaBinding,
    Parameter,
    ParameterLocation,
    ProxyEvent,
)
from .effects import effect_of_name
from .files import UploadedFile
from .functions import (
    Argument,
    AssumedRole,
    Catalog,
    DeclaredBulk,
    DeclaredLink,
    Effect,
    Function,
    FunctionId,
    GrpcTarget,
    HttpTarget,
    LambdaTarget,
    ReadingWarning,
    Streaming,
    Target,
    Upstream,
    UpstreamId,
)
from .invocations import invoked_as
from .overrides import FunctionRule, override_functions, with_webhooks
from .security import Requirement, SecurityScheme
from .shapes import (
    Constraints,
    Discriminator,
    EnumShape,
    EnumValue,
    Field,
    Json,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ScalarKind,
    Shape,
    ShapeName,
    Type,
    UnionShape,
)
from .snapshot import Snapshot, UpstreamState, UpstreamStatus, decode_snapshot, encode_snapshot
from .webhooks import Webhook

__all__ = [
    "Argument",
    "AssumedRole",
    "Binding",
    "Body",
    "Catalog",
    "Constraints",
    "DeclaredBulk",
    "DeclaredLink",
    "Discriminator",
    "Effect",
    "EnumShape",
    "EnumValue",
    "Field",
    "FieldMaskBinding",
    "Function",
    "FunctionId",
    "FunctionRule",
    "GrpcBinding",
    "GrpcTarget",
    "HookBinding",
    "HttpBinding",
    "HttpTarget",
    "Invocation",
    "Json",
    "JsonType",
    "LambdaBatch",
    "LambdaBinding",
    "LambdaTarget",
    "ListOf",
    "MapOf",
    "ObjectShape",
    "Parameter",
    "ParameterLocation",
    "ProxyEvent",
    "ReadingWarning",
    "Reference",
    "Requirement",
    "Scalar",
    "ScalarKind",
    "SecurityScheme",
    "Shape",
    "ShapeName",
    "Snapshot",
    "Streaming",
    "Target",
    "Type",
    "UnionShape",
    "UploadedFile",
    "Upstream",
    "UpstreamId",
    "UpstreamState",
    "UpstreamStatus",
    "Webhook",
    "decode_snapshot",
    "effect_of_name",
    "encode_snapshot",
    "invoked_as",
    "override_functions",
    "with_webhooks",
]
