"""Which resources messages are, and which their members name.

The options are extensions, and read as ``http_rules`` reads its own. Without them, a method ``GetX`` or
``BatchGetXs`` that takes a ``name`` (``names``) and answers messages ``X`` with a ``name`` says the same.

Source: googleapis, ``google/api/resource.proto`` (fields 1053 of ``MessageOptions``, 1055 of
``FieldOptions``); AIP-131 and AIP-231.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import DecodeError

from .members import map_entry


def _build_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="weft/resource.proto", package="weft", syntax="proto3")
    resource = file.message_type.add(name="Resource")
    resource.field.add(name="type", number=1, type=9, label=1)
    resource.field.add(name="name_field", number=3, type=9, label=1)
    options = file.message_type.add(name="Options")
    options.field.add(name="resource", number=1053, type=11, label=1, type_name=".weft.Resource")
    options.field.add(name="reference", number=1055, type=11, label=1, type_name=".weft.Resource")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("weft.Options"))


_OPTIONS: Final = _build_class()
_ANY_TYPE: Final = "*"


def resource_of(options: Any) -> tuple[str, str]:
    """Of a message's options: the type of resource that it is, and the member that holds its name."""
    found = _read(options)
    return ("", "") if found is None else (found.resource.type, found.resource.name_field or "name")


def reference_of(options: Any) -> str:
    """Of a member's options: the type of resource that it names."""
    found = _read(options)
    kind: str = "" if found is None else found.reference.type
    return "" if kind == _ANY_TYPE else kind


def _read(options: Any) -> Any | None:
    data = options.SerializeToString()
    if not data:
        return None
    try:
        return _OPTIONS.FromString(data)
    except DecodeError:
        return None


def implied_resource(method: MethodDescriptor) -> tuple[FieldDescriptor, Descriptor] | None:
    """The member of a request that names what *method* gets, and the message that is got."""
    for prefix, name in (("BatchGet", "names"), ("Get", "name")):
        if not method.name.startswith(prefix):
            continue
        field = method.input_type.fields_by_name.get(name)
        got = method.output_type if name == "name" else _only_list(method.output_type)
        if field is None or got is None or field.type != FieldDescriptor.TYPE_STRING:
            return None
        own = got.fields_by_name.get("name")
        said = method.name.removeprefix(prefix)
        is_own = own is not None and own.type == FieldDescriptor.TYPE_STRING and not own.is_repeated
        if is_own and field.is_repeated == (name == "names") and said in {got.name, *_plurals(got.name)}:
            return field, got
        return None
    return None


def _only_list(message: Descriptor) -> Descriptor | None:
    lists = [
        one.message_type
        for one in message.fields
        if one.is_repeated and one.message_type is not None and map_entry(one) is None
    ]
    return lists[0] if len(lists) == 1 else None


def _plurals(name: str) -> tuple[str, ...]:
    return f"{name}s", f"{name}es", f"{name.removesuffix('y')}ies"
