"""Answers to the response, by GraphQL's rules.

This is the interpreted way: it walks the plan's selection over raw JSON values, field by field.

Source: GraphQL specification, ``CompleteValue``, "Handling Execution Errors".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError

from ...schemas.catalog import Json
from ...schemas.errors import UpstreamAnswer, UpstreamError, WeftError
from ..errors import format_error
from ..plan.steps import (
    Fetched,
    LeafValue,
    ListValue,
    Member,
    Namespace,
    NonNullValue,
    ObjectValue,
    SelectedField,
    Selection,
    TypeNameOf,
    ValuePlan,
)

ReadFetched = Callable[[int, Mapping[str, Any], SelectedField], Any]
"""What fetch *id* yielded for an object: a JSON value, or the error in its place."""


class NonNullViolation(UpstreamAnswer):
    """An upstream left out, or sent null for, what its description says is there."""

    @property
    def public_message(self) -> str:
        """The field, in the words of graphql-core."""
        return self.reason


def null_in_non_null(coordinate: str) -> str:
    """What is said of a null in the non-null field *coordinate*."""
    return f"Cannot return null for non-nullable field {coordinate}."


class _Nulled(Exception):
    """A null in a non-null position: it belongs to the nearest nullable parent."""


class Completer:
    """Completes one response.

    Attributes:
        errors: Every error met, as the response has them.
    """

    def __init__(self, read_fetched: ReadFetched, owner: Mapping[int, tuple[str, str]]) -> None:
        """Prepare to complete one response.

        Args:
            read_fetched: Reads what a fetch yielded.
            owner: Fetch to the ids of its upstream and function, for errors.
        """
        self._read_fetched = read_fetched
        self._owner = owner
        self.errors: list[dict[str, Any]] = []

    def root(self, selection: Selection) -> dict[str, Any] | None:
        """``data`` of the response."""
        try:
            return self._object(selection, {}, (), ("", ""))
        except _Nulled:
            return None

    def _object(
        self,
        selection: Selection,
        value: Mapping[str, Any],
        path: tuple[str | int, ...],
        owner: tuple[str, str],
    ) -> dict[str, Any]:
        if selection.union is None:
            name = selection.type_name
        else:
            found = selection.union.type_name(value)
            if found is None or found not in selection.by_type:
                raise UpstreamAnswer(*owner, reason=f"an object fits no member of {selection.type_name}")
            name = found
        return {
            field.response_name: self._field(field, value, name, path, owner)
            for field in selection.by_type[name]
        }

    def _field(
        self,
        field: SelectedField,
        parent: Mapping[str, Any],
        type_name: str,
        path: tuple[str | int, ...],
        owner: tuple[str, str],
    ) -> Any:
        here = (*path, field.response_name)
        match field.source:
            case Member(name=name):
                raw = parent.get(name)
            case Fetched(fetch=fetch):
                raw = self._read_fetched(fetch, parent, field)
                owner = self._owner[fetch]
            case Namespace():
                raw = {}
            case TypeNameOf():
                return type_name or field.coordinate.partition(".")[0]
        try:
            return self._value(field.value, raw, field, here, owner)
        except (WeftError, GraphQLError) as error:
            # Not located yet: it stands at this field, or at the list item that _value gave it.
            self._report(error, field, here)
        if isinstance(field.value, NonNullValue):
            raise _Nulled
        return None

    def _value(
        self,
        plan: ValuePlan,
        raw: Any,
        field: SelectedField,
        path: tuple[str | int, ...],
        owner: tuple[str, str],
    ) -> Any:
        """The completed value; raises an error to be placed by the caller, or ``_Nulled`` for one already placed."""
        if isinstance(plan, NonNullValue):
            done = self._nullable(plan.of, raw, field, path, owner)
            if done is None:
                raise NonNullViolation(*owner, reason=null_in_non_null(field.coordinate))
            return done
        try:
            return self._nullable(plan, raw, field, path, owner)
        except _Nulled:
            return None

    def _nullable(
        self,
        plan: LeafValue | ListValue | ObjectValue,
        raw: Any,
        field: SelectedField,
        path: tuple[str | int, ...],
        owner: tuple[str, str],
    ) -> Any:
        if isinstance(raw, UpstreamError):
            raise raw
        if raw is None:
            return None
        match plan:
            case LeafValue():
                return complete_leaf(plan, raw, owner)
            case ListValue():
                return self._list(plan, raw, field, path, owner)
            case ObjectValue():
                if not isinstance(raw, dict):
                    raise UpstreamAnswer(
                        *owner, reason=f"{field.coordinate} is {kind_of(raw)}, not an object"
                    )
                return self._object(plan.selection, raw, path, owner)

    def _list(
        self,
        plan: ListValue,
        raw: Any,
        field: SelectedField,
        path: tuple[str | int, ...],
        owner: tuple[str, str],
    ) -> list[Any]:
        items: list[Any]
        if plan.entries and isinstance(raw, dict):
            items = entries_of(raw)
        elif isinstance(raw, list) and not plan.entries:
            items = raw
        else:
            expected = "an object" if plan.entries else "a list"
            raise UpstreamAnswer(*owner, reason=f"{field.coordinate} is {kind_of(raw)}, not {expected}")
        done = []
        for index, item in enumerate(items):
            here = (*path, index)
            try:
                done.append(self._value(plan.item, item, field, here, owner))
            except (WeftError, GraphQLError) as error:
                self._report(error, field, here)
                if isinstance(plan.item, NonNullValue):
                    raise _Nulled from None
                done.append(None)
        return done

    def _report(self, error: Exception, field: SelectedField, path: tuple[str | int, ...]) -> None:
        self.errors.append(format_error(error, path=path, locations=field.locations))


def complete_leaf(plan: LeafValue, raw: Any, owner: tuple[str, str]) -> Json:
    """A scalar or enum value as the response has it.

    Raises:
        UpstreamAnswer: It is no value of the type. The reason does not hold the value.
    """
    try:
        done = plan.type.coerce_output_value(raw)
    except (GraphQLError, ValueError, TypeError, ArithmeticError):
        raise UpstreamAnswer(*owner, reason=f"{kind_of(raw)} is no {plan.type.name}") from None
    if done is None:
        raise UpstreamAnswer(*owner, reason=f"{kind_of(raw)} is no {plan.type.name}")
    return done


def entries_of(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A JSON object as the list of its members."""
    return [{"key": key, "value": value} for key, value in raw.items()]


def kind_of(raw: object) -> str:
    """What *raw* is, without saying which."""
    match raw:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a value"
