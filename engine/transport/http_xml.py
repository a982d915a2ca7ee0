"""XML documents from values and into values, by the elements of a binding.

Source: OpenAPI 3.1, "XML Object"; XML 1.0; Namespaces in XML 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from ...schemas.catalog import Json
from ...schemas.catalog.xml import XmlElement, XmlForm
from .http_styles import text_of

MAX_DEPTH: Final = 200
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NAME: Final = re.compile(r"[^\W\d][\w.\-]*")
# XML 1.0, "Characters": nothing can stand for these, not even a reference.
_NO_CHARACTER: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EMPTY: Final[Sequence[Any]] = ()


class BadXml(Exception):
    """A value that is no XML, or XML that is none; the message is one line without the value itself."""


def encode_xml(form: XmlForm, value: Any) -> bytes:
    """*value* as an XML document in UTF-8. Members that are null are left out.

    Raises:
        BadXml: A name or a character that XML does not have, or a list where one value must be.
    """
    parts: list[str] = [_DECLARATION]
    root = form.root
    if root.kind == "list" and not root.wrapped:
        # A document has one root, so the items of a list that is a whole document need one around them.
        root = msgspec.structs.replace(root, wrapped=True)
    _write(root, value, form.definitions, parts, 0)
    return "".join(parts).encode()


def decode_xml(form: XmlForm, body: bytes) -> Json:
    """The value of an XML document, with numbers and booleans where the form has them.

    Names of the root are not compared: many servers call it by another name than their description. A
    document type declaration is refused, and with it every entity of its own.

    Raises:
        BadXml: It is no XML, or is nested too deep.
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadXml("the answer holds a document type declaration, which is not read") from error
    except (ParseError, ValueError, LookupError) as error:
        raise BadXml("the answer is no valid XML") from error
    element = form.root
    if element.kind == "list":
        items = list(root)
        return [_read(element.item or element, one, form.definitions, 0) for one in items]
    return _read(element, root, form.definitions, 0)


def _write(
    element: XmlElement,
    value: Any,
    definitions: Mapping[str, XmlElement],
    out: list[str],
    depth: int,
) -> None:
    if depth > MAX_DEPTH:
        raise BadXml("it is nested too deep")
    if isinstance(value, list | tuple):
        item = element.item or XmlElement(name=element.name)
        name, declared = _tag(element)
        if element.wrapped:
            out.append(f"<{name}{declared}>")
        for one in value:
            if one is not None:
                _write(item, one, definitions, out, depth + 1)
        if element.wrapped:
            out.append(f"</{name}>")
        return
    name, declared = _tag(element)
    if not isinstance(value, dict):
        out.append(f"<{name}{declared}>{escape(_text(value))}</{name}>")
        return
    described = definitions.get(element.ref, element).members
    attributes: list[str] = []
    inner: list[str] = []
    for member, one in value.items():
        if one is None:
            continue
        known = described.get(member) or XmlElement(name=str(member))
        if known.attribute and not isinstance(one, dict | list):
            own, spaces = _tag(known)
            attributes.append(f"{spaces} {own}={quoteattr(_text(one))}")
        else:
            _write(known, one, definitions, inner, depth + 1)
    out.append(f"<{name}{declared}{''.join(attributes)}>")
    out += inner
    out.append(f"</{name}>")


def _tag(element: XmlElement) -> tuple[str, str]:
    """The qualified name of *element*, and the declaration of its namespace."""
    if not _NAME.fullmatch(element.name):
        raise BadXml(f"{element.name[:40]!r} is no name in XML")
    if not element.namespace:
        return element.name, ""
    prefix = element.prefix
    if element.attribute and not prefix:
        prefix = "ns"  # an attribute without a prefix has no namespace
    if prefix and not _NAME.fullmatch(prefix):
        raise BadXml(f"{prefix[:40]!r} is no prefix in XML")
    declared = f" xmlns{':' if prefix else ''}{prefix}={quoteattr(element.namespace)}"
    return (f"{prefix}:{element.name}" if prefix else element.name), declared


def _text(value: Any) -> str:
    text = text_of(value)
    if _NO_CHARACTER.search(text):
        raise BadXml("it holds a character that XML does not have")
    return text


def _read(element: XmlElement, node: Any, definitions: Mapping[str, XmlElement], depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise BadXml("the answer is nested too deep")
    if node.get(_NIL) in {"true", "1"}:
        return None
    described = definitions.get(element.ref, element)
    match described.kind:
        case "object":
            return _read_object(described, node, definitions, depth)
        case "any":
            return _read_any(node, depth)
        case _:
            return _typed(described, node.text or "")


def _read_object(
    described: XmlElement, node: Any, definitions: Mapping[str, XmlElement], depth: int
) -> dict[str, Json]:
    children: dict[str, list[Any]] = {}
    for child in node:
        children.setdefault(_local(child.tag), []).append(child)
    attributes = {_local(name): value for name, value in node.items()}
    found: dict[str, Json] = {}
    for member, known in described.members.items():
        if known.attribute:
            if known.name in attributes:
                found[member] = _typed(definitions.get(known.ref, known), attributes[known.name])
        elif known.kind == "list":
            item = known.item or XmlElement(name=known.name)
            # Without a wrapper no items and an empty list are the same.
            stated = children.get(known.name if known.wrapped else item.name, _EMPTY)
            if known.wrapped:
                if stated:
                    found[member] = [_read(item, one, definitions, depth + 1) for one in stated[0]]
            else:
                found[member] = [_read(item, one, definitions, depth + 1) for one in stated]
        elif known.name in children:
            found[member] = _read(known, children[known.name][0], definitions, depth + 1)
    return found


def _read_any(node: Any, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise BadXml("the answer is nested too deep")
    found: dict[str, Json] = {_local(name): value for name, value in node.items()}
    for child in node:
        name, value = _local(child.tag), _read_any(child, depth + 1)
        before = found.get(name)
        if name not in found:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found or (node.text or "")


def _typed(element: XmlElement, text: str) -> Json:
    """*text* as what it should be, or as it is: whoever checks types says what is wrong with it."""
    stripped = text.strip()
    try:
        match element.kind:
            case "integer":
                return int(stripped)
            case "number":
                number = float(stripped)
                return number if number == number and abs(number) != float("inf") else text
            case "boolean":
                return {"true": True, "1": True, "false": False, "0": False}.get(stripped, text)
            case _:
                return text
    except ValueError:
        return text


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
