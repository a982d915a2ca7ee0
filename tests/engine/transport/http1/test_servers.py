"""Servers that are in use answer as they do, and the client reads them."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.transport.http1.clients import get, head, pool_to, soon
from tests.engine.transport.http1.server_app import SERVERS
from tests.support.processes import ROOT
from weft.engine.transport.http1 import Pool

NGINX = shutil.which("nginx") or ""
NAMES = [*SERVERS, *(["nginx"] if NGINX else [])]

# It stands before the application, as it does in production.
NGINX_SETTINGS = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}; client_max_body_size 10m;
    client_body_buffer_size 10m; proxy_max_temp_file_size 0;
    location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; }}
  }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running(args: list[str], port: int) -> Iterator[int]:
    """*port*, once the program of *args* listens on it."""
    with subprocess.Popen(args, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 20
            while True:
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, f"{args} ended"
                assert time.monotonic() < until, f"{args} does not listen"
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


@contextmanager
def running_app(name: str) -> Iterator[int]:
    port = free_port()
    with running([sys.executable, "-m", "tests.engine.transport.http1.server_app", name, str(port)], port):
        yield port


@contextmanager
def running_nginx(folder: Path) -> Iterator[int]:
    port = free_port()
    with running_app("aiohttp") as behind:
        settings = folder / "nginx.conf"
        settings.write_text(NGINX_SETTINGS.format(folder=folder, port=port, behind=behind))
        with running([NGINX, "-c", str(settings), "-e", str(folder / "error.log")], port):
            yield port


@pytest.fixture(scope="module", params=NAMES)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if request.param == "nginx":
        with running_nginx(tmp_path_factory.mktemp("nginx")) as found:
            yield found
    else:
        with running_app(request.param) as found:
            yield found


@pytest.fixture
async def pool(port: int) -> AsyncIterator[Pool]:
    async with pool_to(port, max_connections=4) as made:
        yield made


pytestmark = pytest.mark.slow


async def test_body_of_known_length_is_read(pool: Pool) -> None:
    sent = head(b"/echo", (b"Content-Length", b"5"), method=b"POST")
    assert (await pool.request(sent, b"hello", deadline=soon())).body == b"POST hello"


async def test_body_of_unknown_length_is_read(pool: Pool) -> None:
    assert (await get(pool, b"/pieces/50")).body == b"piece " * 50


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_body_of_any_size_is_read(pool: Pool, size: int) -> None:
    assert len((await get(pool, b"/large/%d" % size)).body) == size


async def test_large_body_is_sent(pool: Pool) -> None:
    body = b"x" * 900_000
    sent = head(b"/echo", (b"Content-Length", b"900000"), method=b"PUT")
    assert (await pool.request(sent, body, deadline=soon())).body == b"PUT " + body


async def test_answers_without_body_keep_the_connection(pool: Pool) -> None:
    for _ in range(3):
        assert (await get(pool, b"/empty")).status == 204
        assert (
            await pool.request(head(b"/large/9", method=b"HEAD"), deadline=soon(), is_head=True)
        ).body == b""
        assert (await get(pool, b"/echo")).body == b"GET "
    assert pool._open == 1


async def test_many_at_once_get_their_own_answers(pool: Pool) -> None:
    replies = await asyncio.gather(*(get(pool, b"/large/%d" % size, within_s=20) for size in range(200)))
    assert [len(reply.body) for reply in replies] == list(range(200))
    assert pool._open <= 4


async def test_body_is_streamed(pool: Pool) -> None:
    async with pool.stream(head(b"/pieces/100")) as reply:
        assert await reply.read(10_000) == b"piece " * 100
    assert (await get(pool, b"/echo")).status == 200
