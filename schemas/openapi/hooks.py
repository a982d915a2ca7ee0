"""Webhooks and callbacks as functions that stream: what an upstream sends of itself.

Source: OpenAPI 3.1, "OpenAPI Object" (``webhooks``), "Callback Object"; ``x-webhooks`` is what tools gave
3.0 documents before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..catalog import Function, FunctionId, HookBinding, Json, ListOf, UpstreamId
from ..names import unique
from .bodies import request_bodies
from .references import Node, object_of, pointer_token, text_of
from .shapes import ShapeReader, deprecation_of

_METHODS: Final = ("post", "put", "patch", "get", "delete")


@dataclass(frozen=True, slots=True)
class _Stated:
    """One operation that the upstream calls."""

    name: str
    method: str
    node: Node


def read_hooks(
    root: dict[str, Json],
    operations: Sequence[tuple[str, str, dict[str, Json]]],
    reader: ShapeReader,
    upstream: UpstreamId,
    taken: set[str],
) -> list[Function]:
    """A function for every webhook of the document and every callback of its operations.

    Args:
        root: The document.
        operations: Name, pointer and object of each.
        reader: Types the schemas.
        upstream: The upstream's id.
        taken: Names of its other functions.
    """
    found: list[Function] = []
    for stated in (*_webhooks(root, reader), *_callbacks(operations, reader)):
        name = unique(stated.name, taken)
        taken.add(name)
        found.append(_function(name, stated, reader, upstream))
    return found


def _webhooks(root: dict[str, Json], reader: ShapeReader) -> Iterator[_Stated]:
    for member in ("webhooks", "x-webhooks"):
        for name, item in sorted(object_of(root.get(member)).items()):
            yield from _of_item(name, item, f"/{member}/{pointer_token(name)}", reader)


def _callbacks(
    operations: Sequence[tuple[str, str, dict[str, Json]]], reader: ShapeReader
) -> Iterator[_Stated]:
    for function, pointer, operation in operations:
        for name, value in sorted(object_of(operation.get("callbacks")).items()):
            place = f"{pointer}/callbacks/{pointer_token(name)}"
            callback = reader.references.follow(value, place)
            # The keys are expressions that lead to the URL; the caller gives that URL in an argument.
            for expression, item in (callback.value if callback else {}).items():
                if callback is not None and not expression.startswith("x-"):
                    inner = f"{callback.pointer}/{pointer_token(expression)}"
                    yield from _of_item(f"{function}_{name}", item, inner, reader)


def _of_item(name: str, item: Json, pointer: str, reader: ShapeReader) -> Iterator[_Stated]:
    node = reader.references.follow(item, pointer)
    for method in _METHODS:
        operation = node.value.get(method) if node else None
        if node is not None and isinstance(operation, dict):
            stated = text_of(operation, "operationId") or name
            yield _Stated(stated, method, Node(operation, f"{node.pointer}/{method}"))


def _function(name: str, stated: _Stated, reader: ShapeReader, upstream: UpstreamId) -> Function:
    operation, pointer = stated.node
    contents = request_bodies(operation, pointer, name, reader)
    content = contents[0] if contents else None
    summary = text_of(operation, "summary")
    description = text_of(operation, "description")
    result = content.type if content else None
    if content is not None and isinstance(result, ListOf) and content.media_type.endswith("ndjson"):
        result = result.item
    return Function(
        id=FunctionId(f"{upstream}.{name}"),
        upstream=upstream,
        name=name,
        binding=HookBinding(
            method=stated.method.upper(),
            media_type=content.media_type if content else "",
            xml=content.xml if content else None,
        ),
        result=result,
        effect="read",
        effect_reason="sent by the upstream",
        streaming="server",
        description=f"{summary}\n\n{description}" if summary and description else summary or description,
        deprecated=deprecation_of(operation),
    )
