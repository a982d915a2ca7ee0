"""The bare limit: what Weft could reach if it did nothing but the calls and their JSON.

One handler for each query, written by hand for it: it knows the upstream's URLs and the selected fields,
and checks nothing that msgspec does not check while it decodes. It stands on the same server (granian, as
Weft configures it) and makes the same calls through the same transport (`weft.engine.transport.http1`).

Served by `weft.engine.endpoint.server.serve`, one application in each process.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tests.benchmarks.workload import workloads
from weft.app.processes import collect_less_often, settle_heap
from weft.engine.transport.http1 import Origin, Pool

UPSTREAM_PORT: Final = "BENCH_UPSTREAM_PORT"
"""Environment variable: the HTTP upstream's port."""
FIXED: Final = "/fixed/"
TIMEOUT_S: Final = 30

HEADERS: Final = [("content-type", "application/json; charset=utf-8")]


class Request(Struct, gc=False):
    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815  # GraphQL's name


class User(Struct, gc=False):
    id: int
    name: str
    email: str


class Post(Struct, gc=False):
    id: int
    userId: int  # noqa: N815  # the upstream's names
    title: str
    user: User | None = None


class Posts(Struct, gc=False):
    posts: list[Post]


class Title(Struct, gc=False):
    title: str


class Titles(Struct, gc=False):
    posts: list[Title]


class Greet(Struct, gc=False):
    greet: str


class Item(Struct, gc=False):
    id: int
    sku: str
    name: str
    kind: str
    maker: str
    land: str
    color: str
    note: str
    madeOn: str  # noqa: N815
    stock: int
    held: int
    reorder: int
    rating: float
    price: float
    cost: float
    kg: float
    active: bool
    taxed: bool
    next: str | None
    off: float | None


class Wide(Struct, gc=False):
    wide: list[Item]


class Data(Struct, gc=False):
    data: Posts | Any


class Headers(Protocol):
    def get(self, key: str) -> str | None: ...


class Scope(Protocol):
    path: str
    headers: Headers


class HTTPProtocol(Protocol):
    async def __call__(self) -> bytes: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


class Bare:
    """The application of one process."""

    _pool: Pool
    _time: Callable[[], float]

    def __init__(self, port: int) -> None:
        self._port = port
        self._handlers = {
            found.query: getattr(self, f"_{name}") for name, found in workloads().items() if not found.grpc
        }
        self._fixed = {
            FIXED + name: json.dumps(found.answer, separators=(",", ":")).encode()
            for name, found in workloads().items()
        }
        self._request = msgspec.json.Decoder(Request).decode
        self._decode_posts = msgspec.json.Decoder(list[Post]).decode
        self._decode_users = msgspec.json.Decoder(list[User]).decode
        self._decode_titles = msgspec.json.Decoder(list[Title]).decode
        self._decode_items = msgspec.json.Decoder(list[Item]).decode
        self._decode_text = msgspec.json.Decoder(str).decode
        self._encode = msgspec.json.Encoder().encode
        self._heads = {path: self._head(path) for path in ("/posts", "/greet", "/wide")}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        async def open_pool() -> Pool:
            return Pool(Origin("http", "127.0.0.1", self._port))

        self._time = loop.time
        self._pool = loop.run_until_complete(open_pool())
        # The garbage collector is set as Weft's workers set it.
        collect_less_often()
        settle_heap()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        body = await protocol()
        path = scope.path
        if path.startswith(FIXED):
            protocol.response_bytes(200, HEADERS, self._fixed[path])
            return
        handler = self._handlers[self._request(body).query]
        authorization = scope.headers.get("authorization")
        line = f"Authorization: {authorization}\r\n\r\n".encode() if authorization else b"\r\n"
        protocol.response_bytes(200, HEADERS, await handler(line))

    async def _posts(self, line: bytes) -> bytes:
        posts = self._decode_posts(await self._get(self._heads["/posts"] + line))
        # A set, for each user is asked for once; sorted, for equal calls are then equal bytes.
        query = "&".join([f"id={key}" for key in sorted({post.userId for post in posts})])
        found = self._decode_users(await self._get(self._head(f"/users?{query}") + line))
        users = {user.id: user for user in found}
        for post in posts:
            post.user = users.get(post.userId)
        return self._encode(Data(Posts(posts)))

    async def _titles(self, line: bytes) -> bytes:
        return self._encode(Data(Titles(self._decode_titles(await self._get(self._heads["/posts"] + line)))))

    async def _greet(self, line: bytes) -> bytes:
        return self._encode(Data(Greet(self._decode_text(await self._get(self._heads["/greet"] + line)))))

    async def _wide(self, line: bytes) -> bytes:
        return self._encode(Data(Wide(self._decode_items(await self._get(self._heads["/wide"] + line)))))

    def _head(self, target: str) -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n".encode()

    async def _get(self, head: bytes) -> bytes:
        reply = await self._pool.request(head, deadline=self._time() + TIMEOUT_S, idempotent=True)
        if reply.status != 200:
            raise RuntimeError(f"the upstream answered {reply.status}")
        return reply.body


def application() -> Bare:
    return Bare(int(os.environ[UPSTREAM_PORT]))
