"""Scalars and enums as types that a decoder checks.

A leaf is decoded as a type of which every value is also a right result of GraphQL's coercion, or becomes one
by *convert*. What such a type refuses is left to the interpreted way, which coerces as GraphQL wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from graphql import GraphQLEnumType, GraphQLScalarType
from msgspec import Meta

from ...schemas.stitch.scalars import BIG_INT, DECIMAL, JSON, SCALARS

_INT32: Final = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_NOT_NULL: Final[Any] = bool | int | float | str | list[Any] | dict[str, Any]
_TEXT: Final = frozenset(
    {"date", "date-time", "time", "duration", "uuid", "uri", "email", "ipv4", "ipv6", "byte", "binary"}
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """How a leaf is decoded.

    Attributes:
        type: What the decoder checks; null is not part of it.
        convert: From the decoded value to the response's; ``None`` if they are the same.
    """

    type: Any
    convert: Callable[[Any], Any] | None = None


def _id_text(value: str | int) -> str:
    return str(value)


_SCALARS: Final[Mapping[GraphQLScalarType, Leaf]] = {
    SCALARS["string"]: Leaf(str),
    SCALARS["password"]: Leaf(str),
    SCALARS["boolean"]: Leaf(bool),
    SCALARS["int32"]: Leaf(_INT32),
    SCALARS["float"]: Leaf(int | float),
    SCALARS["id"]: Leaf(str | int, _id_text),
    BIG_INT: Leaf(str | int, BIG_INT.coerce_output_value),
    DECIMAL: Leaf(Decimal, DECIMAL.coerce_output_value),  # every digit of a JSON number is kept
    JSON: Leaf(_NOT_NULL),
    **{SCALARS[kind]: Leaf(str) for kind in SCALARS if kind in _TEXT},
}


def leaf_of(type_: GraphQLScalarType | GraphQLEnumType) -> Leaf | None:
    """How *type_* is decoded; ``None`` for a hand-written scalar, which only its own code can complete."""
    if isinstance(type_, GraphQLScalarType):
        return _SCALARS.get(type_)
    wire: dict[Any, str] = {value.value: name for name, value in type_.values.items()}
    if all(value == name for value, name in wire.items()):
        return Leaf(Literal[tuple(wire)])
    return Leaf(Any, _enum_converter(wire))


def _enum_converter(names: Mapping[Any, str]) -> Callable[[Any], str]:
    # By class too: in Python True equals 1, on the wire they are different values.
    by_class = {(value.__class__, value): name for value, name in names.items()}

    def convert(value: Any) -> str:
        return by_class[value.__class__, value]

    return convert
