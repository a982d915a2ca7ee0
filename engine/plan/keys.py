"""Keys: taken from parents, in the form in which functions take them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from ...schemas.catalog import Argument, ListOf, Scalar, Type

KeyPart: TypeAlias = str | int
Key: TypeAlias = KeyPart | tuple[KeyPart, ...]

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,40}")
_WHOLE: Final = frozenset({"int32", "int64", "uint64"})


class BadKey(ValueError):
    """A parent's member that cannot be a key."""


def as_text(value: Any) -> str:
    """*value* as a text key."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadKey("the key is no text")


def as_whole_number(value: Any) -> int:
    """*value* as a whole-number key."""
    if isinstance(value, bool):
        raise BadKey("the key is no whole number")
    if isinstance(value, int):
        return value
    # int() would take " 7 ", "1_0" and more for numbers.
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise BadKey("the key is no whole number")


def converter_for(argument: Argument | None) -> Callable[[Any], KeyPart]:
    """How a parent's member becomes a value of *argument*, or of one item of it.

    Both sides of a link may write one key differently (``7`` and ``"7"``); converted to the argument's
    kind, equal keys are equal.
    """
    type_: Type | None = argument.type if argument else None
    if isinstance(type_, ListOf):
        type_ = type_.item
    return as_whole_number if isinstance(type_, Scalar) and type_.kind in _WHOLE else as_text
