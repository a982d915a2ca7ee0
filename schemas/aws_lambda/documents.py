"""Schemas from files, in JSON or YAML: one function's, or a manifest of many.

A fault inside a schema is no fault of the file: it is found, and reported with its place, when the schema
is read into shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, get_args

import msgspec

from ..catalog import Invocation, Json
from ..errors import DocumentError
from ..openapi.document import MAX_DEPTH
from ..openapi.yaml_core import YamlError, decode_yaml
from .descriptions import DEFAULT_MAX_KEYS, BatchSchema, LambdaSchema

_MEMBERS: Final = frozenset({"inputSchema", "outputSchema", "invocation", "batch"})
_INVOCATIONS: Final[tuple[Invocation, ...]] = get_args(Invocation)
_OF_JSON_SCHEMA: Final = frozenset(
    {"$schema", "$ref", "$defs", "type", "properties", "items", "anyOf", "oneOf", "allOf", "enum", "const"}
)
_INPUTS: Final[tuple[str, ...]] = ("Input", "Request", "Payload", "Event", "AWSEvent")
_OUTPUTS: Final[tuple[str, ...]] = ("Output", "Response", "Result")
_BATCH_ACCEPTED: Final = (
    "batch: {key: id}, with argument, items, results, max and answers where they are needed"
)


def parse_tool_schema(data: bytes, *, source: str) -> LambdaSchema:
    """The schema in *data*.

    It is a tool definition, or a list that holds just one; a JSON Schema, which is that of the payload; or an
    OpenAPI document whose components are named ``Input``, ``Output`` and the like, as schema registries hold.

    Args:
        data: JSON or YAML.
        source: Where it came from, for messages.

    Raises:
        DocumentError: It is neither JSON nor YAML, or none of these.
    """
    found = _parse(data, source)
    if isinstance(found, dict) and "inlinePayload" in found:
        found = found["inlinePayload"]
    if isinstance(found, list):
        if len(found) != 1:
            reason = (
                f"one tool definition is expected, here are {len(found)}; give each function its own file"
            )
            raise DocumentError(source, "", reason)
        return tool_schema(found[0], source=source, pointer="/0")
    if isinstance(found, dict) and _MEMBERS.isdisjoint(found):
        if "openapi" in found:
            return _of_components(found, source)
        if not _OF_JSON_SCHEMA.isdisjoint(found):
            return LambdaSchema(input_schema=found)
    return tool_schema(found, source=source)


def parse_json_schema(data: bytes, *, source: str) -> Json:
    """One JSON Schema: that of a payload, or of a result.

    Raises:
        DocumentError: It is neither JSON nor YAML, or no schema.
    """
    found = _parse(data, source)
    if not isinstance(found, dict | bool):
        raise DocumentError(source, "", "not a JSON Schema: an object or true")
    if isinstance(found, dict) and "openapi" in found:
        read = _of_components(found, source)
        return read.input_schema if read.input_schema is not None else read.output_schema
    return found


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
    if isinstance(found, dict) and isinstance(found.get("inlinePayload"), list):
        found = found["inlinePayload"]
    if isinstance(found, dict):
        return {
            name: replace(tool_schema(entry, source=source, pointer=f"/{_escaped(name)}"), name=name)
            for name, entry in found.items()
        }
    if not isinstance(found, list):
        raise DocumentError(source, "", "neither a list of tool definitions nor a mapping of function names")
    schemas: dict[str, LambdaSchema] = {}
    for index, entry in enumerate(found):
        schema = tool_schema(entry, source=source, pointer=f"/{index}")
        if not schema.name:
            raise DocumentError(
                source, f"/{index}", "a tool definition in a list needs a name: the function's"
            )
        if schema.name in schemas:
            raise DocumentError(source, f"/{index}/name", f"{schema.name} is described twice")
        schemas[schema.name] = schema
    return schemas


def tool_schema(entry: Json, *, source: str, pointer: str = "") -> LambdaSchema:
    """One tool definition, decoded.

    Raises:
        DocumentError: It is none.
    """
    if not isinstance(entry, dict) or _MEMBERS.isdisjoint(entry):
        raise DocumentError(
            source,
            pointer,
            "not a tool definition: an object with inputSchema, outputSchema, invocation or batch",
        )
    annotations = entry.get("annotations")
    annotations = annotations if isinstance(annotations, dict) else {}
    return LambdaSchema(
        name=_text(entry.get("name")),
        description=_text(entry.get("description")),
        input_schema=entry.get("inputSchema"),
        output_schema=entry.get("outputSchema"),
        invocation=_invocation_of(entry.get("invocation"), source, pointer),
        batch=_batch_of(entry.get("batch"), source, f"{pointer}/batch"),
        read_only=_flag(annotations.get("readOnlyHint")),
        idempotent=_flag(annotations.get("idempotentHint")),
    )


def _batch_of(value: Json, source: str, pointer: str) -> BatchSchema | None:
    if value is None:
        return None
    if isinstance(value, str) and value:
        return BatchSchema(key=value)
    if not isinstance(value, dict) or not _text(value.get("key")):
        raise DocumentError(
            source, pointer, f"not a batch: it needs the member that is the key; accepted: {_BATCH_ACCEPTED}"
        )
    unknown = value.keys() - {"key", "argument", "items", "results", "max", "answers"}
    if unknown:
        raise DocumentError(
            source, pointer, f"{min(unknown)!r} is no part of a batch; accepted: {_BATCH_ACCEPTED}"
        )
    most = value.get("max", DEFAULT_MAX_KEYS)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise DocumentError(source, f"{pointer}/max", "a number of keys is expected, 1 or more")
    return BatchSchema(
        key=_text(value["key"]),
        argument=_text(value.get("argument")),
        items=_text(value.get("items")),
        results=_text(value.get("results")),
        max_keys=most,
        answers=_text(value.get("answers")),
    )


def _of_components(document: Mapping[str, Json], source: str) -> LambdaSchema:
    """Payload and result by the names of an OpenAPI document's components.

    Source: Amazon EventBridge schemas, which hold an event as ``AWSEvent``, saved test events as ``Event``.
    """
    components = document.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    schemas = schemas if isinstance(schemas, dict) else {}
    result = next((name for name in _OUTPUTS if name in schemas), None)
    payload = next((name for name in _INPUTS if name in schemas), None)
    if payload is None and result is None and len(schemas) == 1:
        (payload,) = schemas
    if payload is None and result is None:
        names = ", ".join((*_INPUTS, *_OUTPUTS))
        raise DocumentError(source, "/components/schemas", f"none of the components is named {names}")

    def schema(name: str | None) -> Json:
        if name is None:
            return None
        return {"$ref": f"#/components/schemas/{_escaped(name)}", "components": components}

    return LambdaSchema(input_schema=schema(payload), output_schema=schema(result))


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
        decoded: Json = msgspec.json.decode(data)
    except RecursionError as error:
        raise DocumentError(source, "", "nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            return decode_yaml(data, max_depth=MAX_DEPTH)
        except YamlError as error:
            raise DocumentError(source, "", f"neither JSON nor YAML: {error}") from error
    return decoded


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
