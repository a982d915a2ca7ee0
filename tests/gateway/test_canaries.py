"""Weights, headers, cookies, mirrors, stickiness, and changes of all of them under load."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.edge import Echo, Edge, echoes, route, running_edge, shop_catalog

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROUTES = route("/all", "shop.list_items") + route("/add", "shop.add_item")


def canary(
    body: str, *, target: str = "{kind: Upstream, group: gateway.weft.dev, name: shop}", name: str = "shop"
) -> str:
    return f"""
---
apiVersion: gateway.weft.dev/v1alpha1
kind: Canary
metadata: {{name: {name}}}
spec: {{targetRef: {target}, {body}}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def versions() -> AsyncIterator[list[Echo]]:
    async with echoes("v1", "v2") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(versions: list[Echo]) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(versions[0].url), ROUTES) as one:
        yield one


async def ask(edge: Edge, path: str, count: int, *, at_once: int = 16, **options: object) -> Counter[str]:
    """How many of *count* requests each version answered; other answers count as their status."""
    found: Counter[str] = Counter()
    waiting = iter(range(count))

    async def worker() -> None:
        for _ in waiting:
            async with edge.session.get(edge.url + path, **options) as answer:  # type: ignore[arg-type]
                await answer.read()
                found[answer.headers.get("x-version", str(answer.status))] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return found


async def test_ten_percent_are_ten_percent(edge: Edge, versions: list[Echo]) -> None:
    assert await edge.tell(
        ROUTES + canary(f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: 10}}")
    )
    found = await ask(edge, "/all", 5000)
    assert sum(found.values()) == 5000
    # 2 percent of 5000 are 100: 4.7 standard deviations of 5000 draws of 10 percent.
    assert abs(found["v2"] - 500) <= 100


async def test_a_header_and_a_cookie_choose_a_version(edge: Edge, versions: list[Echo]) -> None:
    matches = (
        "[{version: v2, header: {name: x-canary, value: v2}}, {version: v2, cookie: {name: c, value: 'yes'}}]"
    )
    assert await edge.tell(
        ROUTES + canary(f"versions: {{v2: {{url: '{versions[1].url}'}}}}, matches: {matches}")
    )
    assert await ask(edge, "/all", 50) == {"v1": 50}
    assert await ask(edge, "/all", 50, headers={"x-canary": "v2"}) == {"v2": 50}
    assert await ask(edge, "/all", 50, headers={"cookie": "a=1; c=yes; b=2"}) == {"v2": 50}
    assert await ask(edge, "/all", 50, headers={"cookie": "xc=yes; c=yesterday"}) == {"v1": 50}


async def test_equal_values_of_a_header_stay_with_one_version(edge: Edge, versions: list[Echo]) -> None:
    body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: 50}}, sticky: {{header: x-user}}"
    assert await edge.tell(ROUTES + canary(body))
    by_user = [await ask(edge, "/all", 4, headers={"x-user": f"u{n}"}) for n in range(40)]
    assert all(len(found) == 1 for found in by_user)
    assert {version for found in by_user for version in found} == {"v1", "v2"}


async def test_a_cookie_is_given_and_keeps_its_client_with_one_version(
    edge: Edge, versions: list[Echo]
) -> None:
    body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: 50}}, sticky: {{cookie: canary}}"
    assert await edge.tell(ROUTES + canary(body))
    for _ in range(10):
        first = await edge.get("/all")
        cookie = (first.header("set-cookie") or "").partition(";")[0]
        assert cookie.startswith("canary=")
        found = await ask(edge, "/all", 5, headers={"cookie": cookie})
        assert found == {first.json["version"]: 5}


async def test_reads_are_mirrored_and_writes_are_not(edge: Edge, versions: list[Echo]) -> None:
    body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, mirror: {{version: v2}}"
    assert await edge.tell(ROUTES + canary(body))
    before = versions[1].calls
    assert await ask(edge, "/all", 20) == {"v1": 20}
    for _ in range(100):
        if versions[1].calls == before + 20:
            break
        await asyncio.sleep(0.02)
    assert versions[1].calls == before + 20
    for _ in range(10):
        assert (await edge.get("/add", method="POST", data=b"{}")).json["version"] == "v1"
    await asyncio.sleep(0.1)
    assert versions[1].calls == before + 20


async def test_a_canary_of_one_function_leaves_the_others(edge: Edge, versions: list[Echo]) -> None:
    target = "{kind: Function, group: gateway.weft.dev, name: shop.list_items}"
    body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: 100}}"
    assert await edge.tell(ROUTES + canary(body, target=target))
    assert await ask(edge, "/all", 20) == {"v2": 20}
    assert (await edge.get("/add", method="POST", data=b"{}")).json["version"] == "v1"


async def test_weights_change_twenty_times_under_load_and_no_request_fails(
    edge: Edge, versions: list[Echo]
) -> None:
    over = asyncio.Event()
    found: Counter[str] = Counter()

    async def load() -> None:
        while not over.is_set():
            async with edge.session.get(f"{edge.url}/all") as answer:
                await answer.read()
                found[answer.headers.get("x-version", str(answer.status))] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(load())
        for number in range(20):
            # The version itself comes and goes too: cluster and route in one update.
            there = number % 4 != 3
            body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: {number * 5}}}"
            assert await edge.tell(ROUTES + (canary(body) if there else ""))
            await asyncio.sleep(0.02)
        over.set()
    assert set(found) == {"v1", "v2"}


async def test_a_websocket_stays_open_while_routes_change(edge: Edge, versions: list[Echo]) -> None:
    sockets = """
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: sockets}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]
  httpUpgrade: [{type: websocket}]
"""
    assert await edge.tell(ROUTES + sockets)
    async with edge.session.ws_connect(f"{edge.url}/all") as socket:
        for number in range(4):
            body = f"versions: {{v2: {{url: '{versions[1].url}'}}}}, weights: {{v2: {number * 10}}}"
            assert await edge.tell(ROUTES + sockets + canary(body))
            await socket.send_str(str(number))
            assert await socket.receive_str(timeout=5) == f"v1:{number}"
