"""Passes: one rewrite of a plan per file, each a function from a plan to a plan.

Each pass keeps the answer and may only lower the number of calls, or what they carry; any of them may be left out.

- ``batch_calls``: one call for all keys, where a bulk function answers them.
- ``merge_equal_fetches``: one fetch where several would make the same calls.
- ``join_lookups``: one call for root fields that look up one key each.
- ``join_fetches``: one call for the keys of several fetches of one function.
- ``fill_field_masks``: requests that say which members of the answer are wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from ..plan import Plan
from .batch_calls import batch_calls
from .fill_field_masks import fill_field_masks
from .join_fetches import join_fetches
from .join_lookups import join_lookups
from .merge_equal_fetches import merge_equal_fetches

Pass: TypeAlias = Callable[[Plan], Plan]

PASSES: Final[tuple[Pass, ...]] = (
    batch_calls,
    merge_equal_fetches,
    join_lookups,
    join_fetches,
    fill_field_masks,
)
"""The passes in the order in which they run."""


def improve(plan: Plan, passes: tuple[Pass, ...] = PASSES) -> Plan:
    """*plan* after all *passes*."""
    for one in passes:
        plan = one(plan)
    return plan


__all__ = [
    "PASSES",
    "Pass",
    "batch_calls",
    "fill_field_masks",
    "improve",
    "join_fetches",
    "join_lookups",
    "merge_equal_fetches",
]
