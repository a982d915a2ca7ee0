"""The bare limit over gRPC: `bare_http`'s twin, with messages in place of JSON from the upstream.

The calls go through what Weft's gRPC transport stands on; `Client` is the only place that knows it.
Messages are read by protobuf's own classes (upb), and the response is written by msgspec.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from tests.benchmarks.grpc_upstream import POSTS_PATH, USERS_PATH, message_class
from tests.benchmarks.workload import workloads
from weft.app.processes import collect_less_often, settle_heap
from weft.engine.transport.grpc_channel import channel_options, open_channel

from .bare_http import FIXED, HEADERS, HTTPProtocol, Request, Scope

UPSTREAM: Final = "BENCH_GRPC_UPSTREAM"
"""Environment variable: the gRPC upstream's host and port."""
TIMEOUT_S: Final = 30


Method = Callable[[bytes, str | None], Awaitable[bytes]]
"""Calls one method; takes the request and the authorization."""


class Client:
    """Calls of unary methods, bytes in and bytes out, over one channel."""

    def __init__(self, address: str) -> None:
        options = channel_options(max_body_bytes=32 * 1024 * 1024, connect_timeout_s=5)
        self._channel = open_channel(address, credentials=None, options=options)

    def method(self, path: str) -> Method:
        """Calls the method at *path*."""
        call: Any = self._channel.unary_unary(path, None, None)

        def send(request: bytes, authorization: str | None) -> Awaitable[bytes]:
            metadata = (("authorization", authorization),) if authorization else ()
            answer: Awaitable[bytes] = call(request, timeout=TIMEOUT_S, metadata=metadata)
            return answer

        return send


class User(Struct, gc=False):
    id: int
    name: str
    email: str


class Post(Struct, gc=False):
    id: int
    userId: int  # noqa: N815  # GraphQL's names
    title: str
    user: User | None


class Posts(Struct, gc=False):
    posts: list[Post]


class Root(Struct, gc=False):
    posts: Posts


class Data(Struct, gc=False):
    data: Root


class Bare:
    """The application of one process."""

    _list_posts: Method
    _batch_get_users: Method

    def __init__(self, address: str) -> None:
        self._address = address
        workload = workloads()["grpc"]
        self._handlers = {workload.query: self._answer}
        self._fixed = {
            FIXED + workload.name: json.dumps(workload.answer, separators=(",", ":")).encode(),
        }
        self._request = msgspec.json.Decoder(Request).decode
        self._encode = msgspec.json.Encoder().encode
        self._read_posts = message_class("ListPostsResponse").FromString
        self._read_users = message_class("BatchGetUsersResponse").FromString
        self._keys = message_class("BatchGetUsersRequest")

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        async def open_client() -> Client:
            return Client(self._address)

        client = loop.run_until_complete(open_client())
        self._list_posts = client.method(POSTS_PATH)
        self._batch_get_users = client.method(USERS_PATH)
        # The garbage collector is set as Weft's workers set it.
        collect_less_often()
        settle_heap()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        body = await protocol()
        if scope.path.startswith(FIXED):
            protocol.response_bytes(200, HEADERS, self._fixed[scope.path])
            return
        handler = self._handlers[self._request(body).query]
        protocol.response_bytes(200, HEADERS, await handler(scope.headers.get("authorization")))

    async def _answer(self, authorization: str | None) -> bytes:
        posts = self._read_posts(await self._list_posts(b"", authorization)).posts
        keys = sorted({post.user_id for post in posts})
        request = self._keys(ids=keys).SerializeToString()
        found = self._read_users(await self._batch_get_users(request, authorization)).users
        users = {user.id: User(user.id, user.name, user.email) for user in found}
        made: list[Post] = []
        for post in posts:
            key = post.user_id
            made.append(Post(post.id, key, post.title, users.get(key)))
        return self._encode(Data(Root(Posts(made))))


def application() -> Bare:
    return Bare(os.environ[UPSTREAM])
