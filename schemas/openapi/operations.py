"""Operations as functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from ..catalog import (
    Argument,
    Body,
    Function,
    FunctionId,
    HttpBinding,
    Json,
    ListOf,
    ObjectShape,
    Reference,
    Scalar,
    Shape,
    ShapeName,
    Type,
    UpstreamId,
)
from .contents import answer, media_types, request_body, swagger_body
from .document import Document
from .function_names import Operation, function_names
from .media import media_kind
from .parameters import read_parameters, stated_parameters
from .references import Warnings, object_of, pointer_token, text_of
from .security import security_requirements
from .servers import operation_url
from .shapes import ShapeReader, deprecation_of
from .traits import effect_of, is_idempotent

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Found:
    """An operation and the path item that it stands in. *method* is in lower case."""

    path: str
    method: str
    operation: dict[str, Json]
    pointer: str
    item: dict[str, Json]
    item_pointer: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every operation of one reading is read with. *url* is the upstream's."""

    document: Document
    reader: ShapeReader
    upstream: UpstreamId
    document_url: str
    url: str


def read_functions(around: Surroundings) -> list[Function]:
    """A function for every operation of the document, sorted by path and method."""
    found = sorted(_operations(around), key=lambda one: (one.path, one.method))
    stated = [Operation(one.path, one.method, text_of(one.operation, "operationId")) for one in found]
    names = function_names(stated)
    seen: set[str] = set()
    for one, operation in zip(found, stated, strict=True):
        if operation.operation_id and operation.operation_id in seen:
            around.reader.warnings.add(
                "duplicate-operation-id", f"{one.pointer}/operationId", "the id is in use"
            )
        seen.add(operation.operation_id)
    return [_function(one, name, around) for one, name in zip(found, names, strict=True)]


def _operations(around: Surroundings) -> Iterator[Found]:
    warnings: Warnings = around.reader.warnings
    paths = around.document.root.get("paths")
    if paths is not None and not isinstance(paths, dict):
        warnings.add("not-an-object", "/paths", "an object is expected here")
    for path, value in object_of(paths).items():
        if path.startswith("x-"):
            continue
        pointer = f"/paths/{pointer_token(path)}"
        node = around.reader.references.follow(value, pointer)
        if node is None:
            continue
        if not path.startswith("/"):
            warnings.add("bad-path", pointer, "a path begins with a slash; one was added")
        for method in METHODS:
            if method not in node.value:
                continue
            place = f"{node.pointer}/{method}"
            operation = node.value[method]
            if isinstance(operation, dict):
                full = path if path.startswith("/") else f"/{path}"
                yield Found(full, method, operation, place, node.value, node.pointer)
            else:
                warnings.add("not-an-object", place, "an operation object is expected here")


def _function(one: Found, name: str, around: Surroundings) -> Function:
    document, reader = around.document, around.reader
    swagger = document.version == "2.0"
    stated = stated_parameters(
        [
            (one.item.get("parameters"), f"{one.item_pointer}/parameters"),
            (one.operation.get("parameters"), f"{one.pointer}/parameters"),
        ],
        reader,
    )
    arguments, parameters = read_parameters(
        stated, path=one.path, pointer=one.pointer, function=name, reader=reader, swagger=swagger
    )
    produces: list[str] | None = None
    if swagger:
        consumes = media_types(one.operation.get("consumes"), document.root.get("consumes"))
        produces = media_types(one.operation.get("produces"), document.root.get("produces"))
        content = swagger_body(stated, consumes, one.pointer, name, reader)
    else:
        content = request_body(one.operation, one.pointer, name, reader)
    body: Body | None = None
    if content is not None:
        argument = _body_argument({known.name for known in arguments})
        body = Body(argument=argument, media_type=content.media_type, member_styles=content.member_styles)
        arguments.append(
            Argument(
                name=argument, type=content.type, required=content.required, description=content.description
            )
        )
    answered = answer(one.operation, one.pointer, name, reader, produces, method=one.method)
    method = one.method.upper()
    effect, reason = effect_of(method, one.path, name)
    servers = one.operation.get("servers") or one.item.get("servers")
    return Function(
        id=FunctionId(f"{around.upstream}.{name}"),
        upstream=around.upstream,
        name=name,
        binding=HttpBinding(
            method=method,
            path=one.path,
            parameters=tuple(parameters),
            body=body,
            accept=answered.accept,
            server=operation_url(
                servers, document=document, document_url=around.document_url, upstream=around.url
            ),
            security=security_requirements(one.operation.get("security")),
        ),
        arguments=tuple(arguments),
        result=answered.type,
        effect=effect,
        effect_reason=reason,
        streaming=answered.streaming,
        idempotent=is_idempotent(method),
        description=_description(one),
        deprecated=deprecation_of(one.operation),
    )


def with_binary_members(function: Function, shapes: Mapping[ShapeName, Shape]) -> Function:
    """*function*, its multipart body knowing which members are files. *shapes* are complete."""
    binding = function.binding
    if not isinstance(binding, HttpBinding) or binding.body is None:
        return function
    argument = function.argument(binding.body.argument)
    if media_kind(binding.body.media_type) != "multipart" or argument is None:
        return function
    shape = shapes.get(argument.type.shape) if isinstance(argument.type, Reference) else None
    fields = shape.fields if isinstance(shape, ObjectShape) else ()
    files = tuple(field.name for field in fields if _is_binary(field.type))
    return replace(function, binding=replace(binding, body=replace(binding.body, binary_members=files)))


def _is_binary(type_: Type) -> bool:
    one = type_.item if isinstance(type_, ListOf) else type_
    return isinstance(one, Scalar) and one.kind == "binary"


def _body_argument(taken: set[str]) -> str:
    name = "input"
    for wanted in ("input", "body", "input_body"):
        name = wanted
        if name not in taken:
            return name
    while name in taken:
        name += "_body"
    return name


def _description(one: Found) -> str:
    """Summary and description, each once; the path item's stand in where the operation has none."""
    for owner in (one.operation, one.item):
        summary, description = text_of(owner, "summary"), text_of(owner, "description")
        if summary and description and not description.startswith(summary.rstrip(".")):
            return f"{summary}\n\n{description}"
        if summary or description:
            return description or summary
    return ""
