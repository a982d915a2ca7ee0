"""Equal reads under way share one execution; callers with other credentials never do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.memory import MemoryTransport
from tests.support.shop_catalog import SHOP
from weft.engine.execute.engine import CallSettings, Engine, EngineSettings
from weft.engine.execute.sharing import InFlight
from weft.engine.operation import GraphQLRequest, Response
from weft.schemas.catalog import UpstreamId
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

QUERY = GraphQLRequest("{ orders(limit: 1) { id } }")


def later() -> float:
    return asyncio.get_running_loop().time() + 5


class Slow:
    """An engine whose orders wait for ``go``, and are those of whoever's credentials were forwarded."""

    def __init__(
        self,
        *,
        share: bool = True,
        share_upstream: bool = True,
        forward: tuple[str, ...] = ("authorization",),
    ) -> None:
        self.go = asyncio.Event()
        self.transport = MemoryTransport({"orders.listOrders": self.orders})
        calls = CallSettings(forward=forward, share=share_upstream)
        settings = EngineSettings(share=share, calls={UpstreamId("orders"): calls})
        self.engine = Engine(
            stitch(SHOP, weave(SHOP)), dict.fromkeys(SHOP.upstreams_by_id, self.transport), settings
        )

    async def orders(self, **_: Any) -> Any:
        owner = self.transport.headers[-1].get("authorization", "nobody")
        await self.go.wait()
        return [{"id": owner, "placedAt": "2026-01-01T00:00:00Z", "customerId": "c-1"}]

    async def ask(self, *headers: dict[str, str], request: GraphQLRequest = QUERY) -> list[bytes]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.engine.execute(request, headers=one)) for one in headers]
            await asyncio.sleep(0)
            group.create_task(self.let_go())
        return [task.result().body for task in tasks]

    async def let_go(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        self.go.set()


async def test_equal_queries_under_way_make_one_call() -> None:
    slow = Slow()
    first, second = await slow.ask({}, {})
    assert first == second
    assert len(slow.transport.calls) == 1


async def test_callers_with_other_credentials_never_share() -> None:
    slow = Slow()
    first, second = await slow.ask({"authorization": "anna"}, {"authorization": "ben"})
    assert b'"anna"' in first
    assert b'"ben"' in second
    assert len(slow.transport.calls) == 2


async def test_a_header_that_nobody_is_sent_does_not_part_them() -> None:
    slow = Slow(forward=())
    await slow.ask({"authorization": "anna"}, {"authorization": "ben"})
    assert len(slow.transport.calls) == 1
    assert "authorization" not in slow.transport.headers[0]


async def test_other_variables_are_another_query() -> None:
    slow = Slow()
    text = "query ($n: Int) { orders(limit: $n) { id } }"
    async with asyncio.TaskGroup() as group:
        for number in (1, 2):
            group.create_task(slow.engine.execute(GraphQLRequest(text, {"n": number})))
        group.create_task(slow.let_go())
    assert len(slow.transport.calls) == 2


async def test_sharing_can_be_switched_off() -> None:
    slow = Slow(share=False)
    await slow.ask({}, {})
    assert len(slow.transport.calls) == 2


async def test_a_second_query_after_the_first_is_done_is_made_anew() -> None:
    slow = Slow()
    await slow.ask({})
    await slow.ask({})
    assert len(slow.transport.calls) == 2


async def test_who_waits_gets_an_answer_when_the_first_one_goes_away() -> None:
    slow = Slow()
    first = asyncio.create_task(slow.engine.execute(QUERY))
    await asyncio.sleep(0)
    second: asyncio.Task[Response] = asyncio.create_task(slow.engine.execute(QUERY))
    await asyncio.sleep(0)
    first.cancel()
    await slow.let_go()
    assert b'"data"' in (await second).body
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_who_goes_away_does_not_take_the_answer_of_the_others() -> None:
    flight: InFlight[int] = InFlight()
    go = asyncio.Event()

    async def make(_deadline: float) -> int:
        await go.wait()
        return 7

    first = asyncio.create_task(flight.share("key", make, deadline=later()))
    await asyncio.sleep(0)
    second = asyncio.create_task(flight.share("key", make, deadline=later()))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    assert await first == 7
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_a_fault_reaches_all_who_wait() -> None:
    flight: InFlight[int] = InFlight()

    async def make(_deadline: float) -> int:
        await asyncio.sleep(0)
        raise RuntimeError("fault")

    results = await asyncio.gather(
        flight.share("key", make, deadline=later()),
        flight.share("key", make, deadline=later()),
        return_exceptions=True,
    )
    assert [str(result) for result in results] == ["fault", "fault"]


async def test_an_operation_goes_on_beside_all_who_wait_when_the_first_one_goes_away() -> None:
    slow = Slow()
    async with slow.engine:
        tasks = [asyncio.create_task(slow.engine.execute(QUERY)) for _ in range(4)]
        for gone in tasks[:3]:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            gone.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        slow.go.set()
        assert b'"nobody"' in (await tasks[3]).body
    assert len(slow.transport.calls) == 2


async def test_nobody_waits_for_an_operation_that_has_less_time() -> None:
    slow = Slow()
    now = asyncio.get_running_loop().time()
    short = asyncio.create_task(slow.engine.execute(QUERY, deadline=now + 0.01))
    await asyncio.sleep(0)
    long = asyncio.create_task(slow.engine.execute(QUERY, deadline=now + 5))
    assert b"UPSTREAM_TIMEOUT" in (await short).body
    slow.go.set()
    assert b'"nobody"' in (await long).body


async def test_who_waits_for_an_operation_has_a_deadline_of_its_own() -> None:
    slow = Slow()
    now = asyncio.get_running_loop().time()
    long = asyncio.create_task(slow.engine.execute(QUERY, deadline=now + 5))
    await asyncio.sleep(0)
    assert b"UPSTREAM_TIMEOUT" in (await slow.engine.execute(QUERY, deadline=now + 0.01)).body
    slow.go.set()
    assert b'"nobody"' in (await long).body


async def test_a_query_after_a_mutation_joins_none_from_before_it() -> None:
    slow = Slow()
    before = asyncio.create_task(slow.engine.execute(QUERY))
    await asyncio.sleep(0)
    slow.transport.answers = {**slow.transport.answers, "orders.cancelOrder": lambda **_: None}
    await slow.engine.execute(GraphQLRequest('mutation { cancelOrder(orderId: "1") }'))
    after = asyncio.create_task(slow.engine.execute(QUERY))
    await slow.let_go()
    await asyncio.gather(before, after)
    assert [id_ for id_, _ in slow.transport.calls].count("orders.listOrders") == 2


async def test_an_upstream_that_shares_nothing_keeps_its_queries_apart() -> None:
    slow = Slow(share_upstream=False)
    await slow.ask({}, {})
    assert len(slow.transport.calls) == 2


async def test_the_next_in_line_may_go_away_as_it_is_called_on() -> None:
    flight: InFlight[int] = InFlight()
    go = asyncio.Event()

    async def make(_deadline: float) -> int:
        await go.wait()
        return 7

    tasks = []
    for _ in range(3):
        tasks.append(asyncio.create_task(flight.share("key", make, deadline=later())))
        await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)  # the second has been called on and has not run yet
    tasks[1].cancel()
    go.set()
    assert await tasks[2] == 7
    assert flight._under_way == {}


async def test_who_has_time_left_does_not_get_the_timeout_of_the_first() -> None:
    slow = Slow()
    async with slow.engine:
        now = asyncio.get_running_loop().time()
        first = asyncio.create_task(slow.engine.execute(QUERY, deadline=now + 0.05))
        await asyncio.sleep(0.03)
        second = asyncio.create_task(slow.engine.execute(QUERY, deadline=now + 0.08))
        assert b"UPSTREAM_TIMEOUT" in (await first).body
        slow.go.set()
        assert b'"nobody"' in (await second).body
    assert len(slow.transport.calls) == 2


async def test_the_same_request_again_is_shared_as_its_first_was() -> None:
    slow = Slow()
    loop = asyncio.get_running_loop()

    async def ask(owner: str) -> bytes:
        headers = {"authorization": owner}
        return (await slow.engine.execute(QUERY, headers=headers, deadline=loop.time() + 5)).body

    slow.go.set()
    await ask("anna")  # from now on the engine knows the request
    slow.go.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(owner)) for owner in ("anna", "ben", "anna")]
        group.create_task(slow.let_go())
    assert [b'"anna"' in task.result() for task in tasks] == [True, False, True]
    assert len(slow.transport.calls) == 3
