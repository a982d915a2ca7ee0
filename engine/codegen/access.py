"""Expressions for what decoded objects hold: their members, their types, and keys as functions take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..plan import Fetch
from ..plan.keys import KeyPart, as_text, converter_for
from .leaves import KeyKind
from .needs import Node
from .source import Source
from .types import Types

At: TypeAlias = str | tuple[str, str]
"""An expression for an object; for an entry, two names: for its key, and for its value."""


class Access:
    """Writes expressions over the objects of one plan."""

    def __init__(self, types: Types, source: Source) -> None:
        self._types = types
        self._source = source

    def member(self, node: Node, member: str, at: At) -> str:
        """The expression of a member of an object."""
        if isinstance(at, tuple):
            return at[0] if member == "key" else at[1]
        words = self._types.discriminator(node, member)
        if words is not None:
            return f"{self._source.hold(words, 'words')}[{at}.__class__]"
        return f"{at}.{self._types.attribute(node, member)}"

    def is_of(self, node: Node, class_: str) -> str:
        """The condition that the class in *class_* is one of an object's."""
        structs = self._types.structs(node)
        if len(structs) == 1:
            return f"{class_} is {self._source.hold(structs[0], 'Type')}"
        return f"{class_} in {self._source.hold(structs, 'Types')}"

    def key(self, fetch: Fetch, node: Node, members: list[str]) -> tuple[str, list[str]]:
        """The expression of a key of which no part is ``None``, and the conditions of it."""
        parts = [self._source.name("k") for _ in members]
        conditions = [
            f"if ({part} := {member}) is not None" for part, member in zip(parts, members, strict=True)
        ]
        converted = [self.converted(fetch, node, index, part) for index, part in enumerate(parts)]
        return converted[0] if len(parts) == 1 else f"({', '.join(converted)})", conditions

    def converts(self, fetch: Fetch, node: Node, index: int) -> bool:
        """Whether part *index* of a key of *fetch* may be of another class than its argument takes."""
        assert fetch.link is not None
        return self._types.key_kind(node, fetch.link.keys[index].member) != wanted_kind(fetch, index)

    def converted(self, fetch: Fetch, node: Node, index: int, name: str) -> str:
        """Part *index* of a key, in *name*, as its argument takes it."""
        if not self.converts(fetch, node, index):
            return name
        wanted = wanted_kind(fetch, index)
        convert = self._source.hold(
            key_converter(fetch, index), "as_text" if wanted == "str" else "as_number"
        )
        return f"({name} if {name}.__class__ is {wanted} else {convert}({name}))"


def wanted_kind(fetch: Fetch, index: int) -> KeyKind:
    """The class of part *index* of a key as its argument takes it."""
    return "str" if key_converter(fetch, index) is as_text else "int"


def key_converter(fetch: Fetch, index: int) -> Callable[[Any], KeyPart]:
    """What makes part *index* of a key one that its argument takes."""
    assert fetch.keyed is not None
    if fetch.batched:
        assert fetch.keyed.bulk is not None
        return converter_for(fetch.called.argument(fetch.keyed.bulk.argument))
    return converter_for(fetch.called.argument(fetch.keyed.keys[index].argument))
