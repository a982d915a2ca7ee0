"""One operation, compiled and interpreted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from weft.engine.codegen import compile_plan
from weft.engine.execute.fast import execute_plan
from weft.engine.execute.run import Execution
from weft.engine.plan import Plan

from .shop_engine import ShopEngine


@dataclass(frozen=True, slots=True)
class TwoWays:
    """What both ways answered.

    Attributes:
        response: The response.
        fast: Whether the compiled plan did without the interpreter.
        calls: The calls of the compiled plan.
        interpreted_calls: Those of the interpreted one.
    """

    response: dict[str, Any]
    fast: bool
    calls: list[tuple[str, dict[str, Any]]]
    interpreted_calls: list[tuple[str, dict[str, Any]]]


async def both_ways(shop: ShopEngine, query: str, variables: Mapping[str, Any] | None = None) -> TwoWays:
    """Execute *query* both ways; the responses are equal."""
    shop.transport.as_bytes = True
    plan, values = plan_of(shop, query, variables)
    before = len(shop.calls)
    interpreted = await Execution(plan, values, shop.engine.calls({})).run()
    between = len(shop.calls)
    outcome = await execute_plan(plan, compile_plan(plan), values, shop.engine.calls({}))
    if isinstance(outcome, bytes):
        compiled: tuple[Any, list[Any]] = (msgspec.json.decode(outcome)["data"], [])
    else:
        compiled = (outcome.data, outcome.errors)
    assert compiled == (interpreted.data, interpreted.errors)
    response = {"data": compiled[0]} | ({"errors": compiled[1]} if compiled[1] else {})
    return TwoWays(response, isinstance(outcome, bytes), shop.calls[between:], shop.calls[before:between])


def plan_of(shop: ShopEngine, query: str, variables: Mapping[str, Any] | None = None) -> tuple[Plan, Any]:
    """The plan of *query*, and the values of its variables."""
    prepared = shop.engine.prepare(query)
    values = shop.engine._preparer.variables(prepared, variables or {})
    plan = shop.engine.plan(prepared, values)
    assert isinstance(plan, Plan)
    return plan, values
