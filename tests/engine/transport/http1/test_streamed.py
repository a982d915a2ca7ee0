import asyncio
import gzip

import pytest

from tests.engine.transport.http1.clients import get, head, served, soon
from tests.support.raw_http import Script, answer, in_order
from weft.engine.transport.http1 import BadAnswer, ConnectionLost, Timeout, TooLarge

OK = answer(b"ok")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_pieces_come_as_they_are_sent() -> None:
    go_on = asyncio.Event()
    sent = CHUNKED + b"3\r\none\r\n" + b"3\r\ntwo\r\n0\r\n\r\n"
    async with served(in_order(Script(sent, hold=go_on, held=len(CHUNKED) + 8))) as (pool, server):
        async with pool.stream(head()) as reply:
            found = []
            async for piece in reply:
                found.append(piece)
                go_on.set()
        assert (reply.status, found) == (200, [b"one", b"two"])
        await get(pool)
    assert server.opened == 1


async def test_head_is_there_before_the_body() -> None:
    go_on = asyncio.Event()
    async with (
        served(in_order(Script(OK, hold=go_on, held=len(OK) - 2))) as (pool, _),
        pool.stream(head()) as reply,
    ):
        assert reply.headers == [(b"content-length", b"2")]
        go_on.set()
        assert await reply.read(2) == b"ok"


async def test_compressed_body_is_decompressed_in_bounded_pieces() -> None:
    sent = answer(gzip.compress(b"\0" * 3_000_000), b"Content-Encoding: gzip")
    async with (
        served(in_order(Script(sent, piece_bytes=100)), max_body_bytes=10) as (pool, _),
        pool.stream(head()) as reply,
    ):
        sizes = [len(piece) async for piece in reply]
    assert sum(sizes) == 3_000_000
    assert max(sizes) <= 64 * 1024


async def test_who_does_not_read_makes_the_server_wait() -> None:
    size = 100_000_000
    async with served(in_order(answer(b"x" * size))) as (pool, server), pool.stream(head()) as reply:
        left, before = size, -1
        async with asyncio.timeout(10):
            while left != before:
                before, left = left, server.writers[0].transport.get_write_buffer_size()
                await asyncio.sleep(0.05)
        assert left > size // 2
        assert sum([len(piece) async for piece in reply]) == size


async def test_leaving_early_closes_the_connection() -> None:
    async with served(in_order(Script(CHUNKED + b"3\r\none\r\n"), OK)) as (pool, server):
        async with pool.stream(head()) as reply:
            assert await anext(aiter(reply)) == b"one"
        await server.until(lambda: server.open_now == 0)
        assert (await get(pool)).body == b"ok"


async def test_leaving_after_the_end_keeps_the_connection_although_nobody_read() -> None:
    async with served(in_order(OK)) as (pool, server):
        async with pool.stream(head()):
            pass
        await get(pool)
    assert server.opened == 1


async def test_body_that_breaks_off_gives_its_pieces_and_then_the_error() -> None:
    broken = Script(CHUNKED + b"3\r\none\r\n", then="close")
    async with served(in_order(broken)) as (pool, _), pool.stream(head()) as reply:
        pieces = reply.pieces()
        assert await anext(pieces) == b"one"
        with pytest.raises(ConnectionLost):
            await anext(pieces)


async def test_body_without_length_ends_with_the_connection() -> None:
    async with (
        served(in_order(Script(b"HTTP/1.1 200 OK\r\n\r\nall", then="close"))) as (pool, _),
        pool.stream(head()) as reply,
    ):
        assert await reply.read(10) == b"all"


async def test_body_beyond_what_the_reader_takes_is_an_error() -> None:
    async with (
        served(in_order(answer(b"x" * 11, status=b"500 No"))) as (pool, _),
        pool.stream(head()) as reply,
    ):
        with pytest.raises(TooLarge) as caught:
            await reply.read(10)
    assert caught.value.status == 500


async def test_coding_that_cannot_be_read_is_an_error_only_when_the_body_is_read() -> None:
    async with (
        served(in_order(answer(b"x", b"Content-Encoding: compress"))) as (pool, _),
        pool.stream(head()) as reply,
    ):
        with pytest.raises(BadAnswer):
            await reply.read(10)


async def test_deadline_holds_for_the_head_only() -> None:
    go_on = asyncio.Event()
    held = Script(OK, hold=go_on, held=len(OK) - 1)
    async with served(in_order(held, Script(OK, hold=asyncio.Event()))) as (pool, _):
        async with pool.stream(head(), deadline=soon(0.05)) as reply:
            await asyncio.sleep(0.08)
            go_on.set()
            assert await reply.read(10) == b"ok"
        with pytest.raises(Timeout):
            async with pool.stream(head(), deadline=soon(0.03)):
                pass


async def test_repeatable_request_on_a_kept_connection_that_breaks_is_sent_again() -> None:
    async with served(in_order(OK, Script(b"", then="close"), OK)) as (pool, server):
        await get(pool)
        async with pool.stream(head(), idempotent=True) as reply:
            assert await reply.read(10) == b"ok"
    assert server.opened == 2


async def test_streams_count_among_the_connections() -> None:
    held = Script(OK, hold=asyncio.Event(), held=len(OK) - 1)
    async with served(in_order(held), max_connections=1) as (pool, _), pool.stream(head()):
        with pytest.raises(Timeout):
            await get(pool, within_s=0.03)


async def test_closing_the_pool_ends_a_stream() -> None:
    held = Script(CHUNKED, hold=asyncio.Event(), held=len(CHUNKED))
    async with served(in_order(held)) as (pool, _), pool.stream(head()) as reply:
        await pool.aclose()
        with pytest.raises(ConnectionLost):
            await reply.read(10)


async def test_pool_may_be_closed_while_the_server_waits() -> None:
    async with served(in_order(answer(b"x" * 10_000_000))) as (pool, _), pool.stream(head()) as reply:
        await asyncio.sleep(0.05)
        await pool.aclose()
        with pytest.raises(ConnectionLost):
            await reply.read(10_000_000)
