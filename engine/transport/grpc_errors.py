"""The error status of a call, and the details that a server may send with it.

Source: gRPC, "Status codes and their use in gRPC"; googleapis, ``google/rpc/status.proto`` and
``google/rpc/error_details.proto``, of which the descriptors are made here: their package need not be there.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from ...schemas.catalog import Function, Json
from ...schemas.errors import GrpcStatus, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from .grpc_json import Printers

_DETAIL_LENGTH: Final = 500
_MOST_DETAILS: Final = 20
_DETAILS: Final = "grpc-status-details-bin"
_HIDDEN: Final = frozenset({"google.rpc.DebugInfo"})
"""Stack traces: for those who run the upstream."""

# Message to its fields, in the order of their numbers: "*" repeated, "<>" a map of texts, else a message's name.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "RetryInfo": {"retry_delay": (1, "google.protobuf.Duration")},
    "DebugInfo": {"stack_entries": (1, "*"), "detail": (2, "")},
    "QuotaFailure": {"violations": (1, "*QuotaFailure.Violation")},
    "QuotaFailure.Violation": {"subject": (1, ""), "description": (2, "")},
    "ErrorInfo": {"reason": (1, ""), "domain": (2, ""), "metadata": (3, "<>")},
    "PreconditionFailure": {"violations": (1, "*PreconditionFailure.Violation")},
    "PreconditionFailure.Violation": {"type": (1, ""), "subject": (2, ""), "description": (3, "")},
    "BadRequest": {"field_violations": (1, "*BadRequest.FieldViolation")},
    "BadRequest.FieldViolation": {
        "field": (1, ""),
        "description": (2, ""),
        "reason": (3, ""),
        "localized_message": (4, "LocalizedMessage"),
    },
    "RequestInfo": {"request_id": (1, ""), "serving_data": (2, "")},
    "ResourceInfo": {
        "resource_type": (1, ""),
        "resource_name": (2, ""),
        "owner": (3, ""),
        "description": (4, ""),
    },
    "Help": {"links": (1, "*Help.Link")},
    "Help.Link": {"description": (1, ""), "url": (2, "")},
    "LocalizedMessage": {"locale": (1, ""), "message": (2, "")},
    "Status": {"message": (2, ""), "details": (3, "*google.protobuf.Any")},
}


def _build_pool() -> DescriptorPool:
    pool = DescriptorPool()
    for module in (any_pb2, duration_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="weft/rpc.proto", package="google.rpc", syntax="proto3")
    file.dependency.extend((any_pb2.DESCRIPTOR.name, duration_pb2.DESCRIPTOR.name))
    made: dict[str, Any] = {}
    for name, fields in _MESSAGES.items():
        outer, _, short = name.rpartition(".")
        message = made[name] = (made[outer].nested_type if outer else file.message_type).add(name=short)
        for field, (number, kind) in fields.items():
            one = message.field.add(name=field, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if kind.startswith(("*", "<>")):
                one.label = FieldDescriptorProto.LABEL_REPEATED
            if kind == "<>":
                entry = message.nested_type.add(name="MetadataEntry")
                entry.options.map_entry = True
                for n, part in enumerate(("key", "value"), 1):
                    entry.field.add(name=part, number=n, label=1, type=FieldDescriptorProto.TYPE_STRING)
                kind = f"{name}.MetadataEntry"
            kind = kind.removeprefix("*")
            if not kind:
                one.type = FieldDescriptorProto.TYPE_STRING
                continue
            one.type = FieldDescriptorProto.TYPE_MESSAGE
            one.type_name = f".{kind}" if kind.startswith("google.") else f".google.rpc.{kind}"
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL: Final = _build_pool()
_PRINTERS: Final = Printers(_POOL, bare=True)
_STATUS: Final[Any] = GetMessageClass(_POOL.FindMessageTypeByName("google.rpc.Status"))
_RETRY_INFO: Final[Any] = GetMessageClass(_POOL.FindMessageTypeByName("google.rpc.RetryInfo"))


def upstream_error(
    function: Function, error: grpc.aio.AioRpcError, printers: Printers, *, show: bool
) -> UpstreamError:
    """What a call that failed means to the caller.

    Args:
        function: That was called.
        error: How its call ended.
        printers: Of the upstream's own messages, which a server may send as details too.
        show: Whether the details are kept for whoever called.
    """
    code = error.code()
    detail = (error.details() or "")[:_DETAIL_LENGTH]
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return UpstreamTimeout(function.upstream, function.id)
    status = _status_of(error)
    retry_after_s = _retry_after_s(status)
    if code == grpc.StatusCode.UNAVAILABLE and status is None:
        return UpstreamUnreachable(function.upstream, function.id, detail=detail)
    return GrpcStatus(
        function.upstream,
        function.id,
        status=code.name,
        detail=detail,
        retry_after_s=retry_after_s,
        details=_print_details(status, printers) if show and status is not None else (),
    )


def _status_of(error: grpc.aio.AioRpcError) -> Any | None:
    """The server's ``google.rpc.Status``, if it sent one that can be read."""
    trailers: Any = error.trailing_metadata()  # its stub is wrong
    for name, value in trailers or ():
        if name == _DETAILS and isinstance(value, bytes):
            try:
                return _STATUS.FromString(value)
            except DecodeError:
                return None
    return None


def _retry_after_s(status: Any | None) -> float | None:
    for one in status.details if status is not None else ():
        if one.type_url.rpartition("/")[2] == "google.rpc.RetryInfo":
            try:
                delay = _RETRY_INFO.FromString(one.value).retry_delay
            except DecodeError:
                return None
            return max(0.0, float(delay.seconds) + float(delay.nanos) / 1e9)
    return None


def _print_details(status: Any, printers: Printers) -> tuple[Json, ...]:
    found: list[Json] = []
    for one in status.details[:_MOST_DETAILS]:
        name = one.type_url.rpartition("/")[2]
        if name not in _HIDDEN:
            known = _PRINTERS if name.startswith("google.rpc.") else printers
            found.append(known.print_any(one))
    return tuple(found)
