"""Who may ask for which fields: told from the operation alone, before any call is made.

A rule holds for fields by their schema coordinates, or for functions by their ids, wherever they are reached.
An operation that asks for one field too many is not executed at all.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLSchema, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, visit

from ...schemas.errors import OperationError
from ...schemas.stitch import LinkBinding, RootBinding, binding_of
from ..operation.document import Operation

UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"

Claims = Mapping[str, Any]
"""What is known of the caller, by the names of a token's claims."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """What a caller must have, to be let at some fields.

    Attributes:
        fields: Globs of schema coordinates, such as ``Order.*``.
        functions: Globs of function ids, such as ``orders.*``.
        claims: By the name of a claim, values of which it must have one; empty: any caller that is known.
            A claim that is a list, or a text of words (``scope``), has each of them.
    """

    fields: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A field of an operation that a rule holds for."""

    coordinate: str
    rule: AccessRule


def guarded_fields(
    schema: GraphQLSchema, operation: Operation, rules: Sequence[AccessRule]
) -> tuple[Guarded, ...]:
    """The fields of *operation* that rules hold for, each with each of its rules.

    Fields that ``@skip`` and ``@include`` may leave out are among them: who may not ask for a field must not
    learn by asking.
    """
    finder = _Finder(rules, info := TypeInfo(schema))
    # Not the whole document: other operations are not what is asked.
    visit(operation.definition, TypeInfoVisitor(info, finder))
    for fragment in _fragments(operation):
        visit(operation.fragments[fragment], TypeInfoVisitor(info, finder))
    return tuple(finder.found)


def refuse(guarded: Sequence[Guarded], claims: Claims) -> list[OperationError]:
    """One error for each field that *claims* do not open; none if the operation may run."""
    errors = []
    for one in guarded:
        if _has_all(claims, one.rule.claims):
            continue
        code = FORBIDDEN if claims else UNAUTHENTICATED
        text = (
            f"{one.coordinate}: not allowed for this caller"
            if claims
            else f"{one.coordinate}: only for callers that are known; send a token"
        )
        errors.append(OperationError(text, code=code))
    return errors


def _has_all(claims: Claims, wanted: Mapping[str, tuple[str, ...]]) -> bool:
    if not claims:
        return False
    return all(not _values(_claim(claims, name)).isdisjoint(values) for name, values in wanted.items())


def _claim(claims: Claims, name: str) -> Any:
    """A claim by its name, or a nested one with dots."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(value: Any) -> set[str]:
    match value:
        case str():
            return {value, *value.split()}
        case bool():
            return {str(value).lower()}
        case int() | float():
            return {str(value)}
        case list():
            return {text for item in value for text in _values(item)}
        case _:
            return set()


class _Finder(Visitor):
    def __init__(self, rules: Sequence[AccessRule], info: TypeInfo) -> None:
        super().__init__()
        self.found: list[Guarded] = []
        self._rules = rules
        self._info = info

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, field = self._info.get_parent_type(), self._info.get_field_def()
        if parent is None or field is None:
            return
        coordinate = f"{get_named_type(parent).name}.{node.name.value}"
        binding = binding_of(field)
        functions: list[str] = []
        if isinstance(binding, RootBinding | LinkBinding):
            functions.append(binding.function.id)
        if isinstance(binding, LinkBinding) and binding.bulk is not None:
            functions.append(binding.bulk.id)
        for rule in self._rules:
            if _any(rule.fields, (coordinate,)) or _any(rule.functions, functions):
                self.found.append(Guarded(coordinate, rule))


def _fragments(operation: Operation) -> list[str]:
    """Names of the fragments that the operation spreads, directly or not."""
    wanted: list[str] = []
    waiting = _spreads(operation.definition)
    while waiting:
        name = waiting.pop()
        if name not in wanted and name in operation.fragments:
            wanted.append(name)
            waiting += _spreads(operation.fragments[name])
    return wanted


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: Any, *_: object) -> None:
        self.names.append(node.name.value)


def _spreads(node: Any) -> list[str]:
    finder = _Spreads()
    visit(node, finder)
    return finder.names


def _any(globs: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs for name in names)
