"""Protobuf and gRPC made in a test: .proto text in, a running server out."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.resources
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import _async, reflection, reflection_pb2
from grpc_tools import protoc  # type: ignore[import-untyped]  # it ships no types

Handler = Callable[[Any, Any], Awaitable[Any]] | Callable[[Any, Any], AsyncIterator[Any]]
"""Takes the request (or the iterator of requests) and the context; answers messages as JSON values."""


@cache
def compile_proto(text: str, name: str = "test.proto") -> bytes:
    """*text* as a serialized ``FileDescriptorSet`` with its imports and comments."""
    return compile_protos({name: text})


def compile_protos(texts: Mapping[str, str], *, imports: bool = True, google: bool = False) -> bytes:
    """Files by name as a serialized ``FileDescriptorSet``; with *google* they may import ``google/type`` and so on."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        well_known = str(importlib.resources.files("grpc_tools") / "_proto")
        common = [f"-I{path}" for path in (google_protos(),) if google]
        args = ["protoc", f"-I{folder}", f"-I{well_known}", *common, f"--descriptor_set_out={folder}/set"]
        args += ["--include_source_info", *(["--include_imports"] if imports else []), *texts]
        assert protoc.main(args) == 0, "protoc refused the test's .proto"
        return Path(folder, "set").read_bytes()


def google_protos() -> Path:
    """The folder that imports of googleapis-common-protos begin in."""
    return Path(str(importlib.metadata.distribution("googleapis-common-protos").locate_file("")))


@dataclass
class GrpcApi:
    """A server to be: its descriptors, and what its methods do.

    Attributes:
        descriptors: A serialized ``FileDescriptorSet``, complete.
        handlers: By ``Service.Method``, without the package.
        calls: The methods that were called, and with which metadata.
    """

    descriptors: bytes
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pool = DescriptorPool()
        files = descriptor_pb2.FileDescriptorSet.FromString(self.descriptors).file
        for file in files:
            self.pool.Add(file)
        self.methods = [
            method
            for file in files
            for service in self.pool.FindFileByName(file.name).services_by_name.values()
            for method in service.methods
        ]

    @property
    def services(self) -> list[str]:
        """Fully-qualified names."""
        return sorted({method.containing_service.full_name for method in self.methods})

    def message(self, name: str, value: Any = None) -> Message:
        """A message of a fully-qualified name, from its JSON."""
        return self._message(GetMessageClass(self.pool.FindMessageTypeByName(name)), value)

    def _message(self, made: type[Message], value: Any) -> Message:
        return (
            value
            if isinstance(value, Message)
            else json_format.ParseDict(value or {}, made(), descriptor_pool=self.pool)
        )

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve the methods that have a handler."""
        for service in self.services:
            methods = [m for m in self.methods if m.containing_service.full_name == service]
            found = {m.name: self._handler(m) for m in methods if self._name(m) in self.handlers}
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, found),))

    def _name(self, method: MethodDescriptor) -> str:
        return f"{method.containing_service.name}.{method.name}"

    def _handler(self, method: MethodDescriptor) -> Any:
        handle: Any = self.handlers[self._name(method)]
        request_class = GetMessageClass(method.input_type)
        response_class = GetMessageClass(method.output_type)

        async def unary(request: Any, context: Any) -> Any:
            self.calls.append((self._name(method), dict(context.invocation_metadata())))
            return await handle(request, context)

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            self.calls.append((self._name(method), dict(context.invocation_metadata())))
            async for answer in handle(request, context):
                yield answer

        def serialize(answer: Any) -> bytes:
            return (
                answer
                if isinstance(answer, bytes)
                else self._message(response_class, answer).SerializeToString()
            )

        make: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[method.client_streaming, method.server_streaming]
        return make(stream if method.server_streaming else unary, request_class.FromString, serialize)


@contextlib.asynccontextmanager
async def running_grpc(api: GrpcApi, *, reflect: Iterable[str] = ()) -> AsyncIterator[str]:
    """Serve *api* on a free port of 127.0.0.1 until the block ends; yields ``host:port``.

    Args:
        reflect: Versions of server reflection to serve: ``v1``, ``v1alpha``.
    """
    server = grpc.aio.server()
    api.add_to(server)
    for version in reflect:
        add_reflection(server, version, [*api.services, reflection.SERVICE_NAME], api.pool)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def add_reflection(server: grpc.aio.Server, version: str, services: list[str], pool: DescriptorPool) -> None:
    """Serve reflection. The package ships v1alpha only; v1 has the same messages under another name."""
    servicer = _async.ReflectionServicer(services, pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    name = f"grpc.reflection.{version}.ServerReflection"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}),)
    )
