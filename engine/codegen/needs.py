"""What each fetch's answer is needed for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..plan import Fetch, Plan
from ..plan.steps import (
    Fetched,
    LeafValue,
    ListValue,
    Member,
    NonNullValue,
    ObjectValue,
    SelectedField,
    Selection,
    TypeNameOf,
    ValuePlan,
)


class NotCompilable(Exception):
    """The plan holds something that is left to the interpreted way."""


@dataclass(eq=False, slots=True)
class Need:
    """One member of an answer's object.

    Attributes:
        plan: Its value as the response has it; ``None`` for a member that is only a key.
        node: The object in it, under any lists.
        each: For a key: whether it is a list of keys.
    """

    plan: ValuePlan | None
    node: Node | None = None
    each: bool = False


@dataclass(eq=False, slots=True)
class Node:
    """An object of an answer.

    Attributes:
        number: Unique in the plan.
        members: What of it is needed, by wire name.
        selections: What is selected on it; more than one if several fields read it.
    """

    number: int
    members: dict[str, Need] = field(default_factory=dict)
    selections: list[Selection] = field(default_factory=list)

    def need_key(self, member: str, *, each: bool) -> None:
        """Have *member* decoded because it is a key."""
        self.members.setdefault(member, Need(None, each=each))


@dataclass(eq=False, slots=True)
class FetchNeed:
    """The answer of one fetch, or what one of its keys leads to.

    Attributes:
        plan: Its value, as one of the readings has it.
        node: The object in it, under any lists; ``None`` for leaves.
        readings: The fields that read it.
    """

    fetch: Fetch
    plan: ValuePlan
    node: Node | None
    readings: list[SelectedField] = field(default_factory=list)


def find_needs(plan: Plan) -> dict[int, FetchNeed]:
    """What is needed of each fetch, by its id.

    Raises:
        NotCompilable: The plan holds a union, a map or an answer that is read in two ways.
    """
    return _Finder(plan).find()


class _Finder:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers: Iterator[int] = iter(range(1_000_000))
        self._found: dict[int, FetchNeed] = {}

    def find(self) -> dict[int, FetchNeed]:
        for selected in fields_of(self._plan.selection):
            if isinstance(selected.source, Fetched):
                self._fetched(selected, selected.source.fetch)
        return self._found

    def _fetched(self, selected: SelectedField, fetch_id: int) -> None:
        fetch = self._plan.fetches[fetch_id]
        plan = stripped(selected.value)
        if fetch.link is not None and fetch.link.each:
            assert isinstance(plan, ListValue)
            plan = stripped(plan.item)
        need = self._found.get(fetch_id)
        if need is None:
            need = self._found[fetch_id] = FetchNeed(fetch, plan, self._node(plan))
        need.readings.append(selected)
        self._select(plan, need.node)
        if fetch.batched:
            assert fetch.link is not None
            assert fetch.link.bulk is not None
            if need.node is None:
                raise NotCompilable
            need.node.need_key(fetch.link.bulk.key, each=False)

    def _node(self, plan: ValuePlan) -> Node | None:
        return Node(next(self._numbers)) if isinstance(innermost(plan), ObjectValue) else None

    def _select(self, plan: ValuePlan, node: Node | None) -> None:
        inner = innermost(plan)
        if not isinstance(inner, ObjectValue):
            return
        assert node is not None
        node.selections.append(inner.selection)
        for selected in fields_of(inner.selection):
            match selected.source:
                case Member(name=name):
                    need = node.members.get(name)
                    if need is None:
                        need = node.members[name] = Need(selected.value, self._node(selected.value))
                    elif need.plan is None:
                        need.plan, need.node = selected.value, self._node(selected.value)
                    self._select(selected.value, need.node)
                case Fetched(fetch=fetch_id):
                    link = self._plan.fetches[fetch_id].link
                    assert link is not None
                    for key in link.keys:
                        node.need_key(key.member, each=link.each)
                    self._fetched(selected, fetch_id)
                case TypeNameOf():
                    pass


def fields_of(selection: Selection) -> tuple[SelectedField, ...]:
    """The fields of an object that is of no union.

    Raises:
        NotCompilable: It is of a union.
    """
    if selection.union is not None:
        raise NotCompilable
    return selection.by_type[selection.type_name]


def stripped(plan: ValuePlan) -> ValuePlan:
    """*plan*, nullable."""
    return plan.of if isinstance(plan, NonNullValue) else plan


def innermost(plan: ValuePlan) -> LeafValue | ObjectValue:
    """What is under all lists of *plan*.

    Raises:
        NotCompilable: A JSON object stands for one of the lists.
    """
    while not isinstance(plan, LeafValue | ObjectValue):
        if isinstance(plan, ListValue) and plan.entries:
            raise NotCompilable
        plan = plan.of if isinstance(plan, NonNullValue) else plan.item
    return plan
