"""Root fields that look up one key each go together, where a bulk function answers several."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..plan import Fetch, Plan


def join_lookups(plan: Plan) -> Plan:
    """Send the keys of root fields that call one function to its bulk function.

    A key that the bulk function does not know, or does not answer, is sent to the function itself: a root field
    of something that is not there is an error, and only the function can say which.

    Before::

        query
        ├─ products.get_product(productId: "p1") for a
        └─ products.get_product(productId: "p2") for b

    After::

        query
        ├─ products.list_products(ids ← productId: "p1") for a
        └─ products.list_products(ids ← productId: "p2") for b, together with a
    """
    if plan.operation_type != "query":
        return plan
    numbers = Counter(fetch.function.id for fetch in plan.fetches if fetch.lookup)
    first: dict[str, int] = {}

    def joined(fetch: Fetch) -> Fetch:
        if fetch.lookup is None or numbers[fetch.function.id] < 2:
            return fetch
        return replace(fetch, batched=True, shared=first.setdefault(fetch.function.id, fetch.id))

    fetches = tuple(joined(fetch) for fetch in plan.fetches)
    return replace(plan, fetches=fetches) if first else plan
