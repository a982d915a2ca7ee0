"""Streams of a gRPC server as event streams: in parts, as slowly as the client reads, and no longer than it listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.engine.endpoint.test_subscriptions import EVENTS, read_events
from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from weft.engine.endpoint import Application, running
from weft.engine.execute.engine import Engine
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.grpc import read_descriptors
from weft.schemas.links import Weave
from weft.schemas.stitch import stitch

pytestmark = pytest.mark.slow

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package flow;
service Flow { rpc WatchDrops(Tap) returns (stream Drop); }
message Tap { int32 most = 1; int32 size = 2; }
message Drop { int32 number = 1; string text = 2; }
""")
MOST = 10_000
FLOOD = "subscription { watchDrops(most: 10000, size: 10000) { number text } }"


@dataclass
class Flow:
    """A server that sends as fast as it may.

    Attributes:
        sent: Messages that it could send so far.
        ended: It is no longer listened to.
    """

    sent: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, request: Any, _: Any) -> AsyncIterator[Any]:
        try:
            for number in range(request.most):
                yield {"number": number, "text": "x" * request.size}
                self.sent = number + 1
        finally:
            self.ended.set()

    async def until_it_stands(self) -> int:
        """How many it had sent when it could send no more."""
        before = -1
        while self.sent != before or not self.sent:
            before = self.sent
            await asyncio.sleep(0.3)
        return self.sent


@contextlib.asynccontextmanager
async def serving(flow: Flow) -> AsyncIterator[str]:
    async with running_grpc(GrpcApi(DESCRIPTORS, {"Flow.WatchDrops": flow.watch})) as address:
        upstream = read_descriptors(
            DESCRIPTORS, ["flow.Flow"], upstream=UpstreamId("flow"), address=address, tls=False
        )
        engine = Engine(
            stitch(Catalog.of(upstream), Weave((), ())),
            {upstream.id: GrpcTransport(upstream, TransportSettings())},
        )
        async with running(Application(lambda: engine)) as url:
            yield url


@contextlib.asynccontextmanager
async def subscribed(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client whose buffers are small, and that reads when it is told to."""
    address = URL(url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (address.host, address.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=4096)
        body = json.dumps({"query": FLOOD})
        head = f"POST /graphql HTTP/1.1\r\nhost: weft\r\ncontent-length: {len(body)}\r\n"
        head += "accept: text/event-stream\r\ncontent-type: application/json\r\n\r\n"
        writer.write((head + body).encode())
        try:
            yield reader, writer
        finally:
            writer.close()


async def test_a_client_that_reads_nothing_stops_the_server_and_one_that_reads_on_lets_it_go_on() -> None:
    flow = Flow()
    async with asyncio.timeout(50), serving(flow) as url, subscribed(url) as (reader, _):
        stood = await flow.until_it_stands()
        assert stood < MOST / 2
        read = 0
        while flow.sent < stood + 100:
            read += len(await reader.read(64 * 1024))
        assert read > 0
        assert flow.sent < MOST


async def test_a_client_that_leaves_ends_the_servers_stream() -> None:
    flow = Flow()
    async with asyncio.timeout(50), serving(flow) as url:
        async with subscribed(url) as (reader, _):
            await reader.readuntil(b"\r\n\r\n")
            await flow.until_it_stands()
            assert not flow.ended.is_set()
        await flow.ended.wait()
        assert flow.sent < MOST


async def test_a_streamed_list_is_sent_part_by_part() -> None:
    async with serving(Flow()) as url, aiohttp.ClientSession(url) as session:
        query = "{ watchDrops(most: 2) @stream(initialCount: 1) { number } }"
        async with session.post("/graphql", json={"query": query}, headers=EVENTS) as answer:
            events = await read_events(answer)
        async with session.post("/graphql", json={"query": query}) as answer:
            whole = await answer.json()
    assert events == [
        (
            "next",
            {
                "data": {"watchDrops": [{"number": 0}]},
                "pending": [{"id": "0", "path": ["watchDrops"]}],
                "hasNext": True,
            },
        ),
        ("next", {"incremental": [{"id": "0", "items": [{"number": 1}]}], "hasNext": True}),
        ("next", {"completed": [{"id": "0"}], "hasNext": False}),
        ("complete", None),
    ]
    assert whole == {"data": {"watchDrops": [{"number": 0}, {"number": 1}]}}
