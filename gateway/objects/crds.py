"""Objects held to the schemas that their kinds are published with: a cluster's CustomResourceDefinitions.

They are the cluster's, or the release's, and are named by their user: what one version takes, another may not.

Source: Kubernetes, "Specifying a structural schema". Rules in CEL (``x-kubernetes-validations``) are not held to.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from ...schemas.errors import ConfigError
from .load import documents_in, files_in

Schemas: TypeAlias = Mapping[tuple[str, str], Mapping[str, Any]]
"""By ``apiVersion`` and ``kind``: the schema of the whole object."""

_MOST_PROBLEMS: Final = 20
"""Of one object: a wrong kind of thing breaks every rule at once."""


def load_crds(paths: Iterable[Path]) -> Schemas:
    """The schemas in the files at *paths*, which are what ``kubectl get crds -o yaml`` prints or a release holds.

    Raises:
        ConfigError: One cannot be read, or there is no CustomResourceDefinition in any.
    """
    if importlib.util.find_spec("jsonschema") is None:
        problem = "the package jsonschema is not installed"
        raise ConfigError(
            source="environment", key="--crds", problem=problem, accepted="`pip install 'weft[edge]'`"
        )
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    paths = list(paths)
    for path in paths:
        for file in files_in(path):
            for _, value in documents_in(file):
                found |= dict(_schemas_of(value))
    if not found:
        names = ", ".join(map(str, paths))
        raise ConfigError(source=names, key="", problem="holds no CustomResourceDefinition")
    return found


def check_files(paths: Iterable[Path], schemas: Schemas) -> list[ConfigError]:
    """What the schemas say against the objects in the files at *paths*; kinds without a schema are passed by."""
    problems = []
    for path in paths:
        for file in files_in(path):
            for origin, value in documents_in(file):
                if not isinstance(value, Mapping):
                    continue
                schema = schemas.get((str(value.get("apiVersion")), str(value.get("kind"))))
                if schema is None:
                    continue
                name = f"{value['kind']}/{(value.get('metadata') or {}).get('name', '')}"
                problems += [
                    ConfigError(
                        source=origin.source, key=f"{name} {pointer}".strip(), problem=text, line=origin.line
                    )
                    for pointer, text in _problems(value, schema)
                ]
    return problems


def _schemas_of(value: Any) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    if not isinstance(value, Mapping) or value.get("kind") != "CustomResourceDefinition":
        return
    spec = value.get("spec", {})
    for version in spec.get("versions", ()):
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is not None:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            yield key, _json_schema(schema)


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema: fields that it does not name are mistakes, for a cluster drops them."""
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: _json_schema(one) for name, one in value.items()}
        elif key in {"items", "additionalProperties", "not"} and isinstance(value, Mapping):
            made[key] = _json_schema(value)
        elif key in {"allOf", "anyOf", "oneOf"}:
            # They add conditions, and name no fields of their own.
            made[key] = value
        elif key not in {"nullable", "format", "default"} and not (
            key == "pattern" and not _is_pattern(value)
        ):
            made[key] = value
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in schema and not is_open:
        made["additionalProperties"] = False
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        made["type"] = [schema["type"], "null"]
    return made


def _is_pattern(text: str) -> bool:
    """Whether Python reads it: the cluster's patterns are Go's."""
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _problems(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from jsonschema import Draft202012Validator

    own = {key: part for key, part in value.items() if key not in {"metadata", "status"}}
    errors = sorted(Draft202012Validator(schema).iter_errors(own), key=lambda error: error.json_path)
    for error in errors[:_MOST_PROBLEMS]:
        yield error.json_path.removeprefix("$").removeprefix("."), error.message[:300]
