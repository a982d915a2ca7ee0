"""Scalars and enums as types that a decoder checks.

A leaf is decoded as a type of which every value is also a right result of GraphQL's coercion, or becomes one
by *convert*. There are two ways to do it. The exact one takes only values that need no conversion, where the
type has such: what is decoded can then be encoded as it is. The lenient one takes whatever the description
and GraphQL's coercion allow in JSON. What a lenient type refuses is left to the interpreted way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

from graphql import GraphQLEnumType, GraphQLScalarType
from msgspec import Meta

from ...schemas.stitch.scalars import BIG_INT, DECIMAL, JSON, SCALARS

KeyKind: TypeAlias = Literal["int", "str"]

_INT32: Final = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
_SAFE: Final = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
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
        kind: The class of every decoded value, where it may be a key.
    """

    type: Any
    convert: Callable[[Any], Any] | None = None
    kind: KeyKind | None = None


_STRING: Final = Leaf(str, kind="str")
_EXACT: Final[Mapping[GraphQLScalarType, Leaf]] = {
    SCALARS["string"]: _STRING,
    SCALARS["password"]: _STRING,
    SCALARS["boolean"]: Leaf(bool),
    SCALARS["int32"]: Leaf(_INT32, kind="int"),
    SCALARS["float"]: Leaf(float),
    SCALARS["id"]: _STRING,
    BIG_INT: Leaf(_SAFE, kind="int"),
    DECIMAL: Leaf(Decimal, DECIMAL.coerce_output_value),  # every digit of a JSON number is kept
    JSON: Leaf(_NOT_NULL),
    **{SCALARS[kind]: _STRING for kind in SCALARS if kind in _TEXT},
}
_LENIENT: Final[Mapping[GraphQLScalarType, Leaf]] = {
    SCALARS["id"]: Leaf(str | int, str),
    BIG_INT: Leaf(str | int, BIG_INT.coerce_output_value),
}


def leaf_of(type_: GraphQLScalarType | GraphQLEnumType, *, lenient: bool) -> Leaf | None:
    """How *type_* is decoded; ``None`` for a hand-written scalar, which only its own code can complete."""
    if isinstance(type_, GraphQLScalarType):
        return (_LENIENT.get(type_) if lenient else None) or _EXACT.get(type_)
    wire: dict[Any, str] = {value.value: name for name, value in type_.values.items()}
    if all(value.__class__ is str for value in wire):
        literal: Any = Literal[tuple(wire)]
        if all(value == name for value, name in wire.items()):
            return Leaf(literal, kind="str")
        return Leaf(literal, wire.__getitem__, kind="str")
    return Leaf(Any, _enum_converter(wire))


def is_lenient(type_: GraphQLScalarType | GraphQLEnumType) -> bool:
    """Whether the lenient way takes more values of *type_* than the exact one."""
    return type_ in _LENIENT


def _enum_converter(names: Mapping[Any, str]) -> Callable[[Any], str]:
    # By class too: in Python True equals 1, on the wire they are different values.
    by_class = {(value.__class__, value): name for value, name in names.items()}

    def convert(value: Any) -> str:
        return by_class[value.__class__, value]

    return convert
