"""Methods as functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ..catalog import (
    Argument,
    Constraints,
    Effect,
    Function,
    FunctionId,
    GrpcBinding,
    ListOf,
    Scalar,
    Streaming,
    Type,
    UpstreamId,
    effect_of_name,
)
from ..catalog.reading import ReadOptions
from ..names import unique
from .files import Files
from .masks import mask_of
from .shapes import ShapeReader
from .well_known import EMPTY, REQUEST_VALUE, REQUESTS, is_special

FIRST: Final = "first"
MOST_LISTED: Final = 10_000
DEFAULT_LISTED: Final = 100
"""Messages of a stream that are answered as a list, where an operation does not say how many."""

_STREAMING: Final[dict[tuple[bool, bool], Streaming]] = {
    (False, False): "none",
    (False, True): "server",
    (True, False): "client",
    (True, True): "both",
}


def whole_messages(services: Sequence[ServiceDescriptor]) -> Iterator[Descriptor]:
    """The messages that are shapes: answers, and what clients send streams of."""
    for service in services:
        for method in service.methods:
            if not is_empty(method.output_type):
                yield method.output_type
            if method.client_streaming:
                yield method.input_type


def request_messages(services: Sequence[ServiceDescriptor]) -> Iterator[Descriptor]:
    """The requests whose members are arguments."""
    for service in services:
        yield from (method.input_type for method in service.methods if not method.client_streaming)


def read_functions(
    services: Sequence[ServiceDescriptor],
    shapes: ShapeReader,
    files: Files,
    upstream: UpstreamId,
    options: ReadOptions,
) -> tuple[Function, ...]:
    """The functions of *services*, sorted by name.

    A function is called ``Service.Method``; services that share their short name go by their full one. A
    method that reads and whose server sends a stream is a second function as well, ``Service.list.Method``,
    which answers the first messages as a list.
    """
    count = Counter(service.name for service in services)
    found = []
    for service in services:
        prefix = service.name if count[service.name] == 1 else service.full_name
        for method in service.methods:
            effect, reason, idempotent = _effect(method, files.http_methods.get(method.full_name, ""))
            name = f"{prefix}.{method.name}"
            function = Function(
                id=FunctionId(f"{upstream}.{name}"),
                upstream=upstream,
                name=name,
                binding=GrpcBinding(
                    service=service.full_name,
                    method=method.name,
                    request=method.input_type.full_name,
                    response=method.output_type.full_name,
                    mask=mask_of(method) if options.field_masks and effect == "read" else None,
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
            found.append(function)
            if options.list_streams and function.streaming == "server" and function.effect == "read":
                found += _listed(function, f"{prefix}.list.{method.name}")
    return tuple(sorted(found, key=lambda function: function.name))


def _listed(function: Function, name: str) -> Iterator[Function]:
    """*function*, whose server sends a stream, as one that answers its first messages."""
    binding = function.binding
    assert isinstance(binding, GrpcBinding)
    if function.result is None:
        return
    first = unique(FIRST, {argument.name for argument in function.arguments})
    bound = Argument(
        name=first,
        type=Scalar(kind="int32", constraints=Constraints(minimum=1, maximum=MOST_LISTED)),
        default=DEFAULT_LISTED,
        description="How many messages are waited for at most; then the call is ended.",
    )
    yield msgspec.structs.replace(
        function,
        id=FunctionId(f"{function.upstream}.{name}"),
        name=name,
        binding=msgspec.structs.replace(binding, first=first),
        arguments=(*function.arguments, bound),
        result=ListOf(item=function.result),
        streaming="none",
    )


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
