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

LeafType: TypeAlias = GraphQLScalarType | GraphQLEnumType


# -- what the response is made of


@dataclass(frozen=True, slots=True)
class LeafValue:
    """A scalar or enum."""

    type: LeafType


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


@dataclass(frozen=True, slots=True)
class Namespace:
    """An object that only holds root fields, those of one upstream."""


Source: TypeAlias = Member | Fetched | TypeNameOf | Namespace


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
        variables: Where every argument is a whole variable or a constant: the function's name of each
            argument that is a variable, the variable, and whether it must not be null. Else ``None``.
        others: With *variables*: the coerced values of the constants, and of defaults.
        finish: From coerced values to those of the call, see ``schemas.stitch.arguments``; ``None`` if they
            are the same. *constant* is finished.
        added: What a pass has added to them all, where *constant* is ``None``.
    """

    field: GraphQLField
    node: FieldNode
    constant: Mapping[str, Any] | None
    text: str
    variables: tuple[tuple[str, str, bool], ...] | None = None
    others: Mapping[str, Any] | None = None
    added: Mapping[str, Any] | None = None
    finish: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    def read(self, given: VariableValues) -> Mapping[str, Any]:
        """The arguments of a call, by the function's names. What it returns is not to be changed.

        Raises:
            GraphQLError: The variables' values make them unfit, or a constraint is broken.

        Source: GraphQL specification, ``CoerceArgumentValues``.
        """
        if self.constant is not None:
            return self.constant
        values = self._coerced(given)
        return values if self.finish is None else self.finish(values)

    def _coerced(self, given: VariableValues) -> Mapping[str, Any]:
        if self.variables is not None and self.others is not None:
            coerced = given.coerced
            found = dict(self.others)
            for name, variable, must_be in self.variables:
                if variable in coerced:
                    found[name] = value = coerced[variable]
                    if value is None and must_be:
                        break
                elif must_be and name not in self.others:
                    break
            else:
                return found
        values = get_argument_values(self.field, self.node, given)
        return {**values, **self.added} if self.added else values


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
        shared: The first of the fetches that share what their keys lead to, itself among them; ``None`` if it
            shares with none. No key is asked for twice by fetches that share.
        key_types: Types of the members that hold the keys; ``None`` for one that the schema does not show.
        item_key_type: Type of the member by which items of *bulk* are put back.
        lookup: For a root fetch that answers one key, and nothing else: the link from that key to its answer,
            where *bulk* answers several. The fetch is *batched* only together with others.
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
    shared: int | None = None
    key_types: tuple[LeafType | None, ...] = ()
    item_key_type: LeafType | None = None
    lookup: Link | None = None

    @property
    def keyed(self) -> Link | None:
        """What says how keys become calls; ``None`` for a root fetch that is no lookup."""
        return self.link or self.lookup

    @property
    def answers(self) -> int:
        """Under which fetch's id what its keys lead to is kept."""
        return self.id if self.shared is None else self.shared

    @property
    def leads_to_many(self) -> bool:
        """Whether each key leads to a list of the bulk function's items."""
        return self.link is not None and self.link.bulk is not None and self.link.bulk.many

    @property
    def called(self) -> Function:
        """The function that is really called."""
        return self.bulk if self.batched and self.bulk else self.function


@dataclass(frozen=True, slots=True)
class Stage:
    """Fetches that run as one: their keys go together.

    Attributes:
        fetches: Their ids; more than one if they share, call a bulk function, and are at the same depth.
        waits_for: Number of stages that hold the parents of its fetches.
        then: Places in ``Plan.stages`` of those whose keys come from its answers.
        leads_to_joins: Whether one of *then* waits for other stages too.
    """

    fetches: tuple[int, ...]
    waits_for: int
    then: tuple[int, ...]
    leads_to_joins: bool


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

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The fetches in stages, in the order of the first fetch of each."""
        depths: list[int] = []
        places: dict[tuple[int, int | None], int] = {}
        place_of: list[int] = []
        members: list[list[Fetch]] = []
        for fetch in self.fetches:  # a parent comes before its children
            depths.append(0 if fetch.parent is None else depths[fetch.parent] + 1)
            # Where each key has a call of its own, there is nothing to wait for each other for.
            at = (fetch.answers, depths[-1]) if fetch.batched else (fetch.id, None)
            place = places.setdefault(at, len(members))
            if place == len(members):
                members.append([])
            members[place].append(fetch)
            place_of.append(place)
        before = [{place_of[f.parent] for f in group if f.parent is not None} for group in members]
        then: list[list[int]] = [[] for _ in members]
        for place, parents in enumerate(before):
            for parent in sorted(parents):
                then[parent].append(place)
        return tuple(
            Stage(
                fetches=tuple(fetch.id for fetch in group),
                waits_for=len(before[place]),
                then=tuple(then[place]),
                leads_to_joins=any(len(before[after]) > 1 for after in then[place]),
            )
            for place, group in enumerate(members)
        )

    @cached_property
    def root_stages(self) -> tuple[int, ...]:
        """Places in ``stages`` of those that wait for none, in the order of the operation's fields."""
        return tuple(place for place, stage in enumerate(self.stages) if not stage.waits_for)
