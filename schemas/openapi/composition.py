"""Composition: a schema, its references and its ``allOf`` as one list of plain schema objects.

Nothing is copied: a `View` looks keywords up in the leaves, so a property keeps the pointer of the place
where its author wrote it, and is typed once however many shapes inherit it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..catalog import Json
from .references import Node, References, Warnings, list_of, pointer_token


class View(Mapping[str, "Json"]):
    """Several schema objects that hold at once, looked at as one.

    As a mapping it gives the first leaf's value of a keyword; leaves are in order of precedence: the schema
    itself, then the members of its ``allOf``.
    """

    __slots__ = ("leaves",)

    def __init__(self, leaves: Sequence[Node]) -> None:
        self.leaves = leaves

    def __getitem__(self, keyword: str) -> Json:
        for leaf in self.leaves:
            if keyword in leaf.value:
                return leaf.value[keyword]
        raise KeyError(keyword)

    def __iter__(self) -> Iterator[str]:
        return iter({keyword: None for leaf in self.leaves for keyword in leaf.value})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def nullable(self) -> bool:
        """Whether any leaf lets null through (``nullable``, ``x-nullable``, ``null`` among its types or values)."""
        if len(self.leaves) == 1:
            return allows_null(self.leaves[0].value)
        return any(allows_null(leaf.value) for leaf in self.leaves)

    @property
    def required(self) -> set[str]:
        """Names of the members that must be there."""
        return {
            name
            for leaf in self.leaves
            for name in list_of(leaf.value.get("required"))
            if isinstance(name, str)
        }

    @property
    def properties(self) -> dict[str, list[Node]]:
        """Every property with the schemas that describe it, best first; inherited properties come first."""
        own, *inherited = self.leaves
        found: dict[str, list[Node]] = {name: [] for leaf in (*inherited, own) for name in _properties(leaf)}
        for leaf in self.leaves:
            base = f"{leaf.pointer}/properties/"
            for name, schema in _properties(leaf).items():
                value = schema if isinstance(schema, dict) else {}
                found[name].append(Node(value, base + pointer_token(name)))
        return found

    @property
    def types(self) -> list[str]:
        """The types that every leaf with a ``type`` allows, in lower case, without ``null``."""
        allowed: list[str] | None = None
        for leaf in self.leaves:
            here = stated_types(leaf.value)
            if here:
                # Of two that contradict each other the first counts; `ShapeReader` notes it.
                allowed = here if allowed is None else common_types(allowed, here) or allowed
        return allowed or []


def stated_types(schema: Mapping[str, Json]) -> list[str]:
    """What ``type`` lists, in lower case, without ``null``."""
    stated = schema.get("type")
    if isinstance(stated, str):
        name = stated.lower()
        return [name] if name != "null" else []
    return [n.lower() for n in list_of(stated) if isinstance(n, str) and n.lower() != "null"]


def common_types(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """The types that both allow: every integer is a number."""
    found = [name for name in one if name in other or (name == "integer" and "number" in other)]
    if "integer" in other and "number" in one and "integer" not in found:
        found.append("integer")
    return found


def leaves_of(nodes: Sequence[Node], references: References, warnings: Warnings) -> list[Node]:
    """*nodes* and everything that their ``$ref`` and ``allOf`` bring in, each place once.

    A loop of ``allOf`` is a warning and adds nothing.
    """
    leaves: list[Node] = []
    seen: set[str] = set()
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if node.pointer in seen:
            continue
        seen.add(node.pointer)
        if isinstance(node.value.get("$ref"), str):
            target = references.step(node.value, node.pointer)
            if len(node.value) > 1:
                leaves.append(Node({k: v for k, v in node.value.items() if k != "$ref"}, node.pointer))
            if target is not None:
                waiting.append(target)
            continue
        leaves.append(node)
        parts = node.value.get("allOf")
        if isinstance(parts, list):
            for index in range(len(parts) - 1, -1, -1):
                pointer = f"{node.pointer}/allOf/{index}"
                part = parts[index]
                if isinstance(part, dict):
                    waiting.append(Node(part, pointer))
                elif part is not True:
                    warnings.add("bad-schema", pointer, "a schema is expected here")
    return leaves


def allows_null(schema: Mapping[str, Json]) -> bool:
    """Whether *schema*, its references left aside, says that null is allowed."""
    if schema.get("nullable") is True or schema.get("x-nullable") is True:
        return True
    types = schema.get("type")
    if types == "null" or (isinstance(types, list) and "null" in types):
        return True
    values = schema.get("enum")
    return isinstance(values, list) and None in values


def only_null(schema: Mapping[str, Json]) -> bool:
    """Whether null is all that *schema* allows."""
    if schema.get("type") in ("null", ["null"]):
        return True
    return schema.get("enum") == [None] or ("const" in schema and schema["const"] is None)


def _properties(leaf: Node) -> dict[str, Json]:
    stated = leaf.value.get("properties")
    return stated if isinstance(stated, dict) else {}
