"""graphql-core's types for what is generated: their names are checked by one pattern.

graphql-core looks at every character of every name by itself, which takes a tenth of the time that a large
schema takes.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLOutputType,
    assert_enum_value_name,
    assert_name,
    resolve_thunk,
)

from ..names import is_name

_NO_VALUES: Final = frozenset({"true", "false", "null"})


class GeneratedObject(GraphQLObjectType):
    """An object type whose fields are generated."""

    @cached_property
    def fields(self) -> dict[str, GraphQLField]:  # pyright: ignore[reportIncompatibleVariableOverride]  # a cached property like that one
        """The fields, by name."""
        found: dict[str, Any] = dict(resolve_thunk(self._fields))
        _check(found)
        return found


class GeneratedInput(GraphQLInputObjectType):
    """An input object type whose fields are generated."""

    @cached_property
    def fields(self) -> dict[str, GraphQLInputField]:  # pyright: ignore[reportIncompatibleVariableOverride]  # a cached property like that one
        """The fields, by name."""
        found: dict[str, Any] = dict(resolve_thunk(self._fields))
        _check(found)
        return found


class GeneratedEnum(GraphQLEnumType):
    """An enum type whose values are generated."""

    @cached_property
    def values(self) -> dict[str, GraphQLEnumValue]:  # pyright: ignore[reportIncompatibleVariableOverride]  # a cached property like that one
        """The values, by name."""
        values: Any = self._values
        found: dict[str, Any] = dict(resolve_thunk(values))
        for name in found:
            if not is_name(name) or name in _NO_VALUES:
                assert_enum_value_name(name)
        return found


def field_of(type_: GraphQLOutputType, arguments: dict[str, GraphQLArgument], **more: Any) -> GraphQLField:
    """A field with *arguments*; *more* is as for ``GraphQLField``."""
    _check(arguments)
    field = GraphQLField(type_, **more)
    field.args = arguments
    return field


def _check(named: dict[str, Any]) -> None:
    for name in named:
        if not is_name(name):
            assert_name(name)  # says what is wrong
