"""What a plan is made of.

A plan *represents* an operation; nothing in it belongs to one execution. It is compiled once, and run
many times, also at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLScalarType,
    VariableValues,
    get_argument_values,
)

from ...schemas.catalog import Function, UpstreamId
from ...schemas.links import Link
from ...schemas.stitch import UnionBinding

Location: TypeAlias = tuple[int, int]
"""Line and column in the document, each counted from 1."""


# -- what the response is made of


@dataclass(frozen=True, slots=True)
class LeafValue:
    """A scalar or enum."""

    type: GraphQLScalarType | GraphQLEnumType


@dataclass(frozen=True, slots=True)
class ListValue:
    """A list. With *entries* a JSON object stands for the list of its members."""

    item: ValuePlan
    entries: bool = False


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """An object, or one of the objects of a union."""

    selection: Selection


@dataclass(frozen=True, slots=True)
class NonNullValue:
    """A value in whose place null may not stand."""

    of: LeafValue | ListValue | ObjectValue


ValuePlan: TypeAlias = LeafValue | ListValue | ObjectValue | NonNullValue


@dataclass(frozen=True, slots=True)
class Member:
    """Taken from the parent's answer."""

    name: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """Taken from what the fetch *fetch* yields, by the parent's key."""

    fetch: int


@dataclass(frozen=True, slots=True)
class TypeNameOf:
    """The name of the parent's concrete type (``__typename``)."""


Source: TypeAlias = Member | Fetched | TypeNameOf


@dataclass(frozen=True, slots=True)
class SelectedField:
    """One field of the response.

    Attributes:
        response_name: Alias, or the field's name.
        coordinate: Schema coordinate, such as ``Product.name``.
        locations: Where it stands in the document.
    """

    response_name: str
    source: Source
    value: ValuePlan
    coordinate: str
    locations: tuple[Location, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected on an object.

    Attributes:
        type_name: The static type.
        union: How the concrete type is told; ``None`` where it is the static type.
        by_type: Fields by the name of the concrete type, in the order of the response.
    """

    type_name: str
    union: UnionBinding | None
    by_type: Mapping[str, tuple[SelectedField, ...]]


# -- how its values are fetched


@dataclass(frozen=True, slots=True)
class MemberStep:
    """Into a member of each object; through a list it goes to each item."""

    member: str


@dataclass(frozen=True, slots=True)
class EntriesStep:
    """Into the entries of each object: it stands for the list of its members."""


@dataclass(frozen=True, slots=True)
class TypeStep:
    """Only objects of a union whose concrete type is *type_name*."""

    union: UnionBinding
    type_name: str


PathStep: TypeAlias = MemberStep | EntriesStep | TypeStep


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments of a field.

    Attributes:
        field: The field's definition.
        node: Where its arguments stand.
        constant: Their coerced values by the function's names, if no variable is among them; else ``None``.
        text: As they stand in the document, for people and to tell equal fetches.
        finish: From coerced values to those of the call, see ``schemas.stitch.arguments``; ``None`` if they
            are the same. *constant* is finished.
    """

    field: GraphQLField
    node: FieldNode
    constant: Mapping[str, Any] | None
    text: str
    finish: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def values(self, variables: VariableValues) -> Mapping[str, Any]:
        """The arguments of a call.

        Raises:
            GraphQLError: A variable's value does not fit, or a constraint is broken.
        """
        if self.constant is not None:
            return self.constant
        values = get_argument_values(self.field, self.node, variables)
        return values if self.finish is None else self.finish(values)


@dataclass(frozen=True, slots=True)
class Fetch:
    """One step that represents the calls of one function.

    A root fetch makes one call. A fetch under a parent is run once for the whole list of the parent's
    objects: their keys are collected, deduplicated, sent, and the answers put back by key.

    Attributes:
        id: Its place in ``Plan.fetches``.
        function: The function called for one key, or for a root field; with *batched* unused.
        coordinate: The field it answers.
        response_path: Response names from the root to that field.
        parent: The fetch whose answer holds the keys; ``None`` for a root fetch.
        path: From the parent's answer to the objects that hold the keys.
        link: The link; ``None`` for a root fetch.
        bulk: The bulk function of the link, if there is one.
        batched: Whether all keys go to *bulk*, rather than each to *function*.
    """

    id: int
    function: Function
    coordinate: str
    response_path: tuple[str, ...]
    arguments: Arguments
    parent: int | None = None
    path: tuple[PathStep, ...] = ()
    link: Link | None = None
    bulk: Function | None = None
    batched: bool = False

    @property
    def called(self) -> Function:
        """The function that is really called."""
        return self.bulk if self.batched and self.bulk else self.function


@dataclass(frozen=True)
class Plan:
    """A compiled operation.

    Attributes:
        operation_type: ``query``, ``mutation`` or ``subscription``.
        selection: What is selected on the root type.
        fetches: By their id.
    """

    operation_type: str
    selection: Selection
    fetches: tuple[Fetch, ...]

    @cached_property
    def upstreams(self) -> frozenset[UpstreamId]:
        """The upstreams that it calls."""
        return frozenset(fetch.called.upstream for fetch in self.fetches)

    def children(self, fetch_id: int | None) -> tuple[Fetch, ...]:
        """The fetches that take their keys from *fetch_id*; the root fetches for ``None``."""
        return tuple(fetch for fetch in self.fetches if fetch.parent == fetch_id)
