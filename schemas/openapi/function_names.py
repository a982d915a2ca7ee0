"""Function names: ``operationId`` without what frameworks add, or method and path where there is none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..names import unique, words

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation's name is made of. *method* is in lower case."""

    path: str
    method: str
    operation_id: str


def function_names(operations: Sequence[Operation]) -> list[str]:
    """One name for each of *operations*, unique, whatever their order in the document.

    A cleaned name that two operations would share is left as the document has it for both of them. Of
    equal ids the first by path and method keeps it, the others get a number.

    Args:
        operations: Sorted by path and method.
    """
    cleaned = [clean_operation_id(operation) or name_from_path(operation) for operation in operations]
    count = Counter(cleaned)
    names: list[str] = []
    taken: set[str] = set()
    for operation, name in zip(operations, cleaned, strict=True):
        wanted = name if count[name] == 1 else operation.operation_id or name
        wanted = unique(wanted, taken)
        taken.add(wanted)
        names.append(wanted)
    return names


def clean_operation_id(operation: Operation) -> str:
    """``operationId`` as its author meant it; ``""`` for none.

    FastAPI's default is the function's name, the path and the method, with ``_`` for what is no letter or
    digit: ``list_orders_orders__get`` gives ``list_orders``. Anything else is kept.

    Source: FastAPI, ``fastapi.utils.generate_unique_id``.
    """
    stated = operation.operation_id.strip()
    added = re.sub(r"\W", "_", operation.path) + "_" + operation.method
    return stated[: -len(added)] if stated.endswith(added) and len(stated) > len(added) else stated


def name_from_path(operation: Operation) -> str:
    """``GET /orders/{orderId}`` gives ``get_orders_by_order_id``."""
    parts = [operation.method]
    for segment in operation.path.split("/"):
        parts += words(_PLACEHOLDER.sub(" ", segment))
        for placeholder in _PLACEHOLDER.findall(segment):
            parts += ["by", *words(placeholder)]
    return "_".join(parts) if len(parts) > 1 else f"{operation.method}_root"
