"""A document as an upstream: the whole reading, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from ..catalog import (
    EnumShape,
    Function,
    HttpTarget,
    Json,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Shape,
    ShapeName,
    Type,
    UnionShape,
    Upstream,
    UpstreamId,
    Webhook,
)
from ..collecting import without_collections
from .document import Document
from .operations import Surroundings, read_functions, with_binary_members
from .references import References, Warnings
from .security import security_requirements, security_schemes
from .servers import upstream_url
from .shapes import ShapeReader
from .webhooks import read_webhooks


@without_collections
def read_openapi(
    document: Document,
    *,
    upstream: UpstreamId,
    document_url: str,
    base_url: str | None = None,
    location: str | None = None,
    documents: Mapping[str, Json] | None = None,
) -> Upstream:
    """Every operation of *document* as a function of one upstream.

    A fault in the document costs only what it touches: it becomes JSON, or is left out, with a warning in
    ``Upstream.warnings``. Nothing is raised.

    Args:
        document: What `parse_document` gave.
        upstream: The upstream's id, for the ids of its functions.
        document_url: Where the document was read; relative server URLs are resolved against it.
        base_url: The configured address. Its scheme and host win over the document's servers; the
            document's base path is kept unless the address has a path of its own.
        location: What the document's references are relative to, where that is not *document_url*: the URL
            of a file.
        documents: The other documents that its references lead to, by absolute URL; see `elsewhere`. What
            is not there is a warning where it is referred to.
    """
    warnings = Warnings()
    references = References(
        document, warnings, url=document_url if location is None else location, documents=documents
    )
    reader = ShapeReader(document, references, warnings)
    url = upstream_url(document, document_url=document_url, base_url=base_url, warnings=warnings)
    around = Surroundings(document, reader, upstream, document_url, url)
    functions = read_functions(around)
    webhooks = read_webhooks(document, around.callbacks, reader, [function.name for function in functions])
    reader.finish()
    functions = [with_binary_members(function, reader.shapes) for function in functions]
    return Upstream(
        id=upstream,
        target=HttpTarget(
            base_url=url,
            schemes=security_schemes(document, references, warnings, document_url=document_url),
            security=security_requirements(document.root.get("security")),
        ),
        title=document.title,
        version=document.api_version,
        description=document.description,
        functions=tuple(functions),
        shapes=_reachable(functions, webhooks, reader.shapes),
        warnings=warnings.sorted(),
        webhooks=webhooks,
    )


def _reachable(
    functions: Iterable[Function], webhooks: Iterable[Webhook], shapes: dict[ShapeName, Shape]
) -> dict[ShapeName, Shape]:
    """Those of *shapes* that a function or a webhook leads to, by name."""
    found: set[ShapeName] = set()
    waiting: list[ShapeName] = [
        name for webhook in webhooks if webhook.payload is not None for name in _named(webhook.payload)
    ]
    for function in functions:
        for argument in function.arguments:
            waiting += _named(argument.type)
        if function.result is not None:
            waiting += _named(function.result)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        shape = shapes[name]
        match shape:
            case ObjectShape():
                for field in shape.fields:
                    waiting += _named(field.type)
            case UnionShape():
                waiting += shape.members
            case EnumShape():
                pass
            case _ as never:
                assert_never(never)
    return {name: shapes[name] for name in sorted(found)}


def _named(type_: Type) -> list[ShapeName]:
    while isinstance(type_, ListOf | MapOf):
        type_ = type_.item if isinstance(type_, ListOf) else type_.value
    return [type_.shape] if isinstance(type_, Reference) else []
