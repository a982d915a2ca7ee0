"""The function that makes the response of answers.

Where the response has an object's members under their wire names, the decoded object itself is encoded:
links are put into slots of it, keys that nobody asked for are taken out. Only where names differ, where
several fields read one object, or where its type had to be told, a new object is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from ..plan import Fetch, Plan
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
from .access import Access, At
from .needs import AnswerNeed, AnyNode, Need, Node, UnionNode, innermost, linked_value, namespace_of
from .source import Lines, Source
from .types import Types


class ResponseWriter:
    """Writes that function of one plan into a ``Source``."""

    def __init__(self, plan: Plan, needs: Mapping[int, AnswerNeed], types: Types, source: Source) -> None:
        self._plan = plan
        self._needs = needs
        self._types = types
        self._source = source
        self._access = Access(types, source)
        self._outs: dict[tuple[str, ...], str] = {}
        self._getters: dict[tuple[int, int], str] = {}

    def finish_function(self) -> str:
        """A function from the state to the object that is encoded as the response."""
        name = self._source.name("finish")
        with self._source.block(f"def {name}(state)"):
            for fetch in reversed(self._plan.fetches):  # what a link leads to comes first
                if fetch.link is not None:
                    for of, reading in self._needs[fetch.answers].readings:
                        if of == fetch.id:
                            self._linked(fetch, reading)
            data = self._root(self._plan.selection)
            self._source.line(f"return {self._out(('data',))}({data})")
        return name

    def _root(self, selection: Selection) -> str:
        fields = selection.by_type[selection.type_name]
        parts = [self._root_field(field, selection) for field in fields]
        return f"{self._out(tuple(f.response_name for f in fields))}({', '.join(parts)})"

    def _root_field(self, field: SelectedField, selection: Selection) -> str:
        match field.source:
            case Fetched(fetch=fetch_id):
                need = self._needs[self._plan.fetches[fetch_id].answers]
                return self._value(field.value, need.node, f"state[{fetch_id}]")
            case Namespace():
                return self._root(namespace_of(field))
            case _:
                return repr(selection.type_name)

    def _linked(self, fetch: Fetch, reading: SelectedField) -> None:
        need = self._needs[fetch.answers]
        plan = linked_value(reading, fetch)
        linked, getter = self._source.name("linked"), self._source.name("get")
        self._getters[fetch.id, id(reading)] = getter
        self._source.line(f"{linked} = state[{fetch.id}]")
        if self._has_work(plan, need.node):
            key, value = self._source.name("k"), self._source.name("v")
            done, lines = self._source.apart(lambda: self._value(plan, need.node, value))
            if done == value:
                with self._source.block(f"for {value} in {linked}.values()"):
                    self._source.paste(lines)
            elif not lines:
                self._source.line(f"{linked} = {{{key}: {done} for {key}, {value} in {linked}.items()}}")
            else:
                made = self._source.name("linked")
                self._source.line(f"{made} = {{}}")
                with self._source.block(f"for {key}, {value} in {linked}.items()"):
                    self._source.paste(lines)
                    self._source.line(f"{made}[{key}] = {done}")
                linked = made
        self._source.line(f"{getter} = {linked}.get")

    def _has_work(self, plan: ValuePlan, node: AnyNode | None) -> bool:
        """Whether a decoded value is not yet the response's."""
        inner, is_entry = innermost(plan)
        if isinstance(inner, LeafValue):
            return self._types.leaf(inner.type).convert is not None
        if is_entry or not isinstance(node, Node) or not self._types.is_same(node):
            return True
        return any(need.plan is None for need in node.members.values()) or any(
            not isinstance(field.source, Member)
            or self._has_work(field.value, node.members[field.source.name].node)
            for field in node.readings[0]
        )

    def _value(self, plan: ValuePlan, node: AnyNode | None, at: str) -> str:
        """Write what makes the value *at* the response's; the expression that then stands for it."""
        if not self._has_work(plan, node):
            return at
        if not isinstance(plan, NonNullValue):
            return self._nullable(NonNullValue(plan), node, at)
        match plan.of:
            case LeafValue(type=type_):
                return f"{self._source.hold(self._types.leaf(type_).convert, 'convert')}({at})"
            case ListValue(entries=True):
                return self._entries(plan.of, node, at)
            case ListValue(item=item):
                return self._list(item, node, at)
            case ObjectValue(selection=selection):
                assert node is not None
                if isinstance(node, UnionNode):
                    return self._union(selection, node, at)
                return self._object(selection.by_type[selection.type_name], selection.type_name, node, at)

    def _nullable(self, plan: NonNullValue, node: AnyNode | None, at: str) -> str:
        name = at if at.isidentifier() else self._source.name("d")
        done, lines = self._source.apart(lambda: self._value(plan, node, name))
        if not lines:
            test = name if name == at else f"({name} := {at})"
            return f"(None if {test} is None else {done})"
        if name != at:
            self._source.line(f"{name} = {at}")
        with self._source.block(f"if {name} is not None"):
            self._source.paste(lines)
            if done == name:
                result = at  # it was changed in its place
            else:
                result = name
                if name == at:  # a loop's variable must stay what it is
                    result = self._source.name("d")
                self._source.line(f"{result} = {done}")
        if result not in {name, at}:
            with self._source.block("else"):
                self._source.line(f"{result} = None")
        return result

    def _list(self, item: ValuePlan, node: AnyNode | None, at: str) -> str:
        value = self._source.name("v")
        done, lines = self._source.apart(lambda: self._value(item, node, value))
        if done == value:
            with self._source.block(f"for {value} in {at}"):
                self._source.paste(lines)
            return at
        return self._collected(done, lines, value, at)

    def _entries(self, plan: ListValue, node: AnyNode | None, at: str) -> str:
        assert isinstance(node, Node)
        item = plan.item.of if isinstance(plan.item, NonNullValue) else plan.item
        assert isinstance(item, ObjectValue)
        fields = item.selection.by_type[item.selection.type_name]
        names = (self._source.name("k"), self._source.name("v"))
        write = partial(self._object, fields, item.selection.type_name, node, names)
        done, lines = self._source.apart(write)
        return self._collected(done, lines, ", ".join(names), f"{at}.items()")

    def _collected(self, done: str, lines: Lines, names: str, over: str) -> str:
        if not lines:
            return f"[{done} for {names} in {over}]"
        made = self._source.name("d")
        self._source.line(f"{made} = []")
        with self._source.block(f"for {names} in {over}"):
            self._source.paste(lines)
            self._source.line(f"{made}.append({done})")
        return made

    def _union(self, selection: Selection, node: UnionNode, at: str) -> str:
        at = self._named(at)
        class_, made = self._source.name("c"), self._source.name("d")
        self._source.line(f"{class_} = {at}.__class__")
        for index, (name, fields) in enumerate(selection.by_type.items()):
            one = node.nodes[name]
            with self._source.block(f"{'elif' if index else 'if'} {self._access.is_of(one, class_)}"):
                self._source.line(f"{made} = {self._object(fields, name, one, at)}")
        return made

    def _named(self, at: str) -> str:
        if at.isidentifier():
            return at
        name = self._source.name("d")
        self._source.line(f"{name} = {at}")
        return name

    def _object(self, fields: tuple[SelectedField, ...], type_name: str, node: Node, at: At) -> str:
        if self._types.is_same(node):
            assert isinstance(at, str)
            self._in_place(fields, type_name, node, self._named(at))
            return at
        parts = []
        for field in fields:
            match field.source:
                case Fetched(fetch=fetch_id):
                    assert isinstance(at, str)
                    parts.append(self._lookup(field, fetch_id, node, at))
                case Member(name=name):
                    need = node.members[name]
                    parts.append(self._member_value(field, need, node, name, at))
                case _:
                    parts.append(repr(type_name))
        return f"{self._out(tuple(f.response_name for f in fields))}({', '.join(parts)})"

    def _member_value(self, field: SelectedField, need: Need, node: Node, name: str, at: At) -> str:
        words = self._types.discriminator(node, name)
        if words is None:
            return self._value(field.value, need.node, self._access.member(node, name, at))
        leaf, _ = innermost(field.value)
        assert isinstance(leaf, LeafValue)
        convert = self._types.leaf(leaf.type).convert or str
        # What the member's type does not have is left out, and so refused when it comes.
        done = {struct: _completed(convert, leaf, word) for struct, word in words.items()}
        done = {struct: value for struct, value in done.items() if value is not None}
        return f"{self._source.hold(done, 'words')}[{at}.__class__]"

    def _in_place(self, fields: tuple[SelectedField, ...], type_name: str, node: Node, at: str) -> None:
        # Links first: they read keys, which the other fields may convert or take out.
        for field in fields:
            slot = f"{at}.{self._types.attribute(node, field.response_name)}"
            if isinstance(field.source, Fetched):
                self._source.line(f"{slot} = {self._lookup(field, field.source.fetch, node, at)}")
            elif isinstance(field.source, TypeNameOf):
                self._source.line(f"{slot} = {type_name!r}")
        for field in fields:
            if isinstance(field.source, Member):
                attribute = self._access.member(node, field.source.name, at)
                done = self._value(field.value, node.members[field.source.name].node, attribute)
                if done != attribute:
                    self._source.line(f"{attribute} = {done}")
        hidden = [
            self._access.member(node, name, at) for name, need in node.members.items() if need.plan is None
        ]
        if hidden:
            self._source.line(f"{' = '.join(hidden)} = {self._source.hold(UNSET, 'unset')}")

    def _lookup(self, field: SelectedField, fetch_id: int, node: Node, at: str) -> str:
        """What the keys of an object led to. No key is ``None``, so that ``None`` leads to nothing."""
        fetch = self._plan.fetches[fetch_id]
        link = fetch.link
        assert link is not None
        get = self._getters[fetch_id, id(field)]
        members = [self._access.member(node, key.member, at) for key in link.keys]
        if link.each:
            keys, key = self._source.name("k"), self._source.name("k")
            one = self._access.converted(fetch, node, 0, key)
            found = f"[{get}({one}) for {key} in {keys} if {key} is not None]"
            return f"(None if ({keys} := {members[0]}) is None else {found})"
        if not any(self._access.converts(fetch, node, index) for index in range(len(members))):
            return f"{get}({members[0] if len(members) == 1 else '(' + ', '.join(members) + ')'})"
        key, conditions = self._access.key(fetch, node, members)
        tests = " and ".join(condition.removeprefix("if ") for condition in conditions)
        return f"({get}({key}) if {tests} else None)"

    def _out(self, names: tuple[str, ...]) -> str:
        """A type for new objects with these members, in this order."""
        if names not in self._outs:
            rename = {f"f{index}": name for index, name in enumerate(names)}
            made = msgspec.defstruct("Response", [(name, Any) for name in rename], rename=rename, gc=False)
            self._outs[names] = self._source.hold(made, "Response")
        return self._outs[names]


def _completed(convert: Any, leaf: LeafValue, word: str) -> Any:
    try:
        leaf.type.coerce_output_value(word)
        return convert(word)
    except Exception:  # noqa: BLE001 - whatever it is, the word is no value of the type
        return None
