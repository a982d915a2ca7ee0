"""The members of a message, as JSON knows them.

Beside its fields a message has members that are none on the wire:

- A ``oneof`` of which every member is a message is one member that is a union: the message that is there,
  with ``@case``, the JSON name of the field that held it.
- Beside the fields of any other ``oneof`` stands its case: the JSON name of the field that is there.

In a request, a ``oneof`` is an object that has one member at most; see ``flat``.

Extensions are members too; their JSON names are their full names in brackets, as ProtoJSON has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor

from .well_known import EMPTY, is_special

CASE: Final = "@case"
"""Member of a union's object that says which field held it: no name that protobuf would make."""


def json_members(message: Descriptor) -> dict[str, FieldDescriptor]:
    """The fields of *message* by their JSON names, its extensions last; of several with one name the first."""
    found: dict[str, FieldDescriptor] = {}
    for field in message.fields:
        found.setdefault(field.json_name, field)
    if message.is_extendable:
        for field in sorted(message.file.pool.FindAllExtensions(message), key=lambda one: one.number):
            found.setdefault(f"[{field.full_name}]", field)
    return found


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message of one entry (members ``key`` and ``value``) if *field* is a ``map``, else ``None``."""
    message = field.message_type
    return message if message is not None and message.GetOptions().map_entry else None


def enum_names(enum: EnumDescriptor) -> dict[int, str]:
    """The names of an enum's values by their numbers, as ProtoJSON prints them: of several the first."""
    # Not the items of `values_by_number`, which name the last, while looking up in it finds the first.
    return {one.number: enum.values_by_number[one.number].name for one in enum.values}


@dataclass(frozen=True, slots=True)
class OneOf:
    """A ``oneof`` of a message.

    Attributes:
        name: The member's name in JSON: the union, or the case.
        choice: The member's name in the JSON of requests that holds what is chosen.
        cases: JSON names of its fields by the fields' own names.
        is_union: Whether it is a union of messages.
    """

    descriptor: OneofDescriptor
    name: str
    choice: str
    cases: Mapping[str, str]
    is_union: bool


def one_ofs(message: Descriptor) -> tuple[OneOf, ...]:
    """The groups of *message* that are exclusive, without those of one field (proto3 ``optional``)."""
    members = json_members(message)
    taken = set(members)
    found: list[OneOf] = []
    for group in message.oneofs:
        cases = {field.name: field.json_name for field in group.fields if members[field.json_name] is field}
        if len(cases) < 2:
            continue
        choice = _camel(group.name)
        is_union = all(_is_object(field) for field in group.fields) and choice not in taken
        # One message in two fields: the type alone would not say which of them is there.
        is_union = is_union and len({message_of(field).full_name for field in group.fields}) == len(cases)
        name = choice if is_union else f"{choice}Case"
        if name in taken:
            continue  # the fields alone say it too
        taken.add(name)
        found.append(OneOf(group, name, choice if choice not in members else "", cases, is_union))
    return tuple(found)


def message_of(field: FieldDescriptor) -> Descriptor:
    """The message type of a field that has one."""
    message = field.message_type
    assert message is not None
    return message


def _is_object(field: FieldDescriptor) -> bool:
    message = field.message_type
    if message is None or message.full_name == EMPTY or is_special(message.full_name):
        return False
    return bool(json_members(message))


def _camel(name: str) -> str:
    """As protobuf makes JSON names of fields. Source: descriptor.proto, ``json_name``."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def flat(message: Descriptor, value: Any) -> Any:
    """The JSON of a request as ProtoJSON has it: what is chosen stands beside the other members.

    Raises:
        ValueError: More than one member of a ``oneof`` is chosen.
    """
    if not isinstance(value, dict) or is_special(message.full_name):
        return value
    members = json_members(message)
    choices = {one.choice: one for one in one_ofs(message) if one.choice}
    found: dict[str, Any] = {}
    for name, item in value.items():
        one = choices.get(name)
        if one is None:
            found[name] = _flat_field(members.get(name), item)
        elif isinstance(item, dict):
            chosen = {case: what for case, what in item.items() if what is not None}
            if len(chosen) > 1 or not chosen.keys() <= set(one.cases.values()):
                raise ValueError(f"{name} takes one of {', '.join(one.cases.values())}")
            for case, what in chosen.items():
                found[case] = _flat_field(members[case], what)
        elif item is not None:
            raise ValueError(f"{name} takes one of {', '.join(one.cases.values())}")
    return found


def _flat_field(field: FieldDescriptor | None, value: Any) -> Any:
    if field is None or field.message_type is None:
        return value
    entry = map_entry(field)
    if entry is not None:
        item = entry.fields_by_name["value"]
        if item.message_type is None or not isinstance(value, dict):
            return value
        return {key: flat(item.message_type, one) for key, one in value.items()}
    if field.is_repeated:
        if not isinstance(value, list | tuple):
            return value
        return [flat(field.message_type, one) for one in value]
    return flat(field.message_type, value)
