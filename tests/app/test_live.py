"""The live engine: swapped under operations, and none of them notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.app.waiting import until
from tests.support.memory import MemoryTransport
from tests.support.small_catalogs import TEXT, Catalog, get, rpc, upstream
from weft.app.live import LiveEngine, following
from weft.discovery import save_snapshot
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.schemas.catalog import Function, Json, Snapshot
from weft.schemas.errors import OperationError, StitchConflict, UpstreamError
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

TICKS = rpc("clock.Clock.WatchTicks", TEXT, streaming="server")


class Held(MemoryTransport):
    """A transport whose answers come when the test lets them."""

    def __init__(self, version: str) -> None:
        super().__init__({"news.get_news": self.answer})
        self.version = version
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.ticks: asyncio.Queue[str] = asyncio.Queue()
        self.is_open = False

    async def answer(self) -> str:
        self.asked.set()
        await self.let.wait()
        return self.version

    async def stream(
        self, function: Function, arguments: Mapping[str, Any], *, headers: Mapping[str, str]
    ) -> AsyncIterator[Json | UpstreamError]:
        while True:
            yield await self.ticks.get()

    async def __aenter__(self) -> Held:
        if self.version == "closed":
            raise OSError("cannot be opened")
        if self.version == "slow":
            self.asked.set()
            await self.let.wait()
        self.is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_open = False


def snapshot(version: str) -> Snapshot:
    """A snapshot whose version its schema tells."""
    news = get("news.get_news", "/news", TEXT, description=version)
    return Snapshot(catalog=Catalog.of(upstream("news", news), upstream("clock", TICKS)))


class Versions:
    """Makes engines, and keeps the transport of each by its version."""

    def __init__(self) -> None:
        self.transports: dict[str, Held] = {}

    def __call__(self, made_of: Snapshot) -> Engine:
        version = made_of.catalog.functions["news.get_news"].description  # type: ignore[index]
        if version == "conflict":
            raise StitchConflict("Query.news", ("a", "b"), "defined twice")
        if version == "fault":
            raise AssertionError("a fault of ours")
        transport = self.transports[version] = Held(version)
        stitched = stitch(made_of.catalog, weave(made_of.catalog))
        return Engine(stitched, dict.fromkeys(made_of.catalog.upstreams_by_id, transport))


async def ask(live: LiveEngine) -> Any:
    deadline = asyncio.get_running_loop().time() + 10
    response = await live.execute(
        GraphQLRequest("{ news }"), headers={}, allow=frozenset({"query"}), deadline=deadline
    )
    return msgspec.json.decode(response.body)


async def test_operation_ends_in_the_engine_in_which_it_began() -> None:
    make = Versions()
    async with LiveEngine(make) as live:
        await live.swap(snapshot("1"))
        under_way = asyncio.create_task(ask(live))
        await make.transports["1"].asked.wait()
        await live.swap(snapshot("2"))
        make.transports["2"].let.set()
        assert await ask(live) == {"data": {"news": "2"}}
        make.transports["1"].let.set()
        assert await under_way == {"data": {"news": "1"}}


async def test_old_transports_close_after_their_last_operation() -> None:
    make = Versions()
    async with LiveEngine(make) as live:
        await live.swap(snapshot("1"))
        old = make.transports["1"]
        under_way = [asyncio.create_task(ask(live)) for _ in range(2)]
        await old.asked.wait()
        await live.swap(snapshot("2"))
        assert old.is_open
        old.let.set()
        await asyncio.gather(*under_way)
        await until(lambda: not old.is_open)
        assert make.transports["2"].is_open
    assert not make.transports["2"].is_open


async def test_unused_engine_closes_at_once() -> None:
    make = Versions()
    async with LiveEngine(make) as live:
        await live.swap(snapshot("1"))
        await live.swap(snapshot("2"))
        await until(lambda: not make.transports["1"].is_open)


async def test_subscription_stays_in_its_engine() -> None:
    make = Versions()
    async with LiveEngine(make) as live:
        await live.swap(snapshot("1"))
        (field,) = [line.split(":")[0].strip() for line in live.sdl.splitlines() if "icks:" in line]
        query = GraphQLRequest(f"subscription {{ {field} }}")
        async with aclosing(live.subscribe(query, headers={})) as responses:
            make.transports["1"].ticks.put_nowait("one")
            assert msgspec.json.decode((await anext(responses)).body) == {"data": {field: "one"}}
            await live.swap(snapshot("2"))
            make.transports["1"].ticks.put_nowait("two")
            assert msgspec.json.decode((await anext(responses)).body) == {"data": {field: "two"}}
            assert make.transports["1"].is_open
        await until(lambda: not make.transports["1"].is_open)


async def test_before_the_first_snapshot_nothing_is_ready() -> None:
    async with LiveEngine(Versions()) as live:
        assert (live.ready, live.sdl) == (False, "")
        with pytest.raises(OperationError) as caught:
            await ask(live)
    assert caught.value.code == "NOT_READY"


async def test_swap_that_is_given_up_leaves_nothing_open() -> None:
    make = Versions()
    async with LiveEngine(make) as live:
        swapping = asyncio.create_task(live.swap(snapshot("slow")))
        await until(lambda: "slow" in make.transports)
        await make.transports["slow"].asked.wait()
        swapping.cancel()
        make.transports["slow"].let.set()
    assert swapping.cancelled()
    assert not make.transports["slow"].is_open


# -- following the file


async def until_serving(live: LiveEngine, version: str) -> None:
    await until(lambda: f'"""{version}"""' in live.sdl)


async def test_new_snapshot_file_is_served(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    async with following(path, Versions(), poll_s=0.01) as live:
        assert not live.ready
        for version in ("1", "2"):
            save_snapshot(path, snapshot(version))
            await until_serving(live, version)


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b'{"format": 1}', b"\xff\xfe"], ids=repr)
async def test_damaged_snapshot_keeps_the_last_good_one(
    damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "snapshot.json"
    save_snapshot(path, snapshot("1"))
    make = Versions()
    async with following(path, make, poll_s=0.01) as live:
        path.write_bytes(damage)
        await until(lambda: "snapshot not usable" in caplog.text)
        make.transports["1"].let.set()
        assert await ask(live) == {"data": {"news": "1"}}
        save_snapshot(path, snapshot("2"))
        await until_serving(live, "2")


@pytest.mark.parametrize("version", ["conflict", "fault", "closed"])
async def test_snapshot_that_makes_no_engine_keeps_the_last_good_one(
    version: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "snapshot.json"
    save_snapshot(path, snapshot("1"))
    make = Versions()
    async with following(path, make, poll_s=0.01) as live:
        save_snapshot(path, snapshot(version))
        await until(lambda: "snapshot not usable" in caplog.text)
        make.transports["1"].let.set()
        assert await ask(live) == {"data": {"news": "1"}}


async def test_snapshot_file_that_goes_away_keeps_the_last_good_one(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    save_snapshot(path, snapshot("1"))
    make = Versions()
    async with following(path, make, poll_s=0.01) as live:
        path.unlink()
        await asyncio.sleep(0.05)
        make.transports["1"].let.set()
        assert await ask(live) == {"data": {"news": "1"}}
