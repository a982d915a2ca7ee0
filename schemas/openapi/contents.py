"""Contents: request bodies and answers as types, with the media types they have on the wire.

Source: OpenAPI 3.1, "Request Body Object", "Responses Object"; Swagger 2.0, "Response Object".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from ..catalog import Field, Json, JsonType, ListOf, ObjectShape, Reference, Scalar, Streaming, Type
from ..catalog.bindings import ParameterStyle
from ..names import type_name
from .media import MediaKind, media_kind, ranked
from .naming import member_name, operation_type_name
from .parameters import Stated, body_parameter, form_parameters, swagger_style
from .references import Node, list_of, object_of, pointer_token, text_of
from .shapes import ShapeReader, default_of, description_of

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_WITHOUT_CONTENT: Final = frozenset({"204", "205"})


@dataclass(frozen=True, slots=True)
class BodyContent:
    """A request body before it has an argument."""

    type: Type
    media_type: str
    required: bool
    description: str
    member_styles: dict[str, ParameterStyle] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerContent:
    """What an operation answers when all goes well. *type* is ``None`` if it answers nothing."""

    type: Type | None
    accept: tuple[str, ...] = ()
    streaming: Streaming = "none"


def request_body(
    operation: dict[str, Json], pointer: str, function: str, reader: ShapeReader
) -> BodyContent | None:
    """The ``requestBody`` of OpenAPI 3, or ``None`` if there is none."""
    if operation.get("requestBody") is None:
        return None
    node = reader.references.follow(operation["requestBody"], f"{pointer}/requestBody")
    if node is None:
        return None
    content = object_of(node.value.get("content"))
    if not content:
        return None
    media_type = ranked(content)[0]
    hint = _owned(node.pointer, "requestBodies") or operation_type_name(function, "body")
    place = f"{node.pointer}/content/{pointer_token(media_type)}"
    type_ = _typed(content[media_type], place, media_kind(media_type), hint, reader)
    return BodyContent(
        type=type_,
        media_type=_JSON if "*" in media_type else media_type,
        required=node.value.get("required") is True,
        description=text_of(node.value, "description"),
        member_styles=_encodings(object_of(content[media_type])),
    )


def swagger_body(
    stated: Sequence[Stated], consumes: Sequence[str], pointer: str, function: str, reader: ShapeReader
) -> BodyContent | None:
    """The ``body`` or ``formData`` parameters of Swagger 2.0 as one body."""
    hint = operation_type_name(function, "body")
    body = body_parameter(stated)
    if body is not None:
        media_type = ranked(dict.fromkeys(consumes) or {_JSON: None})[0]
        place = f"{body.node.pointer}/schema"
        offered = {"schema": body.node.value["schema"]} if "schema" in body.node.value else {}
        return BodyContent(
            type=_typed(offered, body.node.pointer, media_kind(media_type), hint, reader)
            if offered
            else JsonType(reason=f"no schema at {place}"),
            media_type=_JSON if "*" in media_type else media_type,
            required=body.node.value.get("required") is True,
            description=text_of(body.node.value, "description"),
        )
    form = form_parameters(stated)
    if not form:
        return None
    files = any(text_of(one.node.value, "type").lower() == "file" for one in form)
    offered_types = {media_kind(media_type): media_type for media_type in consumes}
    url_encoded = not files and ("form" in offered_types or "multipart" not in offered_types)
    name = reader.name_for("", hint)
    fields = tuple(_form_field(one, name, reader) for one in form)
    reader.shapes[name] = ObjectShape(name=name, fields=fields)
    return BodyContent(
        type=Reference(shape=name),
        media_type=_FORM if url_encoded else _MULTIPART,
        required=any(member.required for member in fields),
        description="",
        member_styles={
            one.name: swagger_style(one)[0]
            for one in form
            if text_of(one.node.value, "type") == "array"
            and one.node.value.get("collectionFormat") != "multi"
        },
    )


def answer(
    operation: dict[str, Json],
    pointer: str,
    function: str,
    reader: ShapeReader,
    produces: Sequence[str] | None,
    *,
    method: str,
) -> AnswerContent:
    """What an operation answers: its best successful response, else ``default``.

    Statuses 204 and 205, and answers to HEAD, have no content whatever the document says of them.

    Source: RFC 9110, sections 9.3.2, 15.3.5 and 15.3.6.

    Args:
        operation: The operation object.
        pointer: JSON pointer to it.
        function: Name of the function.
        reader: Types the schemas.
        produces: Media types of answers in Swagger 2.0; ``None`` for OpenAPI 3.
        method: In lower case.
    """
    if method == "head":
        return AnswerContent(None)
    responses = object_of(operation.get("responses"))
    successes = sorted(code for code in responses if code[:1] == "2" and len(code) == 3)
    found: list[Node] = []
    for code in successes or [code for code in responses if code == "default"]:
        if code in _WITHOUT_CONTENT:
            continue
        node = reader.references.follow(responses[code], f"{pointer}/responses/{pointer_token(code)}")
        if node is not None:
            found.append(node)
    for node in found:
        content = _content(node, produces)
        if content:
            hint = _owned(node.pointer, "responses") or operation_type_name(function, "result")
            return _read_answer(node, content, hint, reader, swagger=produces is not None)
    return AnswerContent(None)


def _content(node: Node, produces: Sequence[str] | None) -> dict[str, Json]:
    if produces is None:
        return object_of(node.value.get("content"))
    schema = node.value.get("schema")
    if schema is None:
        return {}
    return {media_type: {"schema": schema} for media_type in produces or (_JSON,)}


def _read_answer(
    node: Node, content: dict[str, Json], hint: str, reader: ShapeReader, *, swagger: bool
) -> AnswerContent:
    accept = ranked(content)
    best = accept[0]
    place = node.pointer if swagger else f"{node.pointer}/content/{pointer_token(best)}"
    kind = media_kind(best)
    if swagger and text_of(object_of(node.value.get("schema")), "type") == "file":
        return AnswerContent(Scalar(kind="binary"), tuple(accept))
    # A JSON answer is wanted whatever else is offered; a stream only where there is nothing but streams.
    if kind != "stream" and "stream" in {media_kind(other) for other in accept} and kind != "json":
        best = next(other for other in accept if media_kind(other) == "stream")
        place, kind = f"{node.pointer}/content/{pointer_token(best)}", "stream"
        accept = [best, *(other for other in accept if other != best)]
    type_ = _typed(content[best], place, kind, hint, reader)
    wanted = [media_type for media_type in accept if media_kind(media_type) == kind]
    return AnswerContent(type_, tuple(wanted), "server" if kind == "stream" else "none")


def _typed(media: Json, pointer: str, kind: MediaKind, hint: str, reader: ShapeReader) -> Type:
    schema = object_of(media).get("schema")
    match kind:
        case "json" | "form" | "multipart" | "xml":
            if kind == "xml" and hint.endswith("Result"):
                return Scalar(kind="string")
            return JsonType() if schema is None else reader.type_of(schema, f"{pointer}/schema", hint)
        case "stream":
            return _item_type(object_of(media), pointer, hint, reader)
        case "text":
            return Scalar(kind="string")
        case "binary":
            return Scalar(kind="binary")


def _item_type(media: dict[str, Json], pointer: str, hint: str, reader: ShapeReader) -> Type:
    """One item of a stream. A stream described as text has items that nobody described."""
    if "itemSchema" in media:
        return reader.type_of(media["itemSchema"], f"{pointer}/itemSchema", hint)
    if media.get("schema") is None:
        return JsonType()
    whole = reader.type_of(media["schema"], f"{pointer}/schema", hint)
    if isinstance(whole, ListOf):
        return whole.item
    return JsonType() if isinstance(whole, Scalar) else whole


def _form_field(one: Stated, parent: str, reader: ShapeReader) -> Field:
    schema = {keyword: value for keyword, value in one.node.value.items() if keyword != "required"}
    type_ = reader.type_of(schema, one.node.pointer, member_name(parent, one.name), member=one.name)
    return Field(
        name=one.name,
        type=type_,
        required=one.node.value.get("required") is True,
        default=default_of(schema, type_),
        description=description_of(schema),
    )


def _encodings(media: dict[str, Json]) -> dict[str, ParameterStyle]:
    """The members that are not written by default: one pair for each item of a list, JSON for an object."""
    found: dict[str, ParameterStyle] = {}
    for name, value in object_of(media.get("encoding")).items():
        encoding = object_of(value)
        style = encoding.get("style", "form")
        joined = style != "deepObject" and encoding.get("explode", style == "form") is False
        known: ParameterStyle | None = next((k for k in get_args(ParameterStyle) if k == style), None)
        if known is not None and (style == "deepObject" or joined):
            found[name] = known
    return found


def _owned(pointer: str, kind: str) -> str:
    prefix, _, name = pointer.rpartition("/")
    return type_name(name) if prefix in {f"/components/{kind}", f"/{kind}"} else ""


def media_types(value: Json, fallback: Json) -> list[str]:
    """``consumes`` or ``produces`` of an operation, else of the document."""
    stated = value if isinstance(value, list) else fallback
    return [media_type for media_type in list_of(stated) if isinstance(media_type, str)]
