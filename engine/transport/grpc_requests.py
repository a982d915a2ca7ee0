"""Arguments to request messages, by functions that are made once for each message type.

json_format's parser looks every member up for every message and finds out anew what it may be. Here each
member's function is known before, and the message's own constructor does the rest, in C: 2.4 µs for a request
with a text, an enum and a nested message, where the parser takes 23 µs (protobuf 7.36, Python 3.11,
``python -m tests.benchmarks.bench_grpc_messages``).

Only right values in their usual forms are taken, which is what a GraphQL server has: everything else is left
to json_format, which also says best what is wrong with it. json_format is the oracle in the tests.

Source: protobuf.dev, "ProtoJSON Format".
"""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ...schemas.grpc import WRAPPERS, json_members, map_entry, one_ofs

Maker: TypeAlias = Callable[[Any], Any]
"""From a JSON value to what a constructor of messages takes for it."""

_F: Final = FieldDescriptor
_NULL_VALUE: Final = "google.protobuf.NullValue"
_MAX_FLOAT: Final = 3.4028234663852886e38
_TEXTS: Final = frozenset(
    {"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask"}
)
_LEFT: Final = frozenset(
    {"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"}
)


class NotPlain(Exception):
    """The value is left to json_format."""


@dataclass(frozen=True, slots=True)
class _Members:
    """The members of a message type.

    Attributes:
        fields: JSON name to the field's own name, its maker, and the oneof that it is in.
        choices: Members that hold what of a oneof is chosen, with what they may hold.
    """

    fields: dict[str, tuple[str, Maker, str]]
    choices: dict[str, _Members]


class Requests:
    """Makes the messages of one pool from JSON values."""

    def __init__(self) -> None:
        self._members: dict[str, _Members] = {}

    def make(self, message: Descriptor, value: Mapping[str, Any]) -> Message:
        """A message of a type without a JSON form of its own.

        Args:
            message: The type.
            value: Members by their JSON names.

        Raises:
            NotPlain: json_format is to be asked.
            TypeError, ValueError: Likewise.
        """
        return GetMessageClass(message)(**self._given(self._members_of(message), value))

    def _members_of(self, message: Descriptor) -> _Members:
        found = self._members.get(message.full_name)
        if found is None:
            fields: dict[str, tuple[str, Maker, str]] = {}
            found = self._members[message.full_name] = _Members(fields, {})
            for name, field in json_members(message).items():
                group = field.containing_oneof
                make = _leave if field.is_extension else self._field(field)
                fields[name] = (field.name, make, group.name if group is not None else "")
            for one in one_ofs(message):
                if one.choice:
                    cases = {case: fields[case] for case in one.cases.values()}
                    found.choices[one.choice] = _Members(cases, {})
        return found

    def _given(self, members: _Members, value: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._add(members, value, found, set())
        return found

    def _add(self, members: _Members, value: Any, found: dict[str, Any], groups: set[str]) -> None:
        if type(value) is not dict:
            raise NotPlain
        for name, one in value.items():
            member = members.fields.get(name)
            if member is None:
                choice = members.choices.get(name)
                if choice is None:
                    raise NotPlain
                if one is not None:
                    self._add(choice, one, found, groups)
                continue
            attribute, make, group = member
            if one is None:
                if make is _leave:
                    raise NotPlain
                continue
            if group:
                if group in groups:
                    raise NotPlain
                groups.add(group)
            found[attribute] = make(one)

    def _field(self, field: FieldDescriptor) -> Maker:
        if not field.is_repeated:
            return self._single(field)
        entry = map_entry(field)
        if entry is not None:
            return self._map(entry)
        item = self._single(field)
        if item is _leave:
            return _leave  # null too: json_format refuses it for a list of google.protobuf.Value
        return lambda values: [item(value) for value in _list(values)]

    def _map(self, entry: Descriptor) -> Maker:
        key: Maker = _KEYS.get(entry.fields_by_name["key"].type, _whole_text)
        item = self._single(entry.fields_by_name["value"], whole=True)
        return lambda values: {key(name): item(value) for name, value in _dict(values).items()}

    def _single(self, field: FieldDescriptor, *, whole: bool = False) -> Maker:
        """The maker of one value; *whole* where only a message will do, and not its members."""
        message = field.message_type
        if message is not None:
            return self._message(message, whole=whole)
        if field.enum_type is not None:
            return _enum(field.enum_type)
        return _SCALARS[field.type]

    def _message(self, message: Descriptor, *, whole: bool) -> Maker:
        name = message.full_name
        made: Any = GetMessageClass(message)
        if name in _LEFT:
            return _leave
        if name in _TEXTS:
            return lambda value: _from_text(made, value)
        if name in WRAPPERS:
            inner = self._single(message.fields_by_name["value"])
            return lambda value: made(value=inner(value))
        # Looked up when it is used: a message may hold itself.
        if whole:
            return lambda value: made(**self._given(self._members_of(message), value))
        return lambda value: self._given(self._members_of(message), value)


def _leave(_: Any) -> Any:
    raise NotPlain


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise NotPlain
    return value


def _dict(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise NotPlain
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise NotPlain
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise NotPlain
    return value


def _whole_text(value: Any) -> int:
    return int(_text(value))


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise NotPlain
    return value


def _boolean_text(value: Any) -> bool:
    if value not in {"true", "false"}:
        raise NotPlain
    return bool(value == "true")


def _double(value: Any) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise NotPlain
    return float(value)


def _float(value: Any) -> float:
    if type(value) not in {int, float} or not -_MAX_FLOAT <= value <= _MAX_FLOAT:
        raise NotPlain
    return float(value)


def _bytes(value: Any) -> bytes:
    encoded = _text(value).encode()
    return urlsafe_b64decode(encoded + b"=" * (4 - len(encoded) % 4))


def _enum(enum: EnumDescriptor) -> Maker:
    if enum.full_name == _NULL_VALUE:
        return _leave
    numbers = {name: one.number for name, one in enum.values_by_name.items()}

    def make(value: Any) -> int:
        number = numbers.get(_text(value))
        if number is None:
            raise NotPlain
        return number

    return make


def _from_text(made: Any, value: Any) -> Any:
    message = made()
    message.FromJsonString(_text(value))
    return message


_SCALARS: Final[dict[int, Maker]] = {
    _F.TYPE_STRING: _text,
    _F.TYPE_BYTES: _bytes,
    _F.TYPE_BOOL: _boolean,
    _F.TYPE_DOUBLE: _double,
    _F.TYPE_FLOAT: _float,
    **dict.fromkeys(
        (
            _F.TYPE_INT32, _F.TYPE_INT64, _F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_SINT32, _F.TYPE_SINT64,
            _F.TYPE_FIXED32, _F.TYPE_FIXED64, _F.TYPE_SFIXED32, _F.TYPE_SFIXED64,
        ),
        _whole,
    ),
}  # fmt: skip
"""Numbers out of range are the constructor's to refuse."""

_KEYS: Final[dict[int, Maker]] = {_F.TYPE_STRING: _text, _F.TYPE_BOOL: _boolean_text}
