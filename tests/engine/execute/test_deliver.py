"""``@stream`` on the list of a server's first messages: they are delivered as they arrive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
import pytest
import strawberry

from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest, Response
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.grpc import ReadOptions, read_descriptors
from weft.schemas.links import weave
from weft.schemas.sdl import print_sdl
from weft.schemas.stitch import stitch

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package zoo;
service Zoo {
  rpc WatchPets(WatchPetsRequest) returns (stream Pet);
  rpc GetOwner(GetOwnerRequest) returns (Owner);
}
message WatchPetsRequest { string kind = 1; }
message GetOwnerRequest { string owner_id = 1; }
message Pet { string pet_id = 1; double weight = 2; string owner_id = 3; }
message Owner { string owner_id = 1; string name = 2; }
""")


@dataclass
class Zoo:
    """A server that sends a message when it is told to, and no more than it is told."""

    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    pets: list[dict[str, Any]] = field(default_factory=lambda: [{"petId": f"p{n}"} for n in range(3)])
    failing: bool = False
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, _: Any, context: Any) -> AsyncIterator[Any]:
        try:
            for pet in self.pets:
                await self.go.acquire()
                yield {"ownerId": "o", **pet}
            if self.failing:
                await context.abort(grpc.StatusCode.DATA_LOSS, "gone")
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def owner(self, request: Any, _: Any) -> Any:
        return {"ownerId": request.owner_id, "name": "Ann"}


@strawberry.type
class Query:
    @strawberry.field
    def greet(self) -> str:
        return "hello"


@contextlib.asynccontextmanager
async def running(zoo: Zoo, *, timeout_s: float = 10.0, handwritten: Any = None) -> AsyncIterator[Engine]:
    api = GrpcApi(DESCRIPTORS, {"Zoo.WatchPets": zoo.watch, "Zoo.GetOwner": zoo.owner})
    async with running_grpc(api) as address:
        upstream = read_descriptors(
            DESCRIPTORS, ["zoo.Zoo"], upstream=UpstreamId("zoo"), address=address, tls=False
        )
        catalog = Catalog.of(upstream)
        stitched = stitch(catalog, weave(catalog), handwritten=handwritten)
        transport = GrpcTransport(upstream, TransportSettings())
        async with Engine(stitched, {upstream.id: transport}, EngineSettings(timeout_s=timeout_s)) as engine:
            yield engine


def parts(engine: Engine, query: str, variables: dict[str, Any] | None = None) -> AsyncGenerator[Response]:
    return engine.subscribe(GraphQLRequest(query, variables or {}, None))


async def body(parts: AsyncGenerator[Response]) -> Any:
    async with asyncio.timeout(10):
        return msgspec.json.decode((await anext(parts)).body)


PENDING = {"pending": [{"id": "0", "path": ["watchPets"]}], "hasNext": True}
DONE = {"completed": [{"id": "0"}], "hasNext": False}


def item(value: Any, **more: Any) -> Any:
    return {"incremental": [{"id": "0", "items": [value], **more}], "hasNext": True}


async def test_each_message_is_delivered_before_the_next_one_is_sent() -> None:
    zoo = Zoo()
    async with (
        running(zoo) as engine,
        contextlib.aclosing(parts(engine, "{ watchPets @stream { petId owner { name } } }")) as stream,
    ):
        assert await body(stream) == {"data": {"watchPets": []}, **PENDING}
        for n in range(3):
            zoo.go.release()
            assert await body(stream) == item({"petId": f"p{n}", "owner": {"name": "Ann"}})
        assert await body(stream) == DONE
        assert await anext(stream, None) is None


async def test_the_first_part_waits_for_the_initial_count() -> None:
    zoo = Zoo(go=asyncio.Semaphore(9))
    query = 'query ($n: Int) { pets: watchPets @stream(initialCount: $n, label: "more") { petId } }'
    async with running(zoo) as engine:
        found = [msgspec.json.decode(one.body) async for one in parts(engine, query, {"n": 2})]
    assert found == [
        {
            "data": {"pets": [{"petId": "p0"}, {"petId": "p1"}]},
            "pending": [{"id": "0", "path": ["pets"], "label": "more"}],
            "hasNext": True,
        },
        item({"petId": "p2"}),
        DONE,
    ]


async def test_no_more_than_first_are_taken_and_the_call_is_ended() -> None:
    zoo = Zoo(go=asyncio.Semaphore(2))
    async with running(zoo) as engine:
        found = [one async for one in parts(engine, "{ watchPets(first: 2) @stream { petId } }")]
        assert len(found) == 4
        await asyncio.wait_for(zoo.cancelled.wait(), 5)


@pytest.mark.parametrize(
    "query",
    [
        "{ watchPets @stream(if: false) { petId } }",
        "{ watchPets @stream(initialCount: 9) { petId } }",
        "{ watchPets @stream { petId } __typename }",
        "{ watchPets { petId } }",
    ],
)
async def test_a_list_that_is_there_at_once_or_not_alone_is_one_response(query: str) -> None:
    zoo = Zoo(go=asyncio.Semaphore(9))
    async with running(zoo) as engine:
        (found,) = [msgspec.json.decode(one.body) async for one in parts(engine, query)]
    assert found["data"]["watchPets"] == [{"petId": f"p{n}"} for n in range(3)]
    assert "hasNext" not in found


async def test_without_an_event_stream_the_list_is_answered_whole() -> None:
    zoo = Zoo(go=asyncio.Semaphore(9))
    async with running(zoo) as engine:
        answer = await engine.execute(GraphQLRequest("{ watchPets @stream { petId } }", {}, None))
    assert msgspec.json.decode(answer.body) == {"data": {"watchPets": [{"petId": f"p{n}"} for n in range(3)]}}


async def test_beside_hand_written_fields_it_is_answered_whole() -> None:
    zoo = Zoo(go=asyncio.Semaphore(9))
    async with running(zoo, handwritten=strawberry.Schema(Query)) as engine:
        request = GraphQLRequest("{ greet watchPets @stream { petId } }", {}, None)
        answer = msgspec.json.decode((await engine.execute(request)).body)
        introspected = await engine.execute(GraphQLRequest("{ __schema { directives { name } } }", {}, None))
    assert answer == {"data": {"greet": "hello", "watchPets": [{"petId": f"p{n}"} for n in range(3)]}}
    assert b'"stream"' in introspected.body


async def test_an_error_stands_at_its_place_in_the_whole_list() -> None:
    zoo = Zoo(go=asyncio.Semaphore(9), pets=[{"weight": 1.0}, {"weight": "NaN"}])
    async with running(zoo) as engine:
        stream = parts(engine, "{ watchPets @stream(initialCount: 1) { weight } }")
        found = [msgspec.json.decode(one.body) async for one in stream]
    assert found[0]["data"] == {"watchPets": [{"weight": 1.0}]}
    # The weight may not be null, nor may the item: the list ends there.
    (completed,) = found[1]["completed"]
    assert completed["errors"][0]["path"] == ["watchPets", 1, "weight"]
    assert found[1]["hasNext"] is False


async def test_a_stream_that_fails_ends_the_list_with_its_error() -> None:
    zoo = Zoo(go=asyncio.Semaphore(9), failing=True)
    async with running(zoo) as engine:
        found = [
            msgspec.json.decode(one.body) async for one in parts(engine, "{ watchPets @stream { petId } }")
        ]
        whole = [
            msgspec.json.decode(one.body)
            async for one in parts(engine, "{ watchPets @stream(initialCount: 9) { petId } }")
        ]
    (completed,) = found[-1]["completed"]
    assert completed["errors"][0]["extensions"]["code"] == "DATA_LOSS"
    assert completed["errors"][0]["path"] == ["watchPets"]
    assert len(found) == 5
    (only,) = whole
    assert only["data"] == {"watchPets": None}
    assert only["errors"][0]["extensions"]["code"] == "DATA_LOSS"


async def test_waiting_ends_at_the_operations_deadline() -> None:
    zoo = Zoo(go=asyncio.Semaphore(1))
    async with running(zoo, timeout_s=0.2) as engine:
        found = [
            msgspec.json.decode(one.body) async for one in parts(engine, "{ watchPets @stream { petId } }")
        ]
        await asyncio.wait_for(zoo.cancelled.wait(), 5)
    (completed,) = found[-1]["completed"]
    assert completed["errors"][0]["extensions"]["code"] == "UPSTREAM_TIMEOUT"


async def test_who_leaves_ends_the_call() -> None:
    zoo = Zoo()
    async with running(zoo) as engine:
        stream = parts(engine, "{ watchPets @stream { petId } }")
        await body(stream)
        zoo.go.release()
        await body(stream)
        await stream.aclose()
        await asyncio.wait_for(zoo.cancelled.wait(), 5)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("{ watchPets @stream(initialCount: -1) { petId } }", "initialCount"),
        ("{ watchPets(first: 0) @stream { petId } }", "first"),
    ],
)
async def test_impossible_counts_are_refused(query: str, word: str) -> None:
    async with running(Zoo()) as engine:
        found = [msgspec.json.decode(one.body) async for one in parts(engine, query)]
    errors = found[-1].get("errors") or found[-1]["completed"][0]["errors"]
    assert word in errors[0]["message"]


def test_the_schema_has_the_directive_where_there_is_such_a_list_alone() -> None:
    def sdl(*services: str, list_streams: bool = True) -> str:
        upstream = read_descriptors(
            DESCRIPTORS,
            services,
            upstream=UpstreamId("zoo"),
            address="zoo:1",
            tls=False,
            options=ReadOptions(list_streams=list_streams),
        )
        catalog = Catalog.of(upstream)
        return print_sdl(stitch(catalog, weave(catalog)).schema)

    assert "directive @stream(" in sdl("zoo.Zoo")
    assert "directive @stream(" not in sdl("zoo.Zoo", list_streams=False)
