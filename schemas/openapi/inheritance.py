"""Inheritance: a base with a ``discriminator`` stands for itself and for every schema that extends it.

``Pet`` says that ``petType`` tells its subtypes apart, ``Cat`` is ``allOf`` of Pet and more. A value described
as Pet may be a Cat then, so the type of Pet is a union of both.

Source: OpenAPI 3.1, "Models with Polymorphism Support"; Swagger 2.0, "Composition and Inheritance".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..catalog import Discriminator, Json, ObjectShape, Reference, ShapeName, UnionShape
from ..names import unique
from .composition import View, leaves_of
from .references import Node, component_name, list_of, object_of, pointer_token, text_of

if TYPE_CHECKING:
    from .shapes import ShapeReader

MAX_SUBTYPES: Final = 64
"""A base of more is read as an object with the base's own members: a root of all types tells nothing."""


class Inheritance:
    """Finds what extends a schema component, for a `ShapeReader`.

    Args:
        reader: Reads the types.
        root: The document.
    """

    def __init__(self, reader: ShapeReader, root: dict[str, Json]) -> None:
        self._reader = reader
        self._root = root

    @cached_property
    def _subtypes(self) -> dict[str, list[Node]]:
        """The direct subtypes of each component, by its place."""
        found: dict[str, list[Node]] = {}
        for prefix, schemas in (
            ("/components/schemas/", object_of(object_of(self._root.get("components")).get("schemas"))),
            ("/definitions/", object_of(self._root.get("definitions"))),
        ):
            for name, schema in schemas.items():
                place = prefix + pointer_token(name)
                for part in list_of(object_of(schema).get("allOf")):
                    reference = object_of(part).get("$ref")
                    if isinstance(schema, dict) and isinstance(reference, str):
                        target = self._reader.references.target(reference, place)
                        if isinstance(target, Node):
                            found.setdefault(target.pointer, []).append(Node(schema, place))
        return found

    def is_base(self, node: Node) -> bool:
        """Whether the schema at *node* stands for its subtypes too."""
        schema = node.value
        if "discriminator" not in schema or "oneOf" in schema or "anyOf" in schema:
            return False
        return component_name(node.pointer) != "" and node.pointer in self._subtypes

    def type_of(self, node: Node, name: str) -> Reference | None:
        """The union of a base and its subtypes; ``None`` if they are not all objects, or too many."""
        reader = self._reader
        subtypes = list(self._below(node.pointer))
        stated = node.value["discriminator"]
        property_ = stated if isinstance(stated, str) else text_of(object_of(stated), "propertyName")
        if not property_ or len(subtypes) > MAX_SUBTYPES:
            return None
        shapes: dict[str, ShapeName] = {}
        for subtype in subtypes:
            type_ = reader.type_of_nodes([subtype], component_name(subtype.pointer))
            shape = reader.shapes.get(type_.shape) if isinstance(type_, Reference) else None
            if not isinstance(type_, Reference) or not isinstance(shape, ObjectShape):
                return None
            shapes[subtype.pointer] = type_.shape
        view = View(leaves_of([node], reader.references, reader.warnings))
        own = reader.object_view(view, f"{node.pointer}/&own", unique(f"{name}Base", reader.shapes)).shape
        mapping: dict[str, ShapeName] = {}
        for value, target in object_of(object_of(stated).get("mapping")).items():
            token = pointer_token(str(target))
            for reference in (str(target), f"#/components/schemas/{token}", f"#/definitions/{token}"):
                found = reader.references.target(reference, node.pointer)
                if isinstance(found, Node) and found.pointer in shapes:
                    mapping.setdefault(value, shapes[found.pointer])
        named = set(mapping.values())
        for subtype in subtypes:
            if shapes[subtype.pointer] not in named:
                value = text_of(subtype.value, "x-ms-discriminator-value") or component_name(subtype.pointer)
                mapping.setdefault(value, shapes[subtype.pointer])
        union = reader.name_for(node.pointer, name)
        reader.shapes[union] = UnionShape(
            name=union,
            members=tuple(dict.fromkeys([*shapes.values(), own])),
            discriminator=Discriminator(property=property_, mapping=mapping, default=own),
            description=text_of(view, "description"),
        )
        return Reference(shape=union, nullable=view.nullable)

    def _below(self, place: str) -> Iterator[Node]:
        """The subtypes of *place*, and theirs; those that stand for subtypes of their own only by these."""
        seen = {place}
        waiting = [place]
        while waiting:
            for subtype in self._subtypes.get(waiting.pop(), ()):
                if subtype.pointer not in seen:
                    seen.add(subtype.pointer)
                    waiting.append(subtype.pointer)
                    if not self.is_base(subtype):
                        yield subtype
