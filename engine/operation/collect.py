"""The fields of a selection set for one concrete type.

Source: GraphQL specification, ``CollectFields``, ``CollectSubfields``, ``DoesFragmentTypeApply``.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    is_abstract_type,
)

from .document import Conditions, Operation, is_included


def collect_fields(
    schema: GraphQLSchema,
    operation: Operation,
    type_: GraphQLObjectType,
    selection_sets: Iterable[SelectionSetNode],
    conditions: Conditions,
) -> dict[str, list[FieldNode]]:
    """Fields that an object of *type_* has in the response, by response name, in the order of the response."""
    found: dict[str, list[FieldNode]] = {}
    visited: set[str] = set()

    def visit(selection_set: SelectionSetNode) -> None:
        for selection in selection_set.selections:
            if not is_included(selection.directives, conditions):
                continue
            match selection:
                case FieldNode():
                    name = selection.alias.value if selection.alias else selection.name.value
                    found.setdefault(name, []).append(selection)
                case InlineFragmentNode():
                    if _applies(schema, selection, type_):
                        visit(selection.selection_set)
                case FragmentSpreadNode():
                    fragment = operation.fragments[selection.name.value]
                    if selection.name.value not in visited:
                        visited.add(selection.name.value)
                        if _applies(schema, fragment, type_):
                            visit(fragment.selection_set)
                case _:
                    raise AssertionError(selection)

    for selection_set in selection_sets:
        visit(selection_set)
    return found


def _applies(
    schema: GraphQLSchema, fragment: InlineFragmentNode | FragmentDefinitionNode, type_: GraphQLObjectType
) -> bool:
    condition = fragment.type_condition
    if condition is None:
        return True
    named = schema.type_map[condition.name.value]
    if named is type_:
        return True
    if is_abstract_type(named):
        assert isinstance(named, GraphQLAbstractType)
        return schema.is_sub_type(named, type_)
    return False
