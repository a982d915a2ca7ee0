"""The schema as text and as introspection JSON."""

from __future__ import annotations

import msgspec
from graphql import GraphQLSchema, introspection_from_schema, print_schema


def print_sdl(schema: GraphQLSchema) -> str:
    """*schema* in the schema definition language, ending in a line break.

    Source: GraphQL specification, "Type System".
    """
    return print_schema(schema).rstrip("\n") + "\n"


def introspection_json(schema: GraphQLSchema) -> str:
    """The answer to the full introspection query, ``{"data": {"__schema": …}}``, as client generators take it."""
    answer = {"data": introspection_from_schema(schema)}
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode() + "\n"
