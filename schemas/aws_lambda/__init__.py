"""AWS Lambda: what is known of a region's functions, read into an upstream.

In: descriptions of functions, with the schemas of their payloads where somebody wrote them down. Out: an
``Upstream``.

- ``descriptions``: a function as Lambda lists it, and its schema.
- ``documents``: schemas from a file of one function's, and from a manifest of many.
- ``inline_names``: names for what stands inline in a schema.
- ``json_schema``: JSON Schema to shapes.
- ``api_gateway``: operations of API Gateway that invoke functions.
- ``learning``: schemas from samples. ``learned_file``: where they are kept.
- ``merging``: the shapes of many functions under one set of names.
- ``function_names``: what functions and their answers are called.
- ``functions``: descriptions to an upstream.
"""

from .api_gateway import read_api
from .descriptions import BatchSchema, LambdaDescription, LambdaSchema, ProxiedOperation
from .documents import parse_json_schema, parse_manifest, parse_tool_schema, tool_schema
from .functions import read_functions

__all__ = [
    "BatchSchema",
    "LambdaDescription",
    "LambdaSchema",
    "ProxiedOperation",
    "parse_json_schema",
    "parse_manifest",
    "parse_tool_schema",
    "read_api",
    "read_functions",
    "tool_schema",
]
