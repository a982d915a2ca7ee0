"""pricing-echo: answers what it is sent; used by hand to see that the account works."""

from __future__ import annotations

from typing import Any


def handler(event: Any, context: object) -> Any:
    return event
