"""Operations as functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from ..catalog import (
    Argument,
    Body,
    EnumShape,
    EnumValue,
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
from .annotations import deprecation_of
from .bodies import BodyContent, media_types, request_bodies, swagger_body
from .contents import answer
from .document import Document
from .function_names import Operation, function_names
from .media import media_kind
from .parameters import read_parameters, stated_parameters
from .references import Node, Warnings, object_of, pointer_token, text_of
from .responses import declared_links, described_errors, described_headers, responses_of
from .security import security_requirements
from .servers import operation_url
from .shapes import ShapeReader
from .traits import effect_of, is_idempotent, stated_effect
from .webhooks import StatedCallbacks

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


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
    """What every operation of one reading is read with. *url* is the upstream's.

    Attributes:
        callbacks: Gets those of every operation that has some.
    """

    document: Document
    reader: ShapeReader
    upstream: UpstreamId
    document_url: str
    url: str
    media_enums: dict[tuple[str, ...], ShapeName] = field(default_factory=dict)
    callbacks: list[StatedCallbacks] = field(default_factory=list)


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
    functions = [_function(one, name, around) for one, name in zip(found, names, strict=True)]
    return _with_links(found, functions, around)


def _with_links(
    found: Sequence[Found], functions: Sequence[Function], around: Surroundings
) -> list[Function]:
    """*functions* with what their operations say of where answers lead."""
    known: dict[str, Function] = {}
    for one, function in zip(found, functions, strict=True):
        known.setdefault(text_of(one.operation, "operationId"), function)
        known[f"#{one.pointer}"] = function
    known.pop("", None)
    linked: list[Function] = []
    for one, function in zip(found, functions, strict=True):
        responses = list(responses_of(one.operation, one.pointer, around.reader))
        if any("links" in node.value for _, node in responses):
            links = declared_links(responses, around.reader, functions=known)
            function = replace(function, links=links)
        linked.append(function)
    return linked


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
        full = path if path.startswith("/") else f"/{path}"
        stated = list(_stated_operations(node.value, node.pointer))
        if node.value is not value:
            # A path item that refers to another may have operations of its own beside them.
            own = list(_stated_operations(object_of(value), pointer))
            methods = {method for method, _, _ in own}
            stated = own + [one for one in stated if one[0] not in methods]
        for method, operation, place in stated:
            if isinstance(operation, dict):
                item = Node(object_of(value), pointer) if place.startswith(f"{pointer}/") else node
                yield Found(full, method, operation, place, item.value, item.pointer)
            else:
                warnings.add("not-an-object", place, "an operation object is expected here")


def _stated_operations(item: dict[str, Json], pointer: str) -> Iterator[tuple[str, Json, str]]:
    """Method, operation and place of everything that a path item does."""
    for method in METHODS:
        if method in item:
            yield method, item[method], f"{pointer}/{method}"
    # OpenAPI 3.2: methods that have no member of their own.
    for method, operation in object_of(item.get("additionalOperations")).items():
        if method.lower() not in item:
            yield method.lower(), operation, f"{pointer}/additionalOperations/{pointer_token(method)}"


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
        of_form = swagger_body(stated, consumes, one.pointer, name, reader)
        contents = [of_form] if of_form is not None else []
    else:
        contents = request_bodies(one.operation, one.pointer, name, reader)
    bodies = _bodies(contents, arguments, around)
    answered = answer(one.operation, one.pointer, name, reader, produces, method=one.method)
    responses = list(responses_of(one.operation, one.pointer, reader))
    if "callbacks" in one.operation:
        stated_callbacks = StatedCallbacks(name, one.operation["callbacks"], f"{one.pointer}/callbacks")
        around.callbacks.append(stated_callbacks)
    method = one.method.upper()
    effect, reason = stated_effect(one.operation) or effect_of(method, one.path, name)
    servers = one.operation.get("servers") or one.item.get("servers")
    return Function(
        id=FunctionId(f"{around.upstream}.{name}"),
        upstream=around.upstream,
        name=name,
        binding=HttpBinding(
            method=method,
            path=one.path,
            parameters=tuple(parameters),
            body=bodies[0] if bodies else None,
            other_bodies=tuple(bodies[1:]),
            accept=answered.accept,
            server=operation_url(
                servers, document=document, document_url=around.document_url, upstream=around.url
            ),
            security=security_requirements(one.operation.get("security")),
            xml=answered.xml,
            described_headers=described_headers(responses, reader),
            errors=described_errors(responses, swagger=swagger),
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


def _bodies(contents: Sequence[BodyContent], arguments: list[Argument], around: Surroundings) -> list[Body]:
    """Bindings of *contents*; their arguments are added to *arguments*."""
    found: list[Body] = []
    taken = {known.name for known in arguments}
    for content in contents:
        argument = _body_argument(taken) if not found else _other_argument(found[0], content, taken)
        taken.add(argument)
        description = content.description
        if len(contents) > 1:
            sent = f"Sent as {content.media_type}."
            description = f"{description}\n\n{sent}" if description else sent
        arguments.append(
            Argument(name=argument, type=content.type, required=content.required, description=description)
        )
        choice = ""
        if len(content.choices) > 1:
            choice = _free_name("content_type" if not found else f"{argument}_content_type", taken)
            taken.add(choice)
            arguments.append(
                Argument(
                    name=choice,
                    type=Reference(shape=_media_enum(content.choices, around)),
                    description=f"The media type of `{argument}`; {content.media_type} where it is left out.",
                )
            )
        found.append(
            Body(
                argument=argument,
                media_type=content.media_type,
                member_styles=content.member_styles,
                member_types=content.member_types,
                choice=choice,
                xml=content.xml,
                as_text=content.as_text,
                one_needed=content.one_needed,
            )
        )
    return found


def _media_enum(choices: tuple[str, ...], around: Surroundings) -> ShapeName:
    """The enum of some media types; one for all functions that offer the same."""
    name = around.media_enums.get(choices)
    if name is None:
        name = around.media_enums[choices] = around.reader.name_for("", "ContentType")
        values = tuple(EnumValue(value=media_type) for media_type in choices)
        around.reader.shapes[name] = EnumShape(name=name, values=values)
    return name


def with_binary_members(function: Function, shapes: Mapping[ShapeName, Shape]) -> Function:
    """*function*, its multipart bodies knowing which members are files. *shapes* are complete."""
    binding = function.binding
    if not isinstance(binding, HttpBinding) or binding.body is None:
        return function
    body, *others = (_with_files(one, function, shapes) for one in (binding.body, *binding.other_bodies))
    if body == binding.body and tuple(others) == binding.other_bodies:
        return function
    return replace(function, binding=replace(binding, body=body, other_bodies=tuple(others)))


def _with_files(body: Body, function: Function, shapes: Mapping[ShapeName, Shape]) -> Body:
    argument = function.argument(body.argument)
    if media_kind(body.media_type) != "multipart" or argument is None:
        return body
    shape = shapes.get(argument.type.shape) if isinstance(argument.type, Reference) else None
    fields = shape.fields if isinstance(shape, ObjectShape) else ()
    return replace(body, binary_members=tuple(field.name for field in fields if _is_binary(field.type)))


def _is_binary(type_: Type) -> bool:
    one = type_.item if isinstance(type_, ListOf) else type_
    return isinstance(one, Scalar) and one.kind == "binary"


def _other_argument(first: Body, content: BodyContent, taken: set[str]) -> str:
    return _free_name(f"{first.argument}_{media_kind(content.media_type)}", taken)


def _free_name(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted


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
