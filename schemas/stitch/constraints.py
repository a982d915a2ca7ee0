"""Constraints as checks of one value each.

Source: JSON Schema 2020-12, validation, section 6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from ..catalog import Constraints

Check: TypeAlias = Callable[[Any], str]
"""What is wrong with a value, after the argument's name: ``must be at least 1``; ``""`` if nothing is."""

_SHOWN: Final = 60
_NO_PROBLEM: Final = ""


def compile_constraints(constraints: Constraints | None) -> tuple[Check, ...]:
    """The checks that *constraints* ask for; each passes by values of a type that it is not about."""
    return tuple(_checks(constraints)) if constraints is not None else ()


def _checks(wanted: Constraints) -> Iterator[Check]:
    if wanted.minimum is not None:
        yield _bound(wanted.minimum, lambda value, bound: value >= bound, "must be at least")
    if wanted.maximum is not None:
        yield _bound(wanted.maximum, lambda value, bound: value <= bound, "must be at most")
    if wanted.exclusive_minimum is not None:
        yield _bound(wanted.exclusive_minimum, lambda value, bound: value > bound, "must be above")
    if wanted.exclusive_maximum is not None:
        yield _bound(wanted.exclusive_maximum, lambda value, bound: value < bound, "must be below")
    if wanted.multiple_of:
        yield _multiple(wanted.multiple_of)
    if wanted.min_length:
        yield _size(str, wanted.min_length, math.inf, "characters")
    if wanted.max_length is not None:
        yield _size(str, 0, wanted.max_length, "characters")
    if wanted.pattern is not None and (matches := pattern_matcher(wanted.pattern)) is not None:
        yield _pattern(wanted.pattern, matches)
    if wanted.min_items:
        yield _size(list, wanted.min_items, math.inf, "items")
    if wanted.max_items is not None:
        yield _size(list, 0, wanted.max_items, "items")
    if wanted.unique_items:
        yield _unique
    if wanted.min_properties:
        yield _size(dict, wanted.min_properties, math.inf, "members")
    if wanted.const is not None:
        yield _const(wanted.const)
    if wanted.max_properties is not None:
        yield _size(dict, 0, wanted.max_properties, "members")


def _bound(bound: float, holds: Callable[[Any, Any], bool], words: str) -> Check:
    exact = Decimal(str(bound))

    def check(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _NO_PROBLEM
        limit = exact if isinstance(value, Decimal) else bound
        return _NO_PROBLEM if holds(value, limit) else f"{words} {bound}"

    return check


def _const(only: str | float | bool) -> Check:
    def check(value: Any) -> str:
        return _NO_PROBLEM if value == only else f"must be {msgspec.json.encode(only).decode()}"

    return check


def _multiple(step: float) -> Check:
    exact = Decimal(str(step))

    def check(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return _NO_PROBLEM
        try:
            fits = Decimal(str(value)) % exact == 0
        except InvalidOperation:
            fits = True  # too many digits to tell: the upstream will
        return _NO_PROBLEM if fits else f"must be a multiple of {step}"

    return check


def _size(kind: type, least: float, most: float, unit: str) -> Check:
    words = f"at least {least}" if most == math.inf else f"at most {most}"

    def check(value: Any) -> str:
        if not isinstance(value, kind) or least <= len(value) <= most:  # type: ignore[arg-type]  # all have a size
            return _NO_PROBLEM
        return f"must have {words} {unit if words[-2:] != ' 1' else unit[:-1]}"

    return check


def _pattern(pattern: str, matches: Callable[[str], bool]) -> Check:
    shown = pattern if len(pattern) <= _SHOWN else f"{pattern[: _SHOWN - 1]}…"

    def check(value: Any) -> str:
        return _NO_PROBLEM if not isinstance(value, str) or matches(value) else f"must match {shown}"

    return check


def _unique(value: Any) -> str:
    if not isinstance(value, list):
        return _NO_PROBLEM
    try:
        seen = {msgspec.json.encode(item, order="deterministic") for item in value}
    except (TypeError, ValueError):
        return _NO_PROBLEM
    return _NO_PROBLEM if len(seen) == len(value) else "must have no item twice"


@lru_cache(maxsize=1024)
def pattern_matcher(pattern: str) -> Callable[[str], bool] | None:
    """Whether a text has a match of *pattern*; ``None`` for a pattern that cannot be checked here.

    Patterns are the upstream's and texts the caller's, so matching must take linear time: the engine is
    Rust's, which has no look-around and no back-references. Such patterns are left to the upstream.
    """
    # Imported where it is used: few operations have arguments with patterns.
    from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

    try:
        validator = SchemaValidator(
            core_schema.str_schema(pattern=_as_rust(pattern), regex_engine="rust-regex", strict=True)
        )
    except (SchemaError, ValueError):
        return None

    def matches(text: str) -> bool:
        try:
            validator.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


def _as_rust(pattern: str) -> str:
    r"""An ECMAScript pattern for Rust's engine: a ``[`` within a class is itself, ``\d`` is ASCII, ``\/`` is ``/``."""
    found: list[str] = []
    in_class = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern):
            following = pattern[at + 1]
            if following == "d":
                found.append("0-9" if in_class else "[0-9]")
            elif following == "/":
                found.append("/")
            elif following == "u" and re.match(r"[0-9a-fA-F]{4}", pattern[at + 2 : at + 6]):
                found.append(rf"\x{{{pattern[at + 2 : at + 6]}}}")
                at += 4
            else:
                found.append(char + following)
            at += 2
            continue
        if in_class and char in "[&~":
            found.append("\\" + char)
        else:
            found.append(char)
        if char == "[" and not in_class:
            in_class = True
        elif char == "]" and in_class:
            in_class = False
        at += 1
    return "".join(found)
