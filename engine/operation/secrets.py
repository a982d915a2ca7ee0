"""Messages about bad input that show no secret.

graphql-core's messages hold the value that does not fit. Where its type is a ``Password``, or has one below
it, the value is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from graphql import GraphQLInputObjectType, GraphQLSchema, get_named_type

from ...schemas.stitch.scalars import PASSWORD

_TYPE: Final = re.compile(r"type '[\[\]!]*(\w+)[\[\]!]*'")
_VALUE: Final = re.compile(r"(, found: |: |, but ).*", re.DOTALL)


def without_secrets(schema: GraphQLSchema, message: str) -> str:
    """*message*, cut before the value where that may hold a secret."""
    if PASSWORD.name not in schema.type_map:
        return message
    named = _TYPE.search(message)
    if named is None or not _holds_secret(schema, named[1]):
        return message
    kept = message[: named.end()]
    return (
        kept + _VALUE.sub("", message[named.end() :]) + "; the value is not shown, for it may hold a secret."
    )


def _holds_secret(schema: GraphQLSchema, name: str) -> bool:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one == PASSWORD.name:
            return True
        if one not in seen:
            seen.add(one)
            waiting += _members(schema, one)
    return False


def _members(schema: GraphQLSchema, name: str) -> Iterator[str]:
    type_ = schema.type_map.get(name)
    if isinstance(type_, GraphQLInputObjectType):
        for field in type_.fields.values():
            yield get_named_type(field.type).name
