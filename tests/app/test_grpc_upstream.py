"""A gRPC server as it is configured: found, read, called, and noticed when it changes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2

import weft
from tests.engine.transport.test_grpc_channels import Authority, server_tls
from tests.support.protobuf import GrpcApi, add_reflection, compile_protos

PETS = """
syntax = "proto3";
package zoo.pets.v1;
service Pets {
  rpc GetPet(GetPetRequest) returns (Pet);
  rpc FeedPet(GetPetRequest) returns (Pet);
  rpc LookAtPet(GetPetRequest) returns (Pet);
}
message GetPetRequest { string pet_id = 1; Kind kind = 2; }
enum Kind { KIND_UNSPECIFIED = 0; KIND_DOG = 1; }
message Pet { string pet_id = 1; Kind kind = 2; map<string, int32> toys = 3; }
"""
KEEPERS = """
syntax = "proto3";
package zoo.keepers.v1;
service Keepers { rpc GetKeeper(GetPetRequest) returns (Pet); }
message GetPetRequest { string keeper_id = 1; }
message Pet { string name = 1; }
"""
HEALTH = """
syntax = "proto3";
package grpc.health.v1;
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
"""
ALL = {"pets.proto": PETS, "keepers.proto": KEEPERS, "health.proto": HEALTH}


async def get_pet(request: Any, context: Any) -> Any:
    if not request.pet_id:
        status = status_pb2.Status(code=3)
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="NO_ID", domain="zoo"))
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no", trailing_metadata=trailers)
    return {"petId": request.pet_id, "kind": "KIND_DOG", "toys": {"ball": 2}}


async def get_keeper(request: Any, _: Any) -> Any:
    return {"name": request.keeper_id}


class Zoo:
    """A server that is only open to those who show a certificate and a token, reflection too."""

    def __init__(self, texts: dict[str, str], authority: Authority | None = None) -> None:
        methods = ("Pets.GetPet", "Pets.FeedPet", "Pets.LookAtPet", "Pets.GetDoor")
        handlers: Any = dict.fromkeys(methods, get_pet)
        self.api = GrpcApi(compile_protos(texts), handlers | {"Keepers.GetKeeper": get_keeper})
        self.authority = authority

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)], interceptors=[_Door()])
        self.api.add_to(server)
        add_reflection(server, "v1", self.api.services, self.api.pool)
        if self.authority is None:
            found = server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            tls = server_tls(self.authority, "zoo.test", clients=True)
            found = server.add_secure_port(f"127.0.0.1:{port}", tls)
        await server.start()
        try:
            yield found
        finally:
            await server.stop(None)


class _Door(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # not generic when it runs
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if ("x-token", "secret") in handler_call_details.invocation_metadata:
            return await continuation(handler_call_details)

        async def refuse(_: Any, context: Any) -> Any:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")

        return grpc.stream_stream_rpc_method_handler(refuse)


def settings(folder: Path, port: int, *, scheme: str = "grpc", **more: Any) -> weft.Settings:
    upstream = {"name": "zoo", "url": f"{scheme}://127.0.0.1:{port}", "headers": {"x-token": "secret"}}
    given = {"upstreams": [upstream | more], "discovery": {"snapshot": str(folder / "snapshot.json")}}
    return weft.Settings.from_mapping(given | {"functions": {"zoo.Pets.FeedPet": {"effect": "read"}}})


@pytest.mark.slow
async def test_all_that_is_configured_of_a_server_holds(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    section = {
        "authority": "zoo.test",
        "tls": {"ca": authority.ca, "certificate": certificate, "key": key},
        "enums": "trimmed",
        "maps": "json",
        "errors": "described",
    }
    async with Zoo(ALL, authority).serving() as port:
        given = settings(tmp_path, port, scheme="grpcs", grpc=section)
        snapshot = await weft.discover(given)
        (status,) = snapshot.statuses
        assert (status.state, status.reason) == ("ready", "")
        async with weft.stitch(snapshot, given) as schema:
            query = '{ pet(petId: "p", kind: DOG) { petId kind toys } keeper(keeperId: "k") { name } }'
            assert await weft.execute(schema, query) == {
                "data": {
                    "pet": {"petId": "p", "kind": "DOG", "toys": {"ball": 2}},
                    "keeper": {"name": "k"},
                }
            }
            # A name says that the second is a write; the configuration says that the first is none.
            fields = '{ feedPet(petId: "p") { petId } }', 'mutation { lookAtPet(petId: "p") { petId } }'
            for text in fields:
                assert "errors" not in await weft.execute(schema, text)
            failed: Any = await weft.execute(schema, "{ pet { petId } }")
            extensions = failed["errors"][0]["extensions"]
            assert extensions["code"] == "INVALID_ARGUMENT"
            (detail,) = extensions["details"]
            assert detail["reason"] == "NO_ID"
            sdl = schema.as_str()
    assert "check(" not in sdl  # health is not the zoo's
    assert "type Pet {" in sdl
    assert "type PetsPet {" in sdl


async def test_without_its_headers_the_server_says_so(tmp_path: Path) -> None:
    async with Zoo(ALL).serving() as port:
        snapshot = await weft.discover(settings(tmp_path, port, headers={"x-token": "wrong"}))
    (status,) = snapshot.statuses
    assert (status.state, status.reason) == (
        "failed",
        "reflection answers UNAUTHENTICATED: give this upstream headers",
    )


async def test_a_changed_api_is_read_again(tmp_path: Path) -> None:
    door = "rpc GetDoor(GetPetRequest) returns (Pet); }\nmessage GetPetRequest"
    more = {**ALL, "pets.proto": PETS.replace("}\nmessage GetPetRequest", door)}
    async with Zoo(ALL).serving() as port:
        given = settings(tmp_path, port)
        first = await weft.discover(given)
    async with Zoo(more).serving(port):
        second = await weft.discover(given)
    found = [
        sorted(one.name for upstream in each.catalog.upstreams for one in upstream.functions)
        for each in (first, second)
    ]
    assert "Pets.GetDoor" not in found[0]
    assert "Pets.GetDoor" in found[1]
