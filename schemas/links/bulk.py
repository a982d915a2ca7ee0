"""Bulk functions: those that answer many keys in one call, and say which item answers which key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..catalog import Argument, Catalog, Function, HttpBinding, ListOf, Scalar, Upstream
from .entities import Answer, KeyName, Noun, find_key_member, has_own_key, key_name, listed_answer, shape_noun
from .model import BulkFunction
from .paging import cut_by, size_argument

# 6,000 bytes of keys leave room for the rest of a request line in the 8 KiB that most servers take.
_MAX_URL_KEY_BYTES: Final = 6_000
_DEFAULT_MAX_KEYS: Final = 1_000


@dataclass(frozen=True, slots=True)
class FoundBulk:
    """A bulk function, with what is needed to pair it with single functions and links.

    Attributes:
        cut_by: What may cut the answer to several keys short of the items of some; ``""`` if nothing is known to.
    """

    bulk: BulkFunction
    upstream: Upstream
    function: Function
    argument: Argument
    key: KeyName
    subject: Noun
    answer: Answer
    cut_by: str = ""

    @property
    def primary(self) -> bool:
        """Whether it answers the subject itself."""
        return self.subject == shape_noun(self.answer.shape.name)


def describe_bulk(upstream: Upstream, function: Function, argument: Argument) -> FoundBulk | None:
    """*function* as a bulk function by *argument*, or ``None`` if its answers could not be put back by key."""
    if function.effect != "read" or function.streaming != "none" or not isinstance(argument.type, ListOf):
        return None
    item = argument.type.item
    key = key_name(argument.name)
    answer = listed_answer(upstream, function)
    if key is None or answer is None or not isinstance(item, Scalar):
        return None
    entity = shape_noun(answer.shape.name)
    member = find_key_member(answer.shape, entity, key, item)
    if member is None:
        return None
    constraints = argument.type.constraints
    most = (constraints.max_items if constraints else None) or _DEFAULT_MAX_KEYS
    size = size_argument(function)
    if size is not None and size.type.constraints is not None and size.type.constraints.maximum is not None:
        most = min(most, int(size.type.constraints.maximum))
    in_url = isinstance(function.binding, HttpBinding) and any(
        p.argument == argument.name and p.location != "cookie" for p in function.binding.parameters
    )
    subject = key.subject or entity
    # An order that has an id of its own is one of several orders of a customer.
    many = subject != entity and has_own_key(answer.shape, entity)
    at = ".".join(answer.items) + "[]" if answer.items else "its items"
    bulk = BulkFunction(
        function=function.id,
        argument=argument.name,
        items=answer.items,
        key=member.name,
        size_argument=size.name if size else "",
        max_keys=most,
        many=many,
        max_key_bytes=_MAX_URL_KEY_BYTES if in_url else None,
        evidence=f"argument {argument.name} takes a list, and {at} carry {member.name}",
    )
    cut = cut_by(upstream, function) if many else ""
    return FoundBulk(bulk, upstream, function, argument, key, subject, answer, cut)


def find_bulk(catalog: Catalog) -> list[FoundBulk]:
    """Every bulk function of the catalog, in the order of their ids.

    One whose answer to several keys may be cut short is none.
    """
    found: list[FoundBulk] = []
    for upstream in catalog.upstreams:
        for function in sorted(upstream.functions, key=lambda f: f.id):
            required = [a for a in function.arguments if a.required]
            for argument in required or function.arguments:
                one = describe_bulk(upstream, function, argument) if len(required) <= 1 else None
                if one is not None and not one.cut_by:
                    found.append(one)
                    break
    return found
