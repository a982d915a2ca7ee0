"""One fetch where several would make the same calls."""

from __future__ import annotations

from dataclasses import replace

from ..plan import Fetch, Plan
from ..plan.steps import Fetched, ListValue, NonNullValue, ObjectValue, SelectedField, Selection, ValuePlan


def merge_equal_fetches(plan: Plan) -> Plan:
    """Let fields with equal calls share one fetch.

    Only reads are merged. The children of a merged fetch are moved to the one that stays.

    Before::

        query
        ├─ orders.listOrders(limit: 5) for a
        └─ orders.listOrders(limit: 5) for b

    After::

        query
        └─ orders.listOrders(limit: 5) for a
    """
    if plan.operation_type != "query":
        return plan
    kept: dict[object, Fetch] = {}
    new_id: dict[int, int] = {}
    for fetch in plan.fetches:  # a parent comes before its children
        parent = None if fetch.parent is None else new_id[fetch.parent]
        calls = (fetch.function.id, fetch.batched, fetch.arguments.text, parent, fetch.path, _link_key(fetch))
        if calls in kept:
            new_id[fetch.id] = kept[calls].id
        else:
            new_id[fetch.id] = len(kept)
            kept[calls] = replace(fetch, id=len(kept), parent=parent)
    if len(kept) == len(plan.fetches):
        return plan
    return replace(plan, fetches=tuple(kept.values()), selection=_renumber(plan.selection, new_id))


def _link_key(fetch: Fetch) -> object:
    return None if fetch.link is None else (fetch.link.keys, fetch.link.each, fetch.link.many)


def _renumber(selection: Selection, new_id: dict[int, int]) -> Selection:
    return replace(
        selection,
        by_type={
            name: tuple(_renumber_field(field, new_id) for field in fields)
            for name, fields in selection.by_type.items()
        },
    )


def _renumber_field(field: SelectedField, new_id: dict[int, int]) -> SelectedField:
    source = Fetched(new_id[field.source.fetch]) if isinstance(field.source, Fetched) else field.source
    return replace(field, source=source, value=_renumber_value(field.value, new_id))


def _renumber_value(value: ValuePlan, new_id: dict[int, int]) -> ValuePlan:
    match value:
        case NonNullValue():
            inner = _renumber_value(value.of, new_id)
            assert not isinstance(inner, NonNullValue)
            return NonNullValue(inner)
        case ListValue():
            return replace(value, item=_renumber_value(value.item, new_id))
        case ObjectValue():
            return ObjectValue(_renumber(value.selection, new_id))
        case _:
            return value
