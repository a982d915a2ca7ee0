"""The members of a message, as JSON knows them."""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor


def json_members(message: Descriptor) -> dict[str, FieldDescriptor]:
    """The members of *message* by their JSON names; of several with one name the first."""
    found: dict[str, FieldDescriptor] = {}
    for field in message.fields:
        found.setdefault(field.json_name, field)
    return found


def map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message of one entry (members ``key`` and ``value``) if *field* is a ``map``, else ``None``."""
    message = field.message_type
    return message if message is not None and message.GetOptions().map_entry else None
