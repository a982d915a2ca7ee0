"""Random messages of any type, as long as JSON and GraphQL can say them."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_F: Final = FieldDescriptor
_LETTERS: Final = string.ascii_letters + string.digits + ' _-/.:äß€漢😀"\\\n\x00'
_INTS: Final = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), (-(2**31), 2**31 - 1)),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), (-(2**63), 2**63 - 1)),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), (0, 2**64 - 1)),
}


class RandomMessages:
    """Makes messages.

    Args:
        chance: Decides; the same seed gives the same messages.
        for_any: What an ``Any`` may hold.
        most_fields: In one message, all levels together: recursive types end.
        deep: Messages that lie deeper have few members: nobody selects them.
    """

    def __init__(
        self,
        chance: random.Random,
        for_any: Sequence[Descriptor] = (),
        *,
        most_fields: int = 1000,
        deep: int = 4,
    ) -> None:
        self._chance = chance
        self._for_any = for_any
        self._most_fields = most_fields
        self._deep = deep
        self._left = 0
        self._turns: dict[str, list[str]] = {}

    def message(self, descriptor: Descriptor) -> Message:
        """A message of a type."""
        self._left = self._most_fields
        made: Message = GetMessageClass(descriptor)()
        self._fill(made, 0)
        return made

    def _fill(self, message: Any, depth: int) -> None:
        descriptor: Descriptor = message.DESCRIPTOR
        match descriptor.full_name:
            case "google.protobuf.Timestamp":
                message.seconds = self._chance.randint(-62_135_596_800, 253_402_300_799)
                message.nanos = self._chance.choice((0, 1_000_000, 1_000, 999_999_999))
            case "google.protobuf.Duration":
                sign = self._chance.choice((-1, 1))
                message.seconds = sign * self._chance.randint(0, 315_576_000_000)
                message.nanos = sign * self._chance.choice((0, 500_000_000, 1))
            case "google.protobuf.FieldMask":
                message.paths.extend(self._chance.sample(("name", "parent.child", "some_field"), 2))
            case "google.protobuf.Value":
                self._value(message, depth)
            case "google.protobuf.ListValue":
                for _ in range(self._chance.randint(0, 2)):
                    self._value(message.values.add(), depth + 1)
            case "google.protobuf.Struct":
                for _ in range(self._chance.randint(0, 2)):
                    self._value(message.fields[self._text()], depth + 1)
            case "google.protobuf.Any":
                if self._for_any:
                    made = GetMessageClass(self._chance.choice(self._for_any))()
                    if depth < 6:
                        self._fill(made, depth + 3)
                    message.type_url = f"type.googleapis.com/{made.DESCRIPTOR.full_name}"
                    message.value = made.SerializeToString()
            case _:
                self._members(message, depth)

    def _members(self, message: Any, depth: int) -> None:
        left_out = 0.15 if depth < self._deep else 0.8
        chosen = {one.name: self._one_of(one) for one in message.DESCRIPTOR.oneofs}
        for field in (*message.DESCRIPTOR.fields, *extensions_of(message.DESCRIPTOR)):
            group = field.containing_oneof
            if group is not None and chosen[group.name] != field.name:
                continue
            if not field.is_required and (self._left <= 0 or self._chance.random() < left_out):
                continue
            self._left -= 1
            self._field(message, field, depth)

    def _one_of(self, group: OneofDescriptor) -> str:
        """Each member in its turn, in any order: chance alone takes long to have had all of a dozen."""
        turns = self._turns.setdefault(group.full_name, [])
        if not turns:
            turns += self._chance.sample([field.name for field in group.fields], len(group.fields))
        return turns.pop()

    def _field(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        kind = field.message_type
        deep = depth >= 8 and not field.is_required
        inner: Any = None
        if kind is not None or field.is_repeated:
            inner = message.Extensions[field] if field.is_extension else getattr(message, field.name)
        if kind is not None and kind.GetOptions().map_entry:
            self._map(inner, kind, depth)
        elif field.is_repeated:
            for _ in range(0 if deep else self._chance.randint(0, 2)):
                if kind is None:
                    inner.append(self._scalar(field))
                else:
                    self._fill(inner.add(), depth + 1)
        elif kind is not None:
            if not deep:
                inner.SetInParent()
                self._fill(inner, depth + 1)
        elif field.is_extension:
            message.Extensions[field] = self._scalar(field)
        else:
            setattr(message, field.name, self._scalar(field))

    def _map(self, values: Any, entry: Descriptor, depth: int) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(0 if depth >= 8 else self._chance.randint(0, 2)):
            name = self._scalar(key)
            if value.message_type is None:
                values[name] = self._scalar(value)
            else:
                self._fill(values[name], depth + 1)

    def _value(self, value: Any, depth: int) -> None:
        match self._chance.randint(0, 3 if depth > 4 else 5):
            case 0:
                value.null_value = 0
            case 1:
                value.number_value = self._double()
            case 2:
                value.string_value = self._text()
            case 3:
                value.bool_value = self._chance.random() < 0.5
            case 4:
                value.list_value.SetInParent()
                self._fill(value.list_value, depth + 1)
            case _:
                value.struct_value.SetInParent()
                self._fill(value.struct_value, depth + 1)

    def _scalar(self, field: FieldDescriptor) -> Any:
        if field.enum_type is not None:
            return self._chance.choice(field.enum_type.values).number
        if field.type in _INTS:
            low, high = _INTS[field.type]
            return self._chance.choice((0, 1, low, high, self._chance.randint(low, high)))
        match field.type:
            case _F.TYPE_BOOL:
                return self._chance.random() < 0.5
            case _F.TYPE_STRING:
                return self._text()
            case _F.TYPE_BYTES:
                return self._chance.randbytes(self._chance.randint(0, 5))
            case _F.TYPE_FLOAT:
                return self._chance.choice((0.0, 0.1, -1.5, 3.4e38, 1e-40, self._chance.uniform(-9, 9)))
            case _:
                return self._double()

    def _double(self) -> float:
        return self._chance.choice((0.0, -0.5, 1e300, 7.0, self._chance.uniform(-1e6, 1e6)))

    def _text(self) -> str:
        return "".join(self._chance.choices(_LETTERS, k=self._chance.randint(0, 6)))


def extensions_of(message: Descriptor) -> list[FieldDescriptor]:
    """In the pool that *message* is in."""
    return list(message.file.pool.FindAllExtensions(message)) if message.is_extendable else []
