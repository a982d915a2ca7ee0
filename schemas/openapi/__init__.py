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
- ``media``, ``parameters``, ``contents``, ``bodies``, ``responses``, ``xml``: what goes over the wire, and as what.
- ``function_names``, ``traits``, ``servers``, ``security``: what a function is called, does, where, for whom.
- ``operations``: operations as functions; ``hooks``: webhooks and callbacks.
- ``reader``: the whole reading.
- ``problems``: breaches of OpenAPI's own rules, for people.
"""

from .document import Document, OpenApiVersion, parse_document
from .problems import check_document
from .reader import read_openapi

__all__ = ["Document", "OpenApiVersion", "check_document", "parse_document", "read_openapi"]
