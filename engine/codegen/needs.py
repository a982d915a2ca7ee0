"""What each fetch's answer is needed for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ...schemas.stitch import UnionBinding
from ..plan import Fetch, Plan
from ..plan.steps import (
    Fetched,
    LeafType,
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


class NotCompilable(Exception):
    """The plan holds something that is left to the interpreted way."""


@dataclass(eq=False, slots=True)
class Need:
    """One member of an answer's object.

    Attributes:
        plan: Its value as the response has it; ``None`` for a member that is only a key.
        node: The object in it, under any lists.
        each: For a key: whether it is a list of keys.
        key_type: For a key: the type of it, or of its items, as far as the schema shows it.
    """

    plan: ValuePlan | None
    node: Node | UnionNode | None = None
    each: bool = False
    key_type: LeafType | None = None


@dataclass(eq=False, slots=True)
class Node:
    """An object of an answer, or an entry of one that stands for a list of entries.

    Attributes:
        number: Unique in the plan.
        members: What of it is needed, by wire name.
        readings: Fields that are selected on it; more than one if several fields read it.
        is_entry: Whether it is an entry.
    """

    number: int
    members: dict[str, Need] = field(default_factory=dict)
    readings: list[tuple[SelectedField, ...]] = field(default_factory=list)
    is_entry: bool = False

    def need_key(self, member: str, key_type: LeafType | None, *, each: bool) -> None:
        """Have *member* decoded because it is a key."""
        self.members.setdefault(member, Need(None, each=each, key_type=key_type))


@dataclass(eq=False, slots=True)
class UnionNode:
    """An object of an answer that is of one of several types.

    Attributes:
        nodes: By the name of the concrete type.
    """

    number: int
    binding: UnionBinding
    nodes: dict[str, Node] = field(default_factory=dict)


AnyNode: TypeAlias = Node | UnionNode


@dataclass(eq=False, slots=True)
class AnswerNeed:
    """The answer of a fetch, or what one of its keys leads to; the same for all fetches that share.

    Attributes:
        fetch: The first of them.
        plan: Its value, as one of the readings has it, and nullable.
        node: The object in it, under any lists; ``None`` for leaves.
        readings: The fields that read it, each with the fetch whose keys lead there.
    """

    fetch: Fetch
    plan: ValuePlan
    node: AnyNode | None
    readings: list[tuple[int, SelectedField]] = field(default_factory=list)


def find_needs(plan: Plan) -> dict[int, AnswerNeed]:
    """What is needed of the fetches' answers, by ``Fetch.answers``."""
    return _Finder(plan).find()


class _Finder:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._numbers: Iterator[int] = iter(range(1_000_000))
        self._found: dict[int, AnswerNeed] = {}

    def find(self) -> dict[int, AnswerNeed]:
        self._root(self._plan.selection)
        return self._found

    def _root(self, selection: Selection) -> None:
        for selected in selection.by_type[selection.type_name]:
            match selected.source:
                case Fetched(fetch=fetch_id):
                    self._fetched(selected, fetch_id)
                case Namespace():
                    self._root(namespace_of(selected))
                case _:
                    pass

    def _fetched(self, selected: SelectedField, fetch_id: int) -> None:
        fetch = self._plan.fetches[fetch_id]
        plan = linked_value(selected, fetch)
        need = self._found.get(fetch.answers)
        if need is None:
            need = self._found[fetch.answers] = AnswerNeed(fetch, plan, self._node(plan))
        need.readings.append((fetch_id, selected))
        self._select(plan, need.node)
        if fetch.batched:
            assert fetch.keyed is not None
            assert fetch.keyed.bulk is not None
            if not isinstance(need.node, Node):
                raise NotCompilable
            need.node.need_key(fetch.keyed.bulk.key, fetch.item_key_type, each=False)

    def _node(self, plan: ValuePlan) -> AnyNode | None:
        inner, is_entry = innermost(plan)
        if not isinstance(inner, ObjectValue):
            return None
        union = inner.selection.union
        number = next(self._numbers)
        return Node(number, is_entry=is_entry) if union is None else UnionNode(number, union)

    def _select(self, plan: ValuePlan, node: AnyNode | None) -> None:
        inner, _ = innermost(plan)
        if not isinstance(inner, ObjectValue):
            return
        assert node is not None
        if isinstance(node, Node):
            self._fields(node, inner.selection.by_type[inner.selection.type_name])
            return
        for name, fields in inner.selection.by_type.items():
            one = node.nodes.get(name)
            if one is None:
                one = node.nodes[name] = Node(next(self._numbers))
            self._fields(one, fields)

    def _fields(self, node: Node, fields: tuple[SelectedField, ...]) -> None:
        node.readings.append(fields)
        for selected in fields:
            match selected.source:
                case Member(name=name):
                    need = node.members.get(name)
                    if need is None:
                        need = node.members[name] = Need(selected.value, self._node(selected.value))
                    elif need.plan is None:
                        need.plan, need.node = selected.value, self._node(selected.value)
                    self._select(selected.value, need.node)
                case Fetched(fetch=fetch_id):
                    fetch = self._plan.fetches[fetch_id]
                    link = fetch.link
                    assert link is not None
                    for key, type_ in zip(link.keys, fetch.key_types, strict=True):
                        node.need_key(key.member, type_, each=link.each)
                    self._fetched(selected, fetch_id)
                case TypeNameOf() | Namespace():
                    pass


def namespace_of(selected: SelectedField) -> Selection:
    """What is selected on a namespace."""
    inner = stripped(selected.value)
    assert isinstance(inner, ObjectValue)
    return inner.selection


def linked_value(selected: SelectedField, fetch: Fetch) -> ValuePlan:
    """The value that an answer, or one key, of *fetch* leads to; nullable."""
    plan = stripped(selected.value)
    if fetch.link is not None and fetch.link.each:
        assert isinstance(plan, ListValue)
        plan = stripped(plan.item)
    return plan


def stripped(plan: ValuePlan) -> LeafValue | ListValue | ObjectValue:
    """*plan*, nullable."""
    return plan.of if isinstance(plan, NonNullValue) else plan


def innermost(plan: ValuePlan) -> tuple[LeafValue | ObjectValue, bool]:
    """What is under all lists of *plan*, and whether a JSON object stands for the last of them."""
    is_entry = False
    while not isinstance(plan, LeafValue | ObjectValue):
        if isinstance(plan, ListValue):
            is_entry = plan.entries
            plan = plan.item
        else:
            plan = plan.of
    return plan, is_entry
