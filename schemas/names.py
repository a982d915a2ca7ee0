"""Names: words of one notation turned into names of another.

Source: GraphQL specification (September 2025), "Names": ``/[_A-Za-z][_0-9A-Za-z]*/``; names that begin
with two underscores are reserved for introspection.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NewType

TypeName = NewType("TypeName", str)
"""Name of a GraphQL type."""

FieldName = NewType("FieldName", str)
"""Name of a GraphQL field, argument or input field."""

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+[0-9]*|[0-9]+")
# `id`, `name`, `created_at` stand in most objects of a catalog: a third of the time that a schema took to
# build went into splitting them again.
_KEPT: Final = 8192
_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")

_SINGULAR_EXCEPTIONS: Final = {
    "series": "series",
    "species": "species",
    "news": "news",
    "status": "status",
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "data": "data",
    "media": "media",
    "analyses": "analysis",
    "indices": "index",
    "statuses": "status",
    "addresses": "address",
    "aliases": "alias",
    "stock": "stock",
    "buses": "bus",
    "caches": "cache",
    "cookies": "cookie",
    "movies": "movie",
    "quizzes": "quiz",
}
_PLURAL_EXCEPTIONS: Final = {
    plural: singular for singular, plural in _SINGULAR_EXCEPTIONS.items() if singular != plural
}


def words(text: str) -> list[str]:
    """The words of a name, lower case: ``getHTTPUser_by-id`` gives ``get http user by id``.

    Letters with marks lose them; other characters outside ASCII separate words.
    """
    return list(_words(text))


@lru_cache(maxsize=_KEPT)
def _words(text: str) -> tuple[str, ...]:
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(word.lower() for word in _WORD.findall(text))


def is_name(text: str) -> bool:
    """Whether *text* may stand as a GraphQL name of ours."""
    return _NAME.fullmatch(text) is not None and not text.startswith("__")


@lru_cache(maxsize=_KEPT)
def camel_case(text: str) -> str:
    """``order_id`` and ``OrderId`` give ``orderId``. ``""`` if *text* has no word in it."""
    found = _words(text)
    if not found:
        return ""
    name = found[0] + "".join(word[:1].upper() + word[1:] for word in found[1:])
    return name if not name[0].isdigit() else f"_{name}"


@lru_cache(maxsize=_KEPT)
def field_name(text: str) -> FieldName:
    """*text* as a GraphQL field name in camel case; a leading underscore of its own is kept.

    A text without one letter or digit gives ``_`` and its code points, so that it stays unique.
    """
    name = camel_case(text)
    if not name:
        return FieldName(text if is_name(text) else "_" + "_".join(f"{ord(c):x}" for c in text))
    if text.startswith("_") and not name.startswith("_"):
        name = f"_{name}"
    return FieldName(name)


@lru_cache(maxsize=_KEPT)
def type_name(text: str) -> TypeName:
    """*text* as a GraphQL type name in Pascal case; capitals of its own are kept (``HTTPError``)."""
    if is_name(text) and "_" not in text and text[0].isupper():
        return TypeName(text)
    parts = re.findall(
        r"[0-9A-Za-z]+", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    )
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    if not name:
        return TypeName("Type" + "".join(f"{ord(c):x}" for c in text))
    return TypeName(name if not name[0].isdigit() else f"_{name}")


@lru_cache(maxsize=16384)
def enum_value_name(text: str) -> str:
    """*text* as the name of an enum value: kept where it is legal, else in upper snake case.

    Source: GraphQL specification, "Enum Value": any Name but ``true``, ``false`` and ``null``.
    """
    if is_name(text) and text not in {"true", "false", "null"}:
        return text
    found = words(text)
    sign = "MINUS_" if re.match(r"-\d", text) else ""
    name = sign + "_".join(word.upper() for word in found)
    if not name:
        return "EMPTY" if text == "" else "VALUE_" + "_".join(f"{ord(c):X}" for c in text)
    return name if not name[0].isdigit() else f"_{name}"


def singular(word: str) -> str:
    """The singular of an English noun, by rule: ``orders`` gives ``order``, ``categories`` ``category``."""
    lower = word.lower()
    if lower in _SINGULAR_EXCEPTIONS:
        return _SINGULAR_EXCEPTIONS[lower]
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return lower[:-2]
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")) and len(lower) > 2:
        return lower[:-1]
    return lower


def plural(word: str) -> str:
    """The plural of an English noun, by rule: ``order`` gives ``orders``, ``category`` ``categories``."""
    lower = word.lower()
    if lower in _PLURAL_EXCEPTIONS:
        return _PLURAL_EXCEPTIONS[lower]
    if _SINGULAR_EXCEPTIONS.get(lower) == lower:
        return lower
    if lower.endswith(("s", "x", "z", "sh", "ch")):
        return lower + "es"
    if lower.endswith("y") and lower[-2:-1] not in set("aeiou"):
        return lower[:-1] + "ies"
    return lower + "s"


def unique(name: str, taken: Iterable[str]) -> str:
    """*name*, or the first of *name2*, *name3*, … that is not in *taken*."""
    used = taken if isinstance(taken, set | frozenset | dict) else set(taken)
    if name not in used:
        return name
    number = 2
    while f"{name}{number}" in used:
        number += 1
    return f"{name}{number}"


def upstream_name(text: str) -> str:
    """*text* (a title, a host, a service's name) as an upstream id: ``[a-z][a-z0-9_]*``.

    Words that every title has (API, service, server) are dropped where others are left.
    """
    found = words(text)
    kept = [
        word
        for word in found
        if word not in {"api", "apis", "service", "services", "server", "the", "rest", "grpc"}
    ]
    name = "_".join(kept or found) or "upstream"
    return name if name[0].isalpha() else f"u_{name}"
