"""Names: of an upstream, of its functions, and of what they answer, from the names of Lambda functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..catalog import Json
from ..catalog.effects import READ_VERBS
from ..names import singular, words
from .descriptions import LambdaDescription

_OTHER_VERBS: Final = frozenset(
    {
        "add", "apply", "approve", "assign", "book", "calculate", "cancel", "change", "close", "compute",
        "convert", "copy", "create", "delete", "disable", "edit", "enable", "generate", "handle", "import",
        "insert", "make", "modify", "move", "notify", "on", "open", "patch", "place", "post", "process",
        "publish", "put", "quote", "refresh", "register", "reject", "remove", "render", "replace", "reset",
        "run", "save", "send", "set", "start", "stop", "store", "submit", "sync", "transform", "update",
        "upload", "upsert", "write",
    }
)  # fmt: skip
"""Verbs that begin a function's name and so are no domain that all of its functions share."""

_BULK_WORDS: Final = frozenset({"batch", "bulk", "multi"})
_LISTS: Final = frozenset({"items", "results", "data", "entries", "values", "records"})


def shared_prefix(descriptions: Sequence[LambdaDescription]) -> str:
    """The word that all names begin with, unless it says what the functions do."""
    names = [words(one.function_name) for one in descriptions]
    first = {name[0] if name else "" for name in names}
    if len(first) != 1 or any(len(name) < 2 for name in names):
        return ""
    (word,) = first
    if word in READ_VERBS or word in _OTHER_VERBS or word in _BULK_WORDS or not word.isalpha():
        return ""
    if len(names) == 1 and names[0][1] not in READ_VERBS | _OTHER_VERBS:
        return ""  # of one name alone only a verb tells that what is before it is a domain
    return word


def function_name(description: LambdaDescription, prefix: str) -> str:
    """The name of a function without the *prefix* that all share."""
    found = words(description.function_name)[1 if prefix else 0 :]
    if description.beside:
        found += words(description.qualifier)
    name = "_".join(found) or "function"
    return name if not name[0].isdigit() else f"_{name}"


def noun_of(name: str) -> list[str]:
    """What a function is about: ``get_prices`` about a price."""
    found = words(name)
    while len(found) > 1 and (found[0] in READ_VERBS or found[0] in _BULK_WORDS or found[0] in _OTHER_VERBS):
        found = found[1:]
    for index, word in enumerate(found):
        if word in {"by", "for", "of", "from"} and index:
            found = found[:index]
            break
    return [*found[:-1], singular(found[-1])]


def result_name(name: str, noun: Sequence[str], schema: Json, effect: str) -> str:
    """A name for the result: what a read answers is the thing itself, unless it is wrapped in an object."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if effect != "read" or not isinstance(properties, dict):
        return f"{name}_result"
    for member in properties:
        found = words(member)
        if found and (found[-1] in _LISTS or singular(found[-1]) == noun[-1]):
            return f"{name}_result"
    return "_".join(noun)
