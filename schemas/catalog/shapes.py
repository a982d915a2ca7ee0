"""Shapes: the neutral type system that JSON Schema, protobuf and Lambda descriptions are read into.

A *type* stands at a position (an argument, a field, a list item) and says whether null may stand there.
A *shape* is a type with a name of its own, held by its upstream: objects, enums, unions. Types refer to
shapes by name, so shapes may be recursive.

All names here are the upstream's own ("wire names"); GraphQL names are made when the schema is built.
"""

from __future__ import annotations

from typing import Any, Literal, NewType, TypeAlias

from msgspec import UNSET, Struct, UnsetType

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""A JSON value as ``msgspec.json.decode`` gives it."""

ShapeName = NewType("ShapeName", str)
"""Name of a shape, unique within its upstream; also the suggestion for its GraphQL name."""

ScalarKind: TypeAlias = Literal[
    "string",
    "boolean",
    "int32",
    "int64",
    "uint64",
    "float",
    "decimal",
    "id",
    "date",
    "date-time",
    "time",
    "duration",
    "uuid",
    "uri",
    "email",
    "ipv4",
    "ipv6",
    "byte",
    "binary",
    "password",
]
"""What a scalar holds. ``int32`` and ``uint32`` values that may pass 2**31 are ``int64``; ``byte`` is
base64 text; ``binary`` is raw bytes, base64 once it is in JSON."""


class Constraints(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What JSON Schema calls validation keywords, as far as they are checked on inputs."""

    minimum: float | int | None = None
    maximum: float | int | None = None
    exclusive_minimum: float | int | None = None
    exclusive_maximum: float | int | None = None
    multiple_of: float | int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False
    min_properties: int | None = None
    max_properties: int | None = None
    const: str | int | float | bool | None = None


class _Position(Struct, frozen=True, omit_defaults=True, kw_only=True):
    nullable: bool = False
    constraints: Constraints | None = None


class Scalar(_Position, frozen=True, omit_defaults=True, tag="scalar", kw_only=True):
    """A leaf value.

    *format* keeps the description's own word where *kind* does not say it all; ``string`` for a decimal that
    is a JSON text.
    """

    kind: ScalarKind
    format: str = ""


class Reference(_Position, frozen=True, omit_defaults=True, tag="ref", kw_only=True):
    """A shape of the same upstream."""

    shape: ShapeName


class ListOf(_Position, frozen=True, omit_defaults=True, tag="list", kw_only=True):
    """A JSON array."""

    item: Type


class MapOf(_Position, frozen=True, omit_defaults=True, tag="map", kw_only=True):
    """A JSON object whose member names are data."""

    value: Type


class JsonType(_Position, frozen=True, omit_defaults=True, tag="json", kw_only=True):
    """Any JSON value. *reason* says why it has no better type, where that was not the author's wish."""

    reason: str = ""


Type: TypeAlias = Scalar | Reference | ListOf | MapOf | JsonType


class Field(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One member of an object.

    Attributes:
        name: The wire name: the member's name in JSON.
        required: Whether the member must be present. A required member may still be null (*type.nullable*).
        default: The value that stands for an absent member, or ``UNSET``.
        deprecated: The reason, ``""`` where none is given, or ``None`` if it is not deprecated.
        read_only: Left out of inputs.
        write_only: Left out of outputs.
        resource: Type of the resource whose name the member holds (``google.api.resource_reference``), or ``""``.
    """

    name: str
    type: Type
    required: bool = False
    default: Any | UnsetType = UNSET
    description: str = ""
    deprecated: str | None = None
    read_only: bool = False
    write_only: bool = False
    resource: str = ""


class ObjectShape(Struct, frozen=True, omit_defaults=True, tag="object", kw_only=True):
    """An object with named members.

    Attributes:
        exclusive: Exactly one member is given, and it is not null: an input object with ``@oneOf``.
        resource: Type of the resource that it is (``google.api.resource``), or ``""``.
    """

    name: ShapeName
    fields: tuple[Field, ...]
    description: str = ""
    exclusive: bool = False
    resource: str = ""


class EnumValue(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One value of an enum.

    Attributes:
        value: What stands on the wire.
        name: The author's name for it, where the value itself is not one (``x-enum-varnames``); else ``""``.
    """

    value: str | int | float | bool
    name: str = ""
    description: str = ""
    deprecated: str | None = None


class EnumShape(Struct, frozen=True, omit_defaults=True, tag="enum", kw_only=True):
    """A closed set of scalar values."""

    name: ShapeName
    values: tuple[EnumValue, ...]
    description: str = ""


class Discriminator(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which member of a union a value is.

    Attributes:
        property: Wire name of the member that tells.
        mapping: Its value to the shape's name.
        default: The shape of a value that *mapping* has no word for; ``""`` to go by the best match.
    """

    property: str
    mapping: dict[str, ShapeName]
    default: ShapeName = ShapeName("")


class UnionShape(Struct, frozen=True, omit_defaults=True, tag="union", kw_only=True):
    """One of several objects. Without a discriminator the best match of required members decides."""

    name: ShapeName
    members: tuple[ShapeName, ...]
    discriminator: Discriminator | None = None
    description: str = ""


Shape: TypeAlias = ObjectShape | EnumShape | UnionShape
