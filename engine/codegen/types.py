"""The types that answers are decoded as.

An object is a Struct with just the members that are needed. An object of a union is a Struct as well, one for
each concrete type: where the union has a discriminator the decoder chooses by it; else the object is decoded
as a dictionary first, since which members it has decides. A JSON object whose member names are data is a
dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, Union

import msgspec
from msgspec import Raw, Struct

from ..plan.steps import LeafType, LeafValue, ListValue, Member, NonNullValue, ObjectValue, ValuePlan
from .leaves import KeyKind, Leaf, is_lenient, leaf_of
from .needs import AnyNode, Node, NotCompilable, UnionNode

_MOST_KNOWN: Final = 256
"""Sets of member names of which the concrete type is remembered; one service sends but a few."""


class _Chosen(type):
    # The decoder asks whether what `choose` gave is of the type that it stands for.
    def __instancecheck__(cls, instance: object) -> bool:
        return True


class Choice(metaclass=_Chosen):
    """Stands for the objects of a union whose concrete type is told by Python.

    Attributes:
        known: Types by the names of the members, in their order, where these decide.
        type_of: The type of any object.
    """

    known: ClassVar[dict[tuple[str, ...], type[Struct]]]
    type_of: ClassVar[Callable[[dict[str, Any]], type[Struct]]]


def choose(choice: Any, value: Any) -> Any:
    """The decoder's hook: *value* as a Struct of its concrete type."""
    if value.__class__ is not dict:
        raise TypeError("the value is no object")
    type_ = choice.known.get(tuple(value)) or choice.type_of(value)
    return msgspec.convert(value, type_, dec_hook=choose)


class Types:
    """The struct types of a plan's objects, each made once.

    Attributes:
        has_lenient: Whether the lenient way takes more than the exact one.
    """

    def __init__(self, *, lenient: bool) -> None:
        self.has_lenient = False
        self._lenient = lenient
        self._structs: dict[int, tuple[type[Struct], ...]] = {}
        self._attributes: dict[int, dict[str, str]] = {}
        self._tags: dict[int, tuple[str, Mapping[type[Struct], str]]] = {}
        self._choices: dict[int, Any] = {}
        self._leaves: dict[LeafType, Leaf] = {}

    def leaf(self, type_: LeafType) -> Leaf:
        """How a leaf is decoded.

        Raises:
            NotCompilable: Only its own code can complete it.
        """
        found = self._leaves.get(type_)
        if found is None:
            found = leaf_of(type_, lenient=self._lenient)
            if found is None:
                raise NotCompilable
            self._leaves[type_] = found
            self.has_lenient = self.has_lenient or is_lenient(type_)
        return found

    def key_kind(self, node: Node, member: str) -> KeyKind | None:
        """The class of every key in *member*; ``None`` if there may be several."""
        need = node.members[member]
        if need.plan is None:
            return self._hidden_kind(need.key_type)
        plan = need.plan
        while not isinstance(plan, LeafValue | ObjectValue):
            plan = plan.of if isinstance(plan, NonNullValue) else plan.item
        return self.leaf(plan.type).kind if isinstance(plan, LeafValue) else None

    def _hidden_kind(self, type_: LeafType | None) -> KeyKind | None:
        self.has_lenient = True
        if self._lenient or type_ is None:
            return None
        found = leaf_of(type_, lenient=False)
        return found.kind if found else None

    def annotation(self, plan: ValuePlan, node: AnyNode | None) -> Any:
        """The type that a value is decoded as."""
        match plan:
            case NonNullValue():
                return self._non_null(plan.of, node)
            case _:
                return self._non_null(plan, node) | None

    def _non_null(self, plan: LeafValue | ListValue | ObjectValue, node: AnyNode | None) -> Any:
        match plan:
            case LeafValue():
                return self.leaf(plan.type).type
            case ListValue(entries=True):
                assert isinstance(node, Node)
                value = node.members.get("value")
                if value is None or value.plan is None:
                    return dict[str, Raw]  # the names are asked for, and nothing else
                return dict[str, self.annotation(value.plan, value.node)]  # type: ignore[misc]  # made at run time
            case ListValue():
                return list[self.annotation(plan.item, node)]  # type: ignore[misc]  # a type made at run time
            case ObjectValue():
                assert node is not None
                return self.union(node) if isinstance(node, UnionNode) else self.struct(node)

    def struct(self, node: Node) -> type[Struct]:
        """The type of an object: what is needed of it, in the order of the response, and slots for links."""
        return self.structs(node)[0]

    def structs(self, node: Node) -> tuple[type[Struct], ...]:
        """The types of an object: several in a union, where one type goes by several discriminators."""
        if node.number not in self._structs:
            self._structs[node.number] = (self._build(node),)
        return self._structs[node.number]

    def _build(self, node: Node, property_: str = "", tag: str | None = None) -> type[Struct]:
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
            if tag is not None and name == property_:
                continue
            if need is None:
                add(name, Any, required=False)  # a slot
            elif need.plan is None:
                key: Any = {"int": int, "str": str, None: str | int}[self._hidden_kind(need.key_type)] | None
                add(name, list[key] | None if need.each else key, required=False)
            else:
                required = isinstance(need.plan, NonNullValue)
                add(name, self.annotation(need.plan, need.node), required=required)
        self._attributes[node.number] = attributes
        return msgspec.defstruct(
            f"Object{node.number}",
            fields,
            rename=wire,
            kw_only=True,
            gc=False,
            tag_field=property_ if tag is not None else None,
            tag=tag,
        )

    def union(self, node: UnionNode) -> Any:
        """The type of an object of a union."""
        if node.number not in self._choices:
            words = node.binding.mapping if node.binding.property else {}
            words = {word: name for word, name in words.items() if name in node.nodes}
            # A lone tagged Struct would be taken without its tag.
            made = self._tagged(node, words) if len(words) > 1 else self._chosen(node)
            self._choices[node.number] = made
        return self._choices[node.number]

    def _tagged(self, node: UnionNode, words: Mapping[str, str]) -> Any:
        property_ = node.binding.property
        made: dict[type[Struct], str] = {}
        by_name: dict[str, list[type[Struct]]] = {}
        for one in node.nodes.values():
            self._tags[one.number] = (property_, made)
        for word, name in words.items():
            struct = self._build(node.nodes[name], property_, word)
            made[struct] = word
            by_name.setdefault(name, []).append(struct)
        for name, one in node.nodes.items():
            if name not in by_name:
                self._build(one)  # of no value, but it has attributes
            self._structs[one.number] = tuple(by_name.get(name, ()))
        return Union[tuple(made)]  # noqa: UP007 - of types made at run time

    def _chosen(self, node: UnionNode) -> Any:
        binding = node.binding
        structs = {name: self.struct(one) for name, one in node.nodes.items()}
        known: dict[tuple[str, ...], type[Struct]] = {}

        def type_of(value: dict[str, Any]) -> type[Struct]:
            name = binding.type_name(value)
            if name not in structs:
                raise TypeError("an object fits no member of the union")
            if not binding.property and len(known) < _MOST_KNOWN:
                known[tuple(value)] = structs[name]
            return structs[name]

        return type(f"Union{node.number}", (Choice,), {"known": known, "type_of": staticmethod(type_of)})

    def attribute(self, node: Node, name: str) -> str:
        """The attribute that holds a member, or a slot by its response name."""
        self.structs(node)
        return self._attributes[node.number][name]

    def discriminator(self, node: Node, member: str) -> Mapping[type[Struct], str] | None:
        """What *member* is, by the Struct's type, if the decoder has chosen the type by it; else ``None``."""
        property_, words = self._tags.get(node.number, ("", {}))
        return words if words and member == property_ else None

    def is_same(self, node: Node) -> bool:
        """Whether the decoded object itself can be encoded as the response's."""
        if len(node.readings) != 1 or node.is_entry or node.number in self._tags:
            return False
        seen: set[str] = set()
        for field in node.readings[0]:
            if isinstance(field.source, Member):
                if field.source.name != field.response_name or field.source.name in seen:
                    return False
                seen.add(field.source.name)
            elif field.response_name in node.members:
                return False
        return True

    def _order(self, node: Node) -> Iterable[str]:
        if not self.is_same(node):
            return node.members
        return dict.fromkeys([*(field.response_name for field in node.readings[0]), *node.members])
