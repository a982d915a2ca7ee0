"""Operations that ask for all that a function answers, and what must come back.

What is expected is made from the server's own message by json_format, without any of Weft's code that reads
answers: of Weft only the schema is used, to know what a field stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
)

from tests.corpus.grpc.messages import extensions_of
from weft.schemas.stitch import MemberBinding, UnionBinding, binding_of
from weft.schemas.stitch.bindings import EXTENSION, is_map_entry

_SAFE = 2**53 - 1
JSON_FORMAT: dict[str, Any] = {"always_print_fields_with_no_presence": True}


@dataclass
class Asked:
    """What is selected of a type: response names to what stands behind them.

    Attributes:
        type: As the schema has it, without non-null and lists.
        fields: Response name to field name and what is selected in it; by concrete type in a union.
    """

    type: Any
    fields: dict[str, dict[str, tuple[str, Asked]]] = field(default_factory=dict)


def select(type_: Any, depth: int) -> tuple[str, Asked]:
    """A selection set of all fields to *depth*, as text, and the same as data."""
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        type_ = type_.of_type
    asked = Asked(type_)
    match type_:
        case GraphQLObjectType():
            text, asked.fields[type_.name] = _select_object(type_, depth, "")
            return f" {{ {text} }}", asked
        case GraphQLUnionType():
            parts = ["__typename"]
            for member in type_.types:
                # Fields of one name may differ in type: each has a name of its own.
                text, asked.fields[member.name] = _select_object(member, depth, f"{member.name}_")
                parts.append(f"... on {member.name} {{ {text} }}")
            return f" {{ {' '.join(parts)} }}", asked
        case _:
            return "", asked


def _select_object(
    type_: GraphQLObjectType, depth: int, prefix: str
) -> tuple[str, dict[str, tuple[str, Asked]]]:
    parts = ["__typename"]
    fields: dict[str, tuple[str, Asked]] = {}
    for name, one in type_.fields.items():
        inner = one.type
        while isinstance(inner, GraphQLNonNull | GraphQLList):
            inner = inner.of_type
        is_leaf = isinstance(inner, GraphQLScalarType | GraphQLEnumType)
        if (not is_leaf and depth <= 1) or not isinstance(binding_of(one), MemberBinding):
            continue  # too deep, or a link
        text, asked = select(one.type, depth - (not is_map_entry(inner)))
        response_name = prefix + name
        parts.append(f"{response_name}: {name}{text}" if prefix else f"{name}{text}")
        fields[response_name] = (name, asked)
    return " ".join(parts), fields


def leaves_of(asked: Asked, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of response names to all leaves that are selected, but those that are always null."""
    if not asked.fields and at[-1:] != ("nullValue",):
        yield at
    for fields in asked.fields.values():
        for response_name, (_, inner) in fields.items():
            yield from leaves_of(inner, (*at, response_name))


def values_of(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of response names, without indices, to all leaves that hold a value."""
    if isinstance(value, list):
        for one in value:
            yield from values_of(one, at)
    elif isinstance(value, dict) and "__typename" in value:
        for name, one in value.items():
            if name != "__typename":
                yield from values_of(one, (*at, name))
    elif value is not None:
        yield at


# -- answers


class Expected:
    """What a message must become.

    Args:
        pool: Has the messages.
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def of(self, message: Any, type_: Any, asked: Asked) -> Any:
        """The response's value for a whole answer."""
        printed = json_format.MessageToDict(message, **JSON_FORMAT, descriptor_pool=self._pool)
        return self._value(type_, asked, printed, message.DESCRIPTOR, None)

    def _value(
        self, type_: Any, asked: Asked, value: Any, message: Descriptor | None, one: FieldDescriptor | None
    ) -> Any:
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if value is None:
            return None
        match type_:
            case GraphQLList() if is_map_entry(_named(type_)):
                assert message is not None
                return self._entries(_named(type_), asked, value, message)
            case GraphQLList(of_type=item):
                return [self._value(item, asked, each, message, one) for each in value]
            case GraphQLObjectType():
                assert message is not None
                return self._object(type_, asked.fields[type_.name], value, message)
            case GraphQLUnionType():
                raise AssertionError("a union stands in an object")
            case GraphQLEnumType():
                return next(name for name, each in type_.values.items() if each.value == value)
            case _:
                return self._scalar(type_.name, value)

    def _scalar(self, name: str, value: Any) -> Any:
        match name:
            case "BigInt":
                number = int(value)
                return number if abs(number) <= _SAFE else str(number)
            case "Float":
                return float(value)
            case _:
                return value

    def _entries(self, entry: Any, asked: Asked, value: Any, message: Descriptor) -> Any:
        of = message.fields_by_name["value"]
        found = []
        for key in sorted(value):
            made: dict[str, Any] = {"__typename": entry.name}
            for response_name, (name, inner) in asked.fields[entry.name].items():
                made[response_name] = (
                    key
                    if name == "key"
                    else self._value(entry.fields["value"].type, inner, value[key], of.message_type, of)
                )
            found.append(made)
        return found

    def _object(
        self, type_: Any, fields: dict[str, tuple[str, Asked]], value: Any, message: Descriptor
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"__typename": type_.name}
        members = {one.json_name: one for one in message.fields}
        members |= {f"[{one.full_name}]": one for one in extensions_of(message)}
        for response_name, (name, asked) in fields.items():
            binding = binding_of(type_.fields[name])
            assert isinstance(binding, MemberBinding)
            wire = binding.member
            if wire in members:
                one = members[wire]
                inner = type_.fields[name].type
                # json_format prints no extension that is empty.
                member = value.get(wire, [] if one.is_extension and one.is_repeated else None)
                found[response_name] = self._value(inner, asked, member, one.message_type, one)
                continue
            group, case = _group(message, wire, value)
            if isinstance(asked.type, GraphQLUnionType):
                found[response_name] = self._union(asked, case, value)
            else:
                assert wire.endswith("Case"), f"{message.full_name} has neither member nor oneof {wire}"
                assert group is not None
                found[response_name] = None if case is None else _enum_name(asked.type, case.json_name)
        return found

    def _union(self, asked: Asked, case: FieldDescriptor | None, value: Any) -> Any:
        if case is None:
            return None
        binding: UnionBinding = asked.type.extensions[EXTENSION]
        name = binding.mapping[case.json_name]
        concrete = next(one for one in asked.type.types if one.name == name)
        assert case.message_type is not None
        return self._object(concrete, asked.fields[name], value[case.json_name], case.message_type)


def _named(type_: Any) -> Any:
    while hasattr(type_, "of_type"):
        type_ = type_.of_type
    return type_


def _enum_name(enum: Any, value: str) -> Any:
    return next(name for name, one in enum.values.items() if one.value == value)


def _group(message: Descriptor, wire: str, value: Any) -> tuple[Any, FieldDescriptor | None]:
    """The oneof that a member stands for, and its field that is there."""
    for group in message.oneofs:
        head, *rest = group.name.split("_")
        name = head + "".join(part[:1].upper() + part[1:] for part in rest)
        if wire in {name, f"{name}Case"}:
            return group, next((one for one in group.fields if one.json_name in value), None)
    return None, None


def normal(value: Any) -> Any:
    """*value* with the entries of maps in order."""
    if isinstance(value, list):
        found = [normal(one) for one in value]
        if found and all(
            isinstance(one, dict) and one.get("__typename", "").endswith("Entry") for one in found
        ):
            found.sort(key=lambda one: str(one.get("key")))
        return found
    return {name: normal(one) for name, one in value.items()} if isinstance(value, dict) else value


def differences(found: Any, expected: Any, at: str = "") -> list[str]:
    """Where two responses differ, at most a few places."""
    if isinstance(found, dict) and isinstance(expected, dict):
        if "@type" in expected and "@type" in found:
            return [] if _same_any(found, expected) else [f"{at}: {found!r:.200} for {expected!r:.200}"]
        names = dict.fromkeys((*expected, *found))
        return [
            text
            for name in names
            for text in differences(found.get(name), expected.get(name), f"{at}.{name}")
        ][:5]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [text for n, (a, b) in pairs for text in differences(a, b, f"{at}[{n}]")][:5]
    same = found == expected and isinstance(found, bool) == isinstance(expected, bool)
    return [] if same else [f"{at}: {found!r:.200} for {expected!r:.200}"]


def _same_any(found: Any, expected: Any) -> bool:
    """Whether two messages in ``Any`` are the same: ProtoJSON writes 64-bit integers as text, Weft does not."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same_any(found[k], expected[k]) for k in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same_any, found, expected))
    return found == expected or (isinstance(found, int) and str(found) == expected)


# -- arguments


class Given:
    """Messages as the arguments that must make them.

    Args:
        pool: Has the messages.
    """

    def __init__(self, pool: DescriptorPool) -> None:
        self._pool = pool

    def arguments(self, message: Any, field: Any) -> dict[str, Any]:
        """Variables by the names of *field*'s arguments."""
        printed: Any = json_format.MessageToDict(message, descriptor_pool=self._pool)
        by_wire = {one.out_name or name: (name, one.type) for name, one in field.args.items()}
        if not isinstance(printed, dict) or message.DESCRIPTOR.full_name.startswith("google.protobuf."):
            return {name: self.value(type_, printed, message.DESCRIPTOR) for name, type_ in by_wire.values()}
        return self._members(by_wire, printed, message.DESCRIPTOR)

    def whole(self, message: Any, type_: Any) -> Any:
        """A message as one input of *type_*."""
        printed = json_format.MessageToDict(message, descriptor_pool=self._pool)
        return self.value(type_, printed, message.DESCRIPTOR)

    def value(self, type_: Any, value: Any, message: Descriptor | None) -> Any:
        """One value as an input of *type_*."""
        while isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList) and message is not None and message.GetOptions().map_entry:
            inner = message.fields_by_name["value"].message_type
            entry: Any = _named(type_)
            return [
                {"key": key, "value": self.value(entry.fields["value"].type, one, inner)}
                for key, one in value.items()
            ]
        match type_:
            case GraphQLList(of_type=item) if isinstance(value, list):
                return [self.value(item, one, message) for one in value]
            case GraphQLInputObjectType():
                assert message is not None
                by_wire = {one.out_name or name: (name, one.type) for name, one in type_.fields.items()}
                return self._members(by_wire, value, message)
            case GraphQLEnumType():
                return _enum_name(type_, "NULL_VALUE" if value is None else value)
            case _:
                return int(value) if getattr(type_, "name", "") == "BigInt" else value

    def _members(
        self, by_wire: dict[str, tuple[str, Any]], value: Any, message: Descriptor
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in (*message.fields, *extensions_of(message)):
            wire = f"[{one.full_name}]" if one.is_extension else one.json_name
            if wire not in value:
                continue
            member = value[wire]
            if wire in by_wire:
                name, type_ = by_wire[wire]
                found[name] = self.value(type_, member, one.message_type)
                continue
            assert one.containing_oneof is not None, f"{one.full_name} cannot be given"
            head, *rest = one.containing_oneof.name.split("_")
            name, type_ = by_wire[head + "".join(part[:1].upper() + part[1:] for part in rest)]
            choice = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            (inner,) = (n for n, each in choice.fields.items() if (each.out_name or n) == one.json_name)
            found[name] = {inner: self.value(choice.fields[inner].type, member, one.message_type)}
        return found


def same_request(sent: Any, received: bytes, pool: DescriptorPool) -> bool:
    """Whether the server received what was to be sent, but for members that are there and say nothing new."""
    made = GetMessageClass(sent.DESCRIPTOR).FromString(received)
    if made.SerializeToString(deterministic=True) == sent.SerializeToString(deterministic=True):
        return True
    # The bytes in an Any have their maps in any order.
    printed = (json_format.MessageToDict(one, descriptor_pool=pool) for one in (made, sent))
    return bool(next(printed) == next(printed))
