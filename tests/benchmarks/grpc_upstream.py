"""The gRPC upstream's description and messages, and the server that answers reflection.

nginx answers the methods themselves, with messages from files: HTTP/2 with trailers is all that a unary call
needs, and a server written in Python would take longer over a call than the contenders. Reflection streams,
so nginx passes it on to this module: ``python -m tests.benchmarks.grpc_upstream PORT``.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import grpc.aio
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection

from tests.support.protobuf import GrpcApi, add_reflection, compile_proto

from .workload import posts_and_users

PROTO: Final = """
syntax = "proto3";
package bench.v1;

service Posts {
  rpc ListPosts(ListPostsRequest) returns (ListPostsResponse);
}

service Users {
  rpc GetUser(GetUserRequest) returns (User);
  rpc BatchGetUsers(BatchGetUsersRequest) returns (BatchGetUsersResponse);
}

message ListPostsRequest {}
message ListPostsResponse { repeated Post posts = 1; }
message GetUserRequest { int32 id = 1; }
message BatchGetUsersRequest { repeated int32 ids = 1; }
message BatchGetUsersResponse { repeated User users = 1; }

message Post {
  int32 id = 1;
  int32 user_id = 2;
  string title = 3;
  string body = 4;
}

message User {
  int32 id = 1;
  string name = 2;
  string username = 3;
  string email = 4;
  string phone = 5;
  string website = 6;
}
"""

POSTS_PATH: Final = "/bench.v1.Posts/ListPosts"
USERS_PATH: Final = "/bench.v1.Users/BatchGetUsers"


@cache
def api() -> GrpcApi:
    """The services, without handlers."""
    return GrpcApi(compile_proto(PROTO, "bench.proto"))


def message_class(name: str) -> Any:
    """The class of a message of the package."""
    return type(api().message(f"bench.v1.{name}"))


def _framed(message: Message) -> bytes:
    """As a gRPC message on the wire: not compressed, its length, its bytes."""
    data = message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


def write_messages(folder: Path) -> None:
    """Write the answers as files named by the methods' paths."""
    posts, users = posts_and_users()
    names = ("id", "name", "username", "email", "phone", "website")
    people = [{name: user[name] for name in names} for user in users]
    answers: dict[str, Message] = {
        POSTS_PATH: api().message("bench.v1.ListPostsResponse", {"posts": posts}),
        USERS_PATH: api().message("bench.v1.BatchGetUsersResponse", {"users": people}),
    }
    for path, message in answers.items():
        file = folder / path.removeprefix("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(_framed(message))


async def serve_reflection(port: int) -> None:
    """Answer server reflection until cancelled."""
    server = grpc.aio.server()
    for version in ("v1", "v1alpha"):
        add_reflection(server, version, [*api().services, reflection.SERVICE_NAME], api().pool)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve_reflection(int(sys.argv[1])))
