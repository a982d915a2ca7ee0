"""Functions that answer only a part of what they have: by their arguments, and by what they answer."""

from __future__ import annotations

from typing import Final

from ..catalog import Argument, Function, ListOf, ObjectShape, Reference, Scalar, Upstream
from ..names import words

_SIZE_NAMES: Final = frozenset(
    {
        "count",
        "first",
        "last",
        "limit",
        "max results",
        "max items",
        "page size",
        "per page",
        "size",
        "take",
        "top",
    }
)
_PLACE_NAMES: Final = frozenset(
    {
        "after", "before", "continuation token", "cursor", "ending before", "exclusive start key", "from",
        "marker", "next token", "offset", "page", "page index", "page number", "page token", "skip", "start",
        "start after", "start index", "starting after",
    }
)  # fmt: skip
_PAGE_MEMBERS: Final = _SIZE_NAMES | _PLACE_NAMES | frozenset(
    {
        "has more", "has next", "has next page", "last evaluated key", "links", "meta", "metadata", "next",
        "next cursor", "next link", "next page", "next page token", "page info", "pages", "pagination", "paging",
        "total", "total count", "total pages", "truncated", "is truncated",
    }
)  # fmt: skip


def size_argument(function: Function) -> Argument | None:
    """The argument that bounds how many items are answered."""
    for argument in function.arguments:
        if " ".join(words(argument.name)) in _SIZE_NAMES and isinstance(argument.type, Scalar):
            return argument
    return None


def cut_by(upstream: Upstream, function: Function) -> str:
    """What may cut the list that *function* answers, in a few words; ``""`` if nothing is known to."""
    for argument in function.arguments:
        if " ".join(words(argument.name)) in _SIZE_NAMES | _PLACE_NAMES:
            return f"its argument {argument.name}"
    type_ = function.result
    if isinstance(type_, Reference):
        shape = upstream.shapes.get(type_.shape)
        for field in shape.fields if isinstance(shape, ObjectShape) else ():
            if " ".join(words(field.name)) in _PAGE_MEMBERS:
                return f"the page that it answers, which has {field.name}"
            if isinstance(field.type, ListOf) and _is_bounded(field.type):
                return f"the bound of {field.name}"
    if isinstance(type_, ListOf) and _is_bounded(type_):
        return "the bound of its answer"
    return ""


def _is_bounded(type_: ListOf) -> bool:
    return type_.constraints is not None and type_.constraints.max_items is not None
