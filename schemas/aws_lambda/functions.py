"""Descriptions of Lambda functions to an upstream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from ..catalog import (
    Argument,
    Field,
    Function,
    FunctionId,
    Json,
    JsonType,
    LambdaBinding,
    LambdaTarget,
    ReadingWarning,
    Shape,
    ShapeName,
    Type,
    Upstream,
    UpstreamId,
    effect_of_name,
    invoked_as,
)
from ..catalog.effects import READ_VERBS
from ..names import singular, type_name, unique, upstream_name, words
from .descriptions import LambdaDescription
from .json_schema import SchemaReader
from .merging import merge_shapes, with_names

_OTHER_VERBS: Final = frozenset(
    {
        "add", "apply", "approve", "assign", "book", "calculate", "cancel", "change", "close", "compute",
        "convert", "copy", "create", "delete", "disable", "edit", "enable", "generate", "handle", "import",
        "insert", "make", "modify", "move", "notify", "on", "open", "patch", "place", "post", "process",
        "publish", "put", "quote", "refresh", "register", "reject", "remove", "render", "replace", "reset",
        "run", "save", "send", "set", "start", "stop", "store", "submit", "sync", "transform", "update",
        "upload", "upsert", "write",
    }
)  # fmt: skip
"""Verbs that begin a function's name and so are no domain that all of its functions share."""

_BULK_WORDS: Final = frozenset({"batch", "bulk", "multi"})
_LISTS: Final = frozenset({"items", "results", "data", "entries", "values", "records"})


def read_functions(
    descriptions: Sequence[LambdaDescription],
    *,
    upstream: UpstreamId | None,
    region: str,
    endpoint: str = "",
    warnings: Sequence[ReadingWarning] = (),
) -> Upstream:
    """The upstream that holds the functions of one region.

    ``pricing-get-prices`` becomes ``get_prices`` of an upstream titled ``Pricing`` if the names of all
    functions begin with that word. A function without a schema takes and answers any JSON.

    Args:
        descriptions: In any order; the result does not depend on it.
        upstream: Its id; ``None`` to make one from the title.
        region: The region's name.
        endpoint: What replaces the regional endpoint URL; ``""`` for nothing.
        warnings: Of whoever gathered the descriptions; they come first in the upstream's.
    """
    ordered = sorted(descriptions, key=lambda one: (one.function_name, one.qualifier))
    prefix = _shared_prefix(ordered)
    title = prefix.capitalize() if prefix else f"Lambda {region}"
    id_ = upstream or UpstreamId(upstream_name(title))
    names: dict[str, None] = {}
    shapes: dict[ShapeName, Shape] = {}
    functions: list[Function] = []
    found = list(warnings)
    qualified = len({one.function_name for one in ordered}) < len(ordered)
    for description in ordered:
        name = unique(_name(description, prefix, qualified=qualified), names)
        names[name] = None
        function, added, faults = _read(description, id_, name, shapes)
        shapes |= added
        invocation = description.schema.invocation if description.schema is not None else None
        if invocation is not None:
            function = invoked_as(function, invocation, shapes, reason="says its description")
        functions.append(function)
        found += faults
    return Upstream(
        id=id_,
        target=LambdaTarget(region=region, endpoint=endpoint),
        title=title,
        functions=tuple(functions),
        shapes=shapes,
        warnings=tuple(found),
    )


def _shared_prefix(descriptions: Sequence[LambdaDescription]) -> str:
    """The word that all names begin with, unless it says what the functions do."""
    names = [words(one.function_name) for one in descriptions]
    first = {name[0] if name else "" for name in names}
    if len(first) != 1 or any(len(name) < 2 for name in names):
        return ""
    (word,) = first
    if word in READ_VERBS or word in _OTHER_VERBS or word in _BULK_WORDS or not word.isalpha():
        return ""
    if len(names) == 1 and names[0][1] not in READ_VERBS | _OTHER_VERBS:
        return ""  # of one name alone only a verb tells that what is before it is a domain
    return word


def _name(description: LambdaDescription, prefix: str, *, qualified: bool) -> str:
    found = words(description.function_name)[1 if prefix else 0 :]
    if qualified:
        found += words(description.qualifier)
    name = "_".join(found) or "function"
    return name if not name[0].isdigit() else f"_{name}"


def _read(
    description: LambdaDescription, upstream: UpstreamId, name: str, known: dict[ShapeName, Shape]
) -> tuple[Function, dict[ShapeName, Shape], list[ReadingWarning]]:
    effect, reason = effect_of_name(description.function_name)
    payload: Literal["arguments", "whole"] = "whole"
    arguments: tuple[Argument, ...] = (Argument(name="payload", type=JsonType(nullable=True)),)
    result: Type = JsonType(nullable=True, reason="the function has no output schema")
    added: dict[ShapeName, Shape] = {}
    warnings: list[ReadingWarning] = []
    schema = description.schema
    if schema is not None:
        noun = _noun(name)
        function = type_name(name)
        documents: dict[str, Json] = {
            key: value
            for key, value in (("inputSchema", schema.input_schema), ("outputSchema", schema.output_schema))
            if value is not None
        }
        reader = SchemaReader(function=function, noun=type_name("_".join(noun)), documents=documents)
        if "outputSchema" in documents:
            result = reader.read("outputSchema", name=_result_name(name, noun, schema.output_schema, effect))
        if "inputSchema" in documents:
            members = reader.read_members("inputSchema", suffix="Input")
            if members is not None:
                payload, arguments = "arguments", tuple(_argument(member) for member in members)
            else:
                type_ = reader.read("inputSchema", name=f"{name}_input", suffix="Input")
                arguments = (Argument(name="payload", type=type_, required=not type_.nullable),)
        added, renamed = merge_shapes(known, reader.shapes, prefix=function)
        result = with_names(result, renamed)
        arguments = tuple(
            msgspec.structs.replace(argument, type=with_names(argument.type, renamed))
            for argument in arguments
        )
        warnings = [
            msgspec.structs.replace(warning, pointer=f"/{description.function_name}{warning.pointer}")
            for warning in reader.warnings
        ]
    return (
        Function(
            id=FunctionId(f"{upstream}.{name}"),
            upstream=upstream,
            name=name,
            binding=LambdaBinding(
                function_name=description.function_name,
                qualifier=description.qualifier,
                payload=payload,
                arn=description.arn,
            ),
            arguments=arguments,
            result=result,
            effect=effect,
            effect_reason=reason,
            idempotent=effect == "read",
            description=(schema.description if schema else "") or description.description,
        ),
        added,
        warnings,
    )


def _argument(field: Field) -> Argument:
    return Argument(
        name=field.name,
        type=field.type,
        required=field.required,
        default=field.default,
        description=field.description,
        deprecated=field.deprecated,
    )


def _noun(name: str) -> list[str]:
    """What a function is about: ``get_prices`` about a price."""
    found = words(name)
    while len(found) > 1 and (found[0] in READ_VERBS or found[0] in _BULK_WORDS or found[0] in _OTHER_VERBS):
        found = found[1:]
    for index, word in enumerate(found):
        if word in {"by", "for", "of", "from"} and index:
            found = found[:index]
            break
    return [*found[:-1], singular(found[-1])]


def _result_name(name: str, noun: Sequence[str], schema: Json, effect: str) -> str:
    """A name for the result: what a read answers is the thing itself, unless it is wrapped in an object."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if effect != "read" or not isinstance(properties, dict):
        return f"{name}_result"
    for member in properties:
        found = words(member)
        if found and (found[-1] in _LISTS or singular(found[-1]) == noun[-1]):
            return f"{name}_result"
    return "_".join(noun)
