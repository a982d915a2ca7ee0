"""Messages and enums as shapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from msgspec import UNSET, UnsetType

from ..catalog import (
    Argument,
    Discriminator,
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
    UnionShape,
)
from ..catalog.reading import ReadOptions
from ..names import type_name, unique
from .files import Files
from .members import CASE, OneOf, json_members, map_entry, message_of, one_ofs
from .naming import shape_names, trimmed_values
from .well_known import EMPTY, NULL_VALUE, is_special, special_type

_DEFAULTS: Final = ReadOptions()

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
        requests: Messages whose members are arguments, and that are no shape for that.
        own_packages: Packages of the upstream's services; their types have the first say in names.
        options: What the configuration says.
    """

    def __init__(
        self,
        files: Files,
        roots: Iterable[Descriptor],
        requests: Iterable[Descriptor],
        own_packages: frozenset[str],
        options: ReadOptions = _DEFAULTS,
    ) -> None:
        self._files = files
        self._options = options
        self._reached = _reach(roots, requests, self._is_repaired)
        self._one_ofs = {
            one.full_name: one_ofs(one) for one in self._reached.values() if isinstance(one, Descriptor)
        }
        self._made: dict[ShapeName, Shape] = {}
        """Shapes of groups, which stand for no message."""
        self._made_names: dict[tuple[str, str], ShapeName] = {}
        self._names = shape_names(
            ((one.file.package, one.full_name) for one in self._reached.values()), own_packages
        )
        self._taken: set[str] = set(self._names.values())

    def read_shapes(self) -> dict[ShapeName, Shape]:
        """All shapes, in the order of their names. To be called last: arguments make shapes too."""
        found = {self._names[name]: self._shape(one) for name, one in self._reached.items()}
        return dict(sorted((found | self._made).items()))

    def message_type(self, message: Descriptor, *, nullable: bool) -> Type:
        """The type of a whole message."""
        return special_type(message.full_name, nullable=nullable) or Reference(
            shape=self._names[message.full_name], nullable=nullable
        )

    def arguments(self, message: Descriptor) -> tuple[Argument, ...]:
        """The members of a request message. Only those that proto2 says are required must be given.

        A ``oneof`` with messages in it is one argument that takes one of them. One of scalars alone stays
        several arguments, of which one may be given: they may be keys, and keys are found by their names.
        """
        groups = {
            one.choice: one
            for one in one_ofs(message)
            if one.choice and any(field.message_type is not None for field in one.descriptor.fields)
        }
        chosen = {case for one in groups.values() for case in one.cases.values()}
        found = [
            Argument(
                name=name,
                type=self._type(field),
                required=field.is_required,
                description=self._describe(field),
                deprecated=_deprecated(field),
                resource=self._files.references.get(field.full_name, ""),
            )
            for name, field in self._fields(message)
            if name not in chosen
        ]
        found += (
            Argument(
                name=choice,
                type=Reference(shape=self._choice(message, one), nullable=True),
                description=self._files.comments.get(one.descriptor.full_name, ""),
            )
            for choice, one in groups.items()
        )
        return tuple(found)

    def _shape(self, one: Descriptor | EnumDescriptor) -> Shape:
        name = self._names[one.full_name]
        description = self._files.comments.get(one.full_name, "")
        if isinstance(one, Descriptor):
            resource, _ = self._files.resources.get(one.full_name, ("", ""))
            fields = self._message_fields(one)
            return ObjectShape(name=name, fields=fields, description=description, resource=resource)
        return EnumShape(name=name, values=self._enum_values(one), description=description)

    def _message_fields(self, message: Descriptor) -> tuple[Field, ...]:
        """Its members as they are answered, and as they are taken, each where the two differ marked so."""
        groups = self._one_ofs[message.full_name]
        # In answers the union stands for its fields; in requests the choice does.
        answered = {case for one in groups if one.is_union for case in one.cases.values()}
        taken = {case for one in groups if one.choice for case in one.cases.values()}
        fields = [
            msgspec.structs.replace(
                self._field(name, field), read_only=name in taken, write_only=name in answered
            )
            for name, field in self._fields(message)
            if not (name in taken and name in answered)
        ]
        for one in groups:
            description = self._files.comments.get(one.descriptor.full_name, "")
            shape = self._union(message, one) if one.is_union else self._cases(message, one)
            type_ = Reference(shape=shape, nullable=True)
            fields.append(Field(name=one.name, type=type_, description=description, read_only=True))
            if one.choice:
                choice = Reference(shape=self._choice(message, one), nullable=True)
                fields.append(Field(name=one.choice, type=choice, description=description, write_only=True))
        return tuple(fields)

    # -- groups

    def _made_name(self, message: Descriptor, one: OneOf, suffix: str) -> tuple[ShapeName, bool]:
        """The name of a group's shape, and whether it is to be made."""
        at = (one.descriptor.full_name, suffix)
        if at in self._made_names:
            return self._made_names[at], False
        name = unique(type_name(f"{self._base_name(message)}.{one.descriptor.name}.{suffix}"), self._taken)
        self._taken.add(name)
        self._made_names[at] = ShapeName(name)
        return ShapeName(name), True

    def _base_name(self, message: Descriptor) -> str:
        own = self._names.get(message.full_name)
        return own if own is not None else message.full_name.removeprefix(f"{message.file.package}.")

    def _union(self, message: Descriptor, one: OneOf) -> ShapeName:
        name, _ = self._made_name(message, one, "")
        members = {
            one.cases[field.name]: self._names[message_of(field).full_name] for field in one.descriptor.fields
        }
        self._made[name] = UnionShape(
            name=name,
            members=tuple(members.values()),
            discriminator=Discriminator(property=CASE, mapping=members),
        )
        return name

    def _cases(self, message: Descriptor, one: OneOf) -> ShapeName:
        name, _ = self._made_name(message, one, "case")
        values = tuple(EnumValue(value=case) for case in one.cases.values())
        self._made[name] = EnumShape(name=name, values=values)
        return name

    def _choice(self, message: Descriptor, one: OneOf) -> ShapeName:
        name, is_new = self._made_name(message, one, "input")
        if not is_new:
            return name
        fields = tuple(
            msgspec.structs.replace(
                self._field(one.cases[field.name], field),
                type=self._chosen_type(field),
                required=False,
                default=UNSET,
            )
            for field in one.descriptor.fields
        )
        self._made[name] = ObjectShape(name=name, fields=fields, exclusive=True)
        return name

    def _chosen_type(self, field: FieldDescriptor) -> Type:
        """The type of a choice: what is chosen must not be null, so that ``NullValue`` is its one name."""
        if field.enum_type is None or field.enum_type.full_name != NULL_VALUE:
            return self._type(field)
        at = (NULL_VALUE, "")
        if at not in self._made_names:
            name = ShapeName(unique("NullValue", self._taken))
            self._taken.add(name)
            self._made_names[at] = name
            self._made[name] = EnumShape(name=name, values=(EnumValue(value="NULL_VALUE"),))
        return Reference(shape=self._made_names[at], nullable=True)

    # -- members

    def _enum_values(self, enum: EnumDescriptor) -> tuple[EnumValue, ...]:
        trimmed = trimmed_values(enum.name, [one.name for one in enum.values])
        # Of names that share a number, json_format prints one.
        return tuple(
            EnumValue(
                value=value.name,
                name=trimmed.get(value.name, "") if self._options.trim_enum_prefixes else "",
                description=self._files.comments.get(f"{enum.full_name}.{value.name}", ""),
                deprecated=_deprecated(value),
            )
            for value in enum.values
            if enum.values_by_number[value.number].name == value.name
        )

    def _fields(self, message: Descriptor) -> Iterator[tuple[str, FieldDescriptor]]:
        members = json_members(message)
        for field in message.fields:
            if members[field.json_name] is not field:
                reason = f"left out: an earlier member has the JSON name {field.json_name} too"
                self._files.warn("json-name-clash", field.full_name, reason)
        yield from members.items()

    def _field(self, name: str, field: FieldDescriptor) -> Field:
        return Field(
            name=name,
            type=self._type(field),
            # Without presence it is always printed; required ones are there or the message is refused.
            required=field.is_required or not field.has_presence,
            default=UNSET if field.has_presence else _zero(field),
            description=self._describe(field),
            deprecated=_deprecated(field),
            resource=self._resource(field),
        )

    def _resource(self, field: FieldDescriptor) -> str:
        message = field.containing_type
        assert message is not None
        own, member = self._files.resources.get(message.full_name, ("", ""))
        return own if field.name == member else self._files.references.get(field.full_name, "")

    def _describe(self, field: FieldDescriptor) -> str:
        """The comment, and the default that proto2 gives an absent member."""
        comment = self._files.comments.get(field.full_name, "")
        if not field.has_default_value or not field.has_presence:
            return comment
        default = field.default_value
        if field.enum_type is not None:
            default = field.enum_type.values_by_number[default].name
        elif isinstance(default, bytes):
            return comment  # not text
        note = f"Absent, it stands for {json.dumps(default)}."
        return f"{comment}\n{note}" if comment else note

    def _type(self, field: FieldDescriptor) -> Type:
        if (entry := map_entry(field)) is not None:
            value = entry.fields_by_name["value"]
            if self._options.maps == "json":
                return JsonType()
            return MapOf(value=self._single(value, nullable=False))
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
    roots: Iterable[Descriptor],
    requests: Iterable[Descriptor],
    is_repaired: Callable[[FieldDescriptor], bool],
) -> dict[str, Descriptor | EnumDescriptor]:
    """Messages and enums that become shapes, by fully-qualified name: *roots*, and all that is in them.

    Of *requests* only what is in them.
    """
    found: dict[str, Descriptor | EnumDescriptor] = {}
    waiting = list(roots)

    def reach_members(message: Descriptor) -> None:
        for each in json_members(message).values():
            entry = map_entry(each)
            field = entry.fields_by_name["value"] if entry is not None else each
            if is_repaired(field):
                continue
            if field.message_type is not None:
                waiting.append(field.message_type)
            elif field.enum_type is not None and field.enum_type.full_name != NULL_VALUE:
                found[field.enum_type.full_name] = field.enum_type

    for request in requests:
        if not is_special(request.full_name):
            reach_members(request)
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.full_name == EMPTY or is_special(message.full_name):
            continue
        found[message.full_name] = message
        reach_members(message)
    return found


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
