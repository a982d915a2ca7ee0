"""Contents: media type objects and answers as types.

Source: OpenAPI 3.1, "Media Type Object", "Responses Object"; Swagger 2.0, "Response Object".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..catalog import Json, JsonType, ListOf, Scalar, Streaming, Type
from ..catalog.xml import XmlForm
from ..names import type_name
from .composition import View, leaves_of
from .media import MediaKind, is_endless, media_kind, ranked
from .naming import operation_type_name
from .references import Node, object_of, pointer_token, text_of
from .shapes import ShapeReader
from .xml import XmlReader

_JSON: Final = "application/json"
_WITHOUT_CONTENT: Final = frozenset({"204", "205"})


@dataclass(frozen=True, slots=True)
class AnswerContent:
    """What an operation answers when all goes well. *type* is ``None`` if it answers nothing."""

    type: Type | None
    accept: tuple[str, ...] = ()
    streaming: Streaming = "none"
    xml: XmlForm | None = None


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
            hint = owned_name(node.pointer, "responses") or operation_type_name(function, "result")
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
    type_ = typed_content(content[best], place, kind, hint, reader)
    wanted = tuple(media_type for media_type in accept if media_kind(media_type) == kind)
    if kind == "stream" and not is_endless(best):
        return AnswerContent(ListOf(item=type_), wanted)
    if kind == "xml" and not isinstance(type_, Scalar):
        form = XmlReader(reader.references, reader.warnings).form(
            object_of(content[best]).get("schema"), f"{place}/schema"
        )
        return AnswerContent(type_, wanted, xml=form)
    return AnswerContent(type_, wanted, "server" if kind == "stream" else "none")


def typed_content(media: Json, pointer: str, kind: MediaKind, hint: str, reader: ShapeReader) -> Type:
    """The type of a value in a media type of *kind*; of a stream that of one item.

    Args:
        media: The media type object at *pointer*.
        pointer: JSON pointer to it.
        kind: Of the media type.
        hint: Name of the shape if it needs one and is no component.
        reader: Types the schemas.
    """
    schema = object_of(media).get("schema")
    match kind:
        case "json" | "form" | "multipart":
            return JsonType() if schema is None else reader.type_of(schema, f"{pointer}/schema", hint)
        case "xml":
            if not is_structured(schema, f"{pointer}/schema", reader):
                return Scalar(kind="string")
            return reader.type_of(schema, f"{pointer}/schema", hint)
        case "stream":
            return _item_type(object_of(media), pointer, hint, reader)
        case "text":
            return Scalar(kind="string")
        case "binary":
            # Converters of old documents call every body they know nothing of an octet stream.
            if is_structured(schema, f"{pointer}/schema", reader):
                return reader.type_of(schema, f"{pointer}/schema", hint)
            return Scalar(kind="byte" if is_base64(schema, f"{pointer}/schema", reader) else "binary")


def is_base64(schema: Json, pointer: str, reader: ShapeReader) -> bool:
    """Whether *schema* describes bytes that are base64 on the wire, whatever their media type is."""
    if not isinstance(schema, dict):
        return False
    view = View(leaves_of([Node(schema, pointer)], reader.references, reader.warnings))
    return text_of(view, "format") == "byte" or text_of(view, "contentEncoding") == "base64"


def is_structured(schema: Json, pointer: str, reader: ShapeReader) -> bool:
    """Whether *schema* describes an object with members, or a list."""
    if not isinstance(schema, dict):
        return False
    view = View(leaves_of([Node(schema, pointer)], reader.references, reader.warnings))
    if "array" in view.types or ("items" in view and not view.types):
        return True
    return bool(view.properties) or any(keyword in view for keyword in ("oneOf", "anyOf"))


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


def owned_name(pointer: str, kind: str) -> str:
    """Name for the shapes of a component of *kind*; ``""`` if *pointer* leads to none."""
    prefix, _, name = pointer.rpartition("/")
    return type_name(name) if prefix in {f"/components/{kind}", f"/{kind}"} else ""
