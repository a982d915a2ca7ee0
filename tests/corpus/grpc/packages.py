"""Descriptors that packages on PyPI carry, as the servers that they describe.

``python -S packages.py DISTRIBUTION FOLDER``, where the distribution was installed into *FOLDER* by ``pip install
--target``, prints what it describes as JSON. Packages are read alone: some have modules of the same names
(xds-protos has older ones of opentelemetry-proto), and one process has one pool of descriptors.

Most packages have modules that protoc generated. The clients of Google's cloud APIs are written with
proto-plus: their messages are in the pool, their services only in the calls of the transports, from which
they are put together again.
"""

from __future__ import annotations

import base64
import importlib
import importlib.metadata
import importlib.util
import json
import pkgutil
import sys
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    sys.path[:0] = sys.argv[2:]  # the folder has protobuf too

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet


@dataclass(frozen=True, slots=True)
class Described:
    """A server to be.

    Attributes:
        name: Of the distribution.
        version: Of the distribution.
        services: Fully-qualified names.
        descriptors: A serialized ``FileDescriptorSet``, complete.
    """

    name: str
    version: str
    services: tuple[str, ...]
    descriptors: bytes


GENERATED: Final = {
    "googleapis-common-protos": ("google.longrunning",),
    "grpcio-health-checking": ("grpc_health.v1",),
    "grpcio-channelz": ("grpc_channelz.v1",),
    "grpcio-reflection": ("grpc_reflection.v1alpha",),
    "grpc-google-iam-v1": ("google.iam.v1",),
    "opentelemetry-proto": ("opentelemetry.proto.collector",),
    "xds-protos": ("envoy.service",),
}
"""Distribution to packages of generated modules."""

PROTO_PLUS: Final = {
    "google-cloud-pubsub": ("google.pubsub_v1",),
    "google-cloud-spanner": (
        "google.cloud.spanner_v1",
        "google.cloud.spanner_admin_database_v1",
        "google.cloud.spanner_admin_instance_v1",
    ),
    "google-cloud-bigtable": ("google.cloud.bigtable_v2", "google.cloud.bigtable_admin_v2"),
    "google-cloud-firestore": ("google.cloud.firestore_v1", "google.cloud.firestore_admin_v1"),
    "google-cloud-vision": ("google.cloud.vision_v1",),
    "google-cloud-logging": ("google.cloud.logging_v2",),
}
"""Distribution to packages of proto-plus clients."""


def described(name: str) -> Described:
    """The server that a distribution describes."""
    if name in GENERATED:
        files = [found for package in GENERATED[name] for found in _generated(package)]
        services = [service.full_name for file in files for service in file.services_by_name.values()]
        return _described(name, services, files, [])
    made = [found for package in PROTO_PLUS[name] for found in _proto_plus(package)]
    services = [f"{file.package}.{service.name}" for file, _ in made for service in file.service]
    return _described(
        name, services, [file for _, files in made for file in files], [file for file, _ in made]
    )


def _described(
    name: str, services: Iterable[str], files: Iterable[FileDescriptor], made: Iterable[FileDescriptorProto]
) -> Described:
    found: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        if file.name in found:
            return
        for other in file.dependencies:
            add(other)
        found[file.name] = FileDescriptorProto.FromString(file.serialized_pb)

    for file in files:
        add(file)
    descriptors = FileDescriptorSet(file=[*found.values(), *made])
    data = descriptors.SerializeToString(deterministic=True)
    return Described(name, importlib.metadata.version(name), tuple(sorted(set(services))), data)


def _modules(package: str, end: str) -> Iterator[Any]:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if found.name.endswith(end):
            yield importlib.import_module(found.name)


def _generated(package: str) -> Iterator[FileDescriptor]:
    root = importlib.util.find_spec(package)
    assert root is not None
    # Not all folders of generated code are packages: what is in them is found by its files.
    for place in root.submodule_search_locations or ():
        for path in sorted(Path(place).rglob("*_pb2.py")):
            if path.name.endswith(("_proto_pb2.py", "_grpc_pb2.py")):
                continue  # an older module of a file that has another one too
            parts = path.relative_to(place).with_suffix("").parts
            yield importlib.import_module(".".join((package, *parts))).DESCRIPTOR


class _Channel:
    """Notes what a transport calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bool, bool]] = []

    def __getattr__(self, kind: str) -> Any:
        client, _, server = kind.partition("_")

        def make(path: str, **_: Any) -> object:
            self.calls.append((path, client == "stream", server == "stream"))
            return object()

        return make


def _proto_plus(package: str) -> Iterator[tuple[FileDescriptorProto, list[FileDescriptor]]]:
    """A file for each service, and the files of its messages."""
    for module in _modules(f"{package}.services", ".transports.grpc"):
        (transport,) = (
            one
            for name, one in vars(module).items()
            if name.endswith("GrpcTransport") and one.__module__ == module.__name__
        )
        yield _service(transport)


def _service(transport: Any) -> tuple[FileDescriptorProto, list[FileDescriptor]]:
    channel = _Channel()
    made = transport.__new__(transport)
    made._stubs = {}
    made._logged_channel = channel
    methods: dict[str, list[tuple[str, bool, bool, Any, Any]]] = {}
    for name, one in vars(transport).items():
        if not isinstance(one, property) or one.fget is None or name in {"grpc_channel", "operations_client"}:
            continue
        hint = typing.get_type_hints(one.fget).get("return")
        if typing.get_origin(hint) is None or not typing.get_args(hint):
            continue
        (request,), response = typing.get_args(hint)
        channel.calls.clear()
        one.fget(made)
        for path, client, server in channel.calls:
            _, service, method = path.split("/")
            methods.setdefault(service, []).append((method, client, server, request, response))
    # Mixins (operations, IAM, locations) are other services, and called through this channel too.
    service = max(methods, key=lambda one: len(methods[one]))
    package, _, short = service.rpartition(".")
    file = FileDescriptorProto(name=f"weft/corpus/{service}.proto", package=package, syntax="proto3")
    proto = file.service.add(name=short)
    files: dict[str, FileDescriptor] = {}
    for method, client, server, *classes in methods[service]:
        request, response = map(_descriptor, classes)
        for message in (request, response):
            files[message.file.name] = message.file
        proto.method.add(
            name=method,
            input_type=f".{request.full_name}",
            output_type=f".{response.full_name}",
            client_streaming=client,
            server_streaming=server,
        )
    file.dependency.extend(sorted(files))
    return file, list(files.values())


def _descriptor(message: Any) -> Any:
    """The descriptor of a class of proto-plus or protobuf."""
    if hasattr(message, "meta"):
        return message.pb(message()).DESCRIPTOR
    return message.DESCRIPTOR


def _main() -> None:
    name, _folder = sys.argv[1:]
    found = described(name)
    printed = {
        "version": found.version,
        "services": found.services,
        "descriptors": base64.b64encode(found.descriptors).decode(),
    }
    sys.stdout.write(json.dumps(printed))


if __name__ == "__main__":
    _main()
