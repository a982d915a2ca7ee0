"""Names of inline schemas, from where they stand: ``Order`` and ``shippingAddress`` give ``OrderShippingAddress``."""

from __future__ import annotations

from functools import lru_cache

from ..names import singular, type_name, words


def member_name(parent: str, member: str) -> str:
    """The name of what stands at *member* of *parent*."""
    return type_name(parent) + _pascal(member)


def item_name(hint: str, member: str) -> str:
    """The name of an item of the list called *hint*.

    A list that stands at a property is named by its plural, so its item gets the singular:
    ``OrderLines`` at ``lines`` gives ``OrderLine``. Any other list's item is ``<hint>Item``.
    """
    found = words(member)
    if found and hint.endswith(_pascal(member)):
        last = singular(found[-1])
        if last != found[-1]:
            return hint[: -len(_pascal(member))] + _pascal(" ".join([*found[:-1], last]))
    return f"{type_name(hint)}Item"


def operation_type_name(function: str, role: str) -> str:
    """The name of what *role* (``Result``, ``Body``, a parameter) of a function is made of."""
    return _pascal(function) + _pascal(role)


@lru_cache(maxsize=8192)
def _pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in words(text)) or type_name(text)
