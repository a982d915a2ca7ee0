"""Schemas from files, in JSON or YAML: one function's, or a manifest of many.

A fault inside a schema is no fault of the file: it is found, and reported with its place, when the schema
is read into shapes.
"""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar, Final, get_args

import msgspec
import yaml

from ..catalog import Invocation, Json
from ..errors import DocumentError
from .descriptions import LambdaSchema

_MEMBERS: Final = frozenset({"inputSchema", "outputSchema", "invocation"})
_INVOCATIONS: Final[tuple[Invocation, ...]] = get_args(Invocation)
_BASE: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_VALUES: Final = 500_000
"""Values of one file, each use of a YAML alias counted as what it stands for."""


class _Loader(_BASE):  # type: ignore[misc]  # PyYAML has the C loader only where libyaml is
    """YAML whose plain scalars are read as YAML 1.2 reads them: dates and ``no`` are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _starts = [*_first, ""] if _tag == "null" else [*_first]
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _starts)
# PyYAML's own reads 010 as eight.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def parse_tool_schema(data: bytes, *, source: str) -> LambdaSchema:
    """The schema in *data*: a tool definition, or a list that holds just one.

    Args:
        data: JSON or YAML.
        source: Where it came from, for messages.

    Raises:
        DocumentError: It is neither JSON nor YAML, or no tool definition.
    """
    found = _parse(data, source)
    if isinstance(found, list):
        if len(found) != 1:
            reason = (
                f"one tool definition is expected, here are {len(found)}; give each function its own file"
            )
            raise DocumentError(source, "", reason)
        return _schema_of(found[0], source, "/0")
    return _schema_of(found, source, "")


def parse_manifest(data: bytes, *, source: str) -> dict[str, LambdaSchema]:
    """Schemas by function name.

    Args:
        data: JSON or YAML: a list of tool definitions whose names are function names, or a mapping of
            function name to ``{description, inputSchema, outputSchema}``.
        source: Where it came from, for messages.

    Raises:
        DocumentError: It is neither, or an entry is no tool definition.
    """
    found = _parse(data, source)
    if isinstance(found, dict):
        return {name: _schema_of(entry, source, f"/{_escaped(name)}", name) for name, entry in found.items()}
    if not isinstance(found, list):
        raise DocumentError(source, "", "neither a list of tool definitions nor a mapping of function names")
    schemas: dict[str, LambdaSchema] = {}
    for index, entry in enumerate(found):
        schema = _schema_of(entry, source, f"/{index}")
        if not schema.name:
            raise DocumentError(
                source, f"/{index}", "a tool definition in a list needs a name: the function's"
            )
        if schema.name in schemas:
            raise DocumentError(source, f"/{index}/name", f"{schema.name} is described twice")
        schemas[schema.name] = schema
    return schemas


def _schema_of(entry: Json, source: str, pointer: str, name: str = "") -> LambdaSchema:
    if not isinstance(entry, dict) or _MEMBERS.isdisjoint(entry):
        raise DocumentError(
            source, pointer, "not a tool definition: an object with inputSchema, outputSchema or invocation"
        )
    own = entry.get("name")
    description = entry.get("description")
    return LambdaSchema(
        name=name or (own if isinstance(own, str) else ""),
        description=description if isinstance(description, str) else "",
        input_schema=entry.get("inputSchema"),
        output_schema=entry.get("outputSchema"),
        invocation=_invocation_of(entry.get("invocation"), source, pointer),
    )


def _invocation_of(value: Json, source: str, pointer: str) -> Invocation | None:
    if value is None:
        return None
    for accepted in _INVOCATIONS:
        if value == accepted:
            return accepted
    reason = f"no way to invoke a function; accepted: {', '.join(_INVOCATIONS)}"
    raise DocumentError(source, f"{pointer}/invocation", reason)


def _parse(data: bytes, source: str) -> Json:
    try:
        found: Json = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        pass
    except RecursionError as error:
        raise DocumentError(source, "", "nested too deeply") from error
    else:
        return found
    try:
        return _JsonCopy(source).of(yaml.load(data, Loader=_Loader), "", ())  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DocumentError(source, "", f"neither JSON nor YAML: {reason}") from error
    except RecursionError as error:
        raise DocumentError(source, "", "nested too deeply") from error


class _JsonCopy:
    """Copies what PyYAML built, aliases expanded, into values that JSON has too."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._count = 0

    def of(self, value: Any, pointer: str, inside: tuple[int, ...]) -> Json:
        self._count += 1
        if self._count > MAX_VALUES:
            raise DocumentError(self._source, "", f"more than {MAX_VALUES} values")
        if isinstance(value, dict | list):
            if id(value) in inside:
                raise DocumentError(self._source, pointer, "an alias stands inside of what it stands for")
            inside = (*inside, id(value))
            if isinstance(value, list):
                return [self.of(item, f"{pointer}/{index}", inside) for index, item in enumerate(value)]
            return {
                str(name): self.of(inner, f"{pointer}/{_escaped(str(name))}", inside)
                for name, inner in value.items()
            }
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise DocumentError(self._source, pointer, f"a {type(value).__name__} is no JSON value")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
