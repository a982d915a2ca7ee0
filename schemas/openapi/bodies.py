"""Request bodies: which arguments they are, and in which media types they go.

A body that is offered in several media types has one argument for each type of value: the best is
``input``. Media types of one type of value are told apart by an argument only where it matters which of
them is sent, as with JSON Patch and JSON Merge Patch.

Source: OpenAPI 3.1, "Request Body Object", "Encoding Object"; Swagger 2.0, "Parameter Object".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

from ..catalog import Field, Json, JsonType, ListOf, ObjectShape, Reference, Scalar, Type
from ..catalog.bindings import ParameterStyle
from ..catalog.xml import XmlForm
from .annotations import default_of, description_of
from .composition import View, leaves_of
from .contents import owned_name, typed_content
from .media import MediaKind, is_endless, media_essence, media_kind, ranked
from .naming import member_name, operation_type_name
from .parameters import Stated, body_parameter, form_parameters, swagger_style
from .references import Node, list_of, object_of, pointer_token, text_of
from .shapes import ShapeReader
from .xml import XmlReader

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_TOLD_APART: Final = frozenset({"json", "text", "binary"})


@dataclass(frozen=True, slots=True)
class BodyContent:
    """A request body before it has an argument.

    Attributes:
        choices: Media types that the caller may choose from; none leave no choice.
        one_needed: It, or a body of another type, must be given.
    """

    type: Type
    media_type: str
    required: bool
    description: str
    member_styles: dict[str, ParameterStyle] = field(default_factory=dict)
    member_types: dict[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    xml: XmlForm | None = None
    as_text: bool = False
    one_needed: bool = False


def request_bodies(
    operation: dict[str, Json], pointer: str, function: str, reader: ShapeReader
) -> list[BodyContent]:
    """The ``requestBody`` of OpenAPI 3, one entry for each type of value, the best first."""
    if operation.get("requestBody") is None:
        return []
    node = reader.references.follow(operation["requestBody"], f"{pointer}/requestBody")
    content = object_of(node.value.get("content")) if node else {}
    if node is None or not content:
        return []
    required = node.value.get("required") is True
    groups = _groups(content)
    for group in groups:
        # In JSON a file would be base64, which few servers read where they offer a form too.
        form = next((one for one in group if media_kind(one) == "multipart"), None)
        if form is not None and _has_files(object_of(content[form]).get("schema"), reader):
            group.sort(key=lambda one: one != form)
    found: list[BodyContent] = []
    for at, group in enumerate(groups):
        media_type = group[0]
        hint = owned_name(node.pointer, "requestBodies") or operation_type_name(function, "body")
        if at:
            hint = f"{hint}{media_kind(media_type).title()}"
        media = object_of(content[media_type])
        found.append(
            _content_of(
                media,
                f"{node.pointer}/content/{pointer_token(media_type)}",
                media_type,
                hint,
                reader,
                required=required and len(groups) == 1,
                one_needed=required and len(groups) > 1 and not at,
                description=text_of(node.value, "description"),
                choices=_choices(group),
            )
        )
    return found


def _content_of(
    media: dict[str, Json],
    place: str,
    media_type: str,
    hint: str,
    reader: ShapeReader,
    *,
    required: bool,
    description: str,
    choices: tuple[str, ...] = (),
    one_needed: bool = False,
) -> BodyContent:
    kind = media_kind(media_type)
    type_ = typed_content(media, place, kind, hint, reader)
    if kind == "stream" and not is_endless(media_type):
        type_ = ListOf(item=type_)
    xml: XmlForm | None = None
    if kind == "xml" and not isinstance(type_, Scalar):
        xml = XmlReader(reader.references, reader.warnings).form(media.get("schema"), f"{place}/schema")
    return BodyContent(
        type=type_,
        media_type=_JSON if "*" in media_type else media_type,
        required=required,
        description=description,
        member_styles=_styles(media),
        member_types=_types(media),
        choices=choices,
        xml=xml,
        as_text=kind == "binary" and isinstance(type_, Scalar) and type_.kind == "byte",
        one_needed=one_needed,
    )


def _groups(content: dict[str, Json]) -> list[list[str]]:
    """Media types of one schema together, the best first; forms with files before JSON of the same schema."""
    found: list[tuple[Json, list[str]]] = []
    for media_type in ranked(content):
        schema = object_of(content[media_type]).get("schema")
        kind = media_kind(media_type)
        for known, group in found:
            if known == schema and _is_kin(kind, media_kind(group[0]), schema):
                group.append(media_type)
                break
        else:
            found.append((schema, [media_type]))
    return [group for _, group in found]


def _is_kin(kind: MediaKind, other: MediaKind, schema: Json) -> bool:
    """Whether a value of one schema has one type in both kinds."""
    structured = {"json", "form", "multipart", "xml"}
    if kind == other or (kind in structured and other in structured):
        return True
    # YAML of a JSON object is the object: JSON is YAML.
    return kind == "text" and other == "json" and "$ref" in object_of(schema)


def _choices(group: Sequence[str]) -> tuple[str, ...]:
    """Media types of *group* that the caller may choose from; none where it does not matter which is sent."""
    if media_kind(group[0]) not in _TOLD_APART:
        return ()
    plain = [one for one in group if "*" not in one and media_kind(one) in _TOLD_APART]
    best = media_kind(group[0])
    alike = {media_essence(one) for one in plain if media_kind(one) == best}
    return tuple(plain) if len(alike) > 1 else ()


def _has_files(schema: Json, reader: ShapeReader) -> bool:
    view = View(leaves_of([Node(object_of(schema), "")], reader.references, reader.warnings))
    for nodes in view.properties.values():
        for node in nodes:
            target = reader.references.follow(node.value, node.pointer)
            stated = target.value if target else {}
            if "binary" in {text_of(stated, "format"), text_of(object_of(stated.get("items")), "format")}:
                return True
    return False


def swagger_body(
    stated: Sequence[Stated], consumes: Sequence[str], pointer: str, function: str, reader: ShapeReader
) -> BodyContent | None:
    """The ``body`` or ``formData`` parameters of Swagger 2.0 as one body."""
    hint = operation_type_name(function, "body")
    body = body_parameter(stated)
    if body is not None:
        media_type = ranked(dict.fromkeys(consumes) or {_JSON: None})[0]
        value, place = body.node
        required = value.get("required") is True
        description = text_of(value, "description")
        if "schema" not in value:
            type_ = JsonType(reason=f"no schema at {place}/schema")
            return BodyContent(type_, _JSON if "*" in media_type else media_type, required, description)
        offered = {"schema": value["schema"]}
        return _content_of(
            offered, place, media_type, hint, reader, required=required, description=description
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


def _styles(media: dict[str, Json]) -> dict[str, ParameterStyle]:
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


def _types(media: dict[str, Json]) -> dict[str, str]:
    """Media types of parts: the first that is one and no pattern such as ``image/*``."""
    found: dict[str, str] = {}
    for name, value in object_of(media.get("encoding")).items():
        stated = text_of(object_of(value), "contentType").split(",")
        first = next((one.strip() for one in stated if "/" in one and "*" not in one), "")
        if first:
            found[name] = first
    return found


def media_types(value: Json, fallback: Json) -> list[str]:
    """``consumes`` or ``produces`` of an operation, else of the document."""
    stated = value if isinstance(value, list) else fallback
    return [media_type for media_type in list_of(stated) if isinstance(media_type, str)]
