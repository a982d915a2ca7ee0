"""Titles of gRPC upstreams."""

from __future__ import annotations

import pytest

from weft.schemas.grpc import suggest_title


@pytest.mark.parametrize(
    ("services", "title"),
    [
        (["shop.inventory.v1.InventoryService"], "Inventory"),
        (["shop.v1.ProductCatalogService", "grpc.health.v1.Health"], "Product Catalog"),
        (["shop.inventory.v1.Stocks", "shop.inventory.v1.Counts"], "Inventory"),
        (["shop.inventory.v1.Stocks", "shop.prices.v1beta1.Prices"], "Shop"),
        (["shop.orders.v1.Service"], "Orders"),
        (["Greeter"], "Greeter"),
        (["b.B", "a.A"], "A"),
        (["Service"], "Service"),
        ([], ""),
    ],
)
def test_titles(services: list[str], title: str) -> None:
    assert suggest_title(services) == title
