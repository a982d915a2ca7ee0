"""An operation without its literals: variables in their place, and the values of those for one document.

The variables' names are no names of GraphQL (``0:Int``), so they are never those of a client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeGuard

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    parse_value,
    print_ast,
)
from graphql.utilities import coerce_input_literal
from graphql.utilities.sort_value_node import sort_value_node

from .shape import PLAIN_STRING, Shape

_WORDS: Final[Mapping[str, ValueNode]] = {
    "null": NullValueNode(),
    "true": BooleanValueNode(value=True),
    "false": BooleanValueNode(value=False),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable in the place of a literal.

    Attributes:
        variable: Its name.
        number: Of the literal, in ``Shape.literals``.
        type: Of the argument: what the literal is coerced to.
    """

    variable: str
    number: int
    type: GraphQLInputType


class _NotAbstract(Exception):
    """Control flow: the document cannot be shared."""


def abstract_literals(
    schema: GraphQLSchema, document: DocumentNode, shape: Shape
) -> tuple[DocumentNode, tuple[Slot, ...]] | None:
    """*document* with a variable in the place of each literal of *shape*.

    ``None`` if that cannot be: what the scanner marked is not just what the parser found as arguments of
    fields; or two literals that are written differently are one value (``{a: 1, b: 2}`` and ``{b: 2, a: 1}``),
    so that the fields of one response name may be equal here and differ in another document of this shape.

    Args:
        schema: What *document* is valid against.
        document: Parsed from the text that has *shape*.
        shape: Of its text.
    """
    if len(shape.literals) > 1:
        nodes = [literal_node(text) for text in shape.literals]
        written = {print_ast(sort_value_node(node)) for node in nodes if node is not None}
        if len(written) != len(shape.literals):
            return None
    writer = _Writer(schema, document, shape)
    try:
        made = writer.document()
    except _NotAbstract:
        return None
    if writer.waiting:
        return None
    return made, tuple(writer.slots.values())


class _Writer:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, shape: Shape) -> None:
        self._schema = schema
        self._document = document
        numbers = {text: number for number, text in enumerate(shape.literals)}
        assert document.loc is not None
        text = document.loc.source.body
        self.waiting = {start: (end, numbers[text[start:end]]) for start, end in shape.spans}
        self.slots: dict[str, Slot] = {}

    def document(self) -> DocumentNode:
        made = []
        for definition in self._document.definitions:
            match definition:
                case OperationDefinitionNode():
                    type_: GraphQLNamedType | None = self._schema.get_root_type(definition.operation)
                case FragmentDefinitionNode():
                    type_ = self._schema.type_map.get(definition.type_condition.name.value)
                case _:
                    raise _NotAbstract
            selections = self._selection_set(definition.selection_set, type_)
            made.append(replace(definition, selection_set=selections))
        return replace(self._document, definitions=tuple(made))

    def _selection_set(
        self, selections: SelectionSetNode, type_: GraphQLNamedType | None
    ) -> SelectionSetNode:
        return replace(
            selections, selections=tuple(self._selection(one, type_) for one in selections.selections)
        )

    def _selection(self, selection: SelectionNode, type_: GraphQLNamedType | None) -> SelectionNode:
        match selection:
            case FieldNode():
                return self._field(selection, type_)
            case InlineFragmentNode(type_condition=condition):
                inner = self._schema.type_map.get(condition.name.value) if condition else type_
                return replace(selection, selection_set=self._selection_set(selection.selection_set, inner))
            case FragmentSpreadNode():
                return selection
            case _:
                raise _NotAbstract

    def _field(self, node: FieldNode, type_: GraphQLNamedType | None) -> FieldNode:
        if not node.arguments and not node.selection_set:
            return node
        field = type_.fields.get(node.name.value) if _has_fields(type_) else None
        if field is None:  # of introspection
            raise _NotAbstract
        made: dict[str, Any] = {}
        if node.arguments:
            made["arguments"] = tuple(
                self._argument(one, field.args[one.name.value].type) for one in node.arguments
            )
        if node.selection_set:
            made["selection_set"] = self._selection_set(node.selection_set, get_named_type(field.type))
        return replace(node, **made)

    def _argument(self, node: ArgumentNode, type_: GraphQLInputType) -> ArgumentNode:
        loc = node.value.loc
        found = self.waiting.pop(loc.start, None) if loc else None
        if loc is None or found is None:
            return node
        end, number = found
        if end != loc.end or isinstance(node.value, VariableNode):
            raise _NotAbstract
        name = f"{number}:{type_}"
        self.slots[name] = Slot(name, number, type_)
        return replace(node, value=VariableNode(name=NameNode(value=name)))


def _has_fields(type_: GraphQLNamedType | None) -> TypeGuard[GraphQLObjectType | GraphQLInterfaceType]:
    return isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)


def literal_values(slots: Sequence[Slot], literals: Sequence[str]) -> dict[str, Any] | None:
    """The values of *literals*, by the variables that stand for them.

    ``None`` if one of them is not valid where it stands: parsing and validating the document then says why.

    Source: GraphQL specification, "Values of Correct Type", "Input Object Field Uniqueness".
    """
    nodes = [literal_node(text) for text in literals]
    found: dict[str, Any] = {}
    for slot in slots:
        node = nodes[slot.number]
        value = Undefined if node is None else coerce_input_literal(node, slot.type)
        if value is Undefined:
            return None
        found[slot.variable] = value
    return found


def literal_node(text: str) -> ValueNode | None:
    """The literal *text* of a shape, parsed; ``None`` if it is none."""
    first = text[0]
    if first in '[{"':
        if PLAIN_STRING.fullmatch(text):
            return StringValueNode(value=text[1:-1])
        try:
            node = parse_value(text, no_location=True)
        except GraphQLError:
            return None
        return node if _fields_are_unique(node) else None
    if first in "-0123456789":
        whole = text.lstrip("-").isdecimal()
        return IntValueNode(value=text) if whole else FloatValueNode(value=text)
    return _WORDS.get(text) or EnumValueNode(value=text)


def _fields_are_unique(node: ValueNode) -> bool:
    match node:
        case ObjectValueNode(fields=fields):
            names = {field.name.value for field in fields}
            return len(names) == len(fields) and all(_fields_are_unique(field.value) for field in fields)
        case ListValueNode(values=values):
            return all(_fields_are_unique(value) for value in values)
        case _:
            return True
