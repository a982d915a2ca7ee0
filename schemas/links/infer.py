"""Links, found from what the services say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..catalog import (
    Argument,
    Catalog,
    Function,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    ShapeName,
    Type,
    UnionShape,
    Upstream,
)
from ..names import camel_case, plural, singular, words
from .bulk import FoundBulk
from .entities import (
    KeyName,
    Lookup,
    Noun,
    all_lookups,
    find_key_member,
    key_name,
    nouns_of,
    same_kind,
    shape_noun,
)
from .model import Key, Link

_ELSEWHERE: Final = frozenset({"external", "foreign", "legacy", "provider", "remote", "third", "vendor"})
"""Words that say of a key that another company's system gave it: ``external_user_id``."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to get from a key to an answer: a single function, a bulk function, or both."""

    subject: Noun
    upstream: Upstream
    shape: ObjectShape
    primary: bool
    lookup: Lookup | None
    bulk: FoundBulk | None

    @property
    def _one(self) -> Lookup | FoundBulk:
        one = self.lookup or self.bulk
        assert one is not None
        return one

    @property
    def many(self) -> bool:
        """Whether one key leads to a list."""
        if self.lookup is not None:
            return self.lookup.answer.many
        return self.bulk is not None and self.bulk.bulk.many

    @property
    def function(self) -> Function:
        """The function whose answer's type a field has."""
        return self._one.function

    @property
    def argument(self) -> Argument:
        """The argument that takes the key, or the keys."""
        return self._one.argument

    @property
    def key(self) -> KeyName:
        """What that argument's name says."""
        return self._one.key

    @property
    def key_type(self) -> Type:
        """The type of one key."""
        type_ = self.argument.type
        return type_.item if isinstance(type_, ListOf) else type_

    def evidence(self) -> str:
        """Which functions take the key."""
        parts = []
        if self.lookup:
            parts.append(f"{self.lookup.function.id} takes {self.lookup.argument.name}")
        if self.bulk:
            parts.append(f"{self.bulk.function.id} takes many as {self.bulk.argument.name}")
        return "; ".join(parts)

    def link(self, upstream: Upstream, shape: ObjectShape, field: str, member: str, **more: Any) -> Link:
        """This way, taken from *member* of *shape*."""
        return Link(
            upstream=upstream.id,
            shape=shape.name,
            field=field,
            keys=(Key(self.argument.name, member),),
            function=self.lookup.function.id if self.lookup else None,
            bulk=self.bulk.bulk if self.bulk else None,
            **more,
        )


def find_ways(catalog: Catalog, bulk: Sequence[FoundBulk]) -> list[Way]:
    """Single lookups, each with the bulk function that replaces it, and the bulk functions left over."""
    partners: dict[tuple[str, ShapeName, Noun], list[FoundBulk]] = {}
    for one in bulk:
        partners.setdefault((one.upstream.id, one.answer.shape.name, one.subject), []).append(one)
    found: list[Way] = []
    used: set[str] = set()
    for lookup in all_lookups(catalog):
        upstream = catalog.upstreams_by_id[lookup.function.upstream]
        partner = None
        if not lookup.answer.many and not lookup.name:
            at = (upstream.id, lookup.answer.shape.name, lookup.subject)
            partner = next(
                (b for b in partners.get(at, ()) if b.key.fits(lookup.key) and not b.bulk.many), None
            )
        if partner:
            used.add(partner.function.id)
        found.append(Way(lookup.subject, upstream, lookup.answer.shape, lookup.primary, lookup, partner))
    alone = (one for one in bulk if one.function.id not in used)
    found.extend(Way(one.subject, one.upstream, one.answer.shape, one.primary, None, one) for one in alone)
    return found


def _rank(way: Way, home: Upstream) -> tuple[bool, bool, int]:
    """Which of several ways is the better one: the smaller. Equal ranks of two upstreams are ambiguous."""
    name = words(way.upstream.id)
    entity = list(shape_noun(way.shape.name))
    # The upstream `customers` is where customers are kept.
    owner = 0 if name and [*name[:-1], singular(name[-1])] == entity else 1 if set(entity) & set(name) else 2
    return (
        way.function.deprecated is not None,
        way.upstream is not home,
        0 if way.upstream is home else owner,
    )


def _choice(way: Way, member: KeyName) -> tuple[bool, bool, bool, bool, str]:
    """Which of several ways of one upstream is the better one: the smaller."""
    return (
        way.key.word != member.word,
        shape_noun(way.shape.name) != way.subject,
        way.bulk is None,
        way.lookup is None,
        way.function.id,
    )


def _field_of_function(way: Way) -> str:
    """The field's name: what the path says after the key, else what the function's name says.

    ``GET /products/{id}/price-history`` gives ``priceHistory``, ``GetStock`` ``stock``, ``get_prices`` by
    keys ``price``.
    """
    if way.lookup and way.lookup.name:
        return camel_case("_".join(way.lookup.name))
    subject = set(way.subject) | {plural(word) for word in way.subject}
    entity = list(shape_noun(way.shape.name))
    kept = [word for word in nouns_of(way.function) if word not in subject] or entity or ["result"]
    listed = way.lookup.listed if way.lookup else way.many
    if not listed:
        kept[-1] = singular(kept[-1])
    elif kept[-1:] == entity[-1:]:
        kept[-1] = plural(kept[-1])
    return camel_case("_".join(kept))


def find_links(
    catalog: Catalog, ways: Sequence[Way], *, apart: Collection[str] = ()
) -> tuple[list[Link], list[str]]:
    """Every link that the names speak for, and a note for each that they do not decide.

    Args:
        catalog: The functions.
        ways: What `find_ways` found in it.
        apart: Upstreams whose keys are their own: nothing is linked between them and others.
    """
    primary: dict[Noun, list[Way]] = {}
    related: dict[Noun, list[Way]] = {}
    entities: dict[tuple[str, ShapeName], Noun] = {}
    for way in ways:
        (primary if way.primary else related).setdefault(way.subject, []).append(way)
        if way.primary:
            entities.setdefault((way.upstream.id, way.shape.name), way.subject)
    found: list[Link] = []
    notes: list[str] = []
    for upstream in catalog.upstreams:
        reachable = _output_shapes(upstream)

        def near(way: Way, home: Upstream = upstream) -> bool:
            return way.upstream is home or not {way.upstream.id, home.id} & set(apart)

        for shape in upstream.shapes.values():
            if isinstance(shape, ObjectShape) and shape.name in reachable:
                entity = entities.get((upstream.id, shape.name))
                own = entity or shape_noun(shape.name)
                found.extend(_foreign_keys(upstream, shape, own, primary, near, notes))
                # Only an object that some function answers by its key is taken for the entity itself.
                if entity is not None:
                    found.extend(_own_key(upstream, shape, entity, related, near))
    return _settle(catalog, found, notes), notes


def find_entities(ways: Sequence[Way]) -> list[Link]:
    """For each object that a function answers by its own key, the link from that key to the whole of it.

    The links have no field: they complete an object of which only the key is known.
    """
    found: dict[tuple[str, ShapeName], tuple[tuple[bool, bool, bool, bool, bool, str], Link]] = {}
    for way in ways:
        member = find_key_member(way.shape, way.subject, way.key, way.key_type) if way.primary else None
        if member is None:
            continue
        name = key_name(member.name)
        assert name is not None
        at = (way.upstream.id, way.shape.name)
        rank = (way.function.deprecated is not None, *_choice(way, name))
        if at not in found or rank < found[at][0]:
            found[at] = (rank, way.link(way.upstream, way.shape, "", member.name, evidence=way.evidence()))
    return [found[at][1] for at in sorted(found)]


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


def _tails(subject: Noun) -> Iterable[Noun]:
    """What ``shipping_customer_id`` may be the id of, the longest first: a shipping customer, a customer."""
    yield subject
    if subject[0] in _ELSEWHERE:
        return
    for start in range(1, len(subject)):
        # primary_key_id is the id of some key, but not of every `Key` that somebody answers.
        if key_name(subject[start]) is None:
            yield subject[start:]


def _foreign_keys(
    upstream: Upstream,
    shape: ObjectShape,
    entity: Noun,
    primary: Mapping[Noun, list[Way]],
    near: Callable[[Way], bool],
    notes: list[str],
) -> Iterable[Link]:
    """``Order.productId`` leads to the product: ``Order.product``."""
    for field in shape.fields:
        key = key_name(field.name)
        if key is None or key.subject in {(), entity} or field.write_only:
            continue
        each = isinstance(field.type, ListOf)
        type_ = field.type.item if isinstance(field.type, ListOf) else field.type
        ways: list[Way] = []
        for tail in _tails(key.subject):
            # Another upstream's words are trusted less: at most one is left out.
            far = len(key.subject) - len(tail) < 2
            ways = [
                way
                for way in primary.get(tail, ())
                if way.key.fits(key)
                and same_kind(way.key_type, type_)
                and (way.upstream is upstream or (far and near(way)))
            ]
            if ways:
                break
        if not ways:
            continue
        last = plural(key.subject[-1]) if each else key.subject[-1]
        name = camel_case("_".join((*key.subject[:-1], last)))
        best = min(_rank(w, upstream) for w in ways)
        equals = [
            (_choice(way, key), index, way) for index, way in enumerate(ways) if _rank(way, upstream) == best
        ]
        ways = [way for _, _, way in sorted(equals, key=lambda one: one[:2])]
        if any(w.upstream is not ways[0].upstream for w in ways):
            choices = " and ".join(dict.fromkeys(w.function.id for w in ways))
            notes.append(
                f"{shape.name}.{name}: not linked, for {choices} answer the same key; say which under links"
            )
            continue
        evidence = f"{shape.name}.{field.name} is named after {ways[0].shape.name}; {ways[0].evidence()}"
        yield ways[0].link(upstream, shape, name, field.name, each=each, evidence=evidence)


def _own_key(
    upstream: Upstream,
    shape: ObjectShape,
    entity: Noun,
    related: Mapping[Noun, list[Way]],
    near: Callable[[Way], bool],
) -> Iterable[Link]:
    """``Product.id`` leads to what others know of a product: ``Product.stock``, ``Product.price``."""
    for way in related.get(entity, ()):
        member = find_key_member(shape, entity, way.key, way.key_type)
        if member is None or not near(way):
            continue
        evidence = f"{shape.name}.{member.name} is the key of {shape.name}; {way.evidence()}"
        field = _field_of_function(way)
        yield way.link(upstream, shape, field, member.name, many=way.many, evidence=evidence)


def _settle(catalog: Catalog, links: Iterable[Link], notes: list[str]) -> list[Link]:
    """One link per coordinate: the best. The rest are dropped, with a note."""
    best: dict[tuple[str, str, str], Link] = {}
    for link in links:
        at = (link.upstream, link.shape, link.field)
        other = best.get(at)
        if other is None:
            best[at] = link
            continue
        kept, dropped = sorted((other, link), key=lambda one: _link_rank(catalog, one))
        best[at] = kept
        if kept.target != dropped.target:
            coordinate = f"{link.shape}.{link.field}"
            notes.append(f"{coordinate}: linked to {kept.target}, and not to {dropped.target}")
    return list(best.values())


def _link_rank(catalog: Catalog, link: Link) -> tuple[bool, bool, bool, str]:
    function = catalog.functions[link.target]
    return (
        function.deprecated is not None,
        function.upstream != link.upstream,
        link.bulk is None,
        link.target,
    )
