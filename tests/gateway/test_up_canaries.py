"""Canaries as GraphQL fields and direct calls both see them: the same weights, versions and clients."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.edge import Echo
from tests.gateway.up import Up, running_up, weft
from weft.app.gateway import weights_file
from weft.gateway.canaries import save_weights

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

CONFIG = """
server: {port: PORT, workers: 2}
gateway:
  expose: ["products.*"]
  metrics_port: METRICS
  access_log: ACCESS
  canaries: {products: {versions: {v2: "V2"}}}
"""
NUMBERS = itertools.count()
CALLS_OF_THREE = 4
"""Three products are asked for together first; the second version answers no list, so each is asked for then."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    async with running_up(tmp_path_factory.mktemp("canaries"), CONFIG) as one:
        yield one


def canary(up: Up, **members: Any) -> dict[str, Any]:
    """``canaries`` with a second version of the products."""
    return {"products": {"versions": {"v2": up.v2.url}, **members}}


def query(count: int = 1) -> str:
    """An operation that makes *count* calls, none of which is equal to another one."""
    fields = " ".join(f'f{n}: product(productId: "n-{next(NUMBERS)}") {{ id }}' for n in range(count))
    return f"{{ {fields} }}"


async def many(count: int, one: Callable[[], Coroutine[Any, Any, Any]], *, at_once: int = 16) -> list[Any]:
    found: list[Any] = []
    waiting = iter(range(count))

    async def worker() -> None:
        for _ in waiting:
            found.append(await one())  # noqa: PERF401 - another worker's turn is in between

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return found


async def taken_by(v2: Echo, one: Coroutine[Any, Any, Any]) -> int:
    """How many calls the second version had in *one*."""
    before = v2.calls
    await one
    return v2.calls - before


async def forwarded(up: Up, headers: dict[str, str]) -> None:
    """Wait until every engine passes on what the canaries look at now: *headers* lead to the second version."""
    # One of the two engines that does not yet sends every second of its calls there all the same.
    in_a_row = 0
    for _ in range(4000):
        in_a_row = in_a_row + 1 if await taken_by(up.v2, up.ask(query(), headers)) else 0
        if in_a_row == 48:
            return
    raise AssertionError("the headers do not reach the canary")


async def test_one_function_has_its_weights_under_a_field_and_directly(up: Up) -> None:
    """10 percent of 5000 calls each, within 2 percent of all."""
    done = await asyncio.to_thread(weft, up, "canary", "set", "products", "v2=10")
    assert done.returncode == 0, done.stderr
    directly = await many(5000, lambda: up.request(f"/products/products/n-{next(NUMBERS)}"))
    versions = Counter(answer.header("x-version") or "stable" for answer in directly)
    assert abs(versions["v2"] - 500) <= 100
    under_fields = await taken_by(up.v2, many(5000, lambda: up.ask(query())))
    assert abs(under_fields - 500) <= 100
    assert (await asyncio.to_thread(weft, up, "canary", "reset", "products")).returncode == 0


async def until_weighted(up: Up, share: int) -> None:
    control = up.running.control
    for _ in range(1000):
        status = control.status()
        if status["canaries"].get("products", {}).get("v2") == share:
            assert await control.publisher.until_acknowledged()
            return
        await asyncio.sleep(0.01)
    raise AssertionError(control.problem)


async def test_weights_are_set_twenty_times_and_no_operation_fails(up: Up) -> None:
    over = asyncio.Event()
    codes: Counter[str] = Counter()

    async def load() -> None:
        while not over.is_set():
            answer = (await up.ask(query())).json
            codes[answer["errors"][0]["extensions"]["code"] if "errors" in answer else "none"] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(load())
        for number in range(20):
            # What `weft canary set` writes; the command itself would take a second of these two cores.
            save_weights(weights_file(up.settings), {"products": {"v2": number * 5}})
            await until_weighted(up, number * 5)
        over.set()
    assert sum(codes.values()) > 100
    # The shop has no such products, and its second version answers what is no product.
    assert not [code for code in codes if "UNREACHABLE" in code or "TIMEOUT" in code], codes
    assert (await asyncio.to_thread(weft, up, "canary", "reset", "products")).returncode == 0


async def test_a_header_that_a_canary_looks_at_from_now_on_reaches_it(up: Up) -> None:
    match = {"version": "v2", "header": {"x-beta": "yes"}}
    await up.tell(canaries=canary(up, matches=[match]))
    await forwarded(up, {"x-beta": "yes"})
    assert await taken_by(up.v2, many(20, lambda: up.ask(query(), {"x-beta": "yes"}))) == 20
    assert await taken_by(up.v2, many(20, lambda: up.ask(query(), {"x-beta": "no"}))) == 0


async def test_all_calls_of_one_operation_are_one_versions(up: Up) -> None:
    await up.tell(canaries=canary(up, weights={"v2": 50}, sticky={"operation": True}))
    found = [await taken_by(up.v2, up.ask(query(3))) for _ in range(30)]
    assert set(found) == {0, CALLS_OF_THREE}


async def test_clients_with_one_header_stay_with_one_version(up: Up) -> None:
    match = {"version": "v2", "header": {"x-user": "probe"}}
    await up.tell(canaries=canary(up, weights={"v2": 50}, sticky={"header": "x-user"}, matches=[match]))
    await forwarded(up, {"x-user": "probe"})
    found = set()
    for user in range(20):
        taken = await taken_by(up.v2, many(4, lambda user=user: up.ask(query(3), {"x-user": f"u{user}"})))  # type: ignore[misc]
        found.add(taken)
        directly = [
            (await up.request("/products/products/p-1", headers={"x-user": f"u{user}"})).header("x-version")
            for _ in range(3)
        ]
        assert len(set(directly)) == 1
        # A field and a route of the same function: the same client has the same version.
        assert (directly[0] == "v2") == (taken > 0)
    assert found == {0, CALLS_OF_THREE * 4}


async def test_clients_with_a_cookie_stay_with_one_version(up: Up) -> None:
    await up.tell(canaries=canary(up, weights={"v2": 50}, sticky={"cookie": "beta"}))
    await forwarded(up, {"cookie": "beta=v2"})
    assert (
        await taken_by(up.v2, many(10, lambda: up.ask(query(3), {"cookie": "beta=v2"})))
        == 10 * CALLS_OF_THREE
    )
    assert await taken_by(up.v2, many(10, lambda: up.ask(query(3), {"cookie": "beta=stable"}))) == 0
    seen = set()
    for _ in range(20):
        before = up.v2.calls
        answer = await up.ask(query(3))
        given = (answer.header("set-cookie") or "").partition(";")[0]
        assert up.v2.calls - before == (CALLS_OF_THREE if given == "beta=v2" else 0)
        seen.add(given)
    assert seen == {"beta=v2", "beta=stable"}


async def test_reads_of_fields_are_mirrored(up: Up) -> None:
    await up.tell(canaries=canary(up, mirror={"version": "v2"}))
    before = up.v2.calls
    answer = await up.ask('{ product(productId: "p-1") { id } }')
    assert answer.json == {"data": {"product": {"id": "p-1"}}}
    for _ in range(100):
        if up.v2.calls > before:
            break
        await asyncio.sleep(0.02)
    assert up.v2.calls == before + 1
