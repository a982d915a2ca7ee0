"""Methods as functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ..catalog import (
    Argument,
    Effect,
    Function,
    FunctionId,
    GrpcBinding,
    ListOf,
    Streaming,
    Type,
    UpstreamId,
    effect_of_name,
)
from .files import Files
from .shapes import ShapeReader
from .well_known import EMPTY, REQUEST_VALUE, REQUESTS, is_special

_STREAMING: Final[dict[tuple[bool, bool], Streaming]] = {
    (False, False): "none",
    (False, True): "server",
    (True, False): "client",
    (True, True): "both",
}


def root_messages(services: Sequence[ServiceDescriptor]) -> Iterator[Descriptor]:
    """The messages that shapes are read from.

    A request's members are arguments and not a shape of their own, unless the client sends a stream of them.
    """
    for service in services:
        for method in service.methods:
            if not is_empty(method.output_type):
                yield method.output_type
            if method.client_streaming:
                yield method.input_type
            else:
                yield from (one.message_type for one in method.input_type.fields if one.message_type)


def read_functions(
    services: Sequence[ServiceDescriptor], shapes: ShapeReader, files: Files, upstream: UpstreamId
) -> tuple[Function, ...]:
    """The functions of *services*, sorted by name.

    A function is called ``Service.Method``; services that share their short name go by their full one.
    """
    count = Counter(service.name for service in services)
    found = []
    for service in services:
        prefix = service.name if count[service.name] == 1 else service.full_name
        for method in service.methods:
            effect, reason, idempotent = _effect(method, files.http_methods.get(method.full_name, ""))
            name = f"{prefix}.{method.name}"
            found.append(
                Function(
                    id=FunctionId(f"{upstream}.{name}"),
                    upstream=upstream,
                    name=name,
                    binding=GrpcBinding(
                        service=service.full_name,
                        method=method.name,
                        request=method.input_type.full_name,
                        response=method.output_type.full_name,
                    ),
                    arguments=_arguments(method, shapes),
                    result=_result(method, shapes),
                    effect=effect,
                    effect_reason=reason,
                    streaming=_STREAMING[method.client_streaming, method.server_streaming],
                    idempotent=idempotent,
                    description=files.comments.get(method.full_name, ""),
                    deprecated="" if _is_deprecated(method) or _is_deprecated(service) else None,
                )
            )
    return tuple(sorted(found, key=lambda function: function.name))


def is_empty(message: Descriptor) -> bool:
    """Whether *message* can say nothing: ``google.protobuf.Empty``, or an empty message of the authors'."""
    return message.full_name == EMPTY or not message.fields


def _arguments(method: MethodDescriptor, shapes: ShapeReader) -> tuple[Argument, ...]:
    request = method.input_type
    if method.client_streaming:
        item = shapes.message_type(request, nullable=False)
        return (Argument(name=REQUESTS, type=ListOf(item=item), required=True),)
    if is_special(request.full_name):
        return (Argument(name=REQUEST_VALUE, type=shapes.message_type(request, nullable=False)),)
    return shapes.arguments(request)


def _result(method: MethodDescriptor, shapes: ShapeReader) -> Type | None:
    if is_empty(method.output_type):
        return None
    return shapes.message_type(method.output_type, nullable=False)


def _effect(method: MethodDescriptor, http_method: str) -> tuple[Effect, str, bool]:
    """Effect, the reason for it, and whether a call may be repeated."""
    level = method.GetOptions().idempotency_level
    if level == MethodOptions.NO_SIDE_EFFECTS:
        return "read", "idempotency_level is NO_SIDE_EFFECTS", True
    idempotent = level == MethodOptions.IDEMPOTENT
    if http_method == "GET":
        return "read", "google.api.http is GET", True
    if http_method in {"PUT", "PATCH", "DELETE"}:
        return "write", f"google.api.http is {http_method}", idempotent or http_method != "PATCH"
    effect, reason = effect_of_name(method.name)
    return effect, reason, idempotent or effect == "read"


def _is_deprecated(one: MethodDescriptor | ServiceDescriptor) -> bool:
    return one.has_options and one.GetOptions().deprecated
