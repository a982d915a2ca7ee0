"""Comments of .proto files, by the fully-qualified name of what they stand at.

Server reflection of most languages leaves them out; sets that ``protoc --include_source_info`` wrote have
them.

Source: descriptor.proto, ``SourceCodeInfo.Location``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto

_Path: TypeAlias = tuple[int, ...]

# Field numbers in descriptor.proto.
_FILE_MESSAGE: Final = 4
_FILE_ENUM: Final = 5
_FILE_SERVICE: Final = 6
_MESSAGE_FIELD: Final = 2
_MESSAGE_NESTED: Final = 3
_MESSAGE_ENUM: Final = 4
_ENUM_VALUE: Final = 2
_SERVICE_METHOD: Final = 2


def comments_of(file: FileDescriptorProto) -> dict[str, str]:
    """Fully-qualified name to comment, without the names that have none.

    A value's name is taken as ``package.Enum.VALUE``, though protobuf scopes it beside its enum.
    """
    texts = {
        tuple(location.path): text
        for location in file.source_code_info.location
        if (text := _clean(location.leading_comments) or _clean(location.trailing_comments))
    }
    if not texts:
        return {}
    return {name: texts[path] for path, name in _names(file) if path in texts}


def _names(file: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    package = f"{file.package}." if file.package else ""
    messages: list[tuple[_Path, str, DescriptorProto]] = [
        ((_FILE_MESSAGE, n), package + message.name, message) for n, message in enumerate(file.message_type)
    ]
    for n, enum in enumerate(file.enum_type):
        yield from _enum_names((_FILE_ENUM, n), package + enum.name, enum)
    while messages:
        path, name, message = messages.pop()
        yield path, name
        for n, field in enumerate(message.field):
            yield (*path, _MESSAGE_FIELD, n), f"{name}.{field.name}"
        for n, enum in enumerate(message.enum_type):
            yield from _enum_names((*path, _MESSAGE_ENUM, n), f"{name}.{enum.name}", enum)
        messages += (
            ((*path, _MESSAGE_NESTED, n), f"{name}.{nested.name}", nested)
            for n, nested in enumerate(message.nested_type)
        )
    for n, service in enumerate(file.service):
        path = (_FILE_SERVICE, n)
        yield path, package + service.name
        for m, method in enumerate(service.method):
            yield (*path, _SERVICE_METHOD, m), f"{package}{service.name}.{method.name}"


def _enum_names(path: _Path, name: str, enum: EnumDescriptorProto) -> Iterator[tuple[_Path, str]]:
    yield path, name
    for n, value in enumerate(enum.value):
        yield (*path, _ENUM_VALUE, n), f"{name}.{value.name}"


def _clean(comment: str) -> str:
    return "\n".join(line.strip() for line in comment.splitlines()).strip()
