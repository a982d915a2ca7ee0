"""Passes: one rewrite of a plan per file, each a function from a plan to a plan.

Each pass keeps the answer and may only lower the number of calls; any of them may be left out.

- ``batch_calls``: one call for all keys, where a bulk function answers them.
- ``merge_equal_fetches``: one fetch where several would make the same calls.
- ``join_fetches``: one call for the keys of several fetches of one function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ..plan import Plan
from .batch_calls import batch_calls
from .join_fetches import join_fetches
from .merge_equal_fetches import merge_equal_fetches

Pass: TypeAlias = Callable[[Plan], Plan]

PASSES: Final[tuple[Pass, ...]] = (batch_calls, merge_equal_fetches, join_fetches)
"""The passes in the order in which they run."""


def improve(plan: Plan, passes: tuple[Pass, ...] = PASSES) -> Plan:
    """*plan* after all *passes*."""
    for one in passes:
        plan = one(plan)
    return plan


__all__ = ["PASSES", "Pass", "batch_calls", "improve", "join_fetches", "merge_equal_fetches"]
