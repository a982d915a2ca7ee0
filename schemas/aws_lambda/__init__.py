"""AWS Lambda: what is known of a region's functions, read into an upstream.

In: descriptions of functions, with the schemas of their payloads where somebody wrote them down. Out: an
``Upstream``.

- ``descriptions``: a function as Lambda lists it, and its schema.
- ``documents``: schemas from a file of one function's, and from a manifest of many.
- ``inline_names``: names for what stands inline in a schema.
- ``json_schema``: JSON Schema to shapes.
- ``merging``: the shapes of many functions under one set of names.
- ``function_names``: what functions and their answers are called.
- ``functions``: descriptions to an upstream.
"""

from .descriptions import LambdaDescription, LambdaSchema
from .documents import parse_manifest, parse_tool_schema
from .functions import read_functions

__all__ = ["LambdaDescription", "LambdaSchema", "parse_manifest", "parse_tool_schema", "read_functions"]
