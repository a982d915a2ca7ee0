"""Calls whose answers are left as bytes: the same bounds hold as for all others."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.memory import MemoryTransport
from tests.support.shop_catalog import ORDERS, SHOP
from weft.engine.execute.calls import Calls
from weft.engine.execute.upstream_caller import CallSettings, UpstreamCaller
from weft.engine.transport.base import Fetched
from weft.schemas.catalog import FunctionId
from weft.schemas.errors import UpstreamTimeout

LIST_ORDERS = SHOP.functions[FunctionId("orders.listOrders")]


def calls_with_one_slot(answer: Any, *, timeout_s: float = 5.0) -> tuple[Calls, UpstreamCaller]:
    transport = MemoryTransport({LIST_ORDERS.id: answer})
    transport.as_bytes = True
    settings = CallSettings(timeout_s=timeout_s, max_concurrency=1, share=False)
    caller = UpstreamCaller(transport, settings)
    return Calls({ORDERS.id: caller}, {}, asyncio.get_running_loop().time() + 5), caller


async def test_an_answer_stays_bytes_also_when_it_waited_for_a_slot() -> None:
    calls, _ = calls_with_one_slot(lambda: asyncio.sleep(0, [1]))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(calls.fetch(LIST_ORDERS, {})) for _ in range(3)]
    assert [task.result() for task in tasks] == [Fetched(b"[1]")] * 3


async def test_waiting_for_a_slot_ends_at_the_time_limit() -> None:
    calls, caller = calls_with_one_slot(list, timeout_s=0.02)
    caller.slots.free -= 1
    assert isinstance(await calls.fetch(LIST_ORDERS, {}), UpstreamTimeout)
    caller.slots.release()
    assert await calls.fetch(LIST_ORDERS, {}) == Fetched(b"[]")


async def test_a_slot_is_given_back_after_a_fault() -> None:
    calls, caller = calls_with_one_slot(lambda: 1 / 0)
    await calls.fetch(LIST_ORDERS, {})
    assert caller.slots.free == 1
