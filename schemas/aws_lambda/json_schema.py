"""JSON Schema of Lambda functions to shapes, by the reader of OpenAPI's schema objects.

OpenAPI 3.1's schema object is JSON Schema, so all that it reads is read here: ``$defs``, ``allOf``, unions with
and without a discriminator, ``const``, maps. Draft 4's own words (a boolean ``exclusiveMinimum``,
``definitions``) and OpenAPI 3.0's (``nullable``) are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from ..catalog import (
    EnumShape,
    Field,
    Json,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    ReadingWarning,
    Reference,
    Shape,
    ShapeName,
    Type,
    UnionShape,
)
from ..names import type_name
from ..openapi.document import Document
from ..openapi.references import References, Warnings
from ..openapi.shapes import ShapeReader
from .inline_names import InlineNames


@dataclass(frozen=True, slots=True)
class ReadSchema:
    """One schema, read.

    Attributes:
        type: What it describes.
        members: The members, where it describes an object of which all are known; else ``None``.
        shapes: All that *type* leads to.
        member_shapes: All that *members* lead to: the object itself is among them only if it holds itself.
        warnings: What could not be taken as it stands, by JSON pointers into the schema.
    """

    type: Type
    members: tuple[Field, ...] | None
    shapes: dict[ShapeName, Shape]
    member_shapes: dict[ShapeName, Shape]
    warnings: tuple[ReadingWarning, ...]


def read_schema(schema: Json, *, document: str, name: str, noun: str) -> ReadSchema:
    """The types that *schema* describes. A fault costs only what it touches, and is a warning.

    Args:
        schema: A JSON Schema with its definitions, whatever its draft.
        document: ``inputSchema`` or ``outputSchema``.
        name: For its shape, if it is one and has no title.
        noun: What the function is about, for things that have no name of their own.
    """
    warnings = Warnings()
    name = type_name(name)
    if not isinstance(schema, dict):
        if schema is True:
            return ReadSchema(JsonType(), None, {}, {}, ())
        reason = "a schema is an object or true"
        fault = ReadingWarning(kind="bad-schema", pointer="", reason=reason)
        return ReadSchema(JsonType(nullable=True, reason=reason), None, {}, {}, (fault,))
    named = InlineNames(schema, document=document, name=name, noun=noun)
    for pointer in named.too_large:
        warnings.add("too-large", pointer, "too many schemas, or nested too deeply; it is read as JSON")
    root = Document(root=named.root, version="3.1", source=document)
    reader = ShapeReader(root, References(root, warnings), warnings)
    if named.start:
        found = reader.type_of({"$ref": f"#{named.start}"}, "/$ref", name)
    else:
        found = reader.type_of(named.root, "", name)
    reader.finish()
    members = _members(schema, found, reader.shapes)
    return ReadSchema(
        found,
        members,
        reachable([found], reader.shapes),
        reachable([member.type for member in members or ()], reader.shapes),
        tuple(
            msgspec.structs.replace(warning, pointer=named.origin(warning.pointer))
            for warning in warnings.sorted()
        ),
    )


def _members(
    schema: Mapping[str, Json], found: Type, shapes: Mapping[ShapeName, Shape]
) -> tuple[Field, ...] | None:
    shape = shapes.get(found.shape) if isinstance(found, Reference) and not found.nullable else None
    if isinstance(shape, ObjectShape):
        return shape.fields
    if schema.get("properties") == {} and schema.get("additionalProperties") is False:
        return ()
    return None


def reachable(types: Iterable[Type], shapes: Mapping[ShapeName, Shape]) -> dict[ShapeName, Shape]:
    """Those of *shapes* that *types* lead to."""
    found: dict[ShapeName, Shape] = {}
    waiting = [name for type_ in types for name in _named(type_)]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found[name] = shape = shapes[name]
        match shape:
            case ObjectShape():
                waiting += [inner for field in shape.fields for inner in _named(field.type)]
            case UnionShape():
                waiting += shape.members
            case EnumShape():
                pass
    return found


def _named(type_: Type) -> list[ShapeName]:
    while isinstance(type_, ListOf | MapOf):
        type_ = type_.item if isinstance(type_, ListOf) else type_.value
    return [type_.shape] if isinstance(type_, Reference) else []
