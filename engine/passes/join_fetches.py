"""Fetches of one function in different branches share what their keys lead to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace

from ..plan import Fetch, Plan


def join_fetches(plan: Plan) -> Plan:
    """Let links that call one function with the same arguments share their keys; it comes after all other passes.

    Those that call a bulk function and are at the same depth go as one call, as soon as the keys of all are there;
    they may wait for each other, since the response cannot be sent before the last of them is answered anyway.
    All others ask only for keys that none of them has asked for. In a mutation, only fetches below the same root field share.

    Before::

        query
        ├─ orders.getOrder(orderId: "o1") for a
        │  └─ products.list_products(ids ← all Order.productId) for a.product, put back by id
        └─ orders.getOrder(orderId: "o2") for b
           └─ products.list_products(ids ← all Order.productId) for b.product, put back by id

    After::

        query
        ├─ orders.getOrder(orderId: "o1") for a
        │  └─ products.list_products(ids ← all Order.productId) for a.product, put back by id
        └─ orders.getOrder(orderId: "o2") for b
           └─ products.list_products(ids ← all Order.productId) for b.product, put back by id, with a.product
    """
    serial = plan.operation_type == "mutation"
    roots: list[int] = []
    calls: list[Hashable] = []
    for fetch in plan.fetches:  # a parent comes before its children
        roots.append(fetch.id if fetch.parent is None else roots[fetch.parent])
        calls.append(_calls(fetch, roots[-1] if serial else None))
    numbers = Counter(calls)
    first: dict[Hashable, int] = {}
    fetches = tuple(
        replace(fetch, shared=first.setdefault(call, fetch.id))
        if fetch.link is not None and numbers[call] > 1
        else fetch
        for fetch, call in zip(plan.fetches, calls, strict=True)
    )
    return replace(plan, fetches=fetches) if first else plan


def _calls(fetch: Fetch, root: int | None) -> Hashable:
    """Equal for fetches of which equal keys lead to the same."""
    link = fetch.link
    if link is None:
        return None
    bulk = link.bulk if fetch.batched else None
    taken = (bulk.argument, bulk.items, bulk.key, bulk.many) if bulk else tuple(k.argument for k in link.keys)
    return (fetch.called.id, taken, fetch.arguments.text, root)
