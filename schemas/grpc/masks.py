"""Field masks of what is read, in requests.

Source: AIP-157, "Partial responses": ``read_mask``, of which the paths begin at the resource, also where a
list of resources is answered. ``field_mask`` is an older name for the same; masks of updates are called
``update_mask`` (AIP-134), and are not among them.
"""

from __future__ import annotations

from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from ..catalog import FieldMaskBinding
from .members import json_members, map_entry, message_of, one_ofs
from .well_known import is_special

_NAMES: Final = ("read_mask", "field_mask")
_MASK: Final = "google.protobuf.FieldMask"
_PAGING: Final = frozenset({"page_token", "page_size", "next_page_token"})


def mask_of(method: MethodDescriptor) -> FieldMaskBinding | None:
    """The mask of what *method*, which reads, answers."""
    request = method.input_type
    fields = [request.fields_by_name[name] for name in _NAMES if name in request.fields_by_name]
    mask = next((one for one in fields if one.message_type is not None and not one.is_repeated), None)
    if mask is None or message_of(mask).full_name != _MASK:
        return None
    answer = method.output_type
    if is_special(answer.full_name):
        return None
    items = _listed(request, answer)
    entity = message_of(items) if items is not None else answer
    return FieldMaskBinding(
        argument=mask.json_name,
        items=(items.json_name,) if items is not None else (),
        unnamed=frozenset(_unnamed(entity)),
    )


def _listed(request: Descriptor, answer: Descriptor) -> FieldDescriptor | None:
    """The one list of messages in an answer that is a page of them, or that holds nothing else."""
    lists = [
        one
        for one in answer.fields
        if one.is_repeated and one.message_type is not None and map_entry(one) is None
    ]
    names = {one.name for one in (*request.fields, *answer.fields)}
    is_page = not _PAGING.isdisjoint(names) or len(answer.fields) == 1
    if len(lists) != 1 or not is_page or is_special(message_of(lists[0]).full_name):
        return None
    return lists[0]


def _unnamed(entity: Descriptor) -> set[str]:
    """JSON names, in *entity* and the messages in it, that do not lead back to the field's own name."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [entity]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen or is_special(message.full_name):
            continue
        seen.add(message.full_name)
        found.update(one.name for one in one_ofs(message))
        for name, field in json_members(message).items():
            if field.is_extension or _snake(name) != field.name:
                found.add(name)
            if field.message_type is not None and not field.is_repeated:
                waiting.append(field.message_type)
    return found


def _snake(name: str) -> str:
    """As the parser of masks reads JSON's names. Source: field_mask.proto, "JSON Encoding of Field Masks"."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
