"""Webhooks and callbacks: the requests that an upstream makes.

Source: OpenAPI 3.1, "OpenAPI Object" (``webhooks``), "Callback Object"; ``x-webhooks`` is what documents of
3.0 have for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..catalog import Json
from ..catalog.webhooks import Webhook
from ..names import unique
from .annotations import deprecation_of
from .bodies import request_bodies, swagger_body
from .document import Document
from .parameters import stated_parameters
from .references import Node, list_of, object_of, pointer_token, text_of
from .shapes import ShapeReader


@dataclass(frozen=True, slots=True)
class StatedCallbacks:
    """The ``callbacks`` of one operation: those of the function called *function*, at *pointer*."""

    function: str
    callbacks: Json
    pointer: str


@dataclass(frozen=True, slots=True)
class _Stated:
    name: str
    item: Node
    function: str = ""
    expression: str = ""


def read_webhooks(
    document: Document, callbacks: Iterable[StatedCallbacks], reader: ShapeReader, taken: Iterable[str]
) -> tuple[Webhook, ...]:
    """Every webhook and callback of *document*, by name.

    Args:
        document: Whose they are.
        callbacks: Of its operations.
        reader: Types their payloads.
        taken: Names of the functions, which no webhook gets.
    """
    names = set(taken)
    found: list[Webhook] = []
    for stated in (*_webhooks(document, reader), *_callbacks(callbacks, reader)):
        for method, operation in stated.item.value.items():
            if method.lower() not in _METHODS or not isinstance(operation, dict):
                continue
            name = unique(text_of(operation, "operationId") or stated.name, names)
            names.add(name)
            found.append(_webhook(stated, method, operation, name, reader, document))
    return tuple(sorted(found, key=lambda one: one.name))


_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})


def _webhooks(document: Document, reader: ShapeReader) -> Iterator[_Stated]:
    for keyword in ("webhooks", "x-webhooks"):
        for name, value in object_of(document.root.get(keyword)).items():
            node = reader.references.follow(value, f"/{keyword}/{pointer_token(name)}")
            if node is not None:
                yield _Stated(name, node)


def _callbacks(callbacks: Iterable[StatedCallbacks], reader: ShapeReader) -> Iterator[_Stated]:
    for stated in callbacks:
        for name, value in object_of(stated.callbacks).items():
            callback = reader.references.follow(value, f"{stated.pointer}/{pointer_token(name)}")
            for expression, item in callback.value.items() if callback is not None else ():
                if callback is None or expression.startswith("x-"):
                    continue
                node = reader.references.follow(item, f"{callback.pointer}/{pointer_token(expression)}")
                if node is not None:
                    yield _Stated(f"{stated.function}_{name}", node, stated.function, expression)


def _webhook(
    stated: _Stated,
    method: str,
    operation: dict[str, Json],
    name: str,
    reader: ShapeReader,
    document: Document,
) -> Webhook:
    pointer = f"{stated.item.pointer}/{method}"
    if document.version == "2.0":
        parameters = stated_parameters([(operation.get("parameters"), f"{pointer}/parameters")], reader)
        consumes = [kind for kind in list_of(operation.get("consumes")) if isinstance(kind, str)]
        body = swagger_body(parameters, consumes, pointer, name, reader)
    else:
        body = next(iter(request_bodies(operation, pointer, name, reader)), None)
    return Webhook(
        name=name,
        method=method.upper(),
        payload=body.type if body is not None else None,
        media_type=body.media_type if body is not None else "",
        function=stated.function,
        expression=stated.expression,
        description=text_of(operation, "description") or text_of(operation, "summary"),
        deprecated=deprecation_of(operation),
        xml=body.xml if body is not None else None,
    )
