"""What a function answers, and by which key it is asked.

The rules read names, because names are what services have in common: an argument ``product_id`` is a
key whose *subject* is ``product``; a plain ``id`` has the function's own entity as its subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..catalog import (
    Argument,
    Catalog,
    Field,
    Function,
    ListOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Type,
    Upstream,
)
from ..names import singular, words

Noun: TypeAlias = tuple[str, ...]
"""Words of a name in lower case, the last one in the singular: ``("price", "history")``."""

KEY_WORDS: Final = frozenset({"id", "ids", "uuid", "uuids", "key", "keys", "sku", "skus"})
_WRAPPING: Final = frozenset(
    {
        "dto",
        "entity",
        "item",
        "model",
        "out",
        "output",
        "read",
        "resource",
        "response",
        "result",
        "schema",
        "view",
    }
)
_TEXT: Final = frozenset({"string", "id", "uuid", "uri", "email"})
_WHOLE: Final = frozenset({"int32", "int64", "uint64"})


def noun(text: str) -> Noun:
    """The words of *text* with the last one in the singular."""
    found = words(text)
    return (*found[:-1], singular(found[-1])) if found else ()


def shape_noun(name: ShapeName) -> Noun:
    """What a shape stands for: ``OrderResponse`` and ``OrderDto`` stand for an order."""
    found = noun(name)
    while len(found) > 1 and found[-1] in _WRAPPING:
        found = (*found[:-2], singular(found[-2]))
    return found


def key_subject(name: str) -> Noun | None:
    """What a key is a key of: ``product_id`` and ``productIds`` of a product, ``id`` of ``()``.

    ``None`` if the name does not read like a key's.
    """
    found = words(name)
    if not found or found[-1] not in KEY_WORDS:
        return None
    return noun("_".join(found[:-1]))


def same_kind(one: Type, other: Type) -> bool:
    """Whether values of the two scalar types may be compared as keys."""
    if not (isinstance(one, Scalar) and isinstance(other, Scalar)):
        return False
    if one.kind == other.kind or "id" in {one.kind, other.kind}:
        return True
    return {one.kind, other.kind} <= _TEXT or {one.kind, other.kind} <= _WHOLE


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answers.

    Attributes:
        shape: The object.
        items: Members that lead to it from the whole answer.
        many: Whether a list of them is answered.
    """

    shape: ObjectShape
    items: tuple[str, ...]
    many: bool


def object_of(upstream: Upstream, type_: Type | None) -> ObjectShape | None:
    """The object shape that *type_* refers to, if it does."""
    if isinstance(type_, Reference):
        shape = upstream.shapes.get(type_.shape)
        return shape if isinstance(shape, ObjectShape) else None
    return None


def direct_answer(upstream: Upstream, function: Function) -> Answer | None:
    """The answer as it stands: an object, or a list of objects."""
    if isinstance(function.result, ListOf):
        shape = object_of(upstream, function.result.item)
        return Answer(shape, (), many=True) if shape else None
    shape = object_of(upstream, function.result)
    return Answer(shape, (), many=False) if shape else None


def listed_answer(upstream: Upstream, function: Function) -> Answer | None:
    """The list of objects in the answer: the answer itself, or the only such list of a wrapping object."""
    direct = direct_answer(upstream, function)
    if direct is None or direct.many:
        return direct
    lists = [
        (field, shape)
        for field in direct.shape.fields
        if isinstance(field.type, ListOf) and (shape := object_of(upstream, field.type.item))
    ]
    if len(lists) != 1:
        return None
    field, shape = lists[0]
    return Answer(shape, (field.name,), many=True)


def find_key_member(shape: ObjectShape, subject: Noun, type_: Type) -> Field | None:
    """The member of *shape* that holds the key of *subject*: ``product_id``, or ``id`` of the product itself."""
    own = subject in {(), shape_noun(shape.name)}
    for field in shape.fields:
        found = key_subject(field.name)
        if found is None or words(field.name)[-1].endswith("s") or not same_kind(field.type, type_):
            continue
        if found == subject or (own and found in {(), shape_noun(shape.name)}):
            return field
    return None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A read that answers one key.

    Attributes:
        function: The function.
        argument: The argument that takes the key.
        subject: What the key is a key of; never empty.
        answer: What it answers.
        primary: Whether it answers the subject itself (``getProduct(product_id)``).
    """

    function: Function
    argument: Argument
    subject: Noun
    answer: Answer
    primary: bool


def single_lookup(upstream: Upstream, function: Function) -> Lookup | None:
    """*function* as a lookup by one required key, or ``None``."""
    if function.effect != "read" or function.streaming != "none":
        return None
    answer = direct_answer(upstream, function)
    if answer is None:
        return None
    required = [a for a in function.arguments if a.required]
    # gRPC marks no argument as required: a lone key among the arguments is the key.
    candidates = required or [a for a in function.arguments if key_subject(a.name) is not None]
    if len(candidates) != 1:
        return None
    argument = candidates[0]
    subject = key_subject(argument.name)
    if subject is None or not isinstance(argument.type, Scalar):
        return None
    entity = shape_noun(answer.shape.name)
    if not required and answer.many:
        return None  # an optional key of a list is a filter: see filter_lookups
    own = not answer.many and (subject in {(), entity})
    return Lookup(function, argument, subject or entity, answer, primary=own)


def filter_lookups(upstream: Upstream, function: Function) -> list[Lookup]:
    """*function* as a list filtered by an optional key: ``GET /orders?customerId=``."""
    if (
        function.effect != "read"
        or function.streaming != "none"
        or any(a.required for a in function.arguments)
    ):
        return []
    answer = listed_answer(upstream, function)
    if answer is None or answer.items:
        return []
    found = []
    for argument in function.arguments:
        subject = key_subject(argument.name)
        if not subject or not isinstance(argument.type, Scalar):
            continue
        # The items must carry the key too: it tells a filter by owner from any other id.
        if find_key_member(answer.shape, subject, argument.type):
            found.append(Lookup(function, argument, subject, answer, primary=False))
    return found


def all_lookups(catalog: Catalog) -> list[Lookup]:
    """Every lookup of the catalog, in the order of the functions' ids."""
    found: list[Lookup] = []
    for upstream in catalog.upstreams:
        for function in sorted(upstream.functions, key=lambda f: f.id):
            lookup = single_lookup(upstream, function)
            if lookup:
                found.append(lookup)
            else:
                found.extend(filter_lookups(upstream, function))
    return found
