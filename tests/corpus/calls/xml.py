"""XML by the ``xml`` objects of schemas: the check's own reading and writing, apart from Weft's.

Source: OpenAPI 3.0.3, "XML Object".
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

from .examples import Examples


def encode_xml(value: Any, schema: Any, examples: Examples) -> bytes:
    """*value* as an XML document; the root is called as its schema says, or ``root``."""
    name = _name_of(schema, examples) or _component(schema) or "root"
    written: list[ElementTree.Element] = []
    _write(name, value, schema, written, examples, root=True)
    return bytes(ElementTree.tostring(written[0], encoding="utf-8", xml_declaration=True))


def _component(schema: Any) -> str:
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    return reference.rsplit("/", 1)[-1] if isinstance(reference, str) else ""


def _xml(schema: Any, examples: Examples) -> Mapping[str, Any]:
    found = examples._merged(schema).get("xml") if isinstance(schema, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _name_of(schema: Any, examples: Examples) -> str:
    return str(_xml(schema, examples).get("name") or "").rpartition(":")[2]


def _is_attribute(schema: Any, value: Any, examples: Examples) -> bool:
    return bool(_xml(schema, examples).get("attribute")) and not isinstance(value, dict | list)


def _qualified(name: str, schema: Any, examples: Examples) -> str:
    about = _xml(schema, examples)
    namespace = about.get("namespace")
    if not namespace and str(about.get("name") or "").startswith("xsi:"):
        namespace = "http://www.w3.org/2001/XMLSchema-instance"
    return f"{{{namespace}}}{name}" if namespace else name


def _write(
    name: str,
    value: Any,
    schema: Any,
    out: list[ElementTree.Element],
    examples: Examples,
    *,
    root: bool = False,
) -> None:
    stated = examples._merged(schema)
    if isinstance(value, list):
        items = stated.get("items") or {}
        item_name = _name_of(items, examples) or name
        inner: list[ElementTree.Element] = []
        for item in value:
            _write(item_name, item, items, inner, examples)
        if _xml(schema, examples).get("wrapped") or root:
            element = ElementTree.Element(_qualified(name, schema, examples))
            element.extend(inner)
            out.append(element)
        else:
            out.extend(inner)
        return
    element = ElementTree.Element(_qualified(name, schema, examples))
    out.append(element)
    if isinstance(value, dict):
        properties = stated.get("properties") or {}
        for member, item in value.items():
            if item is None:
                continue
            described = properties.get(member) or {}
            own = _name_of(described, examples)
            if isinstance(item, list) and not _xml(described, examples).get("wrapped"):
                own = ""
            if _is_attribute(described, item, examples):
                element.set(_qualified(own or member, described, examples), _text(item))
            else:
                children: list[ElementTree.Element] = []
                _write(own or member, item, described, children, examples)
                element.extend(children)
    elif value is not None:
        element.text = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def decode_xml(body: bytes, schema: Any, examples: Examples) -> Any:
    """The value of an XML document.

    Raises:
        ValueError: It is no XML.
    """
    try:
        root = ElementTree.fromstring(body)  # made by Weft, on this machine
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from error
    wanted = _name_of(schema, examples) or _component(schema)
    if wanted and _local(root.tag) != wanted:
        raise ValueError(f"the root is {_local(root.tag)!r}, and not {wanted!r}")
    return _read([root], schema, examples, root=True)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _read(elements: list[ElementTree.Element], schema: Any, examples: Examples, *, root: bool = False) -> Any:
    stated = examples._merged(schema)
    kind = stated.get("type") or examples._implied(stated)
    if kind == "array":
        items = stated.get("items") or {}
        if _xml(schema, examples).get("wrapped") or root:
            elements = [child for element in elements for child in element]
        return [_read([element], items, examples) for element in elements]
    element = elements[0]
    if kind == "object":
        found: dict[str, Any] = {}
        for member, described in (stated.get("properties") or {}).items():
            about = _xml(described, examples)
            inner = examples._merged(described)
            name = _name_of(described, examples) or member
            if inner.get("type") == "array" and not about.get("wrapped"):
                name = _name_of(inner.get("items") or {}, examples) or member
            namespace = _qualified("", described, examples).strip("{}")
            if about.get("attribute") and inner.get("type") != "object":
                key = f"{{{namespace}}}{name}" if namespace else name
                if key in element.attrib:
                    found[member] = _typed(element.attrib[key], inner)
                continue
            children = [child for child in element if _local(child.tag) == name]
            if children:
                found[member] = _read(children, described, examples)
        extra = stated.get("additionalProperties")
        if not found and extra:
            for child in element:
                found[_local(child.tag)] = _read(
                    [child], extra if isinstance(extra, Mapping) else {}, examples
                )
        return found
    return _typed(element.text or "", stated)


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case "boolean":
            return text == "true"
        case _:
            return text
