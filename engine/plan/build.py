"""The compiler: an operation to a plan, one fetch for each field that a function answers.

The plan is the plainest right one: every link calls its function once a key. Passes make it better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_argument_values,
    get_named_type,
    is_required_argument,
    print_ast,
)

from ...schemas.catalog import Function
from ...schemas.errors import OperationError
from ...schemas.stitch import (
    LinkBinding,
    MemberBinding,
    NamespaceBinding,
    RootBinding,
    UnionBinding,
    binding_of,
    entity_of,
    finish_of,
)
from ...schemas.stitch.bindings import EXTENSION, is_map_entry
from ..operation.collect import collect_fields
from ..operation.document import Conditions, DocumentLimits, Operation, is_included
from .steps import (
    Arguments,
    EntriesStep,
    Fetch,
    Fetched,
    LeafType,
    LeafValue,
    ListValue,
    Location,
    Member,
    MemberStep,
    Namespace,
    NonNullValue,
    ObjectValue,
    PathStep,
    Plan,
    SelectedField,
    Selection,
    Source,
    TypeNameOf,
    TypeStep,
    ValuePlan,
)

_TYPENAME = NonNullValue(LeafValue(GraphQLString))


@dataclass(frozen=True, slots=True)
class HandWritten:
    """An operation that is left to graphql-core, since a field in it is not generated.

    Attributes:
        coordinate: The first such field.
    """

    coordinate: str


class _NotGenerated(Exception):
    """Control flow: a field of the operation is not generated."""

    def __init__(self, coordinate: str) -> None:
        self.coordinate = coordinate
        super().__init__(coordinate)


def plan_operation(
    schema: GraphQLSchema, operation: Operation, conditions: Conditions, limits: DocumentLimits
) -> Plan | HandWritten:
    """Compile *operation*.

    Args:
        schema: A stitched schema.
        operation: Valid against *schema*.
        conditions: Values of ``operation.condition_variables``.
        limits: Bounds on depth and number of fields.

    Raises:
        OperationError: The operation is over a limit.
    """
    root = schema.get_root_type(operation.definition.operation)
    if root is None:
        raise OperationError(f"the schema has no {operation.type}s", code="OPERATION_RESOLUTION_FAILURE")
    try:
        return _Builder(schema, operation, conditions, limits).plan(root)
    except RecursionError as error:
        raise OperationError("fragments are nested too deeply", code="OPERATION_TOO_DEEP") from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a selection stands: in the answer of *fetch*, *path* below it."""

    fetch: int | None
    path: tuple[PathStep, ...]
    response_path: tuple[str, ...]


class _Builder:
    def __init__(
        self, schema: GraphQLSchema, operation: Operation, conditions: Conditions, limits: DocumentLimits
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._conditions = conditions
        self._limits = limits
        self._fetches: list[Fetch] = []
        self._fields = 0

    def plan(self, root: GraphQLObjectType) -> Plan | HandWritten:
        sets = [self._operation.definition.selection_set]
        try:
            selection = self._object(root, sets, _Place(None, (), ()))
        except _NotGenerated as found:
            _check_size(self._operation, self._conditions, self._limits)
            return HandWritten(found.coordinate)
        return Plan(self._operation.type, selection, tuple(self._fetches))

    def _object(self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode], place: _Place) -> Selection:
        return Selection(type_.name, None, {type_.name: self._fields_of(type_, sets, place)})

    def _union(self, type_: GraphQLUnionType, sets: Sequence[SelectionSetNode], place: _Place) -> Selection:
        binding = type_.extensions.get(EXTENSION)
        if not isinstance(binding, UnionBinding):
            raise _NotGenerated(type_.name)
        by_type = {}
        for member in type_.types:
            guarded = _Place(place.fetch, (*place.path, TypeStep(binding, member.name)), place.response_path)
            by_type[member.name] = self._fields_of(member, sets, guarded)
        return Selection(type_.name, binding, by_type)

    def _fields_of(
        self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode], place: _Place
    ) -> tuple[SelectedField, ...]:
        collected = collect_fields(self._schema, self._operation, type_, sets, self._conditions)
        return tuple(self._field(type_, name, nodes, place) for name, nodes in collected.items())

    def _field(
        self, parent: GraphQLObjectType, response_name: str, nodes: list[FieldNode], place: _Place
    ) -> SelectedField:
        node = nodes[0]
        name = node.name.value
        coordinate = f"{parent.name}.{name}"
        self._fields += 1
        _check_limits(self._limits, self._fields, len(place.response_path) + 1, node)
        locations = tuple(at for n in nodes if (at := _location(n)))
        if name == "__typename":
            return SelectedField(response_name, TypeNameOf(), _TYPENAME, coordinate, locations)
        field = parent.fields.get(name)
        binding = binding_of(field) if field else None
        if field is None or binding is None:
            raise _NotGenerated(coordinate)
        response_path = (*place.response_path, response_name)
        entries = (EntriesStep(),) if is_map_entry(get_named_type(field.type)) else ()
        source: Source
        match binding:
            case MemberBinding(member=member):
                source = Member(member)
                inner = _Place(place.fetch, (*place.path, MemberStep(member), *entries), response_path)
            case NamespaceBinding():
                source = Namespace()
                inner = _Place(None, (), response_path)
            case RootBinding() | LinkBinding():
                fetch = self._fetch(binding, parent, field, node, coordinate, place, response_path)
                source = Fetched(fetch.id)
                inner = _Place(fetch.id, entries, response_path)
        sets = [n.selection_set for n in nodes if n.selection_set]
        return SelectedField(
            response_name, source, self._value(field.type, sets, inner), coordinate, locations
        )

    def _fetch(
        self,
        binding: RootBinding | LinkBinding,
        parent: GraphQLObjectType,
        field: GraphQLField,
        node: FieldNode,
        coordinate: str,
        place: _Place,
        response_path: tuple[str, ...],
    ) -> Fetch:
        link = binding.link if isinstance(binding, LinkBinding) else None
        bulk = binding.bulk if isinstance(binding, LinkBinding) else None
        named = get_named_type(field.type)
        lookup = None
        if link is None and isinstance(named, GraphQLObjectType):
            lookup = _lookup(binding.function, named, field, node)
            bulk = lookup.bulk if lookup else None
        keyed = lookup.link if lookup else link
        fetch = Fetch(
            id=len(self._fetches),
            function=binding.function,
            coordinate=coordinate,
            response_path=response_path,
            arguments=_arguments(field, node),
            parent=place.fetch if link else None,
            path=place.path if link else (),
            link=link,
            bulk=bulk,
            batched=link is not None and link.function is None,
            key_types=tuple(_leaf_of(parent, key.member) for key in link.keys) if link else (),
            item_key_type=_leaf_of(named, keyed.bulk.key) if keyed and keyed.bulk else None,
            lookup=lookup.link if lookup else None,
        )
        self._fetches.append(fetch)
        return fetch

    def _value(self, type_: GraphQLOutputType, sets: Sequence[SelectionSetNode], place: _Place) -> ValuePlan:
        match type_:
            case GraphQLNonNull():
                inner = self._value(type_.of_type, sets, place)
                assert not isinstance(inner, NonNullValue)
                return NonNullValue(inner)
            case GraphQLList():
                item = self._value(cast("GraphQLOutputType", type_.of_type), sets, place)
                named = type_.of_type.of_type if isinstance(type_.of_type, GraphQLNonNull) else type_.of_type
                entries = isinstance(named, GraphQLObjectType) and is_map_entry(named)
                return ListValue(item, entries)
            case GraphQLScalarType() | GraphQLEnumType():
                return LeafValue(type_)
            case GraphQLObjectType():
                return ObjectValue(self._object(type_, sets, place))
            case GraphQLUnionType():
                return ObjectValue(self._union(type_, sets, place))
            case _:
                raise _NotGenerated(str(type_))


def _check_limits(limits: DocumentLimits, fields: int, depth: int, node: FieldNode) -> None:
    """Raise if *node*, as field number *fields* and at level *depth*, is one too many."""
    location = _location(node)
    at = (location,) if location else ()
    if fields > limits.max_fields:
        reason = f"the operation has more than {limits.max_fields} fields"
        raise OperationError(reason, code="OPERATION_TOO_LARGE", locations=at)
    if depth > limits.max_depth:
        reason = f"the operation is deeper than {limits.max_depth} levels"
        raise OperationError(reason, code="OPERATION_TOO_DEEP", locations=at)


def _check_size(operation: Operation, conditions: Conditions, limits: DocumentLimits) -> None:
    """Hold an operation that is not planned to the limits: its fields as they stand, fragments expanded."""
    fields = 0

    def visit(selection_set: SelectionSetNode, depth: int, visited: set[str]) -> None:
        nonlocal fields
        for selection in selection_set.selections:
            if not is_included(selection.directives, conditions):
                continue
            match selection:
                case FieldNode():
                    fields += 1
                    _check_limits(limits, fields, depth, selection)
                    if selection.selection_set:
                        visit(selection.selection_set, depth + 1, set())
                case InlineFragmentNode():
                    visit(selection.selection_set, depth, visited)
                case FragmentSpreadNode() if selection.name.value not in visited:
                    visited.add(selection.name.value)
                    visit(operation.fragments[selection.name.value].selection_set, depth, visited)
                case _:
                    pass

    visit(operation.definition.selection_set, 1, set())


def _lookup(
    function: Function, type_: GraphQLObjectType, field: GraphQLField, node: FieldNode
) -> LinkBinding | None:
    """The link by which *function* answers objects of *type_*, if *node* gives it a key and nothing else."""
    entity = entity_of(type_)
    if entity is None or entity.bulk is None or entity.link.function != function.id:
        return None
    given = {argument.name.value for argument in node.arguments or ()}
    sent = {
        definition.out_name or name
        for name, definition in field.args.items()
        if name in given or definition.default_value is not Undefined
    }
    return entity if sent == {key.argument for key in entity.link.keys} and len(sent) == 1 else None


def _leaf_of(type_: GraphQLNamedType, member: str) -> LeafType | None:
    """The type of *member*, or of its items."""
    if not isinstance(type_, GraphQLObjectType):
        return None
    for one in type_.fields.values():
        if binding_of(one) == MemberBinding(member):
            named = get_named_type(one.type)
            return named if isinstance(named, GraphQLScalarType | GraphQLEnumType) else None
    return None


def _arguments(field: GraphQLField, node: FieldNode) -> Arguments:
    whole: dict[str, str] = {}
    rest: list[ArgumentNode] = []
    nested = False
    for argument in node.arguments or ():
        if isinstance(argument.value, VariableNode):
            whole[argument.name.value] = argument.value.name.value
        else:
            rest.append(argument)
            nested = nested or _has_variable(argument.value)
    text = ", ".join(sorted(print_ast(argument) for argument in node.arguments or ()))
    finish = finish_of(field)
    if nested:
        return Arguments(field, node, None, text, finish=finish)
    if not whole:
        return Arguments(field, node, _constant(field, node, finish), text, finish=finish)
    variables = []
    for given, variable in whole.items():
        definition = field.args[given]
        name = definition.out_name or given
        variables.append((name, variable, isinstance(definition.type, GraphQLNonNull)))
    # An argument without a value has its default; a required one has none, and is left out to get it.
    present = {
        name: one for name, one in field.args.items() if name not in whole or not is_required_argument(one)
    }
    shown = FieldNode(name=node.name, arguments=tuple(rest))
    others = get_argument_values(GraphQLField(field.type, present), shown)
    return Arguments(field, node, None, text, tuple(variables), others, finish=finish)


def _constant(
    field: GraphQLField, node: FieldNode, finish: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
) -> Mapping[str, Any] | None:
    """The arguments of a call without variables; ``None`` if they break a constraint: its field will say so."""
    values = get_argument_values(field, node)
    try:
        return values if finish is None else finish(values)
    except GraphQLError:
        return None


def _has_variable(value: ValueNode) -> bool:
    match value:
        case VariableNode():
            return True
        case ListValueNode(values=values):
            return any(_has_variable(item) for item in values)
        case ObjectValueNode(fields=fields):
            return any(_has_variable(one.value) for one in fields)
        case _:
            return False


def _location(node: FieldNode) -> Location | None:
    if node.loc is None:
        return None
    start = node.loc.start_token
    return (start.line, start.column)
