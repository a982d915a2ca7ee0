"""The well-known types, ``google.protobuf.*``: their descriptors, and what they are in JSON.

Source: protobuf.dev, "ProtoJSON Format", the table's last rows.
"""

from __future__ import annotations

from typing import Final

from google.protobuf import (
    any_pb2,
    api_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    source_context_pb2,
    struct_pb2,
    timestamp_pb2,
    type_pb2,
    wrappers_pb2,
)

from ..catalog import JsonType, Scalar, ScalarKind, Type

REQUEST_VALUE: Final = "value"
"""The one argument of a function whose request message is not an object in JSON (``StringValue``)."""

REQUESTS: Final = "requests"
"""The one argument of a function whose client sends a stream: the list of request messages."""

EMPTY: Final = "google.protobuf.Empty"
NULL_VALUE: Final = "google.protobuf.NullValue"

_MODULES: Final = (
    any_pb2, api_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, source_context_pb2,
    struct_pb2, timestamp_pb2, type_pb2, wrappers_pb2,
)  # fmt: skip

FILES: Final[dict[str, bytes]] = {
    module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb for module in _MODULES
}
"""File name to serialized ``FileDescriptorProto``. These take the place of what a server serves under the
same name: json_format knows their JSON forms by them."""

WRAPPERS: Final[dict[str, ScalarKind]] = {
    "google.protobuf.DoubleValue": "float",
    "google.protobuf.FloatValue": "float",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.UInt64Value": "uint64",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.UInt32Value": "int64",
    "google.protobuf.BoolValue": "boolean",
    "google.protobuf.StringValue": "string",
    "google.protobuf.BytesValue": "byte",
}
"""Messages that are their one member ``value`` in JSON."""
_TEXTS: Final[dict[str, tuple[ScalarKind, str]]] = {
    "google.protobuf.Timestamp": ("date-time", ""),
    "google.protobuf.Duration": ("duration", ""),
    "google.protobuf.FieldMask": ("string", "field-mask"),
}
_ANYTHING: Final = frozenset(
    {"google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value", "google.protobuf.Any"}
)


def is_special(message: str) -> bool:
    """Whether json_format prints the message of this fully-qualified name in a form of its own."""
    return message in WRAPPERS or message in _TEXTS or message in _ANYTHING


def special_type(message: str, *, nullable: bool) -> Type | None:
    """The type of a message in its own JSON form; ``None`` for a message that is an object of its members."""
    if message in WRAPPERS:
        return Scalar(kind=WRAPPERS[message], nullable=nullable)
    if message in _TEXTS:
        kind, written = _TEXTS[message]
        return Scalar(kind=kind, format=written, nullable=nullable)
    if message in _ANYTHING:
        # A Value may hold null even where it is present.
        return JsonType(nullable=nullable or message == "google.protobuf.Value")
    if message == EMPTY:
        return JsonType(nullable=nullable)
    return None
