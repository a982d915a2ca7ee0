"""Parameter styles: how a value is written into a path, a query, a header or a cookie.

Source: OpenAPI 3.1.1, "Style Values" and "Style Examples"; RFC 6570 for the percent-encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ...schemas.catalog import Parameter
from ...schemas.catalog.bindings import ParameterStyle
from ..numbers import encode_exactly

# RFC 3986 "unreserved", which `quote` keeps of itself: letters, digits and `-._~`.
UNRESERVED: Final = ""
# OpenAPI 3.1.1, "allowReserved": what has a meaning of its own in a query string is encoded all the same,
# or an argument could add parameters: `#`, `&`, `=`, `+`.
_RESERVED: Final = ":/?[]@!$'()*,;"

_DELIMITERS: Final[Mapping[ParameterStyle, str]] = {
    "spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09",
}  # fmt: skip


FORM_DELIMITERS: Final[Mapping[ParameterStyle, str]] = {
    "spaceDelimited": "+", "pipeDelimited": "%7C", "tabDelimited": "%09",
}  # fmt: skip
"""What joins the items of a list in a form; else it is a comma."""


def text_of(value: Any) -> str:
    """A scalar as text: booleans as ``true`` and ``false``, an object or a list as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "null"
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else encode_exactly(plain).decode()


def query_pairs(parameter: Parameter, value: Any) -> list[str]:
    """``name=value`` pairs, percent-encoded. An empty list or object gives none."""
    safe = _RESERVED if parameter.allow_reserved else UNRESERVED
    name = quote(parameter.name, safe=UNRESERVED)
    if parameter.content_type:
        return [f"{name}={quote(content_text(parameter.content_type, value), safe=safe)}"]
    if parameter.style == "deepObject" and isinstance(value, list | tuple | dict):
        return deep_pairs(parameter.name, value, safe=safe)
    if isinstance(value, dict):
        members = _members(value)
        if not members:
            return []
        if parameter.explode and parameter.style == "form":
            return [f"{_encoded(key, safe)}={_encoded(item, safe)}" for key, item in members]
        return [
            f"{name}={_delimiter(parameter.style).join(_encoded(x, safe) for pair in members for x in pair)}"
        ]
    if isinstance(value, list | tuple):
        items = [_encoded(item, safe) for item in value if item is not None]
        if parameter.explode:
            return [f"{name}={item}" for item in items]
        return [f"{name}={_delimiter(parameter.style).join(items)}"] if items else []
    return [f"{name}={_encoded(value, safe)}"]


def deep_pairs(name: str, value: Any, *, safe: str = UNRESERVED) -> list[str]:
    """``name[member]=value`` pairs, nested as deep as *value* is.

    Items of a list are ``name[]``, or ``name[0]`` where they have members themselves: OpenAPI leaves this
    open, and it is what PHP, Rails and qs read.
    """
    found: list[str] = []
    if isinstance(value, dict):
        for key, item in _members(value):
            found += deep_pairs(f"{name}[{key}]", item, safe=safe)
        return found
    if isinstance(value, list | tuple):
        for at, item in enumerate(value):
            nested = isinstance(item, dict | list | tuple)
            found += deep_pairs(f"{name}[{at}]" if nested else f"{name}[]", item, safe=safe)
        return found
    return [f"{quote(name, safe=UNRESERVED)}={_encoded(value, safe)}"]


def path_text(parameter: Parameter, value: Any) -> str:
    """What stands in the path for ``{name}``: percent-encoded, slashes too, so that it stays in its place."""
    if parameter.content_type:
        return quote(content_text(parameter.content_type, value), safe=UNRESERVED)
    match parameter.style:
        case "label":
            return "." + _joined(
                value, "." if parameter.explode else ",", explode=parameter.explode, encode=True
            )
        case "matrix":
            return _matrix(parameter, value)
        case _:
            return _joined(value, ",", explode=parameter.explode, encode=True)


def header_text(parameter: Parameter, value: Any) -> str:
    """A header's value, in style ``simple``; it is not percent-encoded."""
    if parameter.content_type:
        return content_text(parameter.content_type, value)
    return _joined(value, ",", explode=parameter.explode, encode=False)


def cookie_pairs(parameter: Parameter, value: Any) -> list[str]:
    """``name=value`` pairs for the Cookie header."""
    return query_pairs(parameter, value)


def content_text(content_type: str, value: Any) -> str:
    """A parameter that is described by ``content``: JSON, or its text."""
    if isinstance(value, str) and "json" not in content_type.lower():
        return value
    return encode_exactly(value).decode()


def joined_text(style: ParameterStyle, value: list[Any] | tuple[Any, ...]) -> str:
    """The items of a list in one text, not encoded, as forms of Swagger 2.0 have them."""
    delimiter = {"spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}.get(style, ",")
    return delimiter.join(text_of(item) for item in value if item is not None)


def _matrix(parameter: Parameter, value: Any) -> str:
    name = quote(parameter.name, safe=UNRESERVED)
    if isinstance(value, dict) and parameter.explode:
        return "".join(f";{_encoded(key)}={_encoded(item)}" for key, item in _members(value))
    if isinstance(value, list | tuple) and parameter.explode:
        return "".join(f";{name}={_encoded(item)}" for item in value if item is not None)
    text = _joined(value, ",", explode=False, encode=True)
    return f";{name}={text}" if text else f";{name}"


def _joined(value: Any, delimiter: str, *, explode: bool, encode: bool) -> str:
    write = _encoded if encode else text_of
    if isinstance(value, dict):
        if explode:
            return delimiter.join(f"{write(key)}={write(item)}" for key, item in _members(value))
        return delimiter.join(write(x) for pair in _members(value) for x in pair)
    if isinstance(value, list | tuple):
        return delimiter.join(write(item) for item in value if item is not None)
    return write(value)


def _members(value: dict[Any, Any]) -> list[tuple[str, Any]]:
    return [(text_of(key), item) for key, item in value.items() if item is not None]


def _encoded(value: Any, safe: str = UNRESERVED) -> str:
    return quote(text_of(value), safe=safe)


def _delimiter(style: ParameterStyle) -> str:
    return _DELIMITERS.get(style, ",")
