"""Request bodies: one argument as bytes, by its media type."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from msgspec.structs import replace

from ...schemas.catalog import Body, HttpBinding, UploadedFile
from ...schemas.catalog.xml import XmlElement, XmlForm
from ...schemas.openapi.media import media_essence, media_kind
from ..numbers import encode_exactly
from .http_styles import FORM_DELIMITERS, deep_pairs, joined_text, text_of
from .http_xml import BadXml, encode_xml


class Unwritable(Exception):
    """An argument that cannot go on the wire; the message is one line for the caller."""


def encode_body(body: Body, value: Any) -> tuple[bytes, str]:
    """The bytes of a request body, and its Content-Type.

    Raises:
        Unwritable: *value* does not fit the media type.
    """
    match media_kind(body.media_type):
        case "json":
            return _json(body, value), body.media_type
        case "form":
            return _form(body, _members(body, value)), body.media_type
        case "multipart":
            return _multipart(body, _members(body, value))
        case "text":
            text = text_of(value)
            return _utf8(body, text), body.media_type
        case "stream":
            items = value if isinstance(value, list) else [value]
            # RFC 7464: each item of a sequence begins with a record separator.
            start = b"\x1e" if media_essence(body.media_type) == "application/json-seq" else b""
            return b"".join(start + _json(body, item) + b"\n" for item in items), body.media_type
        case "binary" if body.as_text:
            return _utf8(body, text_of(value)), body.media_type
        case "binary":
            return _bytes(body.argument, value), body.media_type
        case "xml":
            return _xml(body, value), body.media_type


def chosen_body(binding: HttpBinding, arguments: Mapping[str, Any]) -> tuple[Body, Any] | None:
    """The body that *arguments* give, in the media type that they choose, and its value; ``None`` for none.

    Raises:
        Unwritable: They give several, or none where one is needed.
    """
    first = binding.body
    if first is None:
        return None
    if not first.choice and not binding.other_bodies:
        value = arguments.get(first.argument)
        return None if value is None else (first, value)
    bodies = (first, *binding.other_bodies)
    given = [one for one in bodies if arguments.get(one.argument) is not None]
    if not given:
        if first.one_needed:
            names = " or ".join(repr(one.argument) for one in bodies)
            raise Unwritable(f"a body is needed: argument {names}")
        return None
    if len(given) > 1:
        raise Unwritable(
            f"arguments {given[0].argument!r} and {given[1].argument!r} are both the body; give one"
        )
    body = given[0]
    media_type = arguments.get(body.choice) if body.choice else None
    if isinstance(media_type, str):
        body = replace(body, media_type=media_type)
    return body, arguments[body.argument]


def _xml(body: Body, value: Any) -> bytes:
    if isinstance(value, str):
        return _utf8(body, value)  # nothing is described: the argument is the document
    form = body.xml or XmlForm(root=XmlElement(name="root"))
    try:
        return encode_xml(form, value)
    except BadXml as error:
        raise Unwritable(f"argument {body.argument!r} cannot be written as XML: {error}") from error
    except UnicodeEncodeError as error:
        raise Unwritable(f"argument {body.argument!r} holds half a character") from error


def _json(body: Body, value: Any) -> bytes:
    try:
        return encode_exactly(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unwritable(f"argument {body.argument!r} cannot be written as JSON") from error


def _utf8(body: Body, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Unwritable(f"argument {body.argument!r} holds half a character") from error


def _members(body: Body, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise Unwritable(f"argument {body.argument!r} must be an object: its members are the form's fields")
    return [(name, item) for name, item in value.items() if item is not None]


def _form(body: Body, members: list[tuple[str, Any]]) -> bytes:
    pairs: list[str] = []
    for name, value in members:
        style = body.member_styles.get(name)
        if style == "deepObject":
            pairs += deep_pairs(name, value)
            continue
        if style is not None and isinstance(value, list | tuple):
            # RFC 6570, section 3.2.8: what joins the items is not encoded, or it would be a part of one.
            items = (quote_plus(text_of(item)) for item in value if item is not None)
            pairs.append(f"{quote_plus(name)}={FORM_DELIMITERS.get(style, ',').join(items)}")
            continue
        for item in _items(value, joined=False, style=style):
            pairs.append(f"{quote_plus(name)}={quote_plus(text_of(item))}")
    return "&".join(pairs).encode()


def _items(value: Any, *, joined: bool, style: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        return [value]
    if joined:
        return [joined_text(style, value)]
    return [item for item in value if item is not None]


def _multipart(body: Body, members: list[tuple[str, Any]]) -> tuple[bytes, str]:
    parts: list[bytes] = []
    for name, value in members:
        style = body.member_styles.get(name)
        items = _items(value, joined=style not in {None, "deepObject"}, style=style)
        parts += [_part(body, name, item) for item in items]
    # The boundary must not stand in a part. Made of their hash, equal requests are equal bytes.
    boundary = "weft-" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:40]
    mark = boundary.encode()
    whole = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    kind = body.media_type.split(";", 1)[0].strip()
    return whole, f"{kind}; boundary={boundary}"


def _part(body: Body, name: str, value: Any) -> bytes:
    shown = _quoted(name)
    head = f'Content-Disposition: form-data; name="{shown}"'
    stated = body.member_types.get(name)
    content: bytes
    if isinstance(value, UploadedFile):
        filename = _quoted(value.filename or name)
        content = value
        head += f'; filename="{filename}"\r\nContent-Type: {stated or value.content_type}'
    elif name in body.binary_members or isinstance(value, bytes):
        content = _bytes(f"{body.argument}.{name}", value)
        head += f'; filename="{shown}"\r\nContent-Type: {stated or "application/octet-stream"}'
    elif isinstance(value, dict | list):
        content = _json(body, value)
        head += f"\r\nContent-Type: {stated or 'application/json'}"
    else:
        content = _utf8(body, text_of(value))
        if stated:
            head += f"\r\nContent-Type: {stated}"
    return head.encode() + b"\r\n\r\n" + content


def _quoted(name: str) -> str:
    """HTML, "Multipart form data": quotes and line breaks in names are percent-encoded."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _bytes(argument: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict | list):
        return encode_exactly(value)  # what is described is a value, whatever the media type is called
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Unwritable(f"argument {argument!r} must be base64") from error
