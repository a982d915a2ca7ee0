"""Connections: signs of life, names in the DNS, messages of any size."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.transport import TransportSettings
from weft.engine.transport.base import ChannelSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Function, FunctionId, UpstreamId
from weft.schemas.errors import GrpcStatus, UpstreamError, UpstreamUnreachable
from weft.schemas.grpc import read_descriptors

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package zoo;
service Zoo {
  rpc GetPet(Pet) returns (Pet);
  rpc WatchPets(Pet) returns (stream Pet);
}
message Pet { string name = 1; bytes photo = 2; }
""")


@contextlib.asynccontextmanager
async def serving(name: str, address: str = "127.0.0.1:0", **options: int) -> AsyncIterator[int]:
    """The port of a server that says its name and sends photos back."""

    async def get(request: Any, _: Any) -> Any:
        return api.message("zoo.Pet", {"name": name}).__class__(name=name, photo=request.photo)

    api = GrpcApi(DESCRIPTORS, {"Zoo.GetPet": get})
    given = [(f"grpc.{key}", value) for key, value in options.items()]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *given])
    api.add_to(server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


class Client:
    def __init__(self, address: str, **settings: Any) -> None:
        upstream = read_descriptors(
            DESCRIPTORS, ["zoo.Zoo"], upstream=UpstreamId("zoo"), address=address, tls=False
        )
        self._functions = upstream.functions_by_id
        self.transport = GrpcTransport(upstream, TransportSettings(**settings))

    def function(self, name: str) -> Function:
        return self._functions[FunctionId(f"zoo.Zoo.{name}")]

    async def get(self, timeout_s: float = 5.0, **arguments: Any) -> Any:
        deadline = asyncio.get_running_loop().time() + timeout_s
        function = self.function("GetPet")
        return await self.transport.call(function, arguments, deadline=deadline, headers={})


# -- signs of life


class Silent:
    """Speaks as much HTTP/2 as a client needs to make calls, and answers none.

    Attributes:
        pings: That came.
        answers: Whether pings are answered.
    """

    def __init__(self, *, answers: bool) -> None:
        self.pings = 0
        self.answers = answers
        self.changed = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for _ in range(5):  # one that was accepted just now has its task in a moment
            await asyncio.sleep(0)
        while waiting := {task for task in self._connections if not task.done()}:
            await asyncio.wait(waiting)  # the client has closed them

    async def until_pings(self, count: int) -> None:
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(lambda: self.pings >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._read(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        writer.write(_frame(4, 0))
        while True:
            head = await reader.readexactly(9)
            body = await reader.readexactly(int.from_bytes(head[:3]))
            kind, flags = head[3], head[4]
            if kind == 4 and not flags:  # SETTINGS
                writer.write(_frame(4, 1))
            elif kind == 6 and not flags:  # PING
                if self.answers:
                    writer.write(_frame(6, 1, body))
                async with self.changed:
                    self.pings += 1
                    self.changed.notify_all()


def _frame(kind: int, flags: int, body: bytes = b"") -> bytes:
    """Source: RFC 9113, "Frame Format"."""
    return len(body).to_bytes(3) + bytes((kind, flags)) + bytes(4) + body


@pytest.mark.slow
async def test_a_long_stream_asks_for_signs_of_life_again_and_again() -> None:
    server = Silent(answers=True)
    async with server.serving() as address:
        client = Client(address, channel=ChannelSettings(keepalive_s=0.1))
        async with client.transport as transport:
            stream = transport.stream(client.function("WatchPets"), {}, headers={})
            waiting = asyncio.ensure_future(anext(stream))
            await server.until_pings(3)  # without settings it is two
            assert not waiting.done()
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


@pytest.mark.slow
async def test_a_server_that_gives_no_sign_of_life_is_unreachable_before_the_deadline() -> None:
    server = Silent(answers=False)
    async with server.serving() as address:
        client = Client(address, channel=ChannelSettings(keepalive_s=0.2))
        async with client.transport as transport, asyncio.timeout(20):
            assert isinstance(await client.get(60), UpstreamUnreachable)
            stream = transport.stream(client.function("WatchPets"), {}, headers={})
            assert [type(one) for one in [one async for one in stream]] == [UpstreamUnreachable]
    assert server.pings > 0


# -- names


class Names(asyncio.DatagramProtocol):
    """A DNS server that knows one name.

    Attributes:
        addresses: Of that name.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        host, port = transport.get_extra_info("sockname")
        try:
            yield f"{host}:{port}"
        finally:
            transport.close()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(0, 12) + 5
        (kind,) = struct.unpack("!H", data[end - 4 : end - 2])
        found = [socket.inet_aton(one) for one in self.addresses] if kind == 1 else []
        head = data[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0)
        records = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + one for one in found]
        self._transport.sendto(head + data[12:end] + b"".join(records), addr)


async def test_calls_go_to_all_addresses_of_a_name() -> None:
    names = Names(["127.0.0.1", "127.0.0.2"])
    async with serving("a") as port, serving("b", f"127.0.0.2:{port}"), names.serving() as dns:
        client = Client(f"dns://{dns}/zoo.test:{port}")
        async with client.transport:
            answered: set[str] = set()
            async with asyncio.timeout(30):
                while answered != {"a", "b"}:
                    answer = await client.get()
                    if not isinstance(answer, UpstreamError):
                        answered.add(answer["name"])


@pytest.mark.slow
async def test_a_name_is_looked_up_again_when_its_server_is_gone() -> None:
    names = Names(["127.0.0.1"])
    async with names.serving() as dns:
        async with serving("before") as port:
            client = Client(f"dns://{dns}/zoo.test:{port}")
            transport = await client.transport.__aenter__()
            assert (await client.get())["name"] == "before"
        try:
            names.addresses = ["127.0.0.3"]
            async with serving("moved", f"127.0.0.3:{port}"), asyncio.timeout(30):
                answer = await client.get()
                while isinstance(answer, UpstreamUnreachable):
                    await asyncio.sleep(0.1)
                    answer = await client.get()
                assert answer["name"] == "moved"
        finally:
            await transport.__aexit__(None, None, None)


# -- sizes


async def test_an_answer_over_the_limit_is_a_status_and_the_next_call_goes_on() -> None:
    async with serving("a") as port:
        client = Client(f"127.0.0.1:{port}", max_body_bytes=10_000)
        async with client.transport:
            answer = await client.get(photo="A" * 16_000)
            assert isinstance(answer, GrpcStatus)
            assert answer.status == "RESOURCE_EXHAUSTED"
            assert len((await client.get(photo="A" * 8_000))["photo"]) == 8_000


async def test_a_request_over_the_servers_limit_is_its_status_and_the_next_call_goes_on() -> None:
    async with serving("a", max_receive_message_length=10_000) as port:
        client = Client(f"127.0.0.1:{port}")
        async with client.transport:
            answer = await client.get(photo="A" * 16_000)
            assert isinstance(answer, GrpcStatus)
            assert answer.status == "RESOURCE_EXHAUSTED"
            assert (await client.get())["name"] == "a"


async def test_messages_over_grpcs_own_four_megabytes_go_both_ways() -> None:
    async with serving("a", max_receive_message_length=-1) as port:
        client = Client(f"127.0.0.1:{port}", max_body_bytes=16 * 1024 * 1024)
        async with client.transport:
            photo = "A" * (8 * 1024 * 1024)
            assert (await client.get(20, photo=photo))["photo"] == photo
