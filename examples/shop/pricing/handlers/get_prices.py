"""pricing-get-prices: the current price of each product that is asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

CURRENCIES = ("EUR", "USD", "GBP")


def price_of(number: int) -> dict[str, Any]:
    cents = 499 + number * 750 % 9600
    return {
        "productId": f"p-{number}",
        "amount": Decimal(cents) / 100,
        "currency": CURRENCIES[number % len(CURRENCIES)],
    }


PRICES = {f"p-{number}": price_of(number) for number in range(1, 41)}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    # The index is read from its end, so the newest ids come first; callers match by productId.
    found = [PRICES[product_id] for product_id in reversed(event["productIds"]) if product_id in PRICES]
    return {"prices": found}
