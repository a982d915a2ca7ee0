import asyncio
from pathlib import Path

import pytest

from tests.engine.transport.http1.certificates import Authority, make_authority
from tests.engine.transport.http1.clients import get, head, until
from tests.support.raw_http import Script, answer, in_order, raw_server
from weft.engine.transport.http1 import ConnectFailed, Origin, Pool, tls_context

OK = answer(b"ok")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def secure_pool(port: int, authority: Authority, host: str = "localhost") -> Pool:
    return Pool(Origin("https", host, port), ssl=tls_context(str(authority.ca_file)))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_answers_come_over_tls_and_connections_are_kept(authority: Authority, host: str) -> None:
    large = answer(b"x" * 300_000)
    async with raw_server(in_order(OK, large), ssl=authority.server_context("h2", "http/1.1")) as server:
        pool = secure_pool(server.port, authority, host)
        assert [len((await get(pool)).body) for _ in range(3)] == [2, 300_000, 300_000]
        secure = next(iter(pool._sockets))._transport
        assert secure is not None
        assert secure.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        await pool.aclose()
        assert server.opened == 1


async def test_server_without_alpn_is_taken(authority: Authority) -> None:
    async with raw_server(in_order(OK), ssl=authority.server_context()) as server:
        pool = secure_pool(server.port, authority)
        assert (await get(pool)).body == b"ok"
        await pool.aclose()


async def test_certificate_that_nobody_vouches_for_is_refused(authority: Authority) -> None:
    async with raw_server(in_order(OK), ssl=authority.server_context()) as server:
        pool = Pool(Origin("https", "localhost", server.port))
        with pytest.raises(ConnectFailed):
            await get(pool)
        await pool.aclose()
        assert server.requests == []


async def test_certificate_for_another_name_is_refused(authority: Authority) -> None:
    async with raw_server(in_order(OK), ssl=authority.server_context()) as server:
        pool = secure_pool(server.port, authority, "127.0.0.2")
        with pytest.raises(ConnectFailed):
            await get(pool)
        await pool.aclose()
        assert server.requests == []


async def test_tls_to_a_plain_server_is_an_error(authority: Authority) -> None:
    async with raw_server(in_order(OK)) as server:
        context = tls_context(str(authority.ca_file))
        pool = Pool(Origin("https", "localhost", server.port), ssl=context, connect_timeout_s=0.1)
        with pytest.raises(ConnectFailed):
            await get(pool)
        await pool.aclose()


async def test_streams_over_tls_are_read_to_their_end(authority: Authority) -> None:
    body = b"x" * 5_000_000
    async with raw_server(in_order(answer(body)), ssl=authority.server_context()) as server:
        pool = secure_pool(server.port, authority)
        async with pool.stream(head()) as reply:
            await asyncio.sleep(0.05)
            assert await reply.read(len(body)) == body
        await pool.aclose()


async def test_connection_over_tls_closed_by_the_server_is_not_used(authority: Authority) -> None:
    async with raw_server(in_order(Script(OK, then="close")), ssl=authority.server_context()) as server:
        pool = secure_pool(server.port, authority)
        for _ in range(2):
            assert (await get(pool)).body == b"ok"
            await until(lambda: not pool._idle)
        await pool.aclose()
        assert server.opened == 2


async def test_unix_socket_takes_the_place_of_host_and_port(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    async with raw_server(in_order(OK), unix_path=path) as server:
        pool = Pool(Origin("http", "test", 80, unix_path=path))
        assert [(await get(pool)).body for _ in range(3)] == [b"ok"] * 3
        await pool.aclose()
        assert server.opened == 1


async def test_unix_socket_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    pool = Pool(Origin("http", "test", 80, unix_path=str(tmp_path / "none")))
    with pytest.raises(ConnectFailed):
        await get(pool)
    await pool.aclose()
