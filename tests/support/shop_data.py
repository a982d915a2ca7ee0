"""The shop's data, and the functions of ``shop_catalog`` over it.

``p9`` is a product that nobody has; order ``o4`` has no product; product ``p3`` has neither stock nor price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from weft.schemas.catalog import Json
from weft.schemas.errors import UpstreamStatus

from .memory import Answer

Rows: TypeAlias = list[dict[str, Any]]

PRODUCTS: Final[Rows] = [
    {"id": "p1", "name": "Lamp", "tags": ["light", "desk"], "weight_grams": 900, "category": "home"},
    {"id": "p2", "name": "Tent", "tags": [], "weight_grams": None, "category": "out-door"},
    {"id": "p3", "name": "Mug", "tags": ["kitchen"], "category": "home"},
]
CUSTOMERS: Final[Rows] = [
    {"id": "c1", "name": "Ada"},
    {"id": "c2", "name": "Grace"},
]
ORDERS: Final[Rows] = [
    {"id": "o1", "placedAt": "2026-01-31T12:00:00Z", "customerId": "c1", "productId": "p2"},
    {"id": "o2", "placedAt": "2026-02-01T08:30:00Z", "customerId": "c2", "productId": "p1"},
    {"id": "o3", "placedAt": "2026-02-02T09:00:00Z", "customerId": "c1", "productId": "p2"},
    {"id": "o4", "placedAt": "2026-02-03T10:00:00Z", "customerId": "c2", "productId": None},
    {"id": "o5", "placedAt": "2026-02-04T11:00:00Z", "customerId": "c9", "productId": "p9"},
]
STOCKS: Final[Rows] = [
    {"productId": "p1", "available": 12, "warehouse": "north", "reserved": {"web": 2, "shop": 1}},
    {"productId": "p2", "available": 0, "warehouse": "south", "reserved": {}},
]
PRICES: Final[Rows] = [
    {"productId": "p1", "amount": 39.5, "currency": "EUR"},
    {"productId": "p2", "amount": 120, "currency": "EUR"},
]


def shop_answers() -> dict[str, Answer]:
    """Answers of every function, for ``MemoryTransport``."""
    return {
        "products.list_products": _list_products,
        "products.get_product": lambda product_id: _one(PRODUCTS, "id", product_id, "products.get_product"),
        "products.create_product": lambda input: input,  # noqa: A006 - the argument's name
        "orders.listOrders": _list_orders,
        "orders.getOrder": lambda orderId: _one(ORDERS, "id", orderId, "orders.getOrder"),  # noqa: N803
        "orders.getCustomer": lambda customerId: _one(CUSTOMERS, "id", customerId, "orders.getCustomer"),  # noqa: N803
        "orders.cancelOrder": lambda orderId: None,  # noqa: N803
        "inventory.InventoryService.GetStock": lambda productId: _one(  # noqa: N803
            STOCKS, "productId", productId, "inventory.InventoryService.GetStock", "NOT_FOUND"
        ),
        "inventory.InventoryService.BatchGetStock": lambda productIds: {  # noqa: N803
            "stocks": _among(STOCKS, "productId", productIds)
        },
        "inventory.InventoryService.WatchStock": _watch_stock,
        "pricing.get_prices": lambda productIds: {"prices": _among(PRICES, "productId", productIds)},  # noqa: N803
    }


def _list_products(search: str = "", limit: int = 20, ids: Sequence[str] | None = None) -> Rows:
    found = PRODUCTS if ids is None else _among(PRODUCTS, "id", ids)
    return [product for product in found if search.lower() in product["name"].lower()][:limit]


def _list_orders(limit: int = 20, customerId: str | None = None) -> Rows:  # noqa: N803 - the argument's name
    return [order for order in ORDERS if customerId in {None, order["customerId"]}][:limit]


def _watch_stock(productId: str | None = None) -> list[Json]:  # noqa: N803 - the argument's name
    return [{"productId": productId, "available": n, "warehouse": "north", "reserved": {}} for n in (3, 2)]


def _one(table: Rows, member: str, key: str, function: str, status: str = "404") -> Any:
    found = _among(table, member, [key])
    return found[0] if found else UpstreamStatus(function.partition(".")[0], function, status=status)


def _among(table: Rows, member: str, keys: Sequence[str]) -> Rows:
    return [row for row in table if row[member] in keys]
