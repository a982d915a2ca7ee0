"""The gRPC transport against real servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import pytest

from tests.support.protobuf import GrpcApi, Handler, compile_proto, running_grpc
from weft.engine.transport import Transport, TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Function, FunctionId, HttpTarget, Json, Upstream, UpstreamId
from weft.schemas.errors import (
    BadArguments,
    ConfigError,
    DocumentError,
    UpstreamAnswer,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from weft.schemas.grpc import read_descriptors

PROTO = """
syntax = "proto3";
package zoo;
import "google/protobuf/any.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

service Zoo {
  rpc GetPet(Key) returns (Pet);
  rpc Echo(Pet) returns (Pet);
  rpc Shout(google.protobuf.StringValue) returns (google.protobuf.StringValue);
  rpc Forget(Key) returns (google.protobuf.Empty);
  rpc WatchPets(Key) returns (stream Pet);
  rpc AddPets(stream Pet) returns (Pet);
  rpc Chat(stream Key) returns (stream Pet);
}
message Key { string pet_id = 1; int32 depth = 2; bool deep = 3; repeated string tags = 4; oneof by { string a = 5; string b = 6; } }
message Pet {
  string pet_id = 1;
  Kind kind = 2;
  int64 i64 = 3;
  uint64 u64 = 4;
  bytes photo = 5;
  optional string nick_name = 6;
  google.protobuf.StringValue motto = 7;
  google.protobuf.Timestamp born_at = 8;
  map<string, int32> weights = 9;
  repeated Pet children = 10;
  oneof home { string street = 11; int32 cage = 12; }
  google.protobuf.Any any = 13;
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_DOG = 1; }
"""
DESCRIPTORS = compile_proto(PROTO)


class Zoo:
    """A running server and the transport to it."""

    def __init__(self, api: GrpcApi, transport: GrpcTransport, upstream: Upstream) -> None:
        self.api = api
        self.transport = transport
        self.upstream = upstream

    def function(self, method: str) -> Function:
        return self.upstream.functions_by_id[FunctionId(f"zoo.Zoo.{method}")]

    async def call(
        self,
        method: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = 5.0,
        headers: Mapping[str, str] | None = None,
    ) -> Json | UpstreamError:
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await self.transport.call(
            self.function(method), arguments or {}, deadline=deadline, headers=headers or {}
        )

    def stream(self, method: str, arguments: Mapping[str, Any] | None = None) -> Any:
        return self.transport.stream(self.function(method), arguments or {}, headers={})


def upstream_at(address: str) -> Upstream:
    return read_descriptors(DESCRIPTORS, ["zoo.Zoo"], upstream=UpstreamId("zoo"), address=address, tls=False)


@contextlib.asynccontextmanager
async def running_zoo(handlers: Mapping[str, Handler], **settings: Any) -> AsyncIterator[Zoo]:
    api = GrpcApi(DESCRIPTORS, {f"Zoo.{name}": handler for name, handler in handlers.items()})
    async with running_grpc(api) as address:
        upstream = upstream_at(address)
        async with GrpcTransport(upstream, TransportSettings(**settings)) as transport:
            yield Zoo(api, transport, upstream)


async def echo(request: Any, _: Any) -> Any:
    return request


async def test_it_is_a_transport() -> None:
    transport: Transport = GrpcTransport(upstream_at("127.0.0.1:1"), TransportSettings())
    async with transport:
        pass


async def test_an_answer_has_json_names_and_every_member_without_presence() -> None:
    async def get_pet(request: Any, _: Any) -> Any:
        return {"petId": request.pet_id}

    async with running_zoo({"GetPet": get_pet}) as zoo:
        assert await zoo.call("GetPet", {"petId": "p-1"}) == {
            "petId": "p-1",
            "kind": "KIND_UNSPECIFIED",
            "i64": 0,
            "u64": 0,
            "photo": "",
            "weights": {},
            "children": [],
        }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "KIND_DOG"),
        ("i64", -(2**63)),
        ("u64", 2**64 - 1),
        ("photo", "AP8="),
        ("nickName", ""),
        ("motto", ""),
        ("bornAt", "2024-02-29T12:00:00.250Z"),
        ("weights", {"may": 3}),
        ("street", "Canal"),
        ("cage", 0),
        (
            "any",
            {"@type": "type.googleapis.com/zoo.Key", "petId": "x", "depth": 0, "deep": False, "tags": []},
        ),
    ],
)
async def test_a_value_comes_back_as_it_was_sent(name: str, value: object) -> None:
    async with running_zoo({"Echo": echo}) as zoo:
        answer = await zoo.call("Echo", {name: value})
    assert isinstance(answer, dict)
    assert answer[name] == value


async def test_a_message_within_itself_comes_back() -> None:
    async with running_zoo({"Echo": echo}) as zoo:
        answer: Any = await zoo.call("Echo", {"children": [{"children": [{"petId": "grandchild"}]}]})
    assert answer["children"][0]["children"][0]["petId"] == "grandchild"


async def test_a_null_argument_is_an_absent_one() -> None:
    async with running_zoo({"Echo": echo}) as zoo:
        answer: Any = await zoo.call("Echo", {"petId": None, "nickName": None})
    assert answer["petId"] == ""
    assert "nickName" not in answer


async def test_a_wrapper_is_its_value() -> None:
    async with running_zoo({"Shout": echo}) as zoo:
        assert await zoo.call("Shout", {"value": "hi"}) == "hi"


async def test_empty_is_none() -> None:
    async def forget(_: Any, __: Any) -> Any:
        return {}

    async with running_zoo({"Forget": forget}) as zoo:
        assert await zoo.call("Forget", {"petId": "p-1"}) is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"petId": "x", "depth": "deep"}, "argument depth: "),
        ({"depth": 2**31}, "argument depth: "),
        ({"depth": True}, "argument depth: "),
        ({"petId": 7}, "argument petId: "),
        ({"tags": "one"}, "argument tags: "),
        ({"tags": ["one", None]}, "argument tags: "),
        ({"petID": "x"}, "argument petID: "),
        ({"a": "1", "b": "2"}, '"by" oneof'),
        ({"petId": "\ud800"}, "argument petId: "),
    ],
)
async def test_arguments_that_do_not_fit_are_named_and_not_sent(
    arguments: Mapping[str, Any], named: str
) -> None:
    async with running_zoo({"GetPet": echo}) as zoo:
        answer = await zoo.call("GetPet", arguments)
        assert zoo.api.calls == []
    assert isinstance(answer, BadArguments)
    assert named in answer.reason


async def test_an_unknown_argument_of_a_wrapper_is_refused() -> None:
    async with running_zoo({"Shout": echo}) as zoo:
        answer = await zoo.call("Shout", {"values": "hi"})
    assert isinstance(answer, BadArguments)


@pytest.mark.parametrize(
    "code", ["NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL", "CANCELLED", "UNAUTHENTICATED"]
)
async def test_an_error_status_is_its_name_and_details(code: str) -> None:
    async def fail(_: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode[code], "no such pet")

    async with running_zoo({"GetPet": fail}) as zoo:
        answer = await zoo.call("GetPet")
    assert isinstance(answer, UpstreamStatus)
    assert (answer.upstream, answer.function, answer.status, answer.detail) == (
        "zoo",
        "zoo.Zoo.GetPet",
        code,
        "no such pet",
    )
    assert "no such pet" not in answer.public_message


async def test_a_method_that_is_not_there_is_a_status() -> None:
    async with running_zoo({}) as zoo:
        answer = await zoo.call("GetPet")
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == "UNIMPLEMENTED"


async def test_a_closed_port_is_unreachable(unused_tcp_port: int) -> None:
    upstream = upstream_at(f"127.0.0.1:{unused_tcp_port}")
    get_pet = upstream.functions_by_id[FunctionId("zoo.Zoo.GetPet")]
    async with GrpcTransport(upstream, TransportSettings()) as transport:
        deadline = asyncio.get_running_loop().time() + 5
        answer = await transport.call(get_pet, {}, deadline=deadline, headers={})
    assert isinstance(answer, UpstreamUnreachable)


class Hanging:
    """A method that never answers, and knows when it was called and cancelled."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def unary(self, _: Any, __: Any) -> Any:
        self.called.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def stream(self, _: Any, __: Any) -> AsyncIterator[Any]:
        self.called.set()
        try:
            yield {"petId": "first"}
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


async def test_the_deadline_ends_the_call_at_the_server_too() -> None:
    hanging = Hanging()
    async with running_zoo({"GetPet": hanging.unary}) as zoo:
        assert isinstance(await zoo.call("GetPet", timeout_s=0.1), UpstreamTimeout)
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


async def test_no_call_is_made_after_the_deadline() -> None:
    async with running_zoo({"GetPet": echo}) as zoo:
        assert isinstance(await zoo.call("GetPet", timeout_s=-1), UpstreamTimeout)
        assert zoo.api.calls == []


async def test_cancelling_the_caller_cancels_the_call() -> None:
    hanging = Hanging()
    async with running_zoo({"GetPet": hanging.unary}) as zoo:
        task = asyncio.create_task(zoo.call("GetPet"))
        await hanging.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


async def test_a_call_under_way_when_the_transport_closes_is_unreachable() -> None:
    hanging = Hanging()
    async with running_zoo({"GetPet": hanging.unary}) as zoo:
        task = asyncio.create_task(zoo.call("GetPet"))
        await hanging.called.wait()
        await zoo.transport.__aexit__()
        assert isinstance(await task, UpstreamUnreachable)


async def test_a_stream_under_way_when_the_transport_closes_ends_as_unreachable() -> None:
    hanging = Hanging()
    async with running_zoo({"WatchPets": hanging.stream}) as zoo:
        stream = zoo.stream("WatchPets")
        await anext(stream)
        task = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        await zoo.transport.__aexit__()
        assert isinstance(await task, UpstreamUnreachable)
        assert [one async for one in stream] == []


async def test_an_answer_that_is_too_large_is_a_status() -> None:
    async def get_pet(_: Any, __: Any) -> Any:
        return {"petId": "x" * 2000}

    async with running_zoo({"GetPet": get_pet}, max_body_bytes=1000) as zoo:
        answer = await zoo.call("GetPet")
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe"])
async def test_an_answer_that_is_no_such_message_is_refused(data: bytes) -> None:
    async def get_pet(_: Any, __: Any) -> Any:
        return data

    async with running_zoo({"GetPet": get_pet}) as zoo:
        assert isinstance(await zoo.call("GetPet"), UpstreamAnswer)


@pytest.mark.parametrize(
    ("data", "member", "printed"),
    [
        (
            b"\x6a\x0d\x0a\x08x.y/none\x12\x01\xff",  # any: of a type nobody described
            "any",
            {"@type": "x.y/none", "value": "/w=="},
        ),
        (b"\x42\x0b\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "bornAt", "nan"),  # beyond year 9999
    ],
)
async def test_what_json_cannot_say_costs_only_its_member(data: bytes, member: str, printed: Any) -> None:
    async def get_pet(_: Any, __: Any) -> Any:
        return data

    async with running_zoo({"GetPet": get_pet}) as zoo:
        answer: Any = await zoo.call("GetPet")
    assert answer["petId"] == ""
    assert answer[member] == printed or str(answer[member]) == printed


async def test_an_enum_number_without_a_name_stays_a_number() -> None:
    async def get_pet(_: Any, __: Any) -> Any:
        return b"\x10\x63"

    async with running_zoo({"GetPet": get_pet}) as zoo:
        answer: Any = await zoo.call("GetPet")
    assert answer["kind"] == 99


async def test_headers_are_metadata_and_win_over_the_settings() -> None:
    sent = {
        "authorization": "Bearer forwarded",
        "x-trace-bin": "AP8",
        "host": "example.com",
        "content-type": "application/json",
        "grpc-timeout": "1n",
        "te": "gzip",
        "x-name": "caf\u00e9",
        ":path": "/",
    }
    settings = {"Authorization": "Bearer ours", "X-Tenant": "t1"}
    async with running_zoo({"GetPet": echo}, headers=settings) as zoo:
        await zoo.call("GetPet", headers=sent)
        metadata = zoo.api.calls[0][1]
    metadata.pop("user-agent")
    assert metadata == {"authorization": "Bearer forwarded", "x-tenant": "t1", "x-trace-bin": b"\x00\xff"}


async def test_a_client_stream_sends_each_request() -> None:
    async def add_pets(requests: Any, _: Any) -> Any:
        return {"petId": "+".join([request.pet_id async for request in requests])}

    async with running_zoo({"AddPets": add_pets}) as zoo:
        answer: Any = await zoo.call("AddPets", {"requests": [{"petId": "a"}, {"petId": "b"}]})
    assert answer["petId"] == "a+b"


async def test_a_bad_item_of_a_client_stream_is_named() -> None:
    async with running_zoo({"AddPets": echo}) as zoo:
        answer = await zoo.call("AddPets", {"requests": [{}, {"petId": 1}]})
    assert isinstance(answer, BadArguments)
    assert answer.reason.startswith("argument requests[1]: ")


async def test_a_stream_yields_each_message() -> None:
    async def watch(request: Any, _: Any) -> AsyncIterator[Any]:
        for number in range(3):
            yield {"petId": f"{request.pet_id}{number}"}

    async with running_zoo({"WatchPets": watch}) as zoo:
        found = [answer["petId"] async for answer in zoo.stream("WatchPets", {"petId": "p"})]
    assert found == ["p0", "p1", "p2"]


async def test_both_sides_may_stream() -> None:
    async def chat(requests: Any, _: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield {"petId": request.pet_id.upper()}

    async with running_zoo({"Chat": chat}) as zoo:
        found = [
            one["petId"] async for one in zoo.stream("Chat", {"requests": [{"petId": "a"}, {"petId": "b"}]})
        ]
    assert found == ["A", "B"]


async def test_an_error_is_the_last_item_of_a_stream() -> None:
    async def watch(_: Any, context: Any) -> AsyncIterator[Any]:
        yield {"petId": "p"}
        await context.abort(grpc.StatusCode.DATA_LOSS, "gone")

    async with running_zoo({"WatchPets": watch}) as zoo:
        found = [answer async for answer in zoo.stream("WatchPets")]
    assert len(found) == 2
    assert isinstance(found[1], UpstreamStatus)
    assert found[1].status == "DATA_LOSS"


async def test_closing_a_stream_cancels_the_call() -> None:
    hanging = Hanging()
    async with running_zoo({"WatchPets": hanging.stream}) as zoo:
        stream = zoo.stream("WatchPets")
        assert (await anext(stream))["petId"] == "first"
        await stream.aclose()
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


async def test_cancelling_who_waits_for_a_stream_cancels_the_call() -> None:
    hanging = Hanging()
    async with running_zoo({"WatchPets": hanging.stream}) as zoo:

        async def watch() -> None:
            async for _ in zoo.stream("WatchPets"):
                pass

        task = asyncio.create_task(watch())
        await hanging.called.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(hanging.cancelled.wait(), 5)


async def test_a_stream_of_a_unary_function_is_one_answer() -> None:
    async with running_zoo({"Echo": echo}) as zoo:
        found = [answer["petId"] async for answer in zoo.stream("Echo", {"petId": "p"})]
    assert found == ["p"]


async def test_bad_arguments_of_a_stream_are_its_only_item() -> None:
    async with running_zoo({"WatchPets": Hanging().stream}) as zoo:
        found = [answer async for answer in zoo.stream("WatchPets", {"depth": "x"})]
    assert [type(answer) for answer in found] == [BadArguments]


async def test_a_stream_is_not_called() -> None:
    async with running_zoo({"WatchPets": Hanging().stream}) as zoo:
        assert isinstance(await zoo.call("WatchPets"), BadArguments)
        assert zoo.api.calls == []


async def test_calls_go_side_by_side() -> None:
    everybody = asyncio.Barrier(20)

    async def get_pet(request: Any, _: Any) -> Any:
        await everybody.wait()
        return {"petId": request.pet_id}

    async with running_zoo({"GetPet": get_pet}) as zoo:
        answers: list[Any] = await asyncio.gather(*(zoo.call("GetPet", {"petId": f"{n}"}) for n in range(20)))
    assert [answer["petId"] for answer in answers] == [f"{n}" for n in range(20)]


def test_another_kind_of_upstream_is_a_config_error() -> None:
    upstream = Upstream(id=UpstreamId("zoo"), target=HttpTarget(base_url="http://x"))
    with pytest.raises(ConfigError):
        GrpcTransport(upstream, TransportSettings())


def test_descriptors_that_do_not_build_are_an_error() -> None:
    upstream = upstream_at("127.0.0.1:1")
    damaged = Upstream(id=upstream.id, target=type(upstream.target)(address="a:1", descriptors=b"\x0a\x01x"))  # type: ignore[call-arg]
    with pytest.raises(DocumentError):
        GrpcTransport(damaged, TransportSettings())
