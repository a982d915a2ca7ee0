"""What an operation costs, told from its plan: the calls that it is expected to make.

A root field is one call. A field that a list leads to is called for each of the list's items, as many as the
list was asked for (``limit``, ``first``, …), or as lists are taken to have; where a bulk function answers for
all of them, it is one call. Each call counts what its function weighs.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import GraphQLError, VariableValues, get_argument_values

from .steps import (
    Fetch,
    Fetched,
    ListValue,
    NonNullValue,
    ObjectValue,
    Plan,
    SelectedField,
    Selection,
    ValuePlan,
)

LIMITS: Final = frozenset(
    {
        "limit",
        "first",
        "last",
        "take",
        "top",
        "count",
        "size",
        "max",
        "page_size",
        "pagesize",
        "per_page",
        "perpage",
    }
)
"""Names of arguments that say how long a list may be, in lower case."""

MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CostRule:
    """How operations are weighed.

    Attributes:
        max_cost: An operation that costs more is not executed; ``None`` for no bound.
        list_size: Items that a list is taken to have, where nothing says how many.
        weights: By globs of function ids, what one call counts; the first that fits, and else 1.
    """

    max_cost: int | None = None
    list_size: int = 10
    weights: Mapping[str, int] = field(default_factory=dict)


def cost_of(plan: Plan, variables: VariableValues, rule: CostRule) -> int:
    """The cost of *plan*, with these values of the operation's variables."""
    weigh = _weigher(rule)
    return min(_selection(plan, plan.selection, 1, variables, rule, weigh), MOST)


def _selection(
    plan: Plan,
    selection: Selection,
    objects: int,
    variables: VariableValues,
    rule: CostRule,
    weigh: Callable[[str], int],
) -> int:
    # Of a union's types one is the dearest: how many there are of each is not known.
    return max(
        (
            sum(_field(plan, one, objects, variables, rule, weigh) for one in fields)
            for fields in selection.by_type.values()
        ),
        default=0,
    )


def _field(
    plan: Plan,
    one: SelectedField,
    objects: int,
    variables: VariableValues,
    rule: CostRule,
    weigh: Callable[[str], int],
) -> int:
    cost = 0
    length: int | None = None
    if isinstance(one.source, Fetched):
        fetch = plan.fetches[one.source.fetch]
        cost = weigh(fetch.called.id) * (1 if fetch.batched or fetch.parent is None else objects)
        length = _length(fetch, variables)
    value, items = _items(one.value, length, rule)
    if isinstance(value, ObjectValue):
        inner = min(objects * items, MOST)
        cost += _selection(plan, value.selection, inner, variables, rule, weigh)
    return min(cost, MOST)


def _items(value: ValuePlan, length: int | None, rule: CostRule) -> tuple[ValuePlan, int]:
    """What stands in *value*, and how many of them."""
    items = 1
    while True:
        match value:
            case NonNullValue(of=inner):
                value = inner
            case ListValue(item=item):
                items = min(items * (length if length is not None else rule.list_size), MOST)
                value, length = item, None
            case _:
                return value, items


def _length(fetch: Fetch, variables: VariableValues) -> int | None:
    """How many items the field was asked for, if its arguments say so."""
    given = fetch.arguments
    values: Mapping[str, Any] | None = given.constant
    if values is None:
        try:
            values = get_argument_values(given.field, given.node, variables)
        except GraphQLError:
            return None
    for name, value in values.items():
        if name.lower() in LIMITS and isinstance(value, int) and not isinstance(value, bool):
            return max(0, value)
        if isinstance(value, list) and name.lower().endswith(("ids", "keys")):
            return len(value)
    return None


def _weigher(rule: CostRule) -> Callable[[str], int]:
    def weigh(function: str) -> int:
        return next((n for glob, n in rule.weights.items() if fnmatch.fnmatchcase(function, glob)), 1)

    return weigh
