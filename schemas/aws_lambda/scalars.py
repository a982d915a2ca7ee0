"""Scalars of JSON Schema, and the bounds on values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..catalog import Constraints, Json, Scalar, ScalarKind

_STRINGS: Final[Mapping[str, ScalarKind]] = {
    "date": "date", "date-time": "date-time", "time": "time", "duration": "duration", "uuid": "uuid",
    "uri": "uri", "url": "uri", "email": "email", "ipv4": "ipv4", "ipv6": "ipv6", "byte": "byte",
    "binary": "binary", "password": "password", "decimal": "decimal",
}  # fmt: skip
_INTEGERS: Final[Mapping[str, ScalarKind]] = {
    "int32": "int32", "int64": "int64", "uint32": "int64", "uint64": "uint64", "unix-time": "int64",
}  # fmt: skip
_NUMBERS: Final[Mapping[str, ScalarKind]] = {"decimal": "decimal", "int32": "int32", "int64": "int64"}


def scalar_of(kind: str, schema: Mapping[str, Json]) -> Scalar:
    """The scalar of *kind* (``string``, ``integer``, ``number``, ``boolean``) that *schema* describes.

    An integer without a format is ``int32``, unless what bounds it passes 2**31.
    """
    stated = _text(schema.get("format"))
    found: ScalarKind
    match kind:
        case "string":
            found = _STRINGS.get(stated.lower(), "string")
        case "integer":
            found = _INTEGERS.get(stated.lower(), "int64" if _is_wide(schema) else "int32")
        case "number":
            found = _NUMBERS.get(stated.lower(), "float")
        case _:
            found = "boolean"
    known = stated.lower() in {found, "float", "double"}
    return Scalar(kind=found, format="" if known else stated, constraints=constraints_of(schema))


def _is_wide(schema: Mapping[str, Json]) -> bool:
    keywords = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "default")
    enum = schema.get("enum")
    bounds = [*(schema.get(keyword) for keyword in keywords), *(enum if isinstance(enum, list) else ())]
    return any(not -(2**31) <= found < 2**31 for bound in bounds if (found := _number(bound)) is not None)


def constraints_of(schema: Mapping[str, Json]) -> Constraints | None:
    """The bounds that *schema* gives; ``None`` if it gives none. Those of a wrong type are passed by."""
    pattern = schema.get("pattern")
    found = Constraints(
        minimum=_number(schema.get("minimum")),
        maximum=_number(schema.get("maximum")),
        exclusive_minimum=_number(schema.get("exclusiveMinimum")),
        exclusive_maximum=_number(schema.get("exclusiveMaximum")),
        multiple_of=_number(schema.get("multipleOf")),
        min_length=_length(schema.get("minLength")),
        max_length=_length(schema.get("maxLength")),
        pattern=pattern if isinstance(pattern, str) else None,
        min_items=_length(schema.get("minItems")),
        max_items=_length(schema.get("maxItems")),
        unique_items=schema.get("uniqueItems") is True,
    )
    return None if found == Constraints() else found


def _number(value: Json) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _length(value: Json) -> int | None:
    found = _number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
