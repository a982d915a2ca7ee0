"""pricing-apply-discount: books one use of a discount code on an order."""

from __future__ import annotations

from typing import Any

DISCOUNTS = {"WELCOME10": 10, "SPRING15": 15, "STAFF30": 30}
uses: dict[str, int] = {}


class UnknownDiscountCode(Exception):
    pass


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    code = event["code"]
    if code not in DISCOUNTS:
        raise UnknownDiscountCode(f"no discount has the code {code!r}")
    uses[code] = uses.get(code, 0) + 1
    return {"orderId": event["orderId"], "code": code, "percent": DISCOUNTS[code], "uses": uses[code]}
