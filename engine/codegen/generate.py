"""The functions of a plan: keys out of answers, linked objects into answers, and the response's object.

All of them read the *state* of one execution: a list that holds, by a fetch's id, the decoded answer of a root
fetch, and the dictionary of what the keys of a link led to.

Where the response has an object's members under their wire names, the decoded object itself is encoded:
links are put into slots of it, keys that nobody asked for are taken out. Only where names differ, where
several fields read one object, or where its type had to be told, a new object is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from ..plan import Fetch, Plan
from ..plan.keys import as_text, converter_for
from ..plan.steps import (
    EntriesStep,
    Fetched,
    LeafValue,
    ListValue,
    Member,
    MemberStep,
    Namespace,
    NonNullValue,
    ObjectValue,
    PathStep,
    SelectedField,
    Selection,
    TypeNameOf,
    TypeStep,
    ValuePlan,
)
from .leaves import KeyKind
from .needs import AnswerNeed, AnyNode, Need, Node, UnionNode, innermost, linked_value, namespace_of
from .source import Source
from .types import Types

At: TypeAlias = str | tuple[str, str]
"""An expression for an object; for an entry, two names: for its key, and for its value."""


class Generator:
    """Writes the functions of one plan into a ``Source``."""

    def __init__(self, plan: Plan, needs: Mapping[int, AnswerNeed], types: Types, source: Source) -> None:
        self._plan = plan
        self._needs = needs
        self._types = types
        self._source = source
        self._outs: dict[tuple[str, ...], str] = {}
        self._getters: dict[tuple[int, int], str] = {}

    # -- keys

    def keys_function(self, fetch: Fetch) -> str:
        """A function from the state to the distinct keys of *fetch*, in the order of its parents."""
        assert fetch.parent is not None
        parent = self._plan.fetches[fetch.parent]
        need = self._needs[parent.answers]
        clauses: list[str] = []
        if parent.link is not None:
            at = self._source.name("v")
            clauses.append(f"for {at} in state[{parent.id}].values()")
        else:
            at = f"state[{parent.id}]"
        node, found = self._path(need.plan, need.node, at, fetch.path, clauses)
        key, conditions = self._key_for_set(fetch, node, found)
        clauses += conditions
        if not clauses[0].startswith("for"):
            clauses.insert(0, "for _ in (None,)")
        name = self._source.name("keys_of")
        with self._source.block(f"def {name}(state)"):
            self._source.line(f"keys = {{{' '.join([f'{key}: None', *clauses])}}}")
            self._source.line("keys.pop(None, None)")
            self._source.line("return list(keys)")
        return name

    def _path(
        self,
        plan: ValuePlan,
        node: AnyNode | None,
        at: str,
        path: tuple[PathStep, ...],
        clauses: list[str],
    ) -> tuple[Node, str]:
        """The objects at *path* below *at*, as clauses of a comprehension and the name or member they have."""
        nullable = not isinstance(plan, NonNullValue)
        inner = plan.of if isinstance(plan, NonNullValue) else plan
        if isinstance(inner, ListValue):
            item = self._source.name("v")
            if not inner.entries:
                clauses.append(f"for {item} in {at}{' or ()' if nullable else ''}")
                return self._path(inner.item, node, item, path, clauses)
            clauses.append(f"for {item} in {f'({at} or {{}})' if nullable else at}.values()")
            assert isinstance(node, Node)
            assert isinstance(path[0], EntriesStep)
            assert path[1] == MemberStep("value")
            need = node.members["value"]
            assert need.plan is not None
            return self._path(need.plan, need.node, item, path[2:], clauses)
        assert isinstance(inner, ObjectValue)
        if nullable and not at.isidentifier():
            name = self._source.name("v")
            clauses.append(f"if ({name} := {at}) is not None")
            at = name
        elif nullable:
            clauses.append(f"if {at} is not None")
        if isinstance(node, UnionNode):
            assert isinstance(path[0], TypeStep)
            node = node.nodes[path[0].type_name]
            clauses.append(f"if {self._is_of(node, f'{at}.__class__')}")
            path = path[1:]
        assert isinstance(node, Node)
        if not path:
            return node, at
        step = path[0]
        assert isinstance(step, MemberStep)
        need = node.members[step.member]
        assert need.plan is not None
        attribute = f"{at}.{self._types.attribute(node, step.member)}"
        return self._path(need.plan, need.node, attribute, path[1:], clauses)

    def _key_for_set(self, fetch: Fetch, node: Node, at: str) -> tuple[str, list[str]]:
        """The expression of one key, and the clauses before it. A single one may be ``None``."""
        assert fetch.link is not None
        members = [self._member(node, key.member, at) for key in fetch.link.keys]
        if fetch.link.each:
            key = self._source.name("k")
            clause = f"for {key} in {members[0]} or ()"
            if not self._converts(fetch, node, 0):
                return key, [clause]
            return self._converted(fetch, node, 0, key), [clause, f"if {key} is not None"]
        if len(members) == 1 and not self._converts(fetch, node, 0):
            return members[0], []
        return self._key(fetch, node, members)

    def _key(self, fetch: Fetch, node: Node, members: list[str]) -> tuple[str, list[str]]:
        """The expression of a key of which no part is ``None``, and the conditions of it."""
        parts = [self._source.name("k") for _ in members]
        conditions = [
            f"if ({part} := {member}) is not None" for part, member in zip(parts, members, strict=True)
        ]
        converted = [self._converted(fetch, node, index, part) for index, part in enumerate(parts)]
        return converted[0] if len(parts) == 1 else f"({', '.join(converted)})", conditions

    def _converts(self, fetch: Fetch, node: Node, index: int) -> bool:
        assert fetch.link is not None
        return self._types.key_kind(node, fetch.link.keys[index].member) != _wanted(fetch, index)

    def _converted(self, fetch: Fetch, node: Node, index: int, name: str) -> str:
        """The key in *name* as its argument takes it."""
        if not self._converts(fetch, node, index):
            return name
        wanted = _wanted(fetch, index)
        convert = self._source.hold(_converter(fetch, index), "as_text" if wanted == "str" else "as_number")
        return f"({name} if {name}.__class__ is {wanted} else {convert}({name}))"

    def _member(self, node: Node, member: str, at: At) -> str:
        """The expression of a member of an object."""
        if isinstance(at, tuple):
            return at[0] if member == "key" else at[1]
        words = self._types.discriminator(node, member)
        if words is not None:
            return f"{self._source.hold(words, 'words')}[{at}.__class__]"
        return f"{at}.{self._types.attribute(node, member)}"

    def _is_of(self, node: Node, class_: str) -> str:
        structs = self._types.structs(node)
        if len(structs) == 1:
            return f"{class_} is {self._source.hold(structs[0], 'Type')}"
        return f"{class_} in {self._source.hold(structs, 'Types')}"

    def add_function(self, fetch: Fetch) -> str:
        """A function that puts the items of one bulk answer into a dictionary that holds the keys asked for."""
        need = self._needs[fetch.answers]
        assert fetch.keyed is not None
        assert fetch.keyed.bulk is not None
        assert isinstance(need.node, Node)
        bulk = fetch.keyed.bulk
        name, item, key = self._source.name("add"), self._source.name("v"), self._source.name("k")
        with self._source.block(f"def {name}(answer, found)"):
            for _ in bulk.items:
                with self._source.block("if answer is None"):
                    self._source.line("return")
                self._source.line("answer = answer.inner")
            with self._source.block(f"for {item} in answer or ()"):
                self._source.line(f"{key} = {item}.{self._types.attribute(need.node, bulk.key)}")
                if self._types.key_kind(need.node, bulk.key) != _wanted(fetch, 0):
                    with self._source.block(f"if {key} is None"):
                        self._source.line("continue")
                    convert = self._source.hold(_converter(fetch, 0), "convert")
                    self._source.line(f"{key} = {convert}({key})")
                with self._source.block(f"if {key} in found"):
                    put = f"found[{key}].append({item})" if bulk.many else f"found[{key}] = {item}"
                    self._source.line(put)
        return name

    # -- the response

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

    def _collected(self, done: str, lines: list[tuple[int, str]], names: str, over: str) -> str:
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
            with self._source.block(f"{'elif' if index else 'if'} {self._is_of(one, class_)}"):
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
            return self._value(field.value, need.node, self._member(node, name, at))
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
                attribute = self._member(node, field.source.name, at)
                done = self._value(field.value, node.members[field.source.name].node, attribute)
                if done != attribute:
                    self._source.line(f"{attribute} = {done}")
        hidden = [self._member(node, name, at) for name, need in node.members.items() if need.plan is None]
        if hidden:
            self._source.line(f"{' = '.join(hidden)} = {self._source.hold(UNSET, 'unset')}")

    def _lookup(self, field: SelectedField, fetch_id: int, node: Node, at: str) -> str:
        """What the keys of an object led to. No key is ``None``, so that ``None`` leads to nothing."""
        fetch = self._plan.fetches[fetch_id]
        link = fetch.link
        assert link is not None
        get = self._getters[fetch_id, id(field)]
        members = [self._member(node, key.member, at) for key in link.keys]
        if link.each:
            keys, key = self._source.name("k"), self._source.name("k")
            one = self._converted(fetch, node, 0, key)
            found = f"[{get}({one}) for {key} in {keys} if {key} is not None]"
            return f"(None if ({keys} := {members[0]}) is None else {found})"
        if not any(self._converts(fetch, node, index) for index in range(len(members))):
            return f"{get}({members[0] if len(members) == 1 else '(' + ', '.join(members) + ')'})"
        key, conditions = self._key(fetch, node, members)
        tests = " and ".join(condition.removeprefix("if ") for condition in conditions)
        return f"({get}({key}) if {tests} else None)"

    def _out(self, names: tuple[str, ...]) -> str:
        """A type for new objects with these members, in this order."""
        if names not in self._outs:
            rename = {f"f{index}": name for index, name in enumerate(names)}
            made = msgspec.defstruct("Response", [(name, Any) for name in rename], rename=rename, gc=False)
            self._outs[names] = self._source.hold(made, "Response")
        return self._outs[names]


def _wanted(fetch: Fetch, index: int) -> KeyKind:
    return "str" if _converter(fetch, index) is as_text else "int"


def _converter(fetch: Fetch, index: int) -> Any:
    assert fetch.keyed is not None
    if fetch.batched:
        assert fetch.keyed.bulk is not None
        return converter_for(fetch.called.argument(fetch.keyed.bulk.argument))
    return converter_for(fetch.called.argument(fetch.keyed.keys[index].argument))


def _completed(convert: Any, leaf: LeafValue, word: str) -> Any:
    try:
        leaf.type.coerce_output_value(word)
        return convert(word)
    except Exception:  # noqa: BLE001 - whatever it is, the word is no value of the type
        return None
