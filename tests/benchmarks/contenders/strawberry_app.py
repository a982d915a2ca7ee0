"""A server as one writes it by hand: Strawberry, a DataLoader of users over the bulk URL, aiohttp's client.

Served by uvicorn, with uvloop and httptools.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

UPSTREAM: Final = "BENCH_UPSTREAM"
"""Environment variable: URL of the HTTP upstream, without a path."""


class Context:
    """Of one operation."""

    def __init__(self, session: aiohttp.ClientSession, authorization: str | None) -> None:
        self._session = session
        self._headers = {"authorization": authorization} if authorization else {}
        self.users = DataLoader(load_fn=self._load_users)

    async def get(self, path: str) -> Any:
        async with self._session.get(path, headers=self._headers) as response:
            response.raise_for_status()
            return await response.json()

    async def _load_users(self, ids: list[int]) -> list[User | None]:
        query = "&".join(f"id={key}" for key in ids)
        found = {user["id"]: User.of(user) for user in await self.get(f"/users?{query}")}
        return [found.get(key) for key in ids]


Info = strawberry.Info[Context, None]


@strawberry.type
class User:
    id: int
    name: str
    username: str
    email: str
    phone: str
    website: str

    @classmethod
    def of(cls, data: dict[str, Any]) -> User:
        return cls(**{name: data[name] for name in ("id", "name", "username", "email", "phone", "website")})


@strawberry.type
class Post:
    user_id: int
    id: int
    title: str
    body: str

    @strawberry.field
    async def user(self, info: Info) -> User | None:
        return await info.context.users.load(self.user_id)


@strawberry.type
class Item:
    id: int
    sku: str
    name: str
    kind: str
    maker: str
    land: str
    color: str
    note: str
    made_on: str
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


@strawberry.type
class Query:
    @strawberry.field
    async def posts(self, info: Info) -> list[Post]:
        found = await info.context.get("/posts")
        return [Post(user_id=post.pop("userId"), **post) for post in found]

    @strawberry.field
    async def greet(self, info: Info) -> str:
        return str(await info.context.get("/greet"))

    @strawberry.field
    async def wide(self, info: Info) -> list[Item]:
        return [Item(made_on=item.pop("madeOn"), **item) for item in await info.context.get("/wide")]


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])


class Server(GraphQL[Context, None]):
    def __init__(self) -> None:
        super().__init__(schema)
        self.session: aiohttp.ClientSession | None = None

    async def get_context(self, request: Any, response: Response | WebSocket) -> Any:
        assert self.session is not None
        return Context(self.session, Request(request.scope).headers.get("authorization"))


server = Server()


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=100)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(os.environ[UPSTREAM], connector=connector, cookie_jar=jar) as session:
        server.session = session
        yield


app = Starlette(lifespan=lifespan)
app.mount("/graphql", server)
