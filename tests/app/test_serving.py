"""The endpoint over the newest snapshot, through HTTP, while upstreams come, go and change."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.app.conftest import MakeSettings
from tests.app.waiting import until
from tests.support.document_server import described, serving, text
from weft.app.discovering import discover, watch_and_write, write_snapshot
from weft.app.machine import free_port
from weft.app.serving import make_application
from weft.discovery import load_snapshot
from weft.engine.endpoint import running
from weft.schemas.errors import ConfigError
from weft.settings import Settings

pytestmark = pytest.mark.slow


async def ask(http: aiohttp.ClientSession, query: str) -> Any:
    async with http.post("/graphql", json={"query": query}) as answer:
        return await answer.json()


async def until_schema(http: aiohttp.ClientSession, has: str) -> None:
    while True:
        async with http.get("/schema.graphql") as answer:
            if answer.status == 200 and has in await answer.text():
                return
        await asyncio.sleep(0.05)


def states(settings: Settings) -> dict[str, str]:
    path = settings.discovery.snapshot
    return {status.upstream: status.state for status in load_snapshot(path).statuses} if path.exists() else {}


async def until_states(settings: Settings, **expected: str) -> None:
    await until(lambda: states(settings) == expected)


async def test_no_request_fails_while_snapshots_are_swapped(settings_for: MakeSettings) -> None:
    let, asked = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await let.wait()
        return web.json_response("late")

    async with serving({"/openapi.json": described("News", "/news"), "/news": slow}) as upstream:
        upstream.answers["/more"] = text('"more"')
        settings = settings_for(upstream.url)
        write_snapshot(settings, await discover(settings))
        async with running(make_application(settings)) as url, aiohttp.ClientSession(url) as http:
            await until_schema(http, "news")
            under_way = asyncio.create_task(ask(http, "{ news }"))
            await asked.wait()
            upstream.answers["/openapi.json"] = described("News", "/news", "/more")
            write_snapshot(settings, await discover(settings))
            await until_schema(http, "more")
            assert await ask(http, "{ more }") == {"data": {"more": "more"}}
            let.set()
            assert await under_way == {"data": {"news": "late"}}


async def test_steady_requests_all_succeed_through_many_swaps(settings_for: MakeSettings) -> None:
    async with serving({"/openapi.json": described("News", "/news"), "/news": text('"new"')}) as upstream:
        settings = settings_for(upstream.url)
        write_snapshot(settings, await discover(settings))
        async with running(make_application(settings)) as url, aiohttp.ClientSession(url) as http:
            await until_schema(http, "news")
            done = asyncio.Event()
            answers: list[Any] = []

            async def go_on() -> None:
                while not done.is_set():
                    answers.append(await ask(http, "{ news }"))

            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(go_on())
                for version in ("v1", "v2", "v3"):
                    upstream.answers["/openapi.json"] = described("News", "/news", f"/{version}")
                    write_snapshot(settings, await discover(settings))
                    await until_schema(http, version)
                done.set()
    assert answers
    assert all(answer == {"data": {"news": "new"}} for answer in answers)


async def test_upstreams_appear_and_stay_while_others_are_served(settings_for: MakeSettings) -> None:
    """One is down at first and appears; one goes away and is stale; the other never fails."""
    news = {"/openapi.json": described("News", "/news"), "/news": text('"new"')}
    async with serving(news) as upstream, serving() as late:
        late.answers["*"] = text("starting", status=503, kind="text/plain")
        settings = settings_for(
            {"name": "news", "url": upstream.url},
            {"name": "pets", "url": late.url},
            discovery={"interval": "100ms", "timeout": "2s"},
        )
        write_snapshot(settings, await discover(settings))
        assert states(settings) == {"news": "ready", "pets": "failed"}
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(
                watch_and_write(settings, load_snapshot(settings.discovery.snapshot))
            )
            async with running(make_application(settings)) as url, aiohttp.ClientSession(url) as http:
                await until_schema(http, "news")
                late.answers["/openapi.json"] = described("Pets", "/pets")
                late.answers["/pets"] = text('"cat"')
                await until_schema(http, "pets")
                assert await ask(http, "{ news pets }") == {"data": {"news": "new", "pets": "cat"}}
                late.answers.clear()
                late.answers["*"] = text("stopping", status=503, kind="text/plain")
                await until_states(settings, news="ready", pets="stale")
                answer = await ask(http, "{ news pets }")
                assert answer["data"] == {"news": "new", "pets": None}
                assert [error["path"] for error in answer["errors"]] == [["pets"]]
            watching.cancel()


async def test_upstream_that_is_down_at_a_restart_is_stale(settings_for: MakeSettings) -> None:
    async with serving({"/openapi.json": described("News", "/news")}) as upstream:
        settings = settings_for(upstream.url)
        before = await discover(settings)
        write_snapshot(settings, before)
    after = await discover(settings)
    (status,) = after.statuses
    assert (status.upstream, status.state) == ("news", "stale")
    assert status.reason
    assert after.catalog == before.catalog


async def test_damaged_snapshot_file_does_not_stop_discovery(
    settings_for: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving({"/openapi.json": described("News", "/news")}) as upstream:
        settings = settings_for(upstream.url)
        settings.discovery.snapshot.parent.mkdir()
        settings.discovery.snapshot.write_bytes(b"\x00")
        assert [status.state for status in (await discover(settings)).statuses] == ["ready"]
    assert "last snapshot not usable" in caplog.text


async def test_watch_writes_only_what_changed(settings_for: MakeSettings) -> None:
    async with serving({"/openapi.json": described("News", "/news")}) as upstream:
        settings = settings_for(upstream.url, discovery={"interval": "50ms"})
        snapshot = await discover(settings)
        write_snapshot(settings, snapshot)
        written = settings.discovery.snapshot.stat()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch_and_write(settings, snapshot))
            await until(lambda: upstream.asked.count("/openapi.json") >= 5)
            assert settings.discovery.snapshot.stat() == written
            upstream.answers["/openapi.json"] = described("News", "/news", "/more")
            await until(lambda: settings.discovery.snapshot.stat() != written)
            watching.cancel()


async def test_snapshot_that_cannot_be_written_does_not_end_the_watch(
    settings_for: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    async with serving({"/openapi.json": described("News", "/news")}) as upstream:
        settings = settings_for(
            upstream.url, discovery={"interval": "50ms"}, names={"lock": "file/weft.lock"}
        )
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch_and_write(settings))
            await until(lambda: upstream.asked.count("/openapi.json") >= 3)
            assert not watching.done()
            watching.cancel()
    assert "snapshot not written" in caplog.text


# -- the port


def test_free_port_is_a_number_where_the_settings_say_0(settings_for: MakeSettings) -> None:
    assert free_port(Path("weft.yaml"), settings_for(server={"port": 0})) > 0


def test_taken_port_is_a_setting_to_change(settings_for: MakeSettings) -> None:
    with socket.socket() as other:
        # As another Weft holds it.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            free_port(Path("weft.yaml"), settings_for(server={"port": port}))


def test_address_of_another_machine_is_a_setting_to_change(settings_for: MakeSettings) -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:0"):
        free_port(Path("weft.yaml"), settings_for(server={"host": "192.0.2.1", "port": 0}))
