"""XML: which elements and attributes the members of a value are.

Part of a binding and no part of shapes: XML is how a value goes on the wire, and not what it is.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

XmlKind: TypeAlias = Literal["object", "list", "string", "integer", "number", "boolean", "any"]


class XmlElement(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One value in XML.

    Attributes:
        name: Of the element or attribute; of a wrapped list that of its wrapper.
        kind: ``any`` where nothing is said: elements by their members' names.
        namespace: URI of its namespace.
        prefix: Wanted for the namespace.
        attribute: It is an attribute of the element around it.
        wrapped: Of a list: an element stands around the items.
        members: Of an object, by the members' names in JSON.
        item: Of a list.
        ref: Name of the definition that has *kind*, *members* and *item*; ``""`` if they are here.
    """

    name: str
    kind: XmlKind = "any"
    namespace: str = ""
    prefix: str = ""
    attribute: bool = False
    wrapped: bool = False
    members: dict[str, XmlElement] = {}
    item: XmlElement | None = None
    ref: str = ""


class XmlForm(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A whole document in XML.

    Attributes:
        root: Its root.
        definitions: What ``ref`` leads to; they may be recursive.
    """

    root: XmlElement
    definitions: dict[str, XmlElement] = {}
