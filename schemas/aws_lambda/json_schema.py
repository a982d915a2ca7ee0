"""JSON Schema to shapes: the part of it that schemas of Lambda functions are written in.

Read are ``type`` (a word or a list with ``null``), ``properties``, ``required``, ``items``, ``enum``,
``format``, ``additionalProperties``, ``nullable``, local ``$ref``, ``anyOf`` and ``oneOf`` of one schema
and null, ``allOf`` of one schema, and the annotations and bounds beside them. What else would shape a value
becomes `JsonType`, with a warning that says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from ..catalog import (
    EnumShape,
    EnumValue,
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
)
from ..names import singular, type_name, unique, words
from .scalars import constraints_of, scalar_of

MAX_DEPTH: Final = 48
"""Schemas within schemas. Deeper ones are JSON: no author writes them, and a GraphQL client cannot select them."""

MAX_SCHEMAS: Final = 20_000
"""Schemas of one function; the bound on what references and aliases may expand to."""

_SHAPING: Final = (
    "patternProperties",
    "prefixItems",
    "dependentSchemas",
    "if",
    "$dynamicRef",
    "$recursiveRef",
)
_TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_GENERIC: Final = frozenset(
    {"items", "item", "results", "result", "data", "entries", "values", "list", "records"}
)


class SchemaReader:
    """Reads the schemas of one function; their shapes gather in *shapes*, their faults in *warnings*.

    Args:
        function: Pascal-case name of the function, the prefix for names that would clash.
        noun: What the function is about, for things that have no name of their own (``Price``).
    """

    def __init__(self, *, function: str, noun: str, documents: Mapping[str, Json]) -> None:
        self.shapes: dict[ShapeName, Shape] = {}
        self.warnings: list[ReadingWarning] = []
        self._function = function
        self._noun = noun
        self._documents = documents
        self._references: dict[tuple[str, str, str], Type] = {}
        self._resolving: set[tuple[str, str, str]] = set()
        self._read = 0

    def read(self, document: str, *, name: str, suffix: str = "") -> Type:
        """The type of a whole document.

        Args:
            document: ``inputSchema`` or ``outputSchema``.
            name: For the shape, if it is one and has no title.
            suffix: Ends the names of objects in it (``Input``).
        """
        place = _Place(document, suffix, f"/{document}", name, self._function)
        # As if referred to, so that a reference to the whole document (``#``) finds it.
        return self._target(self._documents[document], place)

    def read_members(self, document: str, *, suffix: str = "") -> tuple[Field, ...] | None:
        """The members of an object that a document describes; ``None`` if it describes something else."""
        schema, pointer = self._followed(self._documents[document], document, f"/{document}")
        if not isinstance(schema, dict) or _kind(schema) != "object" or _is_composed(schema):
            return None
        properties = schema.get("properties")
        if not isinstance(properties, dict) or (
            not properties and schema.get("additionalProperties") is not False
        ):
            return None
        return self._fields(schema, _Place(document, suffix, pointer, "", self._function))

    # -- one schema

    def _type(self, schema: Json, place: _Place) -> Type:
        self._read += 1
        if place.depth > MAX_DEPTH:
            return self._json(place, "too-large", f"more than {MAX_DEPTH} schemas within each other")
        if self._read > MAX_SCHEMAS:
            reason = f"more than {MAX_SCHEMAS} schemas of one function"
            if self._read == MAX_SCHEMAS + 1:
                self._warn(place, "too-large", reason)
            return JsonType(nullable=True, reason=reason)
        if schema is True or schema == {}:
            return JsonType()
        if not isinstance(schema, dict):
            return self._json(place, "not-a-schema", "a schema is an object or true")
        if "$ref" in schema:
            found = self._reference(schema["$ref"], place)
            return _nullable(found) if schema.get("nullable") is True else found
        for keyword in _SHAPING:
            if keyword in schema:
                return self._json(place, "unsupported-keyword", f"{keyword} is not read here")
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return self._composed(schema, keyword, place)
        kind = _kind(schema)
        if kind is None:
            return JsonType(nullable=True)
        if kind not in _TYPES:
            reason = f"type is {kind}" if kind else "a value may be of several types"
            return self._json(place, "unsupported-type", reason)
        found = self._of_kind(kind, schema, place)
        return _nullable(found) if _allows_null(schema) else found

    def _of_kind(self, kind: str, schema: dict[str, Json], place: _Place) -> Type:
        match kind:
            case "object":
                return self._object(schema, place)
            case "array":
                return self._list(schema, place)
            case "string" if isinstance(schema.get("enum"), list):
                return self._enum(schema, place)
            case "null":
                return JsonType(nullable=True)
            case _:
                return scalar_of(kind, schema)

    def _object(self, schema: dict[str, Json], place: _Place) -> Type:
        properties = schema.get("properties")
        others = schema.get("additionalProperties", True)
        if not isinstance(properties, dict) or not properties:
            if isinstance(others, dict) and others:
                return MapOf(value=self._type(others, place.inner("additionalProperties", place.name)))
            return JsonType()
        if place.reserved is not None:
            name = place.reserved
        else:
            name = self._name(schema, place, ending=place.suffix)
        # The name is taken before the members are read, so that none of them gets it.
        self.shapes[name] = ObjectShape(name=name, fields=())
        fields = self._fields(schema, place.within(name))
        twin = ShapeName(self._plain_name(schema, place, ending=place.suffix))
        known = self.shapes.get(twin)
        if (
            name != twin
            and place.reserved is None
            and isinstance(known, ObjectShape)
            and known.fields == fields
        ):
            # Described twice in place, and alike: an address to ship to and one to send the bill to.
            del self.shapes[name]
            return Reference(shape=twin)
        self.shapes[name] = ObjectShape(
            name=name, fields=fields, description=_text(schema.get("description"))
        )
        return Reference(shape=name)

    def _fields(self, schema: dict[str, Json], place: _Place) -> tuple[Field, ...]:
        properties = schema["properties"]
        assert isinstance(properties, dict)
        if isinstance(schema.get("additionalProperties"), dict):
            self._warn(place, "additional-properties", "members beside the named ones are left out")
        required = schema.get("required")
        needed = set(_strings(required))
        for name in needed - properties.keys():
            self._warn(place, "required-unknown", f"required names {name}, which is no property")
        fields = []
        for name, inner in properties.items():
            about: Mapping[str, Json] = inner if isinstance(inner, dict) else {}
            fields.append(
                Field(
                    name=name,
                    type=self._type(inner, place.inner(f"properties/{_escaped(name)}", name)),
                    required=name in needed,
                    default=about.get("default", UNSET),
                    description=_text(about.get("description")),
                    deprecated="" if about.get("deprecated") is True else None,
                    read_only=about.get("readOnly") is True,
                    write_only=about.get("writeOnly") is True,
                )
            )
        return tuple(fields)

    def _list(self, schema: dict[str, Json], place: _Place) -> Type:
        constraints = constraints_of(schema)
        if "items" not in schema:
            return ListOf(item=JsonType(nullable=True), constraints=constraints)
        found = words(place.name)
        name = (
            self._noun if not found or found[-1] in _GENERIC else "_".join([*found[:-1], singular(found[-1])])
        )
        item = self._type(schema["items"], place.inner("items", name))
        return ListOf(item=item, constraints=constraints)

    def _enum(self, schema: dict[str, Json], place: _Place) -> Type:
        values = schema["enum"]
        assert isinstance(values, list)
        texts = list(dict.fromkeys(value for value in values if isinstance(value, str)))
        if not texts:
            return scalar_of("string", schema)
        name = place.reserved or self._name(schema, place)
        shape = EnumShape(
            name=name,
            values=tuple(EnumValue(value=text) for text in texts),
            description=_text(schema.get("description")),
        )
        twin = ShapeName(self._plain_name(schema, place))
        known = self.shapes.get(twin)
        if place.reserved is None and isinstance(known, EnumShape) and known.values == shape.values:
            return Reference(shape=twin)
        self.shapes[name] = shape
        return Reference(shape=name)

    def _composed(self, schema: dict[str, Json], keyword: str, place: _Place) -> Type:
        members = schema[keyword]
        if not isinstance(members, list):
            return self._json(place, "not-a-schema", f"{keyword} is a list of schemas")
        kept = [(index, member) for index, member in enumerate(members) if not _is_null(member)]
        if len(kept) != 1 or "properties" in schema:
            return self._json(place, "unsupported-keyword", f"{keyword} of several schemas is not read here")
        index, member = kept[0]
        found = self._type(member, place.inner(f"{keyword}/{index}", place.name))
        return _nullable(found) if len(kept) < len(members) or _allows_null(schema) else found

    # -- references

    def _reference(self, reference: Json, place: _Place) -> Type:
        target = self._resolve(reference, place.document)
        if target is None:
            return self._json(place, "unresolved-ref", f"nothing is at {str(reference)[:120]}")
        schema, pointer = target
        step = pointer.removeprefix(f"/{place.document}").rpartition("/")[2]
        name = step.replace("~1", "/").replace("~0", "~") or self._function
        inner = _Place(place.document, place.suffix, pointer, name, place.owner, place.depth + 1)
        return self._target(schema, inner)

    def _target(self, schema: Json, place: _Place) -> Type:
        """The type of what references may lead to; the same one for each of them."""
        key = (place.document, place.suffix, place.pointer)
        if key in self._references:
            return self._references[key]
        if key in self._resolving:
            return self._json(place, "circular-ref", "a reference leads to itself")
        if isinstance(schema, dict) and _is_shape(schema):
            reserved = self._name(schema, place, ending=place.suffix if _kind(schema) == "object" else "")
            self.shapes[reserved] = ObjectShape(name=reserved, fields=())
            self._references[key] = _nullable_if(schema, Reference(shape=reserved))
            place = place.keeping(reserved)
        self._resolving.add(key)
        found = self._type(schema, place)
        self._resolving.discard(key)
        self._references[key] = found
        return found

    def _resolve(self, reference: Json, document: str) -> tuple[Json, str] | None:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        path = reference[1:]
        # A schema is its own document; but the authors of a file with both may point from the file's top.
        for root, start in ((self._documents[document], f"/{document}"), (dict(self._documents), "")):
            found: Any = root
            for part in path.split("/")[1:]:
                step = part.replace("~1", "/").replace("~0", "~")
                if isinstance(found, dict) and step in found:
                    found = found[step]
                elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
                    found = found[int(step)]
                else:
                    break
            else:
                return found, start + path
        return None

    def _followed(self, schema: Json, document: str, pointer: str) -> tuple[Json, str]:
        seen = {pointer}
        while isinstance(schema, dict) and "$ref" in schema:
            target = self._resolve(schema["$ref"], document)
            if target is None or target[1] in seen:
                break
            schema, pointer = target
            seen.add(pointer)
        return schema, pointer

    # -- names and warnings

    def _name(self, schema: Mapping[str, Json], place: _Place, *, ending: str = "") -> ShapeName:
        name = self._plain_name(schema, place, ending=ending)
        if name not in self.shapes:
            return ShapeName(name)
        return ShapeName(unique(type_name(place.owner) + name, self.shapes))

    def _plain_name(self, schema: Mapping[str, Json], place: _Place, *, ending: str = "") -> str:
        name = type_name(_text(schema.get("title")) or place.name or self._noun)
        return name if not ending or name.endswith(ending) else name + ending

    def _json(self, place: _Place, kind: str, reason: str) -> JsonType:
        self._warn(place, kind, reason)
        return JsonType(nullable=True, reason=reason)

    def _warn(self, place: _Place, kind: str, reason: str) -> None:
        self.warnings.append(ReadingWarning(kind=kind, pointer=place.pointer, reason=reason))


class _Place(msgspec.Struct, frozen=True):
    """Where a schema stands.

    Attributes:
        name: Of the property or definition that it stands at.
        owner: Name of the shape around it.
        reserved: The name that its shape has already been given, because a reference leads to it.
    """

    document: str
    suffix: str
    pointer: str
    name: str
    owner: str
    depth: int = 0
    reserved: ShapeName | None = None

    def inner(self, step: str, name: str) -> _Place:
        return _Place(self.document, self.suffix, f"{self.pointer}/{step}", name, self.owner, self.depth + 1)

    def within(self, owner: str) -> _Place:
        return msgspec.structs.replace(self, owner=owner, reserved=None)

    def keeping(self, name: ShapeName) -> _Place:
        return msgspec.structs.replace(self, reserved=name)


def _kind(schema: Mapping[str, Json]) -> str | None:
    """The type of the values that are not null; ``""`` for several, ``None`` if nothing says."""
    stated = schema.get("type")
    if isinstance(stated, str):
        return stated
    if isinstance(stated, list):
        found = [word for word in stated if isinstance(word, str) and word != "null"]
        return found[0] if len(found) == 1 else "null" if not found else ""
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    enum = schema.get("enum")
    if isinstance(enum, list) and enum and all(value is None or isinstance(value, str) for value in enum):
        return "string"
    return None


def _allows_null(schema: Mapping[str, Json]) -> bool:
    stated, enum = schema.get("type"), schema.get("enum")
    return (
        schema.get("nullable") is True
        or (isinstance(stated, list) and "null" in stated)
        or (isinstance(enum, list) and None in enum)
    )


def _is_null(schema: Json) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _is_composed(schema: Mapping[str, Json]) -> bool:
    return any(keyword in schema for keyword in ("anyOf", "oneOf", "allOf", *_SHAPING))


def _is_shape(schema: Mapping[str, Json]) -> bool:
    """Whether a schema becomes a shape with a name."""
    if _is_composed(schema) or "$ref" in schema:
        return False
    match _kind(schema):
        case "object":
            return bool(schema.get("properties")) and isinstance(schema["properties"], dict)
        case "string":
            enum = schema.get("enum")
            return isinstance(enum, list) and any(isinstance(value, str) for value in enum)
        case _:
            return False


def _nullable(found: Type) -> Type:
    return msgspec.structs.replace(found, nullable=True)


def _nullable_if(schema: Mapping[str, Json], found: Type) -> Type:
    return _nullable(found) if _allows_null(schema) else found


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _strings(value: Json) -> Iterable[str]:
    return (item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
