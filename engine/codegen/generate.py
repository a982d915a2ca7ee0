"""The functions of a plan: keys out of answers, linked objects into answers, and the response's object.

Where the response has an object's members under their wire names, the decoded object itself is encoded:
links are put into slots of it, keys that nobody asked for are taken out. Only where names differ, or where
several fields read one object, a new object is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from ..plan import Plan
from ..plan.steps import (
    Fetched,
    LeafValue,
    ListValue,
    Member,
    MemberStep,
    NonNullValue,
    ObjectValue,
    PathStep,
    SelectedField,
    Selection,
    TypeNameOf,
    ValuePlan,
)
from .leaves import Leaf, leaf_of
from .needs import FetchNeed, Node, NotCompilable, fields_of, innermost
from .source import Source

_KEY: Final[Any] = str | int | None


class Types:
    """The struct types of a plan's objects, each made once."""

    def __init__(self) -> None:
        self._structs: dict[int, type[Struct]] = {}
        self._attributes: dict[int, dict[str, str]] = {}
        self._leaves: dict[int, Leaf] = {}

    def leaf(self, plan: LeafValue) -> Leaf:
        """How a leaf is decoded.

        Raises:
            NotCompilable: Only its own code can complete it.
        """
        found = self._leaves.get(id(plan.type))
        if found is None:
            found = leaf_of(plan.type)
            if found is None:
                raise NotCompilable
            self._leaves[id(plan.type)] = found
        return found

    def annotation(self, plan: ValuePlan, node: Node | None) -> Any:
        """The type that a value is decoded as."""
        match plan:
            case NonNullValue():
                return self._non_null(plan.of, node)
            case _:
                return self._non_null(plan, node) | None

    def _non_null(self, plan: LeafValue | ListValue | ObjectValue, node: Node | None) -> Any:
        match plan:
            case LeafValue():
                return self.leaf(plan).type
            case ListValue():
                return list[self.annotation(plan.item, node)]  # type: ignore[misc]  # a type made at run time
            case ObjectValue():
                assert node is not None
                return self.struct(node)

    def struct(self, node: Node) -> type[Struct]:
        """The type of an object: what is needed of it, in the order of the response, and slots for links."""
        if node.number in self._structs:
            return self._structs[node.number]
        fields: list[tuple[str, Any, Any]] = []
        wire: dict[str, str] = {}
        attributes: dict[str, str] = {}

        def add(name: str, annotation: Any, *, required: bool) -> None:
            attribute = f"a{len(fields)}"
            wire[attribute] = name
            attributes[name] = attribute
            fields.append((attribute, annotation, msgspec.NODEFAULT if required else None))

        for name in self._order(node):
            need = node.members.get(name)
            if need is None:
                add(name, Any, required=False)  # a slot
            elif need.plan is None:
                add(name, list[_KEY] | None if need.each else _KEY, required=False)
            else:
                required = isinstance(need.plan, NonNullValue)
                add(name, self.annotation(need.plan, need.node), required=required)
        made = msgspec.defstruct(f"Object{node.number}", fields, rename=wire, kw_only=True, gc=False)
        self._structs[node.number] = made
        self._attributes[node.number] = attributes
        return made

    def attribute(self, node: Node, name: str) -> str:
        """The attribute that holds a member, or a slot by its response name."""
        self.struct(node)
        return self._attributes[node.number][name]

    def _order(self, node: Node) -> Iterable[str]:
        if not is_same(node):
            return node.members
        shown = [field.response_name for field in fields_of(node.selections[0])]
        return dict.fromkeys([*shown, *node.members])


def is_same(node: Node) -> bool:
    """Whether the decoded object itself can be encoded as the response's."""
    if len(node.selections) != 1:
        return False
    seen: set[str] = set()
    for field in fields_of(node.selections[0]):
        if isinstance(field.source, Member):
            if field.source.name != field.response_name or field.source.name in seen:
                return False
            seen.add(field.source.name)
        elif field.response_name in node.members:
            return False
    return True


class Generator:
    """Writes the functions of one plan into a ``Source``."""

    def __init__(self, plan: Plan, needs: Mapping[int, FetchNeed], types: Types, source: Source) -> None:
        self._plan = plan
        self._needs = needs
        self._types = types
        self._source = source
        self._outs: dict[int, str] = {}
        self._linked: dict[tuple[int, int], str] = {}
        self._unset = source.hold(UNSET, "unset")

    # -- keys

    def keys_function(self, fetch_id: int, converters: list[str]) -> str:
        """A function from the parent fetch's answers to the distinct keys of *fetch_id*, in their order."""
        fetch = self._plan.fetches[fetch_id]
        assert fetch.parent is not None
        parent = self._needs[fetch.parent]
        name = self._source.name("keys_of")
        with self._source.block(f"def {name}(answers)"):
            self._source.line("keys = {}")
            value = self._source.name("v")
            with self._source.block(f"for {value} in answers"):
                self._walk(
                    parent.plan,
                    parent.node,
                    value,
                    fetch.path,
                    lambda node, at: self._collect(fetch_id, node, at, converters),
                )
            self._source.line("return list(keys)")
        return name

    def _walk(
        self,
        plan: ValuePlan,
        node: Node | None,
        value: str,
        path: tuple[PathStep, ...],
        body: Callable[[Node, str], None],
    ) -> None:
        """Write loops to the objects at *path* below *value*."""
        if not isinstance(plan, NonNullValue):
            with self._source.block(f"if {value} is not None"):
                self._walk(NonNullValue(plan), node, value, path, body)
            return
        match plan.of:
            case ListValue(item=item):
                inner = self._source.name("v")
                with self._source.block(f"for {inner} in {value}"):
                    self._walk(item, node, inner, path, body)
            case ObjectValue():
                assert node is not None
                if not path:
                    body(node, value)
                    return
                step = path[0]
                if not isinstance(step, MemberStep):
                    raise NotCompilable
                need = node.members[step.member]
                assert need.plan is not None
                inner = self._source.name("v")
                self._source.line(f"{inner} = {value}.{self._types.attribute(node, step.member)}")
                self._walk(need.plan, need.node, inner, path[1:], body)
            case LeafValue():
                raise NotCompilable

    def _collect(self, fetch_id: int, node: Node, at: str, converters: list[str]) -> None:
        link = self._plan.fetches[fetch_id].link
        assert link is not None
        if link.each:
            attribute = self._types.attribute(node, link.keys[0].member)
            key = self._source.name("k")
            with (
                self._source.block(f"for {key} in {at}.{attribute} or ()"),
                self._source.block(f"if {key} is not None"),
            ):
                self._converted(key, converters[0])
                self._source.line(f"keys[{key}] = None")
            return
        parts = [self._source.name("k") for _ in link.keys]
        for part, one in zip(parts, link.keys, strict=True):
            self._source.line(f"{part} = {at}.{self._types.attribute(node, one.member)}")
        with self._source.block("if " + " and ".join(f"{part} is not None" for part in parts)):
            for part, converter in zip(parts, converters, strict=True):
                self._converted(part, converter)
            self._source.line(f"keys[{_key(parts)}] = None")

    def _converted(self, key: str, converter: str) -> None:
        kind = "int" if converter.startswith("whole") else "str"
        with self._source.block(f"if {key}.__class__ is not {kind}"):
            self._source.line(f"{key} = {converter}({key})")

    def index_function(self, fetch_id: int, converter: str) -> str:
        """A function that adds the items of one bulk answer to a dictionary, by their key."""
        need = self._needs[fetch_id]
        link = need.fetch.link
        assert link is not None
        assert link.bulk is not None
        assert need.node is not None
        name = self._source.name("index")
        with self._source.block(f"def {name}(items, found)"):
            item, key = self._source.name("v"), self._source.name("k")
            with self._source.block(f"for {item} in items"):
                self._source.line(f"{key} = {item}.{self._types.attribute(need.node, link.bulk.key)}")
                with self._source.block(f"if {key} is not None"):
                    self._converted(key, converter)
                    self._source.line(f"found[{key}] = {item}")
        return name

    # -- the response

    def finish_function(self, converters: Mapping[int, list[str]]) -> str:
        """A function from all answers to the object that is encoded as ``data``."""
        self._converters = converters
        name = self._source.name("finish")
        with self._source.block(f"def {name}(answers, found)"):
            for fetch_id in sorted(self._needs, reverse=True):  # what a link leads to comes first
                if self._needs[fetch_id].fetch.link is not None:
                    self._finish_linked(self._needs[fetch_id])
            parts = [self._root_field(field) for field in fields_of(self._plan.selection)]
            out = self._out(self._plan.selection)
            self._source.line(f"return {out}({', '.join(parts)})")
        return name

    def _root_field(self, field: SelectedField) -> str:
        match field.source:
            case Fetched(fetch=fetch_id):
                need = self._needs[fetch_id]
                value = self._source.name("v")
                self._source.line(f"{value} = answers[{fetch_id}]")
                return self._value(field.value, need.node, value)
            case _:
                return repr(self._plan.selection.type_name)

    def _finish_linked(self, need: FetchNeed) -> None:
        fetch_id = need.fetch.id
        for reading in need.readings:
            plan = reading.value
            if need.fetch.link is not None and need.fetch.link.each:
                inner = plan.of if isinstance(plan, NonNullValue) else plan
                assert isinstance(inner, ListValue)
                plan = inner.item
            linked = self._source.name("linked")
            self._linked[fetch_id, id(reading)] = linked
            self._source.line(f"{linked} = found[{fetch_id}]")
            if not self._has_work(plan, need.node):
                continue
            key, value = self._source.name("k"), self._source.name("v")
            if self._in_place(plan, need.node):
                with self._source.block(f"for {value} in {linked}.values()"):
                    self._value(plan, need.node, value)
                continue
            self._source.line(f"{linked} = {{}}")
            with self._source.block(f"for {key}, {value} in found[{fetch_id}].items()"):
                self._source.line(f"{linked}[{key}] = {self._value(plan, need.node, value)}")

    def _has_work(self, plan: ValuePlan, node: Node | None) -> bool:
        inner = innermost(plan)
        if isinstance(inner, LeafValue):
            return self._types.leaf(inner).convert is not None
        assert node is not None
        if not is_same(node) or any(need.plan is None for need in node.members.values()):
            return True
        for field in fields_of(inner.selection):
            if not isinstance(field.source, Member):
                return True
            if self._has_work(field.value, node.members[field.source.name].node):
                return True
        return False

    def _in_place(self, plan: ValuePlan, node: Node | None) -> bool:
        return isinstance(innermost(plan), ObjectValue) and node is not None and is_same(node)

    def _value(self, plan: ValuePlan, node: Node | None, value: str) -> str:
        """Write what makes *value* the response's; the expression that then stands for it."""
        if not self._has_work(plan, node):
            return value
        if not isinstance(plan, NonNullValue):
            done = self._source.name("d")
            self._source.line(f"{done} = {value}")
            with self._source.block(f"if {done} is not None"):
                result = self._value(NonNullValue(plan), node, done)
                if result != done:
                    self._source.line(f"{done} = {result}")
            return done
        match plan.of:
            case LeafValue():
                convert = self._types.leaf(plan.of).convert
                return f"{self._source.hold(convert, 'convert')}({value})"
            case ListValue(item=item):
                return self._list(item, node, value)
            case ObjectValue(selection=selection):
                assert node is not None
                return self._object(selection, node, value)

    def _list(self, item: ValuePlan, node: Node | None, value: str) -> str:
        inner = self._source.name("v")
        if self._in_place(item, node):
            with self._source.block(f"for {inner} in {value}"):
                self._value(item, node, inner)
            return value
        done = self._source.name("d")
        self._source.line(f"{done} = []")
        with self._source.block(f"for {inner} in {value}"):
            self._source.line(f"{done}.append({self._value(item, node, inner)})")
        return done

    def _object(self, selection: Selection, node: Node, value: str) -> str:
        same = is_same(node)
        parts: list[str] = []
        # Links first: they read keys, which the other fields may convert or take out.
        for field in fields_of(selection):
            if isinstance(field.source, Fetched):
                parts.append(self._lookup(field, field.source.fetch, node, value))
            else:
                parts.append("")
        for index, field in enumerate(fields_of(selection)):
            match field.source:
                case Fetched():
                    if same:
                        slot = self._types.attribute(node, field.response_name)
                        self._source.line(f"{value}.{slot} = {parts[index]}")
                case TypeNameOf():
                    parts[index] = repr(selection.type_name)
                    if same:
                        slot = self._types.attribute(node, field.response_name)
                        self._source.line(f"{value}.{slot} = {parts[index]}")
                case Member(name=name):
                    attribute = f"{value}.{self._types.attribute(node, name)}"
                    parts[index] = self._value(field.value, node.members[name].node, attribute)
                    if same and parts[index] != attribute:
                        self._source.line(f"{attribute} = {parts[index]}")
        if not same:
            return f"{self._out(selection)}({', '.join(parts)})"
        for name, need in node.members.items():
            if need.plan is None:
                self._source.line(f"{value}.{self._types.attribute(node, name)} = {self._unset}")
        return value

    def _lookup(self, field: SelectedField, fetch_id: int, node: Node, value: str) -> str:
        link = self._plan.fetches[fetch_id].link
        assert link is not None
        linked = self._linked[fetch_id, id(field)]
        converters = self._converters[fetch_id]
        done = self._source.name("d")
        self._source.line(f"{done} = None")
        if link.each:
            keys, key = self._source.name("k"), self._source.name("k")
            self._source.line(f"{keys} = {value}.{self._types.attribute(node, link.keys[0].member)}")
            with self._source.block(f"if {keys} is not None"):
                self._source.line(f"{done} = []")
                with self._source.block(f"for {key} in {keys}"), self._source.block(f"if {key} is not None"):
                    self._converted(key, converters[0])
                    self._source.line(f"{done}.append({linked}.get({key}))")
            return done
        parts = [self._source.name("k") for _ in link.keys]
        for part, one in zip(parts, link.keys, strict=True):
            self._source.line(f"{part} = {value}.{self._types.attribute(node, one.member)}")
        with self._source.block("if " + " and ".join(f"{part} is not None" for part in parts)):
            for part, converter in zip(parts, converters, strict=True):
                self._converted(part, converter)
            self._source.line(f"{done} = {linked}.get({_key(parts)})")
        return done

    def _out(self, selection: Selection) -> str:
        """A type for new objects of *selection*, in the order of the response."""
        if id(selection) not in self._outs:
            fields = fields_of(selection)
            names = {f"f{index}": field.response_name for index, field in enumerate(fields)}
            made = msgspec.defstruct("Response", [(name, Any) for name in names], rename=names, gc=False)
            self._outs[id(selection)] = self._source.hold(made, "Response")
        return self._outs[id(selection)]


def _key(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
