"""``xml`` objects of schemas as elements and attributes.

Source: OpenAPI 3.1, "XML Object".
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from ..catalog import Json
from ..catalog.xml import XmlElement, XmlForm, XmlKind
from .composition import View, leaves_of
from .references import Node, References, Warnings, component_name, list_of, object_of, text_of

_KINDS: Final[dict[str, XmlKind]] = {
    "object": "object", "array": "list", "string": "string", "integer": "integer", "number": "number",
    "boolean": "boolean", "int": "integer", "long": "integer", "float": "number", "double": "number",
}  # fmt: skip
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_ROOT: Final = "root"
"""Name of a root that the document does not name."""


class XmlReader:
    """Reads the forms of one document."""

    def __init__(self, references: References, warnings: Warnings) -> None:
        self._references = references
        self._warnings = warnings

    def form(self, schema: Json, pointer: str) -> XmlForm:
        """How a value of *schema* is written as a document of its own.

        Args:
            schema: What stands at *pointer*.
            pointer: JSON pointer to the schema.
        """
        definitions: dict[str, XmlElement] = {}
        node = Node(object_of(schema), pointer)
        target = self._references.follow(node.value, pointer) if "$ref" in node.value else node
        name = component_name(target.pointer) if target else ""
        root = self._element(node, name or _ROOT, definitions)
        return XmlForm(root=root, definitions=definitions)

    def _element(self, node: Node, name: str, definitions: dict[str, XmlElement]) -> XmlElement:
        """The element of a value that *node* describes; *name* is what it is called by default."""
        view = View(self._leaves(node))
        about = object_of(view.get("xml"))
        own = text_of(about, "name")
        kind = self._kind(view)
        if kind == "list":
            wrapped = about.get("wrapped") is True
            shown = (own or name) if wrapped else name
            return self._placed(self._list(view, shown, wrapped, definitions), about)
        element = XmlElement(name=own or name, kind=kind)
        if kind == "object":
            target = self._references.follow(node.value, node.pointer) if "$ref" in node.value else node
            key = target.pointer if target else node.pointer
            if key not in definitions:
                definitions[key] = element  # stands here while it is read: it may hold itself
                definitions[key] = replace(element, members=self._members(view, definitions))
            element = replace(element, ref=key)
        return self._placed(element, about)

    def _list(self, view: View, name: str, wrapped: bool, definitions: dict[str, XmlElement]) -> XmlElement:
        item = XmlElement(name=name)
        for leaf in view.leaves:
            items = leaf.value.get("items")
            if isinstance(items, dict):
                item = self._element(Node(items, f"{leaf.pointer}/items"), name, definitions)
                break
        return XmlElement(name=name, kind="list", wrapped=wrapped, item=item)

    def _members(self, view: View, definitions: dict[str, XmlElement]) -> dict[str, XmlElement]:
        found: dict[str, XmlElement] = {}
        for member, nodes in view.properties.items():
            found[member] = self._element(nodes[0], member, definitions)
        for leaf in view.leaves:
            for keyword in ("oneOf", "anyOf"):
                for at, variant in enumerate(list_of(leaf.value.get(keyword))):
                    node = Node(object_of(variant), f"{leaf.pointer}/{keyword}/{at}")
                    for member, nodes in View(self._leaves(node)).properties.items():
                        if member not in found:
                            found[member] = self._element(nodes[0], member, definitions)
        return found

    def _leaves(self, node: Node) -> list[Node]:
        # A reference's own siblings come first: a property may have another name than its component.
        return leaves_of([node], self._references, self._warnings) or [Node({}, node.pointer)]

    @staticmethod
    def _kind(view: View) -> XmlKind:
        for stated in view.types:
            if stated in _KINDS:
                return _KINDS[stated]
        if view.properties or any(k in view for k in ("oneOf", "anyOf", "additionalProperties")):
            return "object" if view.properties or "additionalProperties" not in view else "any"
        return "list" if "items" in view else "any"

    @staticmethod
    def _placed(element: XmlElement, about: dict[str, Json]) -> XmlElement:
        namespace, prefix = text_of(about, "namespace"), text_of(about, "prefix")
        name = element.name
        if ":" in name:
            # `xsi:type`: some authors write the prefix into the name.
            before, _, name = name.partition(":")
            prefix = prefix or before
        if prefix == "xsi" and not namespace:
            namespace = _XSI
        return replace(
            element,
            name=name,
            namespace=namespace,
            prefix=prefix,
            # Only what is one text can be an attribute.
            attribute=about.get("attribute") is True and element.kind not in {"object", "list"},
        )
