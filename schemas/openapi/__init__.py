"""OpenAPI: a document (2.0, 3.0, 3.1) in, an upstream with a function for every operation out.

In: the bytes of a description. Out: an ``Upstream`` whose shapes, functions and warnings need the document
no more. A fault in a document costs only what it touches, and is a warning with a JSON pointer.

- ``document``: JSON or YAML, and is it OpenAPI at all.
- ``yaml_core``: YAML by the core schema of YAML 1.2.
- ``patches``: JSON Patch and merge patch, before anything is read.
- ``dynamic``: ``$dynamicRef`` as plain references.
- ``resources``, ``elsewhere``: ``$id`` and ``$anchor``; which other documents there are.
- ``references``: JSON pointers, ``$ref``, warnings.
- ``annotations``: what is said of a value beside its type.
- ``scalars``, ``enums``: the leaves of schemas.
- ``composition``: ``$ref`` and ``allOf`` as one view.
- ``naming``: names of inline schemas.
- ``inheritance``: a base with a discriminator, and what extends it.
- ``unions``, ``shapes``: schema objects as types and shapes.
- ``media``, ``parameters``, ``contents``, ``bodies``, ``responses``, ``xml``: what goes over the wire, and as what.
- ``function_names``, ``traits``, ``servers``, ``security``: what a function is called, does, where, for whom.
- ``operations``: operations as functions.
- ``webhooks``: the requests that an upstream makes.
- ``reader``: the whole reading.
- ``problems``: breaches of OpenAPI's own rules, for people.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .document import Document, OpenApiVersion, parse_document, parse_part
    from .elsewhere import MAX_DOCUMENTS, documents_referred_to
    from .patches import Patch
    from .problems import check_document
    from .reader import read_openapi

_HOMES = {
    "MAX_DOCUMENTS": ".elsewhere",
    "Document": ".document",
    "OpenApiVersion": ".document",
    "Patch": ".patches",
    "check_document": ".problems",
    "documents_referred_to": ".elsewhere",
    "parse_document": ".document",
    "parse_part": ".document",
    "read_openapi": ".reader",
}

__all__ = [
    "MAX_DOCUMENTS",
    "Document",
    "OpenApiVersion",
    "Patch",
    "check_document",
    "documents_referred_to",
    "parse_document",
    "parse_part",
    "read_openapi",
]


def __getattr__(name: str) -> Any:
    # Serving takes media types and YAML from here, and never reads a document.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
