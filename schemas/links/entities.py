"""What a function answers, and by which key it is asked.

The rules read names, because names are what services have in common: an argument ``product_id`` is a
key whose *subject* is ``product``; a plain ``id`` has as its subject what the path names before it, or the
function's own entity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..catalog import (
    Argument,
    Catalog,
    Field,
    Function,
    HttpBinding,
    ListOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Type,
    Upstream,
)
from ..names import singular, words
from .paging import cut_by

Noun: TypeAlias = tuple[str, ...]
"""Words of a name in lower case, the last one in the singular: ``("price", "history")``."""

_KEY_FAMILIES: Final = {"id": "id", "uuid": "id", "guid": "id", "key": "key", "sku": "sku"}
"""Words that keys end in. A ``product_sku`` is no ``product_id``, but a ``product_uuid`` may be one."""
VERBS: Final = frozenset(
    {"describe", "fetch", "find", "get", "list", "load", "lookup", "query", "read", "retrieve", "search"}
)
"""Verbs of functions that answer what the rest of their name says."""
_WRAPPING: Final = frozenset(
    {
        "detail", "dto", "entity", "full", "info", "item", "model", "out", "output", "read", "record",
        "resource", "response", "result", "schema", "view",
    }
)  # fmt: skip
NOT_NOUNS: Final = VERBS | _WRAPPING | {"all", "batch", "bulk", "by", "for", "many", "multi", "of", "one"}
"""Words of a function's name that do not say what it answers."""
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


@dataclass(frozen=True, slots=True)
class KeyName:
    """What the name of a member or argument says of the key in it.

    Attributes:
        subject: What it is a key of; ``()`` for a plain ``id``.
        word: ``id``, ``uuid``, ``guid``, ``key`` or ``sku``.
        many: Whether it is a list of keys.
    """

    subject: Noun
    word: str
    many: bool

    def fits(self, other: KeyName) -> bool:
        """Whether the two are written in the same kind of word."""
        return _KEY_FAMILIES[self.word] == _KEY_FAMILIES[other.word]


def key_name(text: str) -> KeyName | None:
    """*text* as the name of a key: ``product_id`` and ``productIds`` are keys of a product, ``id`` of ``()``.

    ``None`` if it does not read like a key's name.
    """
    found = words(text)
    if not found:
        return None
    word = found[-1].removesuffix("s")
    if word not in _KEY_FAMILIES:
        return None
    return KeyName(noun("_".join(found[:-1])), word, many=found[-1] != word)


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
    """The list of objects in the answer: the answer itself, or the only such list of a wrapping object.

    An object with an ``id`` of its own is a thing that has parts, and wraps nothing.
    """
    direct = direct_answer(upstream, function)
    if direct is None or direct.many:
        return direct
    if any(name and not name.subject for name in map(key_name, (f.name for f in direct.shape.fields))):
        return None
    lists = [
        (field, shape)
        for field in direct.shape.fields
        if isinstance(field.type, ListOf) and (shape := object_of(upstream, field.type.item))
    ]
    if len(lists) != 1:
        return None
    field, shape = lists[0]
    return Answer(shape, (field.name,), many=True)


def find_key_member(shape: ObjectShape, entity: Noun, key: KeyName, type_: Type) -> Field | None:
    """The member of *shape* that holds *key*: ``product_id``, or ``id`` where *shape* is the product itself.

    Args:
        shape: The object.
        entity: What the object stands for.
        key: The key that is looked for.
        type_: Type of the key.
    """
    accepted = {(), entity} if key.subject in {(), entity} else {key.subject}
    found: list[tuple[bool, bool, Field]] = []
    for field in shape.fields:
        name = key_name(field.name)
        if name is None or name.many or not name.fits(key) or field.write_only:
            continue
        if name.subject in accepted and same_kind(field.type, type_):
            found.append((name.word != key.word, name.subject != key.subject, field))
    return min(found, key=lambda one: one[:2])[2] if found else None


def has_own_key(shape: ObjectShape, entity: Noun) -> bool:
    """Whether an object of *shape*, which stands for *entity*, has a key of its own."""
    names = (key_name(field.name) for field in shape.fields if not field.write_only)
    return any(name and not name.many and name.subject in {(), entity} for name in names)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a key stands in a path: ``/products/{id}/price-history`` has ``product`` before, the history after."""

    before: Noun
    plural: bool
    after: tuple[str, ...]


def place_in_path(function: Function, argument: Argument) -> _Place | None:
    """What stands around *argument* in the function's path; ``None`` if it is not in it."""
    binding = function.binding
    if not isinstance(binding, HttpBinding):
        return None
    name = next((p.name for p in binding.parameters if p.argument == argument.name), argument.name)
    segments = [segment for segment in binding.path.split("/") if segment]
    at = next((index for index, segment in enumerate(segments) if f"{{{name}}}" in segment), None)
    if at is None:
        return None
    before = words(segments[at - 1]) if at and "{" not in segments[at - 1] else []
    after = [word for segment in segments[at + 1 :] if "{" not in segment for word in words(segment)]
    return _Place(
        before=noun("_".join(before)),
        plural=bool(before) and singular(before[-1]) != before[-1],
        after=tuple(after) if set(after) - NOT_NOUNS else (),
    )


@dataclass(frozen=True, slots=True)
class Lookup:
    """A read that answers one key.

    Attributes:
        function: The function.
        argument: The argument that takes the key.
        key: What the argument's name says.
        subject: What the key is a key of; never empty.
        answer: What it answers.
        primary: Whether it answers the subject itself (``getProduct(product_id)``).
        name: Words that say what it answers of the subject, where its path does; else empty.
        listed: Whether it answers a list, be it within a page.
    """

    function: Function
    argument: Argument
    key: KeyName
    subject: Noun
    answer: Answer
    primary: bool
    name: tuple[str, ...] = ()
    listed: bool = False


def single_lookup(upstream: Upstream, function: Function) -> Lookup | None:
    """*function* as a lookup by one required key, or ``None``."""
    if function.effect != "read" or function.streaming != "none":
        return None
    answer = direct_answer(upstream, function)
    if answer is None:
        return None
    candidates = [a for a in function.arguments if a.required]
    if not candidates and not isinstance(function.binding, HttpBinding) and not answer.many:
        # gRPC marks no argument as required: a lone key among the arguments is the key.
        candidates = [a for a in function.arguments if key_name(a.name) is not None]
    if len(candidates) != 1:
        return None
    argument = candidates[0]
    key = key_name(argument.name)
    if key is None or not isinstance(argument.type, Scalar):
        return None
    listed = listed_answer(upstream, function) is not None
    entity = shape_noun(answer.shape.name)
    place = place_in_path(function, argument)
    if place is not None and place.after:
        # /users/{id}/address: the key of a user, and an answer that is not the user.
        subject = key.subject or place.before
        if not subject:
            return None
        return Lookup(function, argument, key, subject, answer, False, place.after, listed)
    subject = key.subject or _subject_of_id(place, entity)
    if not subject or (answer.many and subject == entity):
        return None
    if place is None:
        primary = subject == entity and _names_subject(function, subject)
    else:
        # A PurchaseOrder at /orders/{order_id} is the order; a Price at /products/{product_id} no product.
        primary = subject == entity or (
            subject == place.before
            and (entity[-len(subject) :] == subject or subject == noun(answer.shape.name))
        )
    return Lookup(function, argument, key, subject, answer, primary and not answer.many, (), listed)


def _subject_of_id(place: _Place | None, entity: Noun) -> Noun:
    """What a plain ``id`` is a key of: at ``/products/{id}`` of a product, whatever is answered."""
    if place is None or not place.plural or entity[-len(place.before) :] == place.before:
        return entity
    return place.before


def nouns_of(function: Function) -> list[str]:
    """The words of the function's name that may say what it answers: ``crm-get-customer-by-id`` gives ``customer``."""
    found = words(function.name.rpartition(".")[2])
    # crm-get-customer: teams put the domain before the verb.
    verb = next((index for index, word in enumerate(found) if word in VERBS), None)
    if verb is not None and found[verb + 1 :]:
        found = found[verb + 1 :]
    if "by" in found:
        found = found[: found.index("by")]
    return [word for word in found if word not in NOT_NOUNS]


def _names_subject(function: Function, subject: Noun) -> bool:
    """Whether the function's name speaks of *subject*: ``GetManager(user_id)`` answers a user, but not that one."""
    nouns = nouns_of(function)
    return not nouns or subject[-1] in {singular(word) for word in nouns}


def filter_lookups(upstream: Upstream, function: Function) -> list[Lookup]:
    """*function* as a list filtered by an optional key: ``GET /orders?customerId=``."""
    if (
        function.effect != "read"
        or function.streaming != "none"
        or any(a.required for a in function.arguments)
    ):
        return []
    direct = direct_answer(upstream, function)
    answer = listed_answer(upstream, function)
    if direct is None or answer is None:
        return []
    entity = shape_noun(answer.shape.name)
    found = []
    for argument in function.arguments:
        key = key_name(argument.name)
        if key is None or key.subject in {(), entity} or not isinstance(argument.type, Scalar):
            continue
        # The items must carry the key too: it tells a filter by owner from any other id.
        if find_key_member(answer.shape, entity, key, argument.type):
            found.append(Lookup(function, argument, key, key.subject, direct, False, (), True))
    return found


def listing_lookup(upstream: Upstream, function: Function) -> Lookup | None:
    """*function* as a list filtered by several keys, of which it is given one a call.

    That is, a list that may be cut short: several keys at once would then lose items of some.
    """
    required = [a for a in function.arguments if a.required]
    if (
        function.effect != "read"
        or function.streaming != "none"
        or len(required) > 1
        or not cut_by(upstream, function)
    ):
        return None
    direct = direct_answer(upstream, function)
    answer = listed_answer(upstream, function)
    if direct is None or answer is None:
        return None
    entity = shape_noun(answer.shape.name)
    for argument in required or function.arguments:
        key = key_name(argument.name)
        if key is None or key.subject in {(), entity} or not isinstance(argument.type, ListOf):
            continue
        member = find_key_member(answer.shape, entity, key, argument.type.item)
        if member is not None and has_own_key(answer.shape, entity):
            return Lookup(function, argument, key, key.subject, direct, False, (), True)
    return None


def all_lookups(catalog: Catalog) -> list[Lookup]:
    """Every lookup of the catalog, in the order of the functions' ids."""
    found: list[Lookup] = []
    for upstream in catalog.upstreams:
        for function in sorted(upstream.functions, key=lambda f: f.id):
            lookup = single_lookup(upstream, function) or listing_lookup(upstream, function)
            if lookup:
                found.append(lookup)
            else:
                found.extend(filter_lookups(upstream, function))
    return found
