"""Text to a parsed, validated operation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from graphql import (
    BooleanValueNode,
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language import DirectiveNode

from ...schemas.errors import OperationError
from .secrets import without_secrets

Conditions: TypeAlias = Mapping[str, bool]
"""Values of the variables that ``@skip`` and ``@include`` use."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds of a document.

    Attributes:
        max_tokens: Lexical tokens.
        max_depth: Levels of fields in an operation, its fragments expanded.
        max_fields: Fields in an operation, its fragments expanded.
        max_errors: Validation errors reported.
        introspection: Whether ``__schema`` and ``__type`` may be asked for.
    """

    max_tokens: int = 15_000
    max_depth: int = 16
    max_fields: int = 5_000
    max_errors: int = 25
    introspection: bool = True


@dataclass(frozen=True)
class Operation:
    """One operation of a valid document.

    Attributes:
        document: All of the document.
        definition: The operation to be executed.
        fragments: The document's fragments by name.
        condition_variables: Names of the variables that decide which fields are in.
    """

    document: DocumentNode
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    condition_variables: tuple[str, ...]

    @cached_property
    def type(self) -> str:
        """``query``, ``mutation`` or ``subscription``."""
        return self.definition.operation.value

    @cached_property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.definition.name.value if self.definition.name else None


def parse_operation(
    schema: GraphQLSchema, text: str, operation_name: str | None, limits: DocumentLimits
) -> Operation:
    """Parse and validate *text*, and pick the operation to be executed.

    Raises:
        OperationErrors: One or more request errors.

    Source: GraphQL specification, "Validation", "Executing Requests".
    """
    rules = specified_rules if limits.introspection else (*specified_rules, NoSchemaIntrospectionCustomRule)
    try:
        document = parse(text, max_tokens=limits.max_tokens)
        problems = validate(schema, document, rules, max_errors=limits.max_errors)
    except GraphQLError as error:
        raise OperationErrors([_request_error(error, "GRAPHQL_PARSE_FAILED")]) from error
    except RecursionError as error:
        raise OperationErrors(
            [OperationError("the document is nested too deeply", code="GRAPHQL_PARSE_FAILED")]
        ) from error
    if problems:
        raise OperationErrors(
            [_request_error(problem, "GRAPHQL_VALIDATION_FAILED", schema) for problem in problems]
        )
    return choose_operation(document, operation_name)


def choose_operation(document: DocumentNode, operation_name: str | None) -> Operation:
    """The operation of a valid *document* that is to be executed.

    Raises:
        OperationErrors: There is none, or several and no name.

    Source: GraphQL specification, ``GetOperation``.
    """
    return Operation(
        document=document,
        definition=_get_operation(document, operation_name),
        fragments={d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)},
        condition_variables=condition_variables(document),
    )


class OperationErrors(OperationError):
    """Request errors that are reported together."""

    def __init__(self, errors: list[OperationError]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error) for error in errors), code=errors[0].code)


def _request_error(error: GraphQLError, code: str, schema: GraphQLSchema | None = None) -> OperationError:
    locations = tuple((at.line, at.column) for at in error.locations or ())
    message = error.message if schema is None else without_secrets(schema, error.message)
    return OperationError(message, code=code, locations=locations)


def _get_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if name is None:
        if len(operations) == 1:
            return operations[0]
        message = (
            "the document has several operations: say which one in `operationName`"
            if operations
            else "the document has no operation"
        )
        raise OperationErrors([OperationError(message, code="OPERATION_RESOLUTION_FAILURE")])
    for operation in operations:
        if operation.name and operation.name.value == name:
            return operation
    raise OperationErrors(
        [OperationError(f"the document has no operation named {name!r}", code="OPERATION_RESOLUTION_FAILURE")]
    )


def condition_variables(document: DocumentNode) -> tuple[str, ...]:
    """Names of the variables that ``@skip`` and ``@include`` use, sorted."""
    # graphql-core's visitor takes eight times as long: as much as all of the plan.
    names: set[str] = set()
    waiting: list[SelectionSetNode] = [
        definition.selection_set
        for definition in document.definitions
        if isinstance(definition, ExecutableDefinitionNode)
    ]
    while waiting:
        for selection in waiting.pop().selections:
            for directive in selection.directives or ():
                if directive.name.value in {"skip", "include"}:
                    names.update(
                        argument.value.name.value
                        for argument in directive.arguments or ()
                        if isinstance(argument.value, VariableNode)
                    )
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                waiting.append(selection.selection_set)
    return tuple(sorted(names))


def is_included(directives: tuple[DirectiveNode, ...] | None, conditions: Conditions) -> bool:
    """Whether a selection with *directives* is in.

    Source: GraphQL specification, "@skip", "@include".
    """
    for directive in directives or ():
        kind = directive.name.value
        if kind not in {"skip", "include"}:
            continue
        for argument in directive.arguments or ():
            value = argument.value
            given = (
                value.value if isinstance(value, BooleanValueNode) else
                conditions.get(value.name.value, False) if isinstance(value, VariableNode) else False
            )  # fmt: skip
            if given is (kind == "skip"):
                return False
    return True
