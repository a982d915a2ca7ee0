"""Schemas from samples: what payloads and results were seen to be, without the values themselves.

A member that was seen is not said to be there always, so nothing that is learned is required. What differs from
sample to sample becomes the wider type, or any value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..catalog import Json
from .descriptions import LambdaSchema

MAX_DEPTH: Final = 40
MAX_ITEMS: Final = 1_000
"""Items of a list that are looked at."""

_MAP_MEMBERS: Final = 2
"""Members whose names are no names from which on an object is a map."""
_NAME: Final = re.compile(r"[A-Za-z_$@][A-Za-z0-9_$.@-]{0,63}")
_FORMATS: Final = (
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("date-time", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What is known of one function from samples.

    Attributes:
        samples: How many calls it is known from.
        payload: JSON Schema of their payloads.
        result: JSON Schema of their results.
    """

    samples: int
    payload: dict[str, Json]
    result: dict[str, Json]

    @property
    def schema(self) -> LambdaSchema:
        """The same, as a description."""
        return LambdaSchema(input_schema=self.payload, output_schema=self.result)


def learn(payload: Json, result: Json, before: Learned | None = None) -> Learned:
    """What one more call shows, beside what was known *before*."""
    seen = Learned(1, schema_of(payload), schema_of(result))
    if before is None:
        return seen
    return Learned(before.samples + 1, merge(before.payload, seen.payload), merge(before.result, seen.result))


def schema_of(value: Json, depth: int = 0) -> dict[str, Json]:
    """The JSON Schema that *value* shows."""
    if depth > MAX_DEPTH:
        return {}
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int():
            wide = not -(2**31) <= value < 2**31
            return {"type": "integer", **({"format": "int64"} if wide else {})}
        case float():
            return {"type": "number"}
        case str():
            stated = next((name for name, pattern in _FORMATS if pattern.fullmatch(value)), None)
            return {"type": "string", **({"format": stated} if stated else {})}
        case list():
            items: dict[str, Json] | None = None
            for item in value[:MAX_ITEMS]:
                one = schema_of(item, depth + 1)
                items = one if items is None else merge(items, one)
            return {"type": "array", **({"items": items} if items is not None else {})}
        case dict():
            members = {name: schema_of(inner, depth + 1) for name, inner in value.items()}
            odd = [name for name in members if not _NAME.fullmatch(name)]
            if odd and len(odd) == len(members) and len(members) >= _MAP_MEMBERS:
                # Keys of data, such as ids: not members of one object.
                return {"type": "object", "additionalProperties": _all(members)}
            return {"type": "object", "properties": dict(members)}


def merge(one: Mapping[str, Json], other: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of values that *one* or *other* describes; both were learned."""
    if not one or not other:
        return {}
    kinds, others = _kinds(one), _kinds(other)
    null = "null" in kinds | others
    found = (kinds | others) - {"null"}
    if found == {"integer", "number"}:
        found = {"number"}
    if not found:
        return {"type": "null"}
    if len(found) > 1:
        return {}
    (kind,) = found
    merged: dict[str, Json] = {"type": [kind, "null"] if null else kind}
    first, second = (one if kinds - {"null"} else other), (other if others - {"null"} else one)
    if kind == "integer" and "format" in {**first, **second}:
        merged["format"] = "int64"
    elif kind == "string" and "format" in first and first["format"] == second.get("format"):
        merged["format"] = first["format"]
    elif kind == "array":
        items = [schema["items"] for schema in (first, second) if isinstance(schema.get("items"), dict)]
        if items:
            merged["items"] = merge(_object(items[0]), _object(items[-1]))
    elif kind == "object":
        merged |= _merged_members(first, second)
    return merged


def _merged_members(one: Mapping[str, Json], other: Mapping[str, Json]) -> dict[str, Json]:
    if "additionalProperties" in one or "additionalProperties" in other:
        values = [
            _object(schema["additionalProperties"])
            if "additionalProperties" in schema
            else _all(_object(schema.get("properties")))
            for schema in (one, other)
        ]
        return {"additionalProperties": merge(values[0], values[-1])}
    members = dict(_object(one.get("properties")))
    for name, schema in _object(other.get("properties")).items():
        known = members.get(name)
        members[name] = schema if known is None else merge(_object(known), _object(schema))
    return {"properties": members}


def _all(members: Mapping[str, Any]) -> dict[str, Json]:
    found: dict[str, Json] | None = None
    for schema in members.values():
        found = dict(schema) if found is None else merge(found, schema)
    return found if found is not None else {}


def _kinds(schema: Mapping[str, Json]) -> set[str]:
    stated = schema.get("type")
    return {str(one) for one in stated} if isinstance(stated, list) else {str(stated)}


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
