"""Operations over a gRPC server: the fast way reads messages, the interpreted way the same bytes as JSON."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import msgspec
import pytest
from google.rpc import error_details_pb2, status_pb2

from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from weft.engine.codegen.messages import Projection
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.grpc import read_descriptors
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package blog;
import "google/protobuf/timestamp.proto";
service Blog {
  rpc ListPosts(ListPostsRequest) returns (ListPostsResponse);
  rpc GetUser(GetUserRequest) returns (User);
  rpc BatchGetUsers(BatchGetUsersRequest) returns (BatchGetUsersResponse);
}
message ListPostsRequest {}
message ListPostsResponse { repeated Post posts = 1; }
message Post {
  int64 post_id = 1; int64 user_id = 2; string title = 3; google.protobuf.Timestamp at = 4;
  Mood mood = 5; optional string note = 6; map<string, Tag> tags = 7; double score = 8;
}
message Tag { string label = 1; }
enum Mood { MOOD_UNSPECIFIED = 0; MOOD_GLAD = 1; }
message GetUserRequest { int64 user_id = 1; }
message BatchGetUsersRequest { repeated int64 user_ids = 1; }
message BatchGetUsersResponse { repeated User users = 1; }
message User { int64 user_id = 1; string name = 2; string email = 3; }
""")
POSTS: list[dict[str, Any]] = [
    {
        "postId": n,
        "userId": 2**60 + n % 2,
        "title": f"t{n}",
        "at": "2024-01-01T00:00:00Z",
        "mood": "MOOD_GLAD",
        "tags": {"a": {"label": "x"}},
        "score": n / 2,
        **({"note": "n"} if n % 2 else {}),
    }
    for n in range(4)
]


class Blog:
    """A running server, and an engine over it."""

    def __init__(self, engine: Engine, api: GrpcApi) -> None:
        self.engine = engine
        self.api = api

    async def run(self, query: str) -> dict[str, Any]:
        response = await self.engine.execute(GraphQLRequest(query, {}, None))
        return msgspec.json.decode(response.body, type=dict[str, Any])


@contextlib.asynccontextmanager
async def blog(
    posts: list[dict[str, Any]], *, compiled: bool = True, list_posts: Any = None
) -> AsyncIterator[Blog]:
    async def all_posts(_: Any, __: Any) -> Any:
        message: Any = api.message("blog.ListPostsResponse")
        for post in posts:
            if isinstance(post, dict):
                message.posts.append(api.message("blog.Post", post))
            else:
                message.posts.add().MergeFromString(post)
        return message

    async def batch_get(request: Any, _: Any) -> Any:
        return {"users": [{"userId": id_, "name": f"u{id_}"} for id_ in reversed(request.user_ids)]}

    async def get_user(request: Any, _: Any) -> Any:
        return {"userId": request.user_id, "name": f"u{request.user_id}"}

    api = GrpcApi(
        DESCRIPTORS,
        {
            "Blog.ListPosts": list_posts or all_posts,
            "Blog.BatchGetUsers": batch_get,
            "Blog.GetUser": get_user,
        },
    )
    async with running_grpc(api) as address:
        upstream = read_descriptors(
            DESCRIPTORS, ["blog.Blog"], upstream=UpstreamId("blog"), address=address, tls=False
        )
        catalog = Catalog.of(upstream)
        stitched = stitch(catalog, weave(catalog))
        transport = GrpcTransport(upstream, TransportSettings())
        engine = Engine(stitched, {upstream.id: transport}, EngineSettings(compiled=compiled, share=False))
        async with engine:
            yield Blog(engine, api)


QUERIES = [
    "{ posts { posts { postId title user { name email } } } }",
    "{ posts { posts { id: postId at mood note score tags { key value { label } } } } }",
    "{ posts { posts { userId user { userId: name } __typename } } }",
]


@pytest.mark.parametrize("query", QUERIES)
async def test_compiled_and_interpreted_give_one_answer(query: str) -> None:
    async with blog(POSTS) as fast, blog(POSTS, compiled=False) as slow:
        expected = await slow.run(query)
        assert "errors" not in expected
        for _ in range(3):
            assert await fast.run(query) == expected


async def test_the_fast_way_prints_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = Projection.__call__

    def counting(self: Projection, data: bytes, messages: Any) -> Any:
        read.append(len(data))
        return original(self, data, messages)

    monkeypatch.setattr(Projection, "__call__", counting)
    async with blog(POSTS) as fast:
        for _ in range(2):
            await fast.run(QUERIES[0])  # run twice, a plan is compiled
        read.clear()
        fast.api.calls.clear()
        assert "errors" not in await fast.run(QUERIES[0])
        assert len(read) == len(fast.api.calls) == 2


@pytest.mark.parametrize(
    ("post", "query"),
    [
        ({"score": "NaN"}, "{ posts { posts { score } } }"),
        ({"mood": 7}, "{ posts { posts { mood } } }"),
        (b"\x22\x0b\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "{ posts { posts { at } } }"),
    ],
)
async def test_what_the_fast_way_refuses_is_an_error_at_its_place_and_no_second_call(
    post: Any, query: str
) -> None:
    async with blog([*POSTS, post]) as fast, blog([*POSTS, post], compiled=False) as slow:
        expected = await slow.run(query)
        assert expected["errors"][0]["path"][:4] == ["posts", "posts", 4, query.split()[5]]
        for _ in range(2):
            assert await fast.run(query) == expected
        fast.api.calls.clear()
        assert await fast.run(query) == expected
        assert len(fast.api.calls) == 1


async def test_a_member_that_is_not_selected_harms_nobody() -> None:
    posts = [{"score": "NaN", "title": "x"}]
    async with blog(posts) as fast, blog(posts, compiled=False) as slow:
        expected = await slow.run("{ posts { posts { title } } }")
        assert expected == {"data": {"posts": {"posts": [{"title": "x"}]}}}
        for _ in range(3):
            assert await fast.run("{ posts { posts { title } } }") == expected


@pytest.mark.parametrize("delay_ms", [0, 30])
async def test_a_read_that_the_server_wants_repeated_is_repeated(delay_ms: int) -> None:
    tried: list[float] = []
    retry = error_details_pb2.RetryInfo(retry_delay={"nanos": delay_ms * 1_000_000})
    status = status_pb2.Status(code=14)
    status.details.add().Pack(retry)

    async def list_posts(_: Any, context: Any) -> Any:
        tried.append(asyncio.get_running_loop().time())
        if len(tried) == 1:
            trailers = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "busy", trailing_metadata=trailers)
        return {"posts": [{"title": "x"}]}

    async with blog([], list_posts=list_posts) as running:
        answer = await running.run("{ posts { posts { title } } }")
    assert answer == {"data": {"posts": {"posts": [{"title": "x"}]}}}
    assert len(tried) == 2
    assert tried[1] - tried[0] >= delay_ms / 1000
