"""JSON to values of a type, checked. Unknown members of objects are passed by, as callers may be newer."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import decimal
import enum
import math
import re
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from .hints import (
    is_named_tuple,
    is_pydantic,
    is_struct,
    is_typed_dict,
    is_union,
    members_of,
    name_of,
    without_annotations,
)
from .problems import EventError, expected, member

_LISTS = (list, set, frozenset, Sequence)


def decode(value: Any, hint: Any, path: str = "") -> Any:
    """*value*, decoded JSON, as a value of *hint*.

    Raises:
        EventError: It is of another type.
        TypeError: *hint* is none that JSON is read as.
    """
    known = _READERS.get(id(hint))
    return (known[1] if known is not None else _learn(hint))(value, path)


_Reader: TypeAlias = Callable[[Any, str], Any]

_READERS: dict[int, tuple[Any, _Reader]] = {}
"""By identity, and with the hint, which therefore lives on: `A | B` equals `B | A`, but is tried in another order."""

_MOST_READERS = 4096


def _learn(hint: Any) -> _Reader:
    plain, annotations = without_annotations(hint)
    reader = _reader(plain)
    found = partial(_decode_checked, reader, annotations) if annotations else reader
    if len(_READERS) < _MOST_READERS:
        _READERS[id(hint)] = (hint, found)
    return found


def _decode_checked(reader: _Reader, annotations: list[Any], value: Any, path: str) -> Any:
    found = reader(value, path)
    for annotation in annotations:
        _check(found, annotation, path)
    return found


def _reader(hint: Any) -> _Reader:
    """What decodes values of *hint*, which has no annotations."""
    if hint is Any or hint is object:
        return _decode_any
    if hint is None or hint is type(None):
        return _decode_null
    if is_union(hint):
        return partial(_decode_union, typing.get_args(hint))
    if is_pydantic(hint):
        return partial(_decode_pydantic, _adapter(hint))
    if is_struct(hint):
        return partial(_decode_struct, hint)
    origin = typing.get_origin(hint) or hint
    if origin is typing.Literal:
        return partial(_decode_choice, typing.get_args(hint))
    if origin in _LISTS or origin is tuple:
        return partial(_decode_list, origin, typing.get_args(hint))
    if origin in (dict, Mapping):
        return partial(_decode_mapping, typing.get_args(hint))
    if dataclasses.is_dataclass(hint) or is_typed_dict(hint) or is_named_tuple(hint):
        return partial(_decode_object, typing.cast("type", hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return partial(_decode_enum, hint)
    return partial(_decode_scalar, hint)


def _decode_any(value: Any, _path: str) -> Any:
    return value


def _decode_null(value: Any, path: str) -> None:
    if value is not None:
        raise expected(path, "null", value)


def _decode_choice(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return value
    raise EventError(path, f"one of {', '.join(map(repr, choices))} is expected")


def _decode_enum(hint: type[enum.Enum], value: Any, path: str) -> enum.Enum:
    try:
        return hint(value)
    except ValueError:
        words = ", ".join(repr(one.value) for one in hint)
        raise EventError(path, f"one of {words} is expected") from None


def _decode_scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is bool or hint is str:
        if not isinstance(value, hint):
            raise expected(path, "a boolean" if hint is bool else "a text", value)
        return value
    if hint is int:
        if isinstance(value, float) and value.is_integer():
            return int(value)  # JSON has one kind of number
        if not isinstance(value, int) or isinstance(value, bool):
            raise expected(path, "a whole number", value)
        return value
    if hint is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise expected(path, "a number", value)
        return float(value)
    reader = _SCALARS.get(hint)
    if reader is None:
        raise TypeError(f"{path or 'the event'}: JSON is not read as {name_of(hint)}")
    what, read = reader
    if hint is decimal.Decimal and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise expected(path, what, value)
    try:
        return read(value)
    except (ValueError, ArithmeticError, binascii.Error):
        raise EventError(path, f"{what} is expected, another text is there") from None


def _decimal(text: str) -> decimal.Decimal:
    found = decimal.Decimal(text)
    if not found.is_finite():
        raise ValueError(text)
    return found


_SCALARS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    datetime.datetime: ("a date and time (RFC 3339)", datetime.datetime.fromisoformat),
    datetime.date: ("a date (RFC 3339)", datetime.date.fromisoformat),
    datetime.time: ("a time (RFC 3339)", datetime.time.fromisoformat),
    uuid.UUID: ("a UUID", uuid.UUID),
    decimal.Decimal: ("a decimal number", _decimal),
    bytes: ("base64", lambda text: base64.b64decode(text, validate=True)),
}


def _decode_list(origin: Any, arguments: tuple[Any, ...], value: Any, path: str) -> Any:
    if not isinstance(value, list):
        raise expected(path, "a list", value)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            raise EventError(path, f"{len(arguments)} items are expected, {len(value)} are there")
        return tuple(
            decode(item, hint, f"{path}[{at}]")
            for at, (item, hint) in enumerate(zip(value, arguments, strict=True))
        )
    item_hint = arguments[0] if arguments else Any
    items = [decode(item, item_hint, f"{path}[{at}]") for at, item in enumerate(value)]
    return items if origin in (list, Sequence) else origin(items)


def _decode_mapping(arguments: tuple[Any, ...], value: Any, path: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise expected(path, "an object", value)
    if not arguments:
        return value
    key_hint, value_hint = arguments
    return {
        (key if key_hint is str else _key(key, key_hint, path)): decode(
            item, value_hint, member(path, str(key))
        )
        for key, item in value.items()
    }


def _key(key: str, hint: Any, path: str) -> Any:
    """A member's name, which is text in JSON, as a key of another type."""
    if hint in (int, float):
        try:
            return hint(key)
        except ValueError:
            raise EventError(path, "the names of members are numbers") from None
    return decode(key, hint, path)


def _decode_object(hint: type, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise expected(path, f"an object ({hint.__name__})", value)
    found: dict[str, Any] = {}
    for one in members_of(hint):
        if one.name in value:
            found[one.attribute] = decode(value[one.name], one.hint, member(path, one.name))
        elif one.required:
            raise EventError(member(path, one.name), "it must be there")
    if issubclass(hint, dict):
        return found
    try:
        return hint(**found)
    except ValueError as error:  # of a check that its author has written
        raise EventError(path, str(error)) from error


def _decode_union(hints: tuple[Any, ...], value: Any, path: str) -> Any:
    if value is None and type(None) in hints:
        return None
    others = [hint for hint in hints if hint is not type(None)]
    if len(others) == 1:
        return decode(value, others[0], path)
    # What fits exactly goes first: 1 is an int before it is a float.
    exact = [hint for hint in others if type(value) is hint]
    faults: list[EventError] = []
    for hint in [*exact, *others]:
        try:
            return decode(value, hint, path)
        except EventError as error:
            faults.append(error)
    # The fault that lies deepest is that of the member that was meant.
    raise max(faults, key=lambda fault: len(fault.path))


def _decode_pydantic(adapter: Any, value: Any, path: str) -> Any:
    import pydantic

    try:
        return adapter.validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
        raise EventError((path + at).lstrip("."), first["msg"]) from None


def _adapter(hint: Any) -> Any:
    import pydantic

    return pydantic.TypeAdapter(hint)


def _decode_struct(hint: Any, value: Any, path: str) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        raise EventError((path + at.rstrip("`")).lstrip("."), problem) from None


_BOUNDS: tuple[tuple[str, Callable[[Any, Any], bool], str], ...] = (
    ("ge", lambda value, bound: value >= bound, "at least {}"),
    ("gt", lambda value, bound: value > bound, "more than {}"),
    ("le", lambda value, bound: value <= bound, "at most {}"),
    ("lt", lambda value, bound: value < bound, "less than {}"),
    ("multiple_of", lambda value, bound: math.isclose(value % bound, 0, abs_tol=1e-9), "a multiple of {}"),
    ("min_length", lambda value, bound: len(value) >= bound, "of length {} or more"),
    ("max_length", lambda value, bound: len(value) <= bound, "of length {} or less"),
    ("pattern", lambda value, bound: re.search(bound, value) is not None, "of the form {}"),
)


def _check(value: Any, annotation: Any, path: str) -> None:
    """Check what ``annotated_types``, ``msgspec.Meta`` or pydantic's ``Field`` say of a value."""
    if value is None:
        return
    for inner in getattr(annotation, "metadata", None) or ():
        _check(value, inner, path)
    for name, holds, words in _BOUNDS:
        bound = getattr(annotation, name, None)
        if bound is not None and not callable(bound) and not holds(value, bound):
            raise EventError(path, f"it must be {words.format(bound)}")
