"""The operation that calls one field, and selects what its type has."""

from __future__ import annotations

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    is_required_argument,
)

from weft.schemas.stitch.bindings import LinkBinding, binding_of

_DEEPEST = 4
_MOST_FIELDS = 120


class _Budget:
    def __init__(self) -> None:
        self.left = _MOST_FIELDS


def selection_of(type_: GraphQLOutputType) -> str:
    """The selection set of a value of *type_*, links left out; ``""`` for a leaf."""
    return _select(type_, 1, _Budget())


def document_for(kind: str, name: str, field: GraphQLField, given: set[str]) -> str:
    """An operation with a variable for each of the arguments *given*."""
    variables = ", ".join(f"${argument}: {field.args[argument].type}" for argument in sorted(given))
    arguments = ", ".join(f"{argument}: ${argument}" for argument in sorted(given))
    head = f"{kind} Call({variables})" if given else kind
    call = f"{name}({arguments})" if given else name
    return f"{head} {{ {call} {selection_of(field.type)} }}"


def _select(type_: GraphQLOutputType, depth: int, budget: _Budget) -> str:
    while isinstance(type_, GraphQLNonNull | GraphQLList):
        type_ = type_.of_type
    match type_:
        case GraphQLObjectType() | GraphQLInterfaceType():
            return _fields(type_, depth, budget, prefix="")
        case GraphQLUnionType():
            parts = ["__typename"]
            for at, member in enumerate(type_.types[:8]):
                inner = _fields(member, depth, budget, prefix=f"u{at}_")
                parts.append(f"... on {member.name} {inner}")
            return "{ " + " ".join(parts) + " }"
    return ""


def _fields(
    type_: GraphQLObjectType | GraphQLInterfaceType, depth: int, budget: _Budget, *, prefix: str
) -> str:
    found: list[str] = []
    for name, field in type_.fields.items():
        if isinstance(binding_of(field), LinkBinding) or any(
            is_required_argument(argument) for argument in field.args.values()
        ):
            continue
        named = field.type
        while isinstance(named, GraphQLNonNull | GraphQLList):
            named = named.of_type
        composite = isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        if budget.left <= 0 or (composite and depth >= _DEEPEST):
            continue
        budget.left -= 1
        inner = _select(field.type, depth + 1, budget) if composite else ""
        found.append(f"{prefix}{name}: {name} {inner}" if prefix else f"{name} {inner}")
    return "{ " + (" ".join(found) or "__typename") + " }"
