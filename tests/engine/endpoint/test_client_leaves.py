"""A client that goes away, or whose time is up: no upstream goes on working for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.aws_answers import without_credentials
from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from tests.support.small_catalogs import TEXT, get
from weft.engine.endpoint import Application, running
from weft.engine.execute.engine import Engine
from weft.engine.transport import Transport, TransportSettings
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.engine.transport.grpc import GrpcTransport
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import (
    Catalog,
    Function,
    FunctionId,
    HttpTarget,
    LambdaBinding,
    LambdaTarget,
    Upstream,
    UpstreamId,
)
from weft.schemas.grpc import read_descriptors
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

pytestmark = pytest.mark.slow

PROTO = """
syntax = "proto3";
package slow;
service Slow { rpc GetName(Key) returns (Name); }
message Key { string id = 1; }
message Name { string name = 1; }
"""
QUERY = '{ news price name(id: "1") { name } }'


@dataclass
class Silent:
    """Upstreams that take calls and never answer."""

    took: dict[str, bytes] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, name: str, head: bytes = b"") -> None:
        async with self.changed:
            self.took[name] = head
            self.changed.notify_all()

    async def leave(self, name: str) -> None:
        async with self.changed:
            self.left.add(name)
            self.changed.notify_all()

    async def until(self, what: str) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: len(getattr(self, what)) == 3)

    @contextlib.asynccontextmanager
    async def http(self, name: str) -> AsyncIterator[str]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.take(name, await reader.readuntil(b"\r\n\r\n"))
            with contextlib.suppress(ConnectionError):
                while await reader.read(1024):  # until the other side closes the connection
                    pass
            await self.leave(name)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def get_name(self, _: Any, context: Any) -> Any:
        await self.take("grpc", str(context.time_remaining()).encode())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.shield(self.leave("grpc"))
            raise


@pytest.fixture
async def silent() -> Silent:
    return Silent()


@pytest.fixture
async def http(
    silent: Silent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an endpoint over an upstream of each kind."""
    without_credentials(monkeypatch, tmp_path)
    descriptors = compile_proto(PROTO)
    async with (
        silent.http("http") as news_url,
        silent.http("lambda") as lambda_url,
        running_grpc(GrpcApi(descriptors, {"Slow.GetName": silent.get_name})) as address,
    ):
        news = Upstream(
            id=UpstreamId("news"),
            target=HttpTarget(base_url=news_url),
            functions=(get("news.get_news", "/news", TEXT),),
        )
        price = Function(
            id=FunctionId("pricing.get_price"), upstream=UpstreamId("pricing"), name="get_price", result=TEXT,
            binding=LambdaBinding(function_name="get-price"), idempotent=True,
        )  # fmt: skip
        pricing = Upstream(
            id=UpstreamId("pricing"),
            target=LambdaTarget(region="eu-west-1", endpoint=lambda_url),
            functions=(price,),
        )
        slow = read_descriptors(
            descriptors, ["slow.Slow"], upstream=UpstreamId("slow"), address=address, tls=False
        )
        settings = TransportSettings()
        transports: dict[UpstreamId, Transport] = {
            news.id: HttpTransport(news, settings),
            pricing.id: LambdaTransport(pricing, settings),
            slow.id: GrpcTransport(slow, settings),
        }
        catalog = Catalog.of(news, pricing, slow)
        engine = Engine(stitch(catalog, weave(catalog)), transports)
        async with (
            running(Application(lambda: engine)) as url,
            aiohttp.ClientSession(url) as session,
        ):
            yield session


async def test_a_client_that_leaves_ends_its_calls_of_every_kind(
    http: aiohttp.ClientSession, silent: Silent
) -> None:
    asking = asyncio.create_task(http.post("/graphql", json={"query": QUERY}))
    await silent.until("took")
    assert not silent.left
    asking.cancel()
    await silent.until("left")


async def test_the_deadline_reaches_every_transport_and_ends_its_call(
    http: aiohttp.ClientSession, silent: Silent
) -> None:
    # Long enough for the first call over Lambda, whose client is made by it.
    headers = {"x-envoy-expected-rq-timeout-ms": "2000"}
    async with http.post("/graphql", json={"query": QUERY}, headers=headers) as answer:
        body = await answer.json()
    codes = {error["path"][0]: error["extensions"]["code"] for error in body["errors"]}
    assert codes == dict.fromkeys(("news", "price", "name"), "UPSTREAM_TIMEOUT")
    await silent.until("left")
    assert 0 < float(silent.took["grpc"]) <= 2  # it goes on the wire
