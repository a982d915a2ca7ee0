"""One call for all keys, where a bulk function answers them."""

from __future__ import annotations

from dataclasses import replace

from ..plan import Plan


def batch_calls(plan: Plan) -> Plan:
    """Send all keys of a link to its bulk function.

    Before::

        query
        └─ orders.listOrders() for orders
           └─ products.get_product(product_id ← Order.productId) for orders.product, one call a key

    After::

        query
        └─ orders.listOrders() for orders
           └─ products.list_products(ids ← all Order.productId) for orders.product, put back by id
    """
    return replace(
        plan,
        fetches=tuple(
            replace(fetch, batched=True) if fetch.link and fetch.bulk else fetch for fetch in plan.fetches
        ),
    )
