"""Scalars: ``type`` and ``format`` as a `ScalarKind`, and the validation keywords as `Constraints`.

Source: OpenAPI 3.1, "Data Types", and the OpenAPI Format Registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

from ..catalog import Constraints, Json, Scalar, ScalarKind

_STRING_FORMATS: Final[Mapping[str, ScalarKind]] = {
    "date": "date", "date-time": "date-time", "datetime": "date-time", "time": "time",
    "duration": "duration", "uuid": "uuid", "guid": "uuid", "uri": "uri", "url": "uri",
    "uri-reference": "uri", "iri": "uri", "iri-reference": "uri", "email": "email", "idn-email": "email",
    "ipv4": "ipv4", "ipv6": "ipv6", "byte": "byte", "base64": "byte", "base64url": "string",
    "binary": "binary", "password": "password", "decimal": "decimal",
}  # fmt: skip
_INTEGER_FORMATS: Final[Mapping[str, ScalarKind]] = {
    "int8": "int32", "uint8": "int32", "int16": "int32", "uint16": "int32", "int32": "int32",
    "uint32": "int64", "int64": "int64", "long": "int64", "bigint": "int64", "unix-time": "int64",
    "unixtime": "int64", "timestamp": "int64", "uint64": "uint64",
}  # fmt: skip
_NUMBER_FORMATS: Final[Mapping[str, ScalarKind]] = {"decimal": "decimal", "int32": "int32", "int64": "int64"}

TYPE_ALIASES: Final[Mapping[str, tuple[str, str]]] = {
    "int": ("integer", ""), "int32": ("integer", "int32"), "int64": ("integer", "int64"),
    "long": ("integer", "int64"), "float": ("number", "float"), "double": ("number", "double"),
    "decimal": ("number", "decimal"), "bool": ("boolean", ""), "str": ("string", ""), "text": ("string", ""),
    "date": ("string", "date"), "datetime": ("string", "date-time"), "date-time": ("string", "date-time"),
    "uuid": ("string", "uuid"), "uri": ("string", "uri"), "email": ("string", "email"),
    "binary": ("string", "binary"), "file": ("string", "binary"), "list": ("array", ""),
    "map": ("object", ""), "dict": ("object", ""),
}  # fmt: skip
"""What authors write for ``type`` that JSON Schema does not know, in lower case. ``file`` is Swagger 2.0's."""

_MEANT_BY_KIND: Final = frozenset(
    {"date", "date-time", "time", "duration", "uuid", "uri", "email", "ipv4", "ipv6", "byte", "binary",
     "password", "int32", "int64", "uint64", "decimal", "float", "double"}
)  # fmt: skip

_N = TypeVar("_N", int, float)

INT32_END: Final = 2**31
INT64_END: Final = 2**63


def scalar_of(json_type: str, schema: Mapping[str, Json], *, nullable: bool = False) -> Scalar:
    """The scalar that a schema of one of the four scalar types describes.

    An integer without a format is ``int32``, unless its bounds, its enum or its default pass 2**31.

    Args:
        json_type: ``string``, ``integer``, ``number`` or ``boolean``.
        schema: Where ``format`` and the bounds are.
        nullable: Whether null may stand there.
    """
    if _TELLING.isdisjoint(schema):
        stated = schema.get("format")
        return _plain(json_type, stated if isinstance(stated, str) else "", nullable)
    return _read(json_type, schema, nullable)


@lru_cache(maxsize=1024)
def _plain(json_type: str, format_: str, nullable: bool) -> Scalar:
    return _read(json_type, {"format": format_}, nullable)


def _read(json_type: str, schema: Mapping[str, Json], nullable: bool) -> Scalar:
    stated = schema.get("format")
    format_ = stated.strip() if isinstance(stated, str) else ""
    kind: ScalarKind
    match json_type:
        case "string":
            kind = _STRING_FORMATS.get(format_.lower(), "string")
            if kind == "string" and schema.get("contentEncoding") == "base64":
                kind = "byte"
            elif kind == "string" and not format_ and "contentMediaType" in schema:
                # OpenAPI 3.1 writes `format: binary` as a bare contentMediaType.
                kind = "binary"
        case "integer":
            kind = _INTEGER_FORMATS.get(format_.lower(), "int32")
            if kind in {"int32", "int64"}:
                kind = _wide_enough(
                    kind, schema, stated=bool(format_) and format_.lower() in _INTEGER_FORMATS
                )
        case "number":
            kind = _NUMBER_FORMATS.get(format_.lower(), "float")
        case _:
            kind = "boolean"
    kept = "" if format_.lower() in _MEANT_BY_KIND and kind != "string" else format_
    if kind == "decimal" and json_type == "string":
        kept = "string"  # a JSON text on the wire, not a number
    return Scalar(kind=kind, format=kept, constraints=constraints_of(schema), nullable=nullable)


def constraints_of(schema: Mapping[str, Json]) -> Constraints | None:
    """The validation keywords of *schema*, or ``None`` if it has none. Keywords of a wrong type are passed by."""
    if _CONSTRAINING.isdisjoint(schema):
        return None
    minimum, maximum = _number(schema.get("minimum")), _number(schema.get("maximum"))
    # OpenAPI 3.0 and 2.0: a boolean that makes the bound beside it exclusive; 3.1: the bound itself.
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    constraints = Constraints(
        minimum=None if above is True else minimum,
        maximum=None if below is True else maximum,
        exclusive_minimum=minimum if above is True else _number(above),
        exclusive_maximum=maximum if below is True else _number(below),
        multiple_of=_number(schema.get("multipleOf")),
        min_length=_length(schema.get("minLength")),
        max_length=_length(schema.get("maxLength")),
        pattern=_text(schema.get("pattern")),
        min_items=_length(schema.get("minItems")),
        max_items=_length(schema.get("maxItems")),
        unique_items=schema.get("uniqueItems") is True,
        min_properties=_length(schema.get("minProperties")),
        max_properties=_length(schema.get("maxProperties")),
    )
    return None if constraints == _UNCONSTRAINED else constraints


def tightest(found: Constraints | None, more: Constraints | None) -> Constraints | None:
    """The constraints of a value that both *found* and *more* hold for. Of two patterns the first is kept."""
    if found is None or more is None:
        return found or more
    return Constraints(
        minimum=_extreme(max, found.minimum, more.minimum),
        maximum=_extreme(min, found.maximum, more.maximum),
        exclusive_minimum=_extreme(max, found.exclusive_minimum, more.exclusive_minimum),
        exclusive_maximum=_extreme(min, found.exclusive_maximum, more.exclusive_maximum),
        multiple_of=found.multiple_of if found.multiple_of is not None else more.multiple_of,
        min_length=_extreme(max, found.min_length, more.min_length),
        max_length=_extreme(min, found.max_length, more.max_length),
        pattern=found.pattern if found.pattern is not None else more.pattern,
        min_items=_extreme(max, found.min_items, more.min_items),
        max_items=_extreme(min, found.max_items, more.max_items),
        unique_items=found.unique_items or more.unique_items,
        min_properties=_extreme(max, found.min_properties, more.min_properties),
        max_properties=_extreme(min, found.max_properties, more.max_properties),
        const=found.const if found.const is not None else more.const,
    )


def _extreme(choose: Callable[[_N, _N], _N], one: _N | None, other: _N | None) -> _N | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def widest(kinds: set[ScalarKind]) -> ScalarKind | None:
    """The kind that holds every value of *kinds*, or ``None`` if no single one does."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= {"int32", "int64"}:
        return "int64"
    if kinds <= {"int32", "int64", "uint64", "float"}:
        return "float"
    if kinds.isdisjoint({"boolean", "int32", "int64", "uint64", "float", "decimal"}):
        return "string"
    return None


_CONSTRAINING: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
     "pattern", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
)  # fmt: skip
_TELLING: Final = _CONSTRAINING | {"default", "enum", "contentEncoding", "contentMediaType"}
_UNCONSTRAINED: Final = Constraints()


def _wide_enough(kind: ScalarKind, schema: Mapping[str, Json], *, stated: bool) -> ScalarKind:
    bounds = [
        value
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "default")
        if (value := _number(schema.get(keyword))) is not None
    ]
    enum = schema.get("enum")
    if isinstance(enum, list):
        bounds += [value for item in enum if (value := _number(item)) is not None]
    if any(value > INT64_END for value in bounds) and min(bounds) >= 0:
        return "uint64"
    # Many descriptions write `maximum: 2147483648` for "no limit"; one step beyond int32 is still beyond.
    if not stated and any(not -INT32_END <= value < INT32_END for value in bounds):
        return "int64"
    return kind


def _number(value: Json) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _length(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        return None
    return int(value)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
