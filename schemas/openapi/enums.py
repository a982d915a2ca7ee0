"""Enums: the closed sets of values that ``enum`` and ``const`` describe."""

from __future__ import annotations

from collections.abc import Mapping

from ..catalog import EnumValue, Json
from .references import list_of

_NAMES = ("x-enum-varnames", "x-enumNames", "x-enum-names")
_DESCRIPTIONS = ("x-enum-descriptions", "x-enumDescriptions")


def stated_values(schema: Mapping[str, Json]) -> list[Json] | None:
    """What ``const`` or ``enum`` lists, without null and repetitions; ``None`` if neither is there.

    Where ``type`` is string, numbers and booleans become the text that their author left unquoted in YAML.
    """
    if "const" in schema:
        stated = [schema["const"]]
    else:
        stated = list_of(schema.get("enum"))
        if not stated:
            return None
    types = schema.get("type")
    if types == "string" or (isinstance(types, list) and set(map(str, types)) <= {"string", "null"}):
        stated = [_as_text(value) for value in stated]
    # By class too: in Python True equals 1, in JSON they are different values.
    found: dict[tuple[type, object], Json] = {}
    for value in stated:
        if value is not None:
            same = value if isinstance(value, str | int | float) else repr(value)
            found.setdefault((type(value), same), value)
    return list(found.values())


def enum_values(schema: Mapping[str, Json], values: list[Json]) -> tuple[EnumValue, ...] | None:
    """*values* as an enum's values, with their authors' names for them; ``None`` if one is no scalar."""
    listed = list_of(schema.get("enum"))
    names, descriptions = _beside(schema, _NAMES), _beside(schema, _DESCRIPTIONS)
    places = {value: at for at, value in reversed(list(enumerate(listed))) if isinstance(value, str)}
    made: dict[tuple[type, str | int | float | bool], EnumValue] = {}
    for value in values:
        if not isinstance(value, str | int | float):
            return None
        at = places.get(value, -1) if isinstance(value, str) else _index(listed, value)
        made.setdefault(
            (type(value), value),
            EnumValue(value=value, name=_item(names, at, value), description=_item(descriptions, at, value)),
        )
    return tuple(made.values())


def _index(listed: list[Json], value: Json) -> int:
    return listed.index(value) if value in listed else -1


def _beside(schema: Mapping[str, Json], keywords: tuple[str, ...]) -> list[Json] | dict[str, Json]:
    for keyword in keywords:
        found = schema.get(keyword)
        if isinstance(found, list | dict):
            return found
    return []


def _item(beside: list[Json] | dict[str, Json], at: int, value: Json) -> str:
    if isinstance(beside, dict):
        found = beside.get(str(value))
    else:
        found = beside[at] if 0 <= at < len(beside) else None
    return found.strip() if isinstance(found, str) else ""


def _as_text(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
