"""How much a client has not taken yet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from weft.engine.endpoint.pressure import UNCHECKED_BYTES, Pressure


@dataclass
class Head:
    client: str


def pressure(client: str) -> Pressure:
    return Pressure(cast("Any", Head(client)))


@contextlib.asynccontextmanager
async def connected(host: str) -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection over TCP: the client's, and the accepted one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server, socket.socket(family) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            accepted.setblocking(False)
            yield client, accepted


def fill(connection: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            connection.send(b"x" * 65536)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_waits_for_a_client_that_does_not_read_and_no_longer(host: str) -> None:
    async with connected(host) as (client, accepted):
        address, port = client.getsockname()[:2]
        watched = pressure(f"[{address}]:{port}" if ":" in host else f"{address}:{port}")
        await watched.wait(UNCHECKED_BYTES)  # nothing is held yet
        fill(accepted)
        waiting = asyncio.create_task(watched.wait(UNCHECKED_BYTES))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        client.setblocking(False)
        async with asyncio.timeout(10):
            while not waiting.done():
                with contextlib.suppress(BlockingIOError):
                    client.recv(1024 * 1024)
                await asyncio.sleep(0)
        watched.close()


async def test_little_is_sent_without_a_look() -> None:
    async with connected("127.0.0.1") as (client, accepted):
        fill(accepted)
        await pressure("{}:{}".format(*client.getsockname())).wait(UNCHECKED_BYTES - 1)


@pytest.mark.parametrize("client", ["", "/run/weft.sock", "unix:", "192.0.2.1:9"])
async def test_a_connection_that_is_not_found_is_never_waited_for(client: str) -> None:
    watched = pressure(client)
    for _ in range(3):
        await watched.wait(UNCHECKED_BYTES)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_connection_that_was_let_go_ends_with_its_owner() -> None:
    async with connected("127.0.0.1") as (client, accepted):
        before = descriptors()
        watched = pressure("{}:{}".format(*client.getsockname()))
        await watched.wait(UNCHECKED_BYTES)
        assert descriptors() == before + 1
        watched.close()
        assert descriptors() == before
        accepted.close()
        assert client.recv(1) == b""
