"""OpenAPI: a document (2.0, 3.0, 3.1) in, an upstream with a function for every operation out.

In: the bytes of a description. Out: an ``Upstream`` whose shapes, functions and warnings need the document
no more. A fault in a document costs only what it touches, and is a warning with a JSON pointer.

- ``document``: JSON or YAML, and is it OpenAPI at all.
- ``yaml_core``: YAML by the core schema of YAML 1.2.
- ``references``: JSON pointers, ``$ref``, warnings.
- ``scalars``, ``enums``: the leaves of schemas.
- ``composition``: ``$ref`` and ``allOf`` as one view.
- ``naming``: names of inline schemas.
- ``unions``, ``shapes``: schema objects as types and shapes.
- ``media``, ``parameters``, ``contents``: what goes over the wire, and as what.
- ``function_names``, ``traits``, ``servers``: what a function is called, does, and where.
- ``operations``: operations as functions.
- ``reader``: the whole reading.
- ``problems``: breaches of OpenAPI's own rules, for people.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .document import Document, OpenApiVersion, parse_document
    from .problems import check_document
    from .reader import read_openapi

_HOMES = {
    "Document": ".document",
    "OpenApiVersion": ".document",
    "check_document": ".problems",
    "parse_document": ".document",
    "read_openapi": ".reader",
}

__all__ = ["Document", "OpenApiVersion", "check_document", "parse_document", "read_openapi"]


def __getattr__(name: str) -> Any:
    # Serving takes media types and YAML from here, and never reads a document.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
