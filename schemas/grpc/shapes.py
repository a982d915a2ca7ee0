"""Messages and enums as shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from msgspec import UNSET, UnsetType

from ..catalog import (
    Argument,
    EnumShape,
    EnumValue,
    Field,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ScalarKind,
    Shape,
    ShapeName,
    Type,
)
from .files import Files
from .members import json_members, map_entry
from .naming import shape_names
from .well_known import EMPTY, NULL_VALUE, is_special, special_type

# Source: protobuf.dev, "ProtoJSON Format". uint32 may pass 2**31, so it is int64.
_SCALARS: Final[dict[int, tuple[ScalarKind, str]]] = {
    FieldDescriptor.TYPE_DOUBLE: ("float", ""),
    FieldDescriptor.TYPE_FLOAT: ("float", ""),
    FieldDescriptor.TYPE_INT32: ("int32", ""),
    FieldDescriptor.TYPE_SINT32: ("int32", ""),
    FieldDescriptor.TYPE_SFIXED32: ("int32", ""),
    FieldDescriptor.TYPE_UINT32: ("int64", "uint32"),
    FieldDescriptor.TYPE_FIXED32: ("int64", "uint32"),
    FieldDescriptor.TYPE_INT64: ("int64", ""),
    FieldDescriptor.TYPE_SINT64: ("int64", ""),
    FieldDescriptor.TYPE_SFIXED64: ("int64", ""),
    FieldDescriptor.TYPE_UINT64: ("uint64", ""),
    FieldDescriptor.TYPE_FIXED64: ("uint64", ""),
    FieldDescriptor.TYPE_BOOL: ("boolean", ""),
    FieldDescriptor.TYPE_STRING: ("string", ""),
    FieldDescriptor.TYPE_BYTES: ("byte", ""),
}


class ShapeReader:
    """Reads the messages and enums that are reachable from *roots*.

    Args:
        files: Where they are.
        roots: Messages to begin with; those with a JSON form of their own are passed over.
        own_packages: Packages of the upstream's services; their types have the first say in names.
    """

    def __init__(self, files: Files, roots: Iterable[Descriptor], own_packages: frozenset[str]) -> None:
        self._files = files
        self._reached = _reach(roots, self._is_repaired)
        self._names = shape_names(
            ((one.file.package, one.full_name) for one in self._reached.values()), own_packages
        )

    def read_shapes(self) -> dict[ShapeName, Shape]:
        """All shapes, in the order of their names."""
        found = {self._names[name]: self._shape(one) for name, one in self._reached.items()}
        return dict(sorted(found.items()))

    def message_type(self, message: Descriptor, *, nullable: bool) -> Type:
        """The type of a whole message."""
        return special_type(message.full_name, nullable=nullable) or Reference(
            shape=self._names[message.full_name], nullable=nullable
        )

    def arguments(self, message: Descriptor) -> tuple[Argument, ...]:
        """The members of a request message. Only those that proto2 says are required must be given."""
        return tuple(
            Argument(
                name=field.json_name,
                type=self._type(field),
                required=field.is_required,
                description=self._files.comments.get(field.full_name, ""),
                deprecated=_deprecated(field),
            )
            for field in self._fields(message)
        )

    def _shape(self, one: Descriptor | EnumDescriptor) -> Shape:
        name = self._names[one.full_name]
        description = self._files.comments.get(one.full_name, "")
        if isinstance(one, Descriptor):
            fields = tuple(self._field(field) for field in self._fields(one))
            return ObjectShape(name=name, fields=fields, description=description)
        return EnumShape(name=name, values=self._enum_values(one), description=description)

    def _enum_values(self, enum: EnumDescriptor) -> tuple[EnumValue, ...]:
        # Of names that share a number, json_format prints one.
        return tuple(
            EnumValue(
                value=value.name,
                description=self._files.comments.get(f"{enum.full_name}.{value.name}", ""),
                deprecated=_deprecated(value),
            )
            for value in enum.values
            if enum.values_by_number[value.number].name == value.name
        )

    def _fields(self, message: Descriptor) -> Iterator[FieldDescriptor]:
        members = json_members(message)
        for field in message.fields:
            if members[field.json_name] is field:
                yield field
                continue
            reason = f"left out: an earlier member has the JSON name {field.json_name} too"
            self._files.warn("json-name-clash", field.full_name, reason)

    def _field(self, field: FieldDescriptor) -> Field:
        return Field(
            name=field.json_name,
            type=self._type(field),
            # Without presence it is always printed; required ones are there or the message is refused.
            required=field.is_required or not field.has_presence,
            default=UNSET if field.has_presence else _zero(field),
            description=self._files.comments.get(field.full_name, ""),
            deprecated=_deprecated(field),
            one_of=_one_of(field),
        )

    def _type(self, field: FieldDescriptor) -> Type:
        if (entry := map_entry(field)) is not None:
            return MapOf(value=self._single(entry.fields_by_name["value"], nullable=False))
        if field.is_repeated:
            return ListOf(item=self._single(field, nullable=False))
        return self._single(field, nullable=field.has_presence and not field.is_required)

    def _single(self, field: FieldDescriptor, *, nullable: bool) -> Type:
        if self._is_repaired(field):
            return JsonType(nullable=nullable, reason=self._files.repaired[field.full_name])
        if field.message_type is not None:
            return self.message_type(field.message_type, nullable=nullable)
        if field.enum_type is not None:
            if field.enum_type.full_name == NULL_VALUE:
                return JsonType(nullable=True)
            return Reference(shape=self._names[field.enum_type.full_name], nullable=nullable)
        kind, written = _SCALARS[field.type]
        return Scalar(kind=kind, format=written, nullable=nullable)

    def _is_repaired(self, field: FieldDescriptor) -> bool:
        return field.full_name in self._files.repaired


def _reach(
    roots: Iterable[Descriptor], is_repaired: Callable[[FieldDescriptor], bool]
) -> dict[str, Descriptor | EnumDescriptor]:
    """Messages and enums that become shapes, by fully-qualified name."""
    found: dict[str, Descriptor | EnumDescriptor] = {}
    waiting = list(roots)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.full_name == EMPTY or is_special(message.full_name):
            continue
        found[message.full_name] = message
        for each in message.fields:
            entry = map_entry(each)
            field = entry.fields_by_name["value"] if entry is not None else each
            if is_repaired(field):
                continue
            if field.message_type is not None:
                waiting.append(field.message_type)
            elif field.enum_type is not None and field.enum_type.full_name != NULL_VALUE:
                found[field.enum_type.full_name] = field.enum_type
    return found


def _one_of(field: FieldDescriptor) -> str:
    group = field.containing_oneof
    # proto3 ``optional`` is kept as a group of one. Source: protobuf, docs/implementing_proto3_presence.md.
    if group is None or (len(group.fields) == 1 and group.name == f"_{field.name}"):
        return ""
    return group.name


def _zero(field: FieldDescriptor) -> Any | UnsetType:
    """What a member without presence is when it is absent, as JSON."""
    if map_entry(field) is not None:
        return {}
    if field.is_repeated:
        return []
    if field.enum_type is not None:
        return field.enum_type.values_by_number[field.default_value].name
    if field.type == FieldDescriptor.TYPE_BYTES:
        return ""
    return field.default_value


def _deprecated(one: Any) -> str | None:
    return "" if one.has_options and one.GetOptions().deprecated else None
