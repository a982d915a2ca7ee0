"""A client of gRPC server reflection: the services of a server, and the files that describe them.

Source: gRPC, ``doc/server-reflection.md`` and ``grpc/reflection/v1/reflection.proto``; v1alpha has the same
messages under another service name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

logger = logging.getLogger(__name__)

VERSIONS: Final = ("v1", "v1alpha")

# A request is some 100 bytes, so this many fit in HTTP/2's first window of 64 KiB however slowly they are read.
_PIPELINED: Final = 64

_MOST_EXTENDABLE: Final = 1_000
_MOST_EXTENSIONS: Final = 1_000
"""Messages that are asked about, and their extensions that are asked for."""


class ReflectionFault(Exception):
    """The server serves reflection, and what it serves cannot be used. The message is one line."""


@dataclass(frozen=True, slots=True)
class ReflectionLimits:
    """How much a server may describe.

    Attributes:
        files: Most descriptor files. The largest public API, Google Ads, has under 2,000.
        total_bytes: Most bytes in them together.
        rounds: How often missing imports are asked for: the depth of imports.
    """

    files: int = 10_000
    total_bytes: int = 64 * 1024 * 1024
    rounds: int = 100


@dataclass(slots=True)
class Reflected:
    """What a server says of itself.

    Attributes:
        services: Fully-qualified names, sorted.
        files: Serialized ``FileDescriptorProto`` by file name.
    """

    services: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def descriptor_set(self) -> bytes:
        """The files as a serialized ``FileDescriptorSet``, sorted by name."""
        # Source: protobuf.dev, "Encoding": field 1, LEN; the files are never parsed for this.
        return b"".join(b"\x0a" + _varint(len(data)) + data for _, data in sorted(self.files.items()))


async def load_reflection(
    channel: grpc.aio.Channel,
    version: str,
    *,
    deadline: float,
    metadata: Sequence[tuple[str, str | bytes]],
    limits: ReflectionLimits,
    wanted: Callable[[str], bool],
) -> Reflected:
    """Ask a server for its services, and then for their files in one stream.

    Args:
        channel: To the server.
        version: One of ``VERSIONS``.
        deadline: Loop time in seconds at which it ends.
        metadata: Sent along.
        limits: How much is taken.
        wanted: Whether a service's files are asked for.

    Raises:
        grpc.aio.AioRpcError: The call ended with an error status.
        ReflectionFault: The answers cannot be used.
    """
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    now = asyncio.get_running_loop().time
    services = await _list_services(channel, path, timeout_s=deadline - now(), metadata=metadata)
    method: Any = channel.stream_stream(path, request_serializer=None, response_deserializer=None)
    call = method(timeout=max(deadline - now(), 0.0), metadata=tuple(metadata))
    try:
        return await _Conversation(call, limits).load(services, wanted)
    finally:
        call.cancel()


async def _list_services(
    channel: grpc.aio.Channel, path: str, *, timeout_s: float, metadata: Sequence[tuple[str, str | bytes]]
) -> list[str]:
    """Fully-qualified names, sorted.

    Asked in a stream of its own that sends its request at once. A server without reflection ends the stream
    as it begins, and grpc.aio takes a write to a stream that just ended for an error of its own (INTERNAL).
    """
    method: Any = channel.unary_stream(path, request_serializer=None, response_deserializer=None)
    request = ServerReflectionRequest(list_services="")
    call = method(request.SerializeToString(), timeout=timeout_s, metadata=tuple(metadata))
    try:
        answer = await _read(call)
    finally:
        call.cancel()
    if answer.WhichOneof("message_response") != "list_services_response":
        raise ReflectionFault(f"reflection lists no services: {answer.error_response.error_message[:200]}")
    return sorted({one.name for one in answer.list_services_response.service})


async def _read(call: Any) -> ServerReflectionResponse:
    data = await call.read()
    if not isinstance(data, bytes):  # grpc.aio.EOF
        raise ReflectionFault("reflection ended before it answered")
    try:
        return ServerReflectionResponse.FromString(data)
    except DecodeError as error:
        raise ReflectionFault("reflection answers what is no reflection message") from error


class _Conversation:
    """The requests and answers of one stream."""

    def __init__(self, call: Any, limits: ReflectionLimits) -> None:
        self._call = call
        self._limits = limits
        self._found = Reflected()
        self._seen: set[bytes] = set()
        self._imports: dict[str, None] = {}
        self._described: set[str] = set()
        self._extendable: set[str] = set()
        self._extensions: set[tuple[str, int]] = set()
        self._total_bytes = 0

    async def load(self, services: list[str], wanted: Callable[[str], bool]) -> Reflected:
        """The files of the *wanted* services, then the imports that did not come with them."""
        found = self._found
        found.services = services
        waiting = [name for name in services if wanted(name)]
        while waiting:
            now, waiting = waiting[:_PIPELINED], waiting[_PIPELINED:]
            await self._exchange([ServerReflectionRequest(file_containing_symbol=name) for name in now])
            waiting = [name for name in waiting if name not in self._described]
        await self._load_imports()
        if self._extendable:
            await self._load_extensions()
            await self._load_imports()
        return found

    async def _load_imports(self) -> None:
        found = self._found
        asked: set[str] = set()
        for _ in range(self._limits.rounds):
            missing = [name for name in self._imports if name not in found.files and name not in asked]
            if not missing:
                return
            asked.update(missing)
            for start in range(0, len(missing), _PIPELINED):
                names = missing[start : start + _PIPELINED]
                await self._exchange([ServerReflectionRequest(file_by_filename=name) for name in names])
        raise ReflectionFault(f"its files import each other more than {self._limits.rounds} deep")

    async def _load_extensions(self) -> None:
        """The files that extend messages of those that are there: nothing imports them."""
        names = sorted(self._extendable)[:_MOST_EXTENDABLE]
        wanted: list[tuple[str, int]] = []
        for start in range(0, len(names), _PIPELINED):
            part = names[start : start + _PIPELINED]
            requests = [ServerReflectionRequest(all_extension_numbers_of_type=name) for name in part]
            for answer in await self._exchange(requests):
                known = answer.all_extension_numbers_response
                of = known.base_type_name.lstrip(".")
                wanted += [(of, number) for number in known.extension_number]
        wanted = [one for one in dict.fromkeys(wanted) if one not in self._extensions][:_MOST_EXTENSIONS]
        for start in range(0, len(wanted), _PIPELINED):
            requests = []
            for name, number in wanted[start : start + _PIPELINED]:
                request = ServerReflectionRequest()
                request.file_containing_extension.containing_type = name
                request.file_containing_extension.extension_number = number
                requests.append(request)
            await self._exchange(requests)

    async def _exchange(self, requests: Sequence[ServerReflectionRequest]) -> list[ServerReflectionResponse]:
        """Send *requests* at once, and take in the files of their answers."""
        for request in requests:
            # A call that ended cannot be written to; reading says why it did.
            with contextlib.suppress(asyncio.InvalidStateError):
                await self._call.write(request.SerializeToString())
        answers = []
        for request in requests:
            answer = await _read(self._call)
            answers.append(answer)
            if answer.HasField("error_response"):
                # One file that cannot be had costs what is in it; the reader says what that is.
                logger.debug("reflection has no file", extra={"asked": str(request)[:200]})
            for data in answer.file_descriptor_response.file_descriptor_proto:
                self._take_file(data)
        return answers

    def _take_file(self, data: bytes) -> None:
        if data in self._seen:
            return
        try:
            file = FileDescriptorProto.FromString(data)
        except DecodeError as error:
            raise ReflectionFault("reflection serves what is no file descriptor") from error
        self._seen.add(data)
        self._total_bytes += len(data)
        if len(self._seen) > self._limits.files:
            raise ReflectionFault(f"it serves more than {self._limits.files} descriptor files")
        if self._total_bytes > self._limits.total_bytes:
            raise ReflectionFault(f"its descriptors exceed {self._limits.total_bytes} bytes")
        self._found.files.setdefault(file.name, data)
        self._imports.update(dict.fromkeys(file.dependency))
        package = f"{file.package}." if file.package else ""
        self._described.update(package + service.name for service in file.service)
        self._note_extensions(file, package)

    def _note_extensions(self, file: FileDescriptorProto, package: str) -> None:
        extensions = list(file.extension)
        waiting = [(package + message.name, message) for message in file.message_type]
        while waiting:
            name, message = waiting.pop()
            if message.extension_range and not name.startswith("google.protobuf."):
                self._extendable.add(name)
            extensions += message.extension
            waiting += ((f"{name}.{nested.name}", nested) for nested in message.nested_type)
        self._extensions.update((one.extendee.lstrip("."), one.number) for one in extensions)


def _varint(number: int) -> bytes:
    """Source: protobuf.dev, "Encoding", Base 128 Varints."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
