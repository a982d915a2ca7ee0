"""Bulk functions and links, found from what the services say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..catalog import (
    Argument,
    Catalog,
    Function,
    HttpBinding,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Type,
    UnionShape,
    Upstream,
)
from ..names import camel_case, plural, singular, words
from .entities import (
    Answer,
    Lookup,
    Noun,
    all_lookups,
    find_key_member,
    key_subject,
    listed_answer,
    same_kind,
    shape_noun,
)
from .model import BulkFunction, Key, Link

_SIZE_NAMES: Final = frozenset(
    {"count", "first", "limit", "max results", "max items", "page size", "per page", "size", "take", "top"}
)
_NOT_NOUNS: Final = frozenset(
    {"all", "batch", "bulk", "by", "describe", "fetch", "find", "for", "get", "list", "load", "lookup", "many", "multi", "of", "query", "read", "retrieve", "search"}
)  # fmt: skip
# 6,000 bytes of keys leave room for the rest of a request line in the 8 KiB that most servers take.
_MAX_URL_KEY_BYTES: Final = 6_000
_DEFAULT_MAX_KEYS: Final = 1_000


@dataclass(frozen=True, slots=True)
class FoundBulk:
    """A bulk function, with what is needed to pair it with single functions and links."""

    bulk: BulkFunction
    upstream: Upstream
    function: Function
    argument: Argument
    subject: Noun
    answer: Answer

    @property
    def primary(self) -> bool:
        """Whether it answers the subject itself."""
        return self.subject == shape_noun(self.answer.shape.name)


def size_argument(function: Function) -> Argument | None:
    """The argument that bounds how many items are answered."""
    for argument in function.arguments:
        if " ".join(words(argument.name)) in _SIZE_NAMES and isinstance(argument.type, Scalar):
            return argument
    return None


def describe_bulk(upstream: Upstream, function: Function, argument: Argument) -> FoundBulk | None:
    """*function* as a bulk function by *argument*, or ``None`` if its answers could not be put back by key."""
    if function.effect != "read" or function.streaming != "none" or not isinstance(argument.type, ListOf):
        return None
    item = argument.type.item
    subject = key_subject(argument.name)
    answer = listed_answer(upstream, function)
    if subject is None or answer is None or not isinstance(item, Scalar):
        return None
    member = find_key_member(answer.shape, subject, item)
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
    at = ".".join(answer.items) + "[]" if answer.items else "its items"
    bulk = BulkFunction(
        function=function.id,
        argument=argument.name,
        items=answer.items,
        key=member.name,
        size_argument=size.name if size else "",
        max_keys=most,
        max_key_bytes=_MAX_URL_KEY_BYTES if in_url else None,
        evidence=f"argument {argument.name} takes a list, and {at} carry {member.name}",
    )
    return FoundBulk(bulk, upstream, function, argument, subject or shape_noun(answer.shape.name), answer)


def find_bulk(catalog: Catalog) -> list[FoundBulk]:
    """Every bulk function of the catalog, in the order of their ids."""
    found: list[FoundBulk] = []
    for upstream in catalog.upstreams:
        for function in sorted(upstream.functions, key=lambda f: f.id):
            required = [a for a in function.arguments if a.required]
            for argument in required or function.arguments:
                if len(required) <= 1 and (one := describe_bulk(upstream, function, argument)):
                    found.append(one)
                    break
    return found


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to get from a key to an answer: a single function, a bulk function, or both."""

    subject: Noun
    upstream: Upstream
    shape: ObjectShape
    primary: bool
    many: bool
    lookup: Lookup | None
    bulk: FoundBulk | None

    @property
    def function(self) -> Function:
        if self.lookup:
            return self.lookup.function
        assert self.bulk
        return self.bulk.function

    @property
    def key_type(self) -> Scalar:
        if self.lookup:
            assert isinstance(self.lookup.argument.type, Scalar)
            return self.lookup.argument.type
        assert self.bulk
        assert isinstance(self.bulk.argument.type, ListOf)
        assert isinstance(self.bulk.argument.type.item, Scalar)
        return self.bulk.argument.type.item

    @property
    def argument(self) -> Argument:
        if self.lookup:
            return self.lookup.argument
        assert self.bulk
        return self.bulk.argument

    def evidence(self) -> str:
        parts = []
        if self.lookup:
            parts.append(f"{self.lookup.function.id} takes {self.lookup.argument.name}")
        if self.bulk:
            parts.append(f"{self.bulk.function.id} takes many as {self.bulk.argument.name}")
        return "; ".join(parts)


def _ways(catalog: Catalog, bulk: Sequence[FoundBulk]) -> list[_Way]:
    """Single lookups, each with the bulk function that replaces it, and the bulk functions left over."""
    found: list[_Way] = []
    used: set[str] = set()
    for lookup in all_lookups(catalog):
        upstream = catalog.upstreams_by_id[lookup.function.upstream]
        partner = None
        if not lookup.answer.many:
            partner = next(
                (
                    one
                    for one in bulk
                    if one.upstream is upstream
                    and one.answer.shape.name == lookup.answer.shape.name
                    and one.subject == lookup.subject
                ),
                None,
            )
        if partner:
            used.add(partner.function.id)
        found.append(
            _Way(
                lookup.subject,
                upstream,
                lookup.answer.shape,
                lookup.primary,
                lookup.answer.many,
                lookup,
                partner,
            )
        )
    alone = (one for one in bulk if one.function.id not in used)
    found.extend(
        _Way(one.subject, one.upstream, one.answer.shape, one.primary, False, None, one) for one in alone
    )
    return found


def _rank(way: _Way, home: Upstream) -> tuple[bool, bool, bool, bool, str]:
    """Which of several ways is the better one: the smaller."""
    return (
        way.function.deprecated is not None,
        way.upstream is not home,
        way.bulk is None,
        way.lookup is None,
        way.function.id,
    )


def _field_of_function(way: _Way) -> str:
    """The field's name, from the function's: ``GetStock`` gives ``stock``, ``get_prices`` by key ``price``."""
    operation = way.function.name.rpartition(".")[2]
    found = words(operation)
    if "by" in found:
        found = found[: found.index("by")]
    subject = set(way.subject) | {plural(word) for word in way.subject}
    kept = [word for word in found if word not in _NOT_NOUNS and word not in subject]
    if not kept:
        kept = list(shape_noun(way.shape.name))
    if not way.many:
        kept[-1] = singular(kept[-1])
    elif kept[-1:] == list(shape_noun(way.shape.name))[-1:]:
        kept[-1] = plural(kept[-1])
    return camel_case("_".join(kept))


def find_links(catalog: Catalog, bulk: Sequence[FoundBulk]) -> list[Link]:
    """Every link that the names speak for, the best way first where several lead to one field."""
    ways = _ways(catalog, bulk)
    primary: dict[Noun, list[_Way]] = {}
    related: dict[Noun, list[_Way]] = {}
    for way in ways:
        (primary if way.primary else related).setdefault(way.subject, []).append(way)
    found: list[Link] = []
    for upstream in catalog.upstreams:
        reachable = _output_shapes(upstream)
        for shape in upstream.shapes.values():
            if isinstance(shape, ObjectShape) and shape.name in reachable:
                found.extend(_foreign_keys(upstream, shape, primary))
                found.extend(_own_key(upstream, shape, primary, related))
    return _settle(catalog, found)


def _output_shapes(upstream: Upstream) -> set[ShapeName]:
    """Shapes that some function answers, directly or within another shape."""
    waiting: list[ShapeName] = []
    seen: set[ShapeName] = set()

    def visit(type_: Type | None) -> None:
        while isinstance(type_, ListOf | MapOf):
            type_ = type_.item if isinstance(type_, ListOf) else type_.value
        if isinstance(type_, Reference) and type_.shape not in seen:
            seen.add(type_.shape)
            waiting.append(type_.shape)

    for function in upstream.functions:
        visit(function.result)
    while waiting:
        shape = upstream.shapes.get(waiting.pop())
        if isinstance(shape, ObjectShape):
            for field in shape.fields:
                visit(field.type)
        elif isinstance(shape, UnionShape):
            for member in shape.members:
                visit(Reference(shape=member))
    return seen


def _foreign_keys(
    upstream: Upstream, shape: ObjectShape, primary: Mapping[Noun, list[_Way]]
) -> Iterable[Link]:
    """``Order.productId`` leads to the product: ``Order.product``."""
    for field in shape.fields:
        subject = key_subject(field.name)
        if not subject or subject == shape_noun(shape.name) or field.write_only:
            continue
        each = isinstance(field.type, ListOf)
        type_ = field.type.item if isinstance(field.type, ListOf) else field.type
        # shipping_customer_id is a customer's id: the longest tail of the subject that somebody answers.
        tails = [subject[start:] for start in range(len(subject))]
        ways = next(
            (
                fitting
                for tail in tails
                if (fitting := [w for w in primary.get(tail, ()) if same_kind(w.key_type, type_)])
            ),
            [],
        )
        if not ways:
            continue
        way = min(ways, key=lambda w: _rank(w, upstream))
        name = camel_case("_".join((*subject[:-1], plural(subject[-1]) if each else subject[-1])))
        yield Link(
            upstream=upstream.id,
            shape=shape.name,
            field=name,
            keys=(Key(way.argument.name, field.name),),
            function=way.lookup.function.id if way.lookup else None,
            bulk=way.bulk.bulk if way.bulk else None,
            each=each,
            evidence=f"{shape.name}.{field.name} is named after {way.shape.name}; {way.evidence()}",
        )


def _own_key(
    upstream: Upstream,
    shape: ObjectShape,
    primary: Mapping[Noun, list[_Way]],
    related: Mapping[Noun, list[_Way]],
) -> Iterable[Link]:
    """``Product.id`` leads to what others know of a product: ``Product.stock``, ``Product.price``.

    Only an object that some function answers by its key is taken for the entity itself.
    """
    entity = shape_noun(shape.name)
    answered = [w for w in primary.get(entity, ()) if w.upstream is upstream and w.shape.name == shape.name]
    if not answered:
        return
    for way in related.get(entity, ()):
        member = find_key_member(shape, entity, way.key_type)
        if member is None or (way.shape.name == shape.name and way.upstream is upstream):
            continue
        yield Link(
            upstream=upstream.id,
            shape=shape.name,
            field=_field_of_function(way),
            keys=(Key(way.argument.name, member.name),),
            function=way.lookup.function.id if way.lookup else None,
            bulk=way.bulk.bulk if way.bulk else None,
            many=way.many,
            evidence=f"{shape.name}.{member.name} is the key of {shape.name}; {way.evidence()}",
        )


def _settle(catalog: Catalog, links: Iterable[Link]) -> list[Link]:
    """One link per coordinate: the best; the rest are dropped."""
    best: dict[tuple[str, str, str], Link] = {}
    for link in links:
        at = (link.upstream, link.shape, link.field)
        if at not in best or _link_rank(catalog, link) < _link_rank(catalog, best[at]):
            best[at] = link
    return list(best.values())


def _link_rank(catalog: Catalog, link: Link) -> tuple[bool, bool, bool, str]:
    function = catalog.functions[link.target]
    return (
        function.deprecated is not None,
        function.upstream != link.upstream,
        link.bulk is None,
        link.target,
    )
