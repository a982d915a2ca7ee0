"""Pools to servers of these tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.support.raw_http import Answer, RawServer, raw_server
from weft.engine.transport.http1 import Origin, Pool, Reply, encode_head


def head(target: bytes = b"/", *headers: tuple[bytes, bytes], method: bytes = b"GET") -> bytes:
    return encode_head(method, target, ((b"Host", b"test"), *headers))


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def get(pool: Pool, target: bytes = b"/", within_s: float = 5.0, **options: Any) -> Reply:
    return await pool.request(head(target), deadline=soon(within_s), **options)


@asynccontextmanager
async def pool_to(port: int, **options: Any) -> AsyncIterator[Pool]:
    pool = Pool(Origin("http", "127.0.0.1", port), **options)
    try:
        yield pool
    finally:
        await pool.aclose()


@asynccontextmanager
async def served(answers: Answer, **options: Any) -> AsyncIterator[tuple[Pool, RawServer]]:
    """A pool, and the server that answers it."""
    async with raw_server(answers) as server, pool_to(server.port, **options) as pool:
        yield pool, server


async def until(reached: Callable[[], bool]) -> None:
    """Wait for what nobody announces."""
    async with asyncio.timeout(5):
        while not reached():  # noqa: ASYNC110  # it is the state of a pool, which has no event for it
            await asyncio.sleep(0.001)
