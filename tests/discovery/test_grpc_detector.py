"""The gRPC detector against real servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import web
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_reflection.v1alpha import reflection_pb2

from tests.support.protobuf import GrpcApi, compile_proto, compile_protos, running_grpc
from weft.discovery.detectors import Detected, Detection, Detector, NotThisKind, TryLater, Unchanged
from weft.discovery.detectors.grpc import GrpcDetector, _detection_of
from weft.discovery.detectors.grpc_reflection import ReflectionLimits
from weft.discovery.registries import Candidate, GrpcAddress, HttpAddress, LambdaAddress
from weft.schemas.catalog import GrpcTarget, ShapeName
from weft.schemas.grpc import ReadOptions

TEXT = """
syntax = "proto3";
package zoo.pets.v1;
import "google/protobuf/timestamp.proto";
service PetService { rpc GetPet(Key) returns (Pet); }
message Key { string pet_id = 1; }
message Pet { string pet_id = 1; google.protobuf.Timestamp born_at = 2; }
"""
API = GrpcApi(compile_proto(TEXT))


async def detect(
    address: str | Candidate,
    *,
    memo: Mapping[str, Any] | None = None,
    timeout_s: float = 5.0,
    limits: ReflectionLimits | None = None,
) -> Detection:
    candidate = address if isinstance(address, Candidate) else Candidate(GrpcAddress(address))
    deadline = asyncio.get_running_loop().time() + timeout_s
    return await GrpcDetector(limits=limits).detect(candidate, memo=memo, deadline=deadline)


def test_it_is_a_detector() -> None:
    detector: Detector = GrpcDetector()
    assert detector.name == "grpc"


@pytest.mark.parametrize("versions", [["v1"], ["v1alpha"], ["v1", "v1alpha"]])
async def test_either_version_of_reflection_is_read(versions: list[str]) -> None:
    async with running_grpc(API, reflect=versions) as address:
        found = await detect(address)
    assert isinstance(found, Detected)
    assert isinstance(found.upstream.target, GrpcTarget)
    assert found.upstream.target.address == address
    assert [one.id for one in found.upstream.functions] == ["pet.PetService.GetPet"]
    assert found.upstream.warnings == ()


async def test_the_configured_name_is_the_upstreams() -> None:
    async with running_grpc(API, reflect=["v1"]) as address:
        found = await detect(Candidate(GrpcAddress(address), name="animals"))
    assert isinstance(found, Detected)
    assert found.upstream.id == "animals"


async def test_an_http_address_is_asked_at_its_host_and_port() -> None:
    async with running_grpc(API, reflect=["v1"]) as address:
        found = await detect(Candidate(HttpAddress(f"http://{address}/api")))
    assert isinstance(found, Detected)


@pytest.mark.parametrize(
    "address", [LambdaAddress("eu-west-1"), HttpAddress("http://x:y"), HttpAddress("unix:/x")]
)
async def test_other_addresses_are_not_this_kind(address: Any) -> None:
    assert isinstance(await detect(Candidate(address)), NotThisKind)


async def test_the_same_answer_is_unchanged() -> None:
    async with running_grpc(API, reflect=["v1alpha"]) as address:
        first = await detect(address)
        assert isinstance(first, Detected)
        assert isinstance(await detect(address, memo=first.memo), Unchanged)


async def test_another_answer_is_read_again() -> None:
    async with running_grpc(API, reflect=["v1"]) as address:
        first = await detect(address)
    assert isinstance(first, Detected)
    changed = GrpcApi(compile_proto(TEXT.replace("pet_id = 1;", "pet_id = 1; int32 depth = 3;")))
    async with running_grpc(changed, reflect=["v1"]) as address:
        assert isinstance(await detect(address, memo=first.memo), Detected)


async def test_the_version_that_answered_is_asked_first_the_next_time() -> None:
    async with running_grpc(API, reflect=["v1", "v1alpha"]) as address:
        found = await detect(address, memo={"version": "v1alpha"})
    assert isinstance(found, Detected)
    assert found.memo["version"] == "v1alpha"


async def test_a_server_without_reflection_is_told_what_to_do() -> None:
    async with running_grpc(API) as address:
        found = await detect(address)
    assert found == NotThisKind("gRPC server without reflection: enable server reflection")


async def test_a_closed_port_is_tried_later(unused_tcp_port: int) -> None:
    assert await detect(f"127.0.0.1:{unused_tcp_port}") == TryLater("connection refused")


async def test_an_http_server_is_not_this_kind(unused_tcp_port: int) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        found = await detect(f"127.0.0.1:{unused_tcp_port}")
    finally:
        await runner.cleanup()
    assert isinstance(found, NotThisKind)


@pytest.mark.parametrize("code", ["UNIMPLEMENTED", "UNAUTHENTICATED", "UNKNOWN"])
def test_an_http2_answer_without_grpc_is_not_this_kind(code: str) -> None:
    metadata = grpc.aio.Metadata()
    details = "Received http2 header with status: 404"
    error = grpc.aio.AioRpcError(grpc.StatusCode[code], metadata, metadata, details, None)
    assert isinstance(_detection_of(error), NotThisKind)


def test_a_gateway_without_its_server_is_tried_later() -> None:
    metadata = grpc.aio.Metadata()
    details = "Received http2 header with status: 503"
    error = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, metadata, metadata, details, None)
    assert isinstance(_detection_of(error), TryLater)


async def test_tls_to_a_server_in_plain_text_is_tried_later() -> None:
    async with running_grpc(API, reflect=["v1"]) as address:
        found = await detect(Candidate(GrpcAddress(address, tls=True)))
    assert found == TryLater("the server does not speak TLS")


async def test_a_port_that_accepts_and_says_nothing_is_tried_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts, and that is all
        port = server.getsockname()[1]
        assert await detect(f"127.0.0.1:{port}", timeout_s=0.2) == TryLater("no answer within the time limit")


async def test_no_time_left_is_tried_later() -> None:
    async with running_grpc(API, reflect=["v1"]) as address:
        assert await detect(address, timeout_s=-1) == TryLater("no answer within the time limit")


Answer = Callable[[Any], Any]


@contextlib.asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A server of reflection v1 that answers each request with what *answer* says: a message, bytes,
    or ``None`` to hang."""

    async def handle(requests: Any, _: Any) -> AsyncIterator[Any]:
        async for request in requests:
            found = answer(request)
            if found is None:
                await asyncio.Event().wait()
            if isinstance(found, Exception):
                return
            yield found

    handler = grpc.stream_stream_rpc_method_handler(
        handle,
        reflection_pb2.ServerReflectionRequest.FromString,
        lambda found: found if isinstance(found, bytes) else found.SerializeToString(),
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler}
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def listing(*names: str) -> Any:
    services = [reflection_pb2.ServiceResponse(name=name) for name in names]
    return reflection_pb2.ServerReflectionResponse(
        list_services_response=reflection_pb2.ListServiceResponse(service=services)
    )


def holding(*files: FileDescriptorProto) -> Any:
    data = [file.SerializeToString() for file in files]
    return reflection_pb2.ServerReflectionResponse(
        file_descriptor_response=reflection_pb2.FileDescriptorResponse(file_descriptor_proto=data)
    )


def not_found() -> Any:
    error = reflection_pb2.ErrorResponse(error_code=5, error_message="no")
    return reflection_pb2.ServerReflectionResponse(error_response=error)


class OneFileAtATime:
    """Answers as grpc-java does: the one file that was asked for, and not what it imports."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        files = FileDescriptorSet.FromString(compile_protos(texts)).file
        self.files = {file.name: file for file in files}
        self.services = {f"{file.package}.{service.name}": file for file in files for service in file.service}
        self.asked: list[str] = []

    def __call__(self, request: Any) -> Any:
        if request.HasField("list_services"):
            return listing(*self.services, "grpc.reflection.v1.ServerReflection")
        self.asked.append(request.file_by_filename or request.file_containing_symbol)
        file = self.files.get(request.file_by_filename) or self.services.get(request.file_containing_symbol)
        return holding(file) if file else not_found()


def chain(depth: int) -> dict[str, str]:
    """Files that each import the next."""
    texts = {
        f"f{n}.proto": f'syntax = "proto3"; package zoo; import "f{n + 1}.proto"; message M{n} {{ M{n + 1} next = 1; }}'
        for n in range(depth)
    }
    texts[f"f{depth}.proto"] = f'syntax = "proto3"; package zoo; message M{depth} {{ string end = 1; }}'
    texts["f0.proto"] += " service Deep { rpc Get(M0) returns (M0); }"
    return texts


async def test_imports_that_did_not_come_along_are_asked_for() -> None:
    server = OneFileAtATime(chain(3))
    async with answering(server) as address:
        found = await detect(address)
    assert isinstance(found, Detected)
    assert sorted(found.upstream.shapes) == ["M0", "M1", "M2", "M3"]
    assert server.asked == ["zoo.Deep", "f1.proto", "f2.proto", "f3.proto"]


async def test_many_services_of_one_file_are_read() -> None:
    services = " ".join(f"service S{n} {{ rpc Get(M) returns (M); }}" for n in range(300))
    text = f'syntax = "proto3"; package zoo; message M {{ int32 n = 1; }} {services}'
    server = OneFileAtATime({"a.proto": text})
    async with answering(server) as address:
        found = await detect(address)
    assert isinstance(found, Detected)
    assert len(found.upstream.functions) == 300
    assert len(server.asked) < 100  # the first answers tell of the others


async def test_a_file_that_is_not_served_costs_only_what_is_in_it() -> None:
    server = OneFileAtATime(chain(2))
    del server.files["f1.proto"]
    async with answering(server) as address:
        found = await detect(address)
    assert isinstance(found, Detected)
    assert [one.pointer for one in found.upstream.warnings] == ["zoo.M0.next"]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ReflectionLimits(rounds=2), "its files import each other more than 2 deep"),
        (ReflectionLimits(files=2), "it serves more than 2 descriptor files"),
        (ReflectionLimits(total_bytes=150), "its descriptors exceed 150 bytes"),
    ],
)
async def test_what_a_server_describes_is_bounded(limits: ReflectionLimits, reason: str) -> None:
    async with answering(OneFileAtATime(chain(4))) as address:
        assert await detect(address, limits=limits) == TryLater(reason)


async def test_a_server_that_hangs_is_tried_later() -> None:
    async with answering(lambda _: None) as address:
        found = await detect(address, timeout_s=0.2)
    assert found == TryLater("no answer within the time limit")


async def test_a_server_that_hangs_in_the_middle_is_tried_later() -> None:
    def answer(request: Any) -> Any:
        return listing("zoo.Zoo") if request.HasField("list_services") else None

    async with answering(answer) as address:
        found = await detect(address, timeout_s=0.2)
    assert found == TryLater("no answer within the time limit")


async def test_a_server_that_ends_in_the_middle_is_tried_later() -> None:
    def answer(request: Any) -> Any:
        return listing("zoo.Zoo") if request.HasField("list_services") else RuntimeError()

    async with answering(answer) as address:
        assert await detect(address) == TryLater("reflection ended before it answered")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\xff\xff", "reflection answers what is no reflection message"),
        (not_found(), "reflection lists no services: no"),
    ],
)
async def test_garbage_is_tried_later(answer: Any, reason: str) -> None:
    async with answering(lambda _: answer) as address:
        assert await detect(address) == TryLater(reason)


async def test_a_file_that_is_garbage_is_tried_later() -> None:
    garbage = reflection_pb2.ServerReflectionResponse(
        file_descriptor_response=reflection_pb2.FileDescriptorResponse(file_descriptor_proto=[b"\xff\xff"])
    )

    def answer(request: Any) -> Any:
        return listing("zoo.Zoo") if request.HasField("list_services") else garbage

    async with answering(answer) as address:
        assert await detect(address) == TryLater("reflection serves what is no file descriptor")


async def test_a_server_of_infrastructure_only_is_not_this_kind() -> None:
    async with answering(lambda _: listing("grpc.health.v1.Health")) as address:
        assert await detect(address) == NotThisKind("gRPC server without services of its own")


async def test_refused_credentials_are_said() -> None:
    async def refuse(_: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you")
        yield

    server = grpc.aio.server()
    handler = {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(refuse)}
    name = "grpc.reflection.v1.ServerReflection"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handler),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        found = await detect(f"127.0.0.1:{port}")
    finally:
        await server.stop(None)
    assert found == TryLater("reflection answers UNAUTHENTICATED: give this upstream headers")


async def test_the_candidates_headers_are_sent() -> None:
    seen: list[dict[str, Any]] = []

    async def note(_: Any, context: Any) -> AsyncIterator[Any]:
        seen.append(dict(context.invocation_metadata()))
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        yield

    server = grpc.aio.server()
    handler = {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(note)}
    name = "grpc.reflection.v1.ServerReflection"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handler),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        await detect(Candidate(GrpcAddress(f"127.0.0.1:{port}"), headers={"Authorization": "Bearer x"}))
    finally:
        await server.stop(None)
    assert seen[0]["authorization"] == "Bearer x"
    assert seen[0]["user-agent"].startswith("weft-discovery")


EXTENDED = {
    "base.proto": """
syntax = "proto2";
package ext;
service Service { rpc GetThing(Key) returns (Thing); }
message Key { optional string id = 1; }
message Thing { optional string id = 1; extensions 100 to 200; }
""",
    "more.proto": """
syntax = "proto2";
package ext.more;
import "base.proto";
message Color { optional string name = 1; }
extend ext.Thing { optional Color color = 100; repeated int32 sizes = 101; }
""",
}


async def test_extensions_are_found_though_nothing_imports_them() -> None:
    api = GrpcApi(compile_protos(EXTENDED))
    async with running_grpc(api, reflect=["v1"]) as address:
        found = await detect(address)
    assert isinstance(found, Detected)
    thing: Any = found.upstream.shapes[ShapeName("Thing")]
    assert [field.name for field in thing.fields] == ["id", "[ext.more.color]", "[ext.more.sizes]"]


async def test_a_server_may_be_described_by_a_descriptor_set(tmp_path: Path) -> None:
    path = tmp_path / "zoo.bin"
    path.write_bytes(compile_proto(TEXT))
    # Nobody listens: it is not asked.
    candidate = Candidate(GrpcAddress("127.0.0.1:1", descriptors=path))
    found = await detect(candidate)
    assert isinstance(found, Detected)
    assert [one.name for one in found.upstream.functions] == ["PetService.GetPet"]
    assert isinstance(await detect(candidate, memo=found.memo), Unchanged)
    path.write_bytes(compile_proto(TEXT.replace("GetPet", "FindPet")))
    assert isinstance(await detect(candidate, memo=found.memo), Detected)


@pytest.mark.slow
async def test_a_server_may_be_described_by_a_folder_of_proto_files(tmp_path: Path) -> None:
    for name, text in EXTENDED.items():
        (tmp_path / name).write_text(text)
    found = await detect(Candidate(GrpcAddress("127.0.0.1:1", descriptors=tmp_path)))
    assert isinstance(found, Detected)
    assert [one.name for one in found.upstream.functions] == ["Service.GetThing"]
    one_file = await detect(Candidate(GrpcAddress("127.0.0.1:1", descriptors=tmp_path / "base.proto")))
    assert isinstance(one_file, Detected)


@pytest.mark.slow
async def test_a_proto_file_that_does_not_compile_is_said_with_protocs_words(tmp_path: Path) -> None:
    (tmp_path / "a.proto").write_text('syntax = "proto3"; message A { Gone gone = 1; }')
    found = await detect(Candidate(GrpcAddress("127.0.0.1:1", descriptors=tmp_path)))
    assert isinstance(found, TryLater)
    assert '"Gone" is not defined' in found.reason


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read"), (b"\xff\xff", "is no FileDescriptorSet")]
)
async def test_a_file_that_is_no_descriptor_set_is_said(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "zoo.bin"
    if content is not None:
        path.write_bytes(content)
    found = await detect(Candidate(GrpcAddress("127.0.0.1:1", descriptors=path)))
    assert isinstance(found, TryLater)
    assert reason in found.reason


async def test_a_folder_without_proto_files_is_said(tmp_path: Path) -> None:
    found = await detect(Candidate(GrpcAddress("127.0.0.1:1", descriptors=tmp_path)))
    assert isinstance(found, TryLater)
    assert "holds no .proto file" in found.reason


async def test_services_may_be_chosen_by_name_those_of_operation_too() -> None:
    text = 'syntax = "proto3"; package grpc.health.v1; service Health { rpc Check(A) returns (A); } message A { string a = 1; }'
    async with running_grpc(GrpcApi(compile_proto(text)), reflect=["v1"]) as address:
        assert isinstance(await detect(address), NotThisKind)
        options = ReadOptions(services=("grpc.health",))
        found = await detect(Candidate(GrpcAddress(address, options=options)))
        assert isinstance(found, Detected)
        assert [one.name for one in found.upstream.functions] == ["Health.Check"]
        gone = await detect(Candidate(GrpcAddress(address, options=ReadOptions(services=("zoo.Gone",)))))
    assert isinstance(gone, NotThisKind)
    assert "zoo.Gone" in gone.reason
