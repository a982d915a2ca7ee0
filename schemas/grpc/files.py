"""A descriptor set, completed and repaired, in a descriptor pool.

A pool refuses a file as soon as one of its imports or types is missing. Here a fault costs only what it
touches: a member whose message is not known is read as the bytes that it is on the wire, one whose enum is
not known as its number, and a method without its messages is left out.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FieldOptions,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError

from ..catalog import ReadingWarning
from ..errors import DocumentError
from .comments import comments_of
from .http_rules import http_method_of
from .resources import reference_of, resource_of
from .well_known import FILES

_Definition: TypeAlias = DescriptorProto | EnumDescriptorProto
_Known: TypeAlias = Mapping[str, tuple[bool, str]]
"""Fully-qualified name to whether it is an enum, and the file that defines it."""

_ENUM: Final = FieldDescriptorProto.TYPE_ENUM
_MESSAGE: Final = FieldDescriptorProto.TYPE_MESSAGE
_GROUP: Final = FieldDescriptorProto.TYPE_GROUP
_OPTIONS: Final = "google.protobuf."
"""Begins the names of the messages that custom options extend."""


@dataclass(slots=True)
class Files:
    """What ``load_files`` made of a descriptor set.

    Attributes:
        pool: Holds every file of *protos*.
        protos: In an order in which a pool takes them.
        comments: By fully-qualified name.
        http_methods: ``GET``, … by the method's fully-qualified name, where ``google.api.http`` says so.
        resources: Type of the resource that a message is, and the member with its name, by its full name.
        references: Type of the resource that a member names, by its fully-qualified name.
        repaired: Why a member has another type than its author gave it, by its fully-qualified name.
        warnings: What was not taken as it stands.
    """

    pool: DescriptorPool = field(default_factory=DescriptorPool)
    protos: list[FileDescriptorProto] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    http_methods: dict[str, str] = field(default_factory=dict)
    resources: dict[str, tuple[str, str]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    repaired: dict[str, str] = field(default_factory=dict)
    warnings: list[ReadingWarning] = field(default_factory=list)

    def warn(self, kind: str, pointer: str, reason: str) -> None:
        """Note what could not be taken as it stands."""
        self.warnings.append(ReadingWarning(kind=kind, pointer=pointer, reason=reason))

    def encode(self) -> bytes:
        """The files as a serialized ``FileDescriptorSet``; equal sets give equal bytes."""
        return FileDescriptorSet(file=self.protos).SerializeToString(deterministic=True)


def load_files(descriptors: bytes, services: Sequence[str], *, source: str) -> Files:
    """Build the files that *services* need.

    Args:
        descriptors: A serialized ``FileDescriptorSet``; well-known types may be missing.
        services: Fully-qualified names of the services that are wanted.
        source: Where the set came from, for errors.

    Raises:
        DocumentError: *descriptors* is no such set.
    """
    try:
        given = FileDescriptorSet.FromString(descriptors)
    except DecodeError as error:
        raise DocumentError(source, "", f"not a FileDescriptorSet: {error}") from error
    by_name = {name: FileDescriptorProto.FromString(data) for name, data in FILES.items()}
    for file in given.file:
        by_name.setdefault(file.name, file)
    defined: dict[str, tuple[bool, str]] = {}
    for file in by_name.values():
        for name, definition in _definitions(file):
            defined.setdefault(name, (isinstance(definition, EnumDescriptorProto), file.name))
    for_options = {file.name for file in by_name.values() if _extends_options(file)}
    for_options.add("google/protobuf/descriptor.proto")

    def needs(name: str) -> list[str]:
        """Files that must stand before a file: those it uses, and those it imports for ``Any`` to find."""
        file = by_name[name]
        used = [defined[one][1] for one in _used_names(file, defined)]
        kept = [one for one in file.dependency if one in by_name and one not in for_options]
        return [one for one in dict.fromkeys((*used, *kept)) if one != name]

    wanted = frozenset(services)
    roots = [file.name for file in by_name.values() if wanted & set(_service_names(file))]
    roots += _extending(by_name.values(), _in_order(roots, needs), defined)
    files = Files()
    loaded: dict[str, tuple[bool, str]] = {}
    for name in _in_order(roots, needs):
        _load(files, by_name[name], needs(name), loaded)
    return files


def _load(
    files: Files, file: FileDescriptorProto, needs: Sequence[str], loaded: dict[str, tuple[bool, str]]
) -> None:
    """Add *file* to the pool, with whatever of it can be had."""
    own = {name: (isinstance(one, EnumDescriptorProto), file.name) for name, one in _definitions(file)}
    comments = comments_of(file)
    http_methods = {
        f"{service}.{method.name}": verb
        for service, proto in zip(_service_names(file), file.service, strict=True)
        for method in proto.method
        if (verb := http_method_of(method.options))
    }
    _note_resources(files, file)
    present = {done.name for done in files.protos}
    _repair(files, file, ChainMap(own, loaded))
    file.ClearField("dependency")
    file.ClearField("public_dependency")
    file.ClearField("weak_dependency")
    file.ClearField("source_code_info")
    file.dependency.extend(name for name in needs if name in present)
    file.DiscardUnknownFields()  # options of others' making
    try:
        files.pool.AddSerializedFile(file.SerializeToString())
    except TypeError as error:
        files.warn("broken-file", file.name, f"left out: {str(error).rpartition('pool: ')[2]}")
        return
    files.protos.append(file)
    files.comments |= comments
    files.http_methods |= http_methods
    loaded |= own


def _note_resources(files: Files, file: FileDescriptorProto) -> None:
    for name, definition in _definitions(file):
        if isinstance(definition, DescriptorProto):
            if definition.HasField("options"):
                kind, member = resource_of(definition.options)
                if kind:
                    files.resources[name] = kind, member
            for one in definition.field:
                if one.HasField("options") and (kind := reference_of(one.options)):
                    files.references[f"{name}.{one.name}"] = kind


def _repair(files: Files, file: FileDescriptorProto, known: _Known) -> None:
    """Change what *file* refers to and is not *known*; drop extensions of options, which no shape shows."""
    _repair_extensions(files, file.package, file.extension, known)
    for name, definition in _definitions(file):
        if isinstance(definition, DescriptorProto):
            _repair_extensions(files, name, definition.extension, known)
            lost = [one for one in definition.field if not _repair_field(files, name, one, known)]
            for one in lost:
                definition.field.remove(one)
    for service_name, service in zip(_service_names(file), file.service, strict=True):
        for method in list(service.method):
            at = f"{service_name}.{method.name}"
            for text in (method.input_type, method.output_type):
                found = _resolve(text, service_name, known)
                if not found or known[found][0]:
                    files.warn(
                        "unresolved-type", at, f"left out: message {text} is in no file that is served"
                    )
                    service.method.remove(method)
                    break


def _repair_extensions(files: Files, scope: str, extensions: Any, known: _Known) -> None:
    for one in list(extensions):
        extended = _resolve(one.extendee, scope, known)
        if not extended or extended.startswith(_OPTIONS) or not _repair_field(files, scope, one, known):
            extensions.remove(one)
        else:
            one.extendee = f".{extended}"


def _repair_field(files: Files, message: str, one: FieldDescriptorProto, known: _Known) -> bool:
    """Make the type of a member one that is *known*; False if it must go."""
    if not one.type_name:
        return True
    at = f"{message}.{one.name}"
    if found := _resolve(one.type_name, message, known):
        one.type_name = f".{found}"
        if one.type != _GROUP:
            one.type = _ENUM if known[found][0] else _MESSAGE
        return True
    missing = f"{one.type_name} is in no file that is served"
    if one.type == _GROUP:
        files.warn("unresolved-type", at, f"left out: group {missing}")
        return False
    if one.type == _ENUM:
        one.type = FieldDescriptorProto.TYPE_INT32
        reason = f"read as a number: enum {missing}"
    else:
        # A message and bytes are the same on the wire. Source: protobuf.dev, "Encoding", LEN records.
        one.type = FieldDescriptorProto.TYPE_BYTES
        reason = f"read as bytes: message {missing}"
    files.repaired[at] = reason
    files.warn("unresolved-type", at, reason)
    one.ClearField("type_name")
    one.ClearField("default_value")
    one.options.CopyFrom(FieldOptions(deprecated=one.options.deprecated))
    return True


def _in_order(roots: Iterable[str], needs: Callable[[str], Iterable[str]]) -> list[str]:
    """*roots* and all they need, each after what it needs; a circle is cut somewhere."""
    done: dict[str, None] = {}
    open_: set[str] = set()
    stack = list(roots)
    while stack:
        name = stack[-1]
        if name in open_ or name in done:
            done[stack.pop()] = None
            continue
        open_.add(name)
        stack.extend(one for one in needs(name) if one not in open_ and one not in done)
    return list(done)


def _definitions(file: FileDescriptorProto) -> Iterator[tuple[str, _Definition]]:
    """Every message and enum of *file*, nested ones too, by fully-qualified name."""
    scope = f"{file.package}." if file.package else ""
    waiting: list[tuple[str, _Definition]] = [
        *((scope + one.name, one) for one in file.enum_type),
        *((scope + one.name, one) for one in file.message_type),
    ]
    while waiting:
        name, definition = waiting.pop()
        yield name, definition
        if isinstance(definition, DescriptorProto):
            waiting += ((f"{name}.{one.name}", one) for one in definition.enum_type)
            waiting += ((f"{name}.{one.name}", one) for one in definition.nested_type)


def _service_names(file: FileDescriptorProto) -> list[str]:
    return [f"{file.package}.{service.name}" if file.package else service.name for service in file.service]


def _used_names(file: FileDescriptorProto, known: _Known) -> Iterator[str]:
    """Fully-qualified names of the *known* messages and enums that *file* refers to."""
    references = [
        (one.type_name, name)
        for name, definition in _definitions(file)
        if isinstance(definition, DescriptorProto)
        for one in definition.field
        if one.type_name
    ]
    for scope, one in _extensions(file):
        if not one.extendee.lstrip(".").startswith(_OPTIONS):
            references += ((text, scope) for text in (one.extendee, one.type_name) if text)
    for service_name, service in zip(_service_names(file), file.service, strict=True):
        for method in service.method:
            references += ((method.input_type, service_name), (method.output_type, service_name))
    for text, scope in references:
        if found := _resolve(text, scope, known):
            yield found


def _resolve(text: str, scope: str, known: _Known) -> str:
    """The fully-qualified name that *text* stands for inside of *scope*, or ``""``.

    Source: descriptor.proto, ``FieldDescriptorProto.type_name``: with a leading dot it is fully-qualified,
    else it is searched from the innermost scope outwards.
    """
    if text.startswith("."):
        return text[1:] if text[1:] in known else ""
    while True:
        candidate = f"{scope}.{text}" if scope else text
        if candidate in known:
            return candidate
        if not scope:
            return ""
        scope = scope.rpartition(".")[0]


def _extensions(file: FileDescriptorProto) -> Iterator[tuple[str, FieldDescriptorProto]]:
    """Every extension that *file* defines, with the scope that it stands in."""
    for one in file.extension:
        yield file.package, one
    for name, definition in _definitions(file):
        if isinstance(definition, DescriptorProto):
            for one in definition.extension:
                yield name, one


def _extending(files: Iterable[FileDescriptorProto], loaded: Sequence[str], known: _Known) -> list[str]:
    """Names of the files that extend messages of those that are *loaded*: nothing imports them."""
    present = set(loaded)
    found = []
    for file in files:
        extended = (_resolve(one.extendee, scope, known) for scope, one in _extensions(file))
        if file.name not in present and any(
            name and not name.startswith(_OPTIONS) and known[name][1] in present for name in extended
        ):
            found.append(file.name)
    return found


def _extends_options(file: FileDescriptorProto) -> bool:
    """Whether *file* defines custom options: such files are imported for their options alone."""
    extended = (one.extendee for one in file.extension)
    return any(name.startswith(".google.protobuf.") and name.endswith("Options") for name in extended)
