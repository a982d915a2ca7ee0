"""The shop's upstreams in memory: its catalog's functions, answered from a few rows."""

from __future__ import annotations

from typing import Any

from tests.support.memory import MemoryTransport
from weft.schemas.errors import UpstreamStatus

PRODUCTS: dict[str, dict[str, Any]] = {
    id_: {"id": id_, "name": name, "tags": [], "weight_grams": grams, "category": category}
    for id_, name, grams, category in (
        ("p-1", "Lamp", 900, "home"),
        ("p-2", "Tent", 2400, "out-door"),
        ("p-3", "Mug", None, "home"),
    )
}
ORDERS: dict[str, dict[str, Any]] = {
    "o-1": {"id": "o-1", "placedAt": "2026-01-31T12:00:00Z", "customerId": "c-1", "productId": "p-1"},
    "o-2": {"id": "o-2", "placedAt": "2026-02-01T12:00:00Z", "customerId": "c-1", "productId": "p-2"},
}
CUSTOMERS: dict[str, dict[str, Any]] = {"c-1": {"id": "c-1", "name": "Ada"}}


def shop_transports() -> dict[Any, Any]:
    """A transport for each upstream of the shop's catalog."""

    def stock(productId: str) -> Any:  # noqa: N803 - the wire's name
        return {
            "productId": productId,
            "available": len(productId),
            "warehouse": "W1",
            "reserved": {"web": 1},
        }

    return {
        "products": MemoryTransport(
            {
                "products.list_products": lambda search=None, limit=20, ids=None: [
                    p for p in PRODUCTS.values() if ids is None or p["id"] in ids
                ][:limit],
                "products.get_product": lambda product_id: PRODUCTS.get(
                    product_id, UpstreamStatus("products", "products.get_product", status="404")
                ),
                "products.create_product": lambda input: input,  # noqa: A006 - the function's own name
            }
        ),
        "orders": MemoryTransport(
            {
                "orders.listOrders": lambda limit=20, customerId=None: [  # noqa: N803 - the wire's name
                    o for o in ORDERS.values() if customerId in {None, o["customerId"]}
                ][:limit],
                "orders.getOrder": lambda orderId: ORDERS.get(  # noqa: N803 - the wire's name
                    orderId, UpstreamStatus("orders", "orders.getOrder", status="404")
                ),
                "orders.getCustomer": lambda customerId: CUSTOMERS.get(customerId),  # noqa: N803
                "orders.cancelOrder": lambda orderId: None,  # noqa: N803 - the wire's name
            }
        ),
        "inventory": MemoryTransport(
            {
                "inventory.InventoryService.GetStock": stock,
                "inventory.InventoryService.BatchGetStock": lambda productIds: {  # noqa: N803
                    "stocks": [stock(one) for one in productIds]
                },
                "inventory.InventoryService.WatchStock": lambda productId: [stock(productId)] * 2,  # noqa: N803
            }
        ),
        "pricing": MemoryTransport(
            {
                "pricing.get_prices": lambda productIds: {  # noqa: N803 - the wire's name
                    "prices": [{"productId": p, "amount": 9.5, "currency": "EUR"} for p in productIds]
                }
            }
        ),
    }
