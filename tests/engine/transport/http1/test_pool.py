import asyncio
import gzip
import socket

import pytest

from tests.engine.transport.http1.clients import get, head, pool_to, served, soon, until
from tests.support.raw_http import Script, Then, answer, in_order, raw_server
from weft.engine.transport.http1 import (
    BadAnswer,
    ConnectFailed,
    ConnectionLost,
    HttpError,
    Origin,
    Pool,
    Timeout,
    TooLarge,
)

OK = answer(b"ok")


async def test_request_and_answer_are_bytes_as_given() -> None:
    async with served(in_order(answer(b"hi", b"X-A: b"))) as (pool, server):
        sent = head(b"/a?b", (b"Content-Length", b"3"), method=b"POST")
        reply = await pool.request(sent, b"abc", deadline=soon())
    assert (reply.status, reply.headers[1], reply.body) == (200, (b"x-a", b"b"), b"hi")
    assert server.requests == [sent + b"abc"]


@pytest.mark.parametrize("size", [100, 70_000, 5_000_000])
async def test_body_of_any_size_is_sent(size: int) -> None:
    async with served(in_order(OK)) as (pool, server):
        sent = head(b"/", (b"Content-Length", b"%d" % size), method=b"POST")
        await pool.request(sent, b"x" * size, deadline=soon())
        await get(pool)
    assert len(server.requests[0]) == len(sent) + size
    assert server.opened == 1


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 0])
async def test_answer_may_come_in_pieces(piece_bytes: int) -> None:
    chunks = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: v\r\n\r\n"
    )
    async with served(in_order(Script(chunks, piece_bytes), Script(OK, piece_bytes))) as (pool, server):
        assert [(await get(pool)).body for _ in range(2)] == [b"abc", b"ok"]
    assert server.opened == 1


async def test_connections_are_used_again() -> None:
    async with served(in_order(OK)) as (pool, server):
        for _ in range(10):
            await get(pool)
    assert (len(server.requests), server.opened) == (10, 1)


async def test_connection_used_last_is_used_first() -> None:
    async with served(in_order(OK)) as (pool, server):
        await asyncio.gather(*(get(pool) for _ in range(3)))
        assert server.opened == 3
        used = {id((pool._idle[-1], await get(pool))[0]) for _ in range(5)}
    assert len(used) == 1


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"ok", b"Connection: close"),
        OK + b"surplus",
        OK + OK,
        OK.replace(b"1.1", b"1.0"),
    ],
)
async def test_connection_that_must_not_be_used_again_is_not(sent: bytes) -> None:
    async with served(in_order(sent)) as (pool, server):
        for _ in range(3):
            assert (await get(pool)).body == b"ok"
        await server.until(lambda: server.open_now == 0)
    assert server.opened == 3


async def test_surplus_that_comes_late_closes_the_connection() -> None:
    go_on = asyncio.Event()
    async with served(in_order(Script(OK + b"late", hold=go_on, held=len(OK)))) as (pool, server):
        assert (await get(pool)).body == b"ok"
        go_on.set()
        await server.until(lambda: server.open_now == 0)
        assert (await get(pool)).body == b"ok"
    assert server.opened == 2


async def test_connection_closed_while_idle_is_not_used() -> None:
    async with served(in_order(Script(OK, then="close"))) as (pool, server):
        for _ in range(3):
            assert (await get(pool)).body == b"ok"
            await until(lambda: not pool._idle)
    assert server.opened == 3


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        answer(b"hello")[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    ],
)
async def test_answer_that_breaks_off_is_lost(sent: bytes, then: Then) -> None:
    async with served(in_order(Script(sent, then=then))) as (pool, server):
        with pytest.raises(ConnectionLost) as caught:
            await get(pool, idempotent=True)
    assert caught.value.retriable is (sent == b"")
    assert server.opened == 1


async def test_repeatable_request_on_a_kept_connection_that_breaks_is_sent_again() -> None:
    async with served(in_order(OK, Script(b"", then="close"), OK)) as (pool, server):
        await get(pool)
        assert (await get(pool, idempotent=True)).body == b"ok"
    assert (len(server.requests), server.opened) == (3, 2)


async def test_other_requests_are_sent_once() -> None:
    async with served(in_order(OK, Script(b"", then="close"), OK)) as (pool, server):
        await get(pool)
        with pytest.raises(ConnectionLost):
            await get(pool)
    assert len(server.requests) == 2


async def test_request_is_sent_again_only_once() -> None:
    async with served(in_order(OK, Script(b"", then="close"))) as (pool, server):
        await get(pool)
        with pytest.raises(ConnectionLost):
            await get(pool, idempotent=True)
    assert (len(server.requests), server.opened) == (3, 2)


async def test_request_whose_answer_has_begun_is_not_sent_again() -> None:
    async with served(in_order(OK, Script(b"HTTP/1.1 2", then="close"), OK)) as (pool, server):
        await get(pool)
        with pytest.raises(ConnectionLost):
            await get(pool, idempotent=True)
    assert len(server.requests) == 2


async def test_second_try_gets_its_connection_although_all_are_in_use() -> None:
    def answers(number: int, request: bytes) -> Script:
        return Script(b"", then="close") if b"/break" in request and number < 3 else Script(OK)

    async with served(answers, max_connections=2) as (pool, server):
        await asyncio.gather(get(pool), get(pool))
        replies = await asyncio.gather(*(get(pool, b"/break", idempotent=True) for _ in range(6)))
    assert [reply.body for reply in replies] == [b"ok"] * 6
    assert server.most == 2


async def test_connections_are_bounded_and_turns_are_taken_in_order() -> None:
    async with served(in_order(Script(OK, piece_bytes=10)), max_connections=2) as (pool, server):
        order: list[int] = []

        async def one(number: int) -> None:
            await get(pool, b"/%d" % number)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(20)))
    targets = [int(request.split(b" ")[1][1:]) for request in server.requests]
    assert server.most == server.opened == 2
    assert targets[2:] == sorted(targets[2:])
    assert sorted(order) == list(range(20))


async def test_who_waits_too_long_for_a_connection_gets_a_timeout_and_the_others_go_on() -> None:
    go_on = asyncio.Event()
    async with served(in_order(Script(OK, hold=go_on)), max_connections=1) as (pool, _):
        first = asyncio.ensure_future(get(pool))
        await asyncio.sleep(0)
        patient = asyncio.ensure_future(get(pool))
        with pytest.raises(Timeout):
            await get(pool, within_s=0.03)
        go_on.set()
        assert ((await first).body, (await patient).body) == (b"ok", b"ok")


async def test_more_waiting_requests_than_allowed_fail_at_once() -> None:
    go_on = asyncio.Event()
    async with served(in_order(Script(OK, hold=go_on)), max_connections=1, max_waiting=1) as (pool, _):
        waiting = [asyncio.ensure_future(get(pool)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ConnectFailed):
            await get(pool)
        go_on.set()
        await asyncio.gather(*waiting)


async def test_cancelled_waiters_lose_no_connection() -> None:
    go_on = asyncio.Event()
    async with served(in_order(Script(OK, hold=go_on)), max_connections=1) as (pool, server):
        tasks = [asyncio.ensure_future(get(pool)) for _ in range(10)]
        await server.until(lambda: len(server.requests) == 1)
        for task in tasks[1::2]:
            task.cancel()
        go_on.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert (await get(pool)).body == b"ok"
    assert [isinstance(found, asyncio.CancelledError) for found in done] == [False, True] * 5
    assert server.opened == 1


@pytest.mark.parametrize("steps", range(12))
async def test_cancellation_at_any_moment_leaks_nothing(steps: int) -> None:
    async with served(in_order(OK), max_connections=1) as (pool, server):
        tasks = [asyncio.ensure_future(get(pool)) for _ in range(3)]
        for _ in range(steps):
            await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await get(pool)).body == b"ok"
        assert pool._open == 1
    assert server.most <= 3


async def test_cancelled_request_closes_its_connection() -> None:
    async with served(in_order(Script(OK, hold=asyncio.Event()))) as (pool, server):
        task = asyncio.ensure_future(get(pool))
        await server.until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda: server.open_now == 0)


@pytest.mark.parametrize("held", [0, 10, len(OK) - 1])
async def test_deadline_ends_the_wait_and_closes_the_connection(held: int) -> None:
    async with served(in_order(Script(OK, hold=asyncio.Event(), held=held), OK)) as (pool, server):
        with pytest.raises(Timeout):
            await get(pool, within_s=0.03)
        await server.until(lambda: server.open_now == 0)
        assert (await get(pool)).body == b"ok"


async def test_each_request_has_its_own_deadline() -> None:
    loop = asyncio.get_running_loop()

    async def ended_after(pool: Pool, within_s: float) -> float:
        started = loop.time()
        with pytest.raises(Timeout):
            await get(pool, within_s=within_s)
        return loop.time() - started

    limits = [0.12, 0.03, 0.06, 0.09, 0.03]
    async with served(in_order(Script(OK, hold=asyncio.Event()))) as (pool, _):
        taken = await asyncio.gather(*(ended_after(pool, limit) for limit in limits))
    assert all(limit - 0.002 <= time < limit + 0.05 for limit, time in zip(limits, taken, strict=True))


async def test_deadline_that_has_passed_sends_nothing() -> None:
    async with served(in_order(OK)) as (pool, server):
        with pytest.raises(Timeout):
            await get(pool, within_s=-1)
    assert server.opened == 0


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"garbage\r\n\r\n", BadAnswer),
        (answer(b"abc", b"Content-Encoding: gzip"), BadAnswer),
        (answer(b"x" * 101), TooLarge),
        (answer(gzip.compress(b"x" * 1000), b"Content-Encoding: gzip"), TooLarge),
        (answer(b"", b"A: " + b"x" * 2000), TooLarge),
    ],
)
async def test_bad_answer_is_an_error_and_closes_the_connection(sent: bytes, error: type[HttpError]) -> None:
    async with served(in_order(sent, OK), max_body_bytes=100, max_header_bytes=1000) as (pool, server):
        with pytest.raises(error):
            await get(pool)
        await server.until(lambda: server.open_now == 0)
        assert (await get(pool)).body == b"ok"


async def test_endless_answer_ends_at_the_limit() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000
    async with served(in_order(endless), max_body_bytes=1000) as (pool, _):
        with pytest.raises(TooLarge):
            await get(pool)


async def test_early_answer_to_a_large_body_does_not_spoil_the_next() -> None:
    early = Script(answer(b"no", status=b"413 Too Large"), reads_body=False)
    async with served(in_order(early), max_connections=1) as (pool, server):
        sent = head(b"/", (b"Content-Length", b"50000000"), method=b"POST")
        for _ in range(2):
            reply = await pool.request(sent, b"x" * 50_000_000, deadline=soon())
            assert reply.status == 413
    assert server.opened == 2


async def test_answer_to_head_has_no_body() -> None:
    stated = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    async with served(in_order(stated, OK, stated)) as (pool, server):
        replies = [await get(pool, is_head=is_head) for is_head in (True, False, True)]
    assert [reply.body for reply in replies] == [b"", b"ok", b""]
    assert server.opened == 1


async def test_idle_connections_are_closed_in_time() -> None:
    async with served(in_order(OK), max_idle_s=0.05) as (pool, server):
        await asyncio.gather(*(get(pool) for _ in range(3)))
        assert server.open_now == 3
        await server.until(lambda: server.open_now == 0)
        assert (await get(pool)).body == b"ok"
    assert server.opened == 4


async def test_used_connections_are_not_reaped() -> None:
    async with served(in_order(OK), max_idle_s=0.2) as (pool, server):
        for _ in range(8):
            await get(pool)
            await asyncio.sleep(0.03)
    assert server.opened == 1


async def test_nobody_listening_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with pool_to(unused.getsockname()[1]) as pool:
            for _ in range(3):
                with pytest.raises(ConnectFailed):
                    await get(pool)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 64 + ".example", "", "ex ample"])
async def test_name_without_an_address_is_an_error(host: str) -> None:
    pool = Pool(Origin("http", host, 80))
    with pytest.raises(ConnectFailed):
        await get(pool)
    await pool.aclose()


async def test_names_are_resolved() -> None:
    async with raw_server(in_order(OK)) as server:
        pool = Pool(Origin("http", "localhost", server.port))
        assert (await get(pool)).body == b"ok"
        await pool.aclose()


class Deaf:
    """A server that takes connections into its queue and never more: further ones do not open."""

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=0)
        port: int = self._socket.getsockname()[1]
        self._fillers = [socket.socket() for _ in range(8)]
        for filler in self._fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        return port

    def __exit__(self, *_: object) -> None:
        for one in [*self._fillers, self._socket]:
            one.close()


async def test_connection_that_does_not_open_in_time_is_an_error() -> None:
    with Deaf() as port:
        async with pool_to(port, connect_timeout_s=0.05) as pool:
            with pytest.raises(ConnectFailed):
                await get(pool)
        async with pool_to(port) as pool:
            with pytest.raises(Timeout):
                await get(pool, within_s=0.05)


async def test_close_ends_what_is_under_way() -> None:
    with Deaf() as port:
        async with raw_server(in_order(OK, Script(OK, hold=asyncio.Event()))) as server:
            pool, deaf = Pool(Origin("http", "127.0.0.1", server.port), max_connections=1), None
            await get(pool)
            running = [asyncio.ensure_future(get(pool)) for _ in range(2)]
            await server.until(lambda: len(server.requests) == 2)
            deaf = Pool(Origin("http", "127.0.0.1", port))
            running.append(asyncio.ensure_future(get(deaf)))
            await asyncio.sleep(0.01)
            await pool.aclose()
            await deaf.aclose()
            found = await asyncio.gather(*running, return_exceptions=True)
            assert [type(error) for error in found] == [ConnectionLost, ConnectFailed, ConnectFailed]
            await server.until(lambda: server.open_now == 0)
            with pytest.raises(ConnectFailed):
                await get(pool)


async def test_closed_pool_holds_no_sockets_and_no_timers() -> None:
    async with raw_server(in_order(OK)) as server:
        pool = Pool(Origin("http", "127.0.0.1", server.port))
        await asyncio.gather(*(get(pool) for _ in range(5)))
        await pool.aclose()
        await pool.aclose()
        assert not any((pool._sockets, pool._idle, pool._dials, pool._turns))
        assert pool._open == 0
        assert pool._deadlines._handle is None
        assert pool._reaper._handle is None


async def test_errors_show_nothing_to_clients() -> None:
    async with pool_to(1) as pool:
        with pytest.raises(ConnectFailed) as caught:
            await get(pool)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.public_message == "the call failed"
