"""Types as JSON Schema (2020-12), with a definition for every type that has a name."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import typing
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from .encoding import encode
from .hints import (
    Member,
    is_named_tuple,
    is_pydantic,
    is_struct,
    is_typed_dict,
    is_union,
    members_of,
    name_of,
    without_annotations,
)

_SCALARS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": "string", "format": "decimal"},
    bytes: {"type": "string", "format": "byte"},
    type(None): {"type": "null"},
    None: {"type": "null"},
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "description": "description",
}


class Schemas:
    """Writes schemas of types; their definitions gather in *definitions*."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def of(self, hint: Any) -> dict[str, Any]:
        """The schema of *hint*; raises `TypeError` where it is none that JSON is read as."""
        hint, annotations = without_annotations(hint)
        found = self._of(hint)
        for annotation in annotations:
            found = _bounded(found, annotation)
        return found

    def document(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """*schema*, which `of` gave, with the definitions that it refers to."""
        wanted: dict[str, Any] = {}
        waiting = [schema]
        while waiting:
            for name in _referred(waiting.pop()):
                if name not in wanted and name in self.definitions:
                    wanted[name] = self.definitions[name]
                    waiting.append(wanted[name])
        return {**schema, **({"$defs": wanted} if wanted else {})}

    def object_of(self, members: Sequence[Member]) -> dict[str, Any]:
        """The schema of an object with *members*."""
        properties = {}
        for one in members:
            schema = self.of(one.hint)
            if not one.required and one.default is not None:
                schema = {**schema, "default": encode(one.default)}
            properties[one.name] = schema
        required = [one.name for one in members if one.required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}

    def _of(self, hint: Any) -> dict[str, Any]:
        if hint is Any or hint is object or hint is inspect.Parameter.empty:
            return {}
        if hint in _SCALARS:
            return dict(_SCALARS[hint])
        if is_union(hint):
            return {"anyOf": [self.of(one) for one in typing.get_args(hint)]}
        if is_pydantic(hint):
            return self._of_pydantic(hint)
        if is_struct(hint):
            return self._of_struct(hint)
        origin = typing.get_origin(hint) or hint
        arguments: tuple[Any, ...] = typing.get_args(hint)
        if origin is typing.Literal:
            choices = list(arguments)
            return {"enum": choices} if len(choices) > 1 else {"const": choices[0]}
        if origin is tuple and arguments and arguments[-1] is not Ellipsis:
            positions = [self.of(one) for one in arguments]
            return {"type": "array", "prefixItems": positions, "minItems": len(positions), "items": False}
        if origin in (list, set, frozenset, tuple, Sequence):
            return {"type": "array", **({"items": self.of(arguments[0])} if arguments else {})}
        if origin in (dict, Mapping):
            return {
                "type": "object",
                **({"additionalProperties": self.of(arguments[1])} if arguments else {}),
            }
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._named(hint, lambda: {"enum": [encode(one.value) for one in hint]})
        if dataclasses.is_dataclass(hint) or is_typed_dict(hint) or is_named_tuple(hint):
            named = typing.cast("type", hint)
            return self._named(named, lambda: self.object_of(members_of(named)))
        raise TypeError(f"JSON is not read as {name_of(hint)}")

    def _named(self, hint: type, write: Any) -> dict[str, Any]:
        known = self._names.get(hint)
        if known is None:
            known = self._names[hint] = self._free(hint.__name__)
            self.definitions[known] = {}  # taken, also for types that hold themselves
            about = inspect.cleandoc(hint.__doc__ or "")
            # A dataclass without words of its own says its signature.
            said = {} if not about or about.startswith(f"{hint.__name__}(") else {"description": about}
            self.definitions[known] = {**write(), **said}
        return {"$ref": f"#/$defs/{known}"}

    def _of_pydantic(self, hint: Any) -> dict[str, Any]:
        import pydantic

        return self._taken_over(pydantic.TypeAdapter(hint).json_schema(), hint)

    def _of_struct(self, hint: Any) -> dict[str, Any]:
        import msgspec

        return self._taken_over(msgspec.json.schema(hint), hint)

    def _taken_over(self, schema: dict[str, Any], hint: type) -> dict[str, Any]:
        """A document that another library has written, its definitions among ours."""
        inner = schema.pop("$defs", {})
        if "$ref" in schema:
            for name, one in inner.items():
                self.definitions.setdefault(name, one)
            return {"$ref": schema["$ref"]}
        for name, one in inner.items():
            self.definitions.setdefault(name, one)
        return self._named(hint, lambda: schema)

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found in self.definitions:
            number += 1
            found = f"{name}{number}"
        return found


def _bounded(schema: dict[str, Any], annotation: Any) -> dict[str, Any]:
    for inner in getattr(annotation, "metadata", None) or ():
        schema = _bounded(schema, inner)
    for name, keyword in _BOUNDS.items():
        bound = getattr(annotation, name, None)
        if bound is not None and not callable(bound):
            schema = {**schema, keyword: encode(bound)}
    many = schema.get("type") == "array"
    for name, keyword in (
        ("min_length", "minItems" if many else "minLength"),
        ("max_length", "maxItems" if many else "maxLength"),
    ):
        bound = getattr(annotation, name, None)
        if isinstance(bound, int):
            schema = {**schema, keyword: bound}
    return schema


def _referred(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in _referred(one)]
    if not isinstance(schema, Mapping):
        return []
    found = [name for key, one in schema.items() if key != "default" for name in _referred(one)]
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        found.append(reference.removeprefix("#/$defs/"))
    mapping = schema.get("discriminator")
    if isinstance(mapping, Mapping) and isinstance(mapping.get("mapping"), Mapping):
        found += [str(target).removeprefix("#/$defs/") for target in mapping["mapping"].values()]
    return found
