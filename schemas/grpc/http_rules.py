"""``google.api.http``: which HTTP method a transcoding proxy would use for a gRPC method.

The option is an extension of ``MethodOptions``. Its generated module may not be installed, so that it is an
unknown field here; it is read through a message made on the spot, by its field numbers.

Source: googleapis, ``google/api/annotations.proto`` (field 72295728) and ``google/api/http.proto``.
"""

from __future__ import annotations

from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

_RULES: Final = {2: "get", 3: "put", 4: "post", 5: "delete", 6: "patch"}


def _build_options_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="weft/http_rule.proto", package="weft", syntax="proto3")
    rule = file.message_type.add(name="HttpRule")
    rule.oneof_decl.add(name="pattern")
    for number, name in _RULES.items():
        rule.field.add(name=name, number=number, type=9, label=1, oneof_index=0)
    options = file.message_type.add(name="Options")
    options.field.add(name="http", number=72295728, type=11, label=1, type_name=".weft.HttpRule")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("weft.Options"))


_OPTIONS: Final = _build_options_class()


def http_method_of(options: descriptor_pb2.MethodOptions) -> str:
    """``GET``, ``PUT``, … as ``google.api.http`` says, or ``""`` where it says nothing."""
    data = options.SerializeToString()
    if not data:
        return ""
    try:
        found = _OPTIONS.FromString(data)
    except DecodeError:
        return ""
    rule: Message = getattr(found, "http")  # noqa: B009 - the class is made at run time
    return (rule.WhichOneof("pattern") or "").upper()
