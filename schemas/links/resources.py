"""Links by resource names (AIP-122): ``Subscription.topic`` holds ``projects/p/topics/t``, the name of a topic.

Descriptions say of a member which type of resource it names (``google.api.resource_reference``), and of an
object which resource it is (``google.api.resource``); names of types are unique everywhere, so a link may lead
to another upstream. A read that takes one such name answers the resource (AIP-131, ``GetTopic(name)``), one
that takes a list of them answers several (AIP-231, ``BatchGetTopics(names)``).

Source: AIP-122, "Resource names"; AIP-131, "Get"; AIP-231, "Batch Get"; AIP-4231 and
``google/api/resource.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog import Argument, Catalog, Field, Function, ListOf, ObjectShape, Scalar, Upstream
from ..names import camel_case
from .entities import direct_answer, listed_answer
from .model import BulkFunction, Key, Link


@dataclass(frozen=True, slots=True)
class _Getters:
    """How resources of one type are had by their names."""

    single: tuple[Function, Argument] | None = None
    bulk: BulkFunction | None = None


def resource_bulk(catalog: Catalog) -> list[BulkFunction]:
    """Reads that answer the resources of a list of names."""
    return [bulk for upstream in catalog.upstreams for _, bulk in _bulk_of(upstream)]


def resource_links(catalog: Catalog, bulk: list[BulkFunction]) -> Iterator[Link]:
    """Links from members that name resources to the reads that answer these.

    Args:
        catalog: The functions.
        bulk: Those of ``resource_bulk`` that are wanted.
    """
    getters = _getters(catalog, {one.function for one in bulk})
    for upstream in catalog.upstreams:
        for shape in upstream.shapes.values():
            if isinstance(shape, ObjectShape):
                for field in shape.fields:
                    getter = getters.get(field.resource) if not _is_own_name(shape, field) else None
                    if getter is not None and not field.write_only:
                        yield _link(upstream, shape, field, getter)


def _link(upstream: Upstream, shape: ObjectShape, field: Field, getter: _Getters) -> Link:
    each = isinstance(field.type, ListOf)
    argument = getter.single[1].name if getter.single else getter.bulk.argument if getter.bulk else ""
    return Link(
        upstream=upstream.id,
        shape=shape.name,
        field=_field_name(shape, field),
        keys=(Key(argument, field.name),),
        function=getter.single[0].id if getter.single else None,
        bulk=getter.bulk,
        each=each,
        evidence=f"{shape.name}.{field.name} names a {field.resource}",
    )


def _field_name(shape: ObjectShape, field: Field) -> str:
    """``topicName`` gives ``topic``; ``topic``, which is taken by the name itself, gives ``topicResource``."""
    name: str = camel_case(field.name)
    for suffix in ("Names", "Name", "Ids", "Id"):
        if name.endswith(suffix) and len(name) > len(suffix):
            short = name.removesuffix(suffix) + ("s" if suffix.endswith("s") else "")
            if all(camel_case(one.name) != short for one in shape.fields):
                return short
    return f"{name}Resource" if not isinstance(field.type, ListOf) else f"{name}Resources"


def _is_own_name(shape: ObjectShape, field: Field) -> bool:
    return bool(shape.resource) and shape.resource == field.resource


def _getters(catalog: Catalog, wanted: set[str]) -> dict[str, _Getters]:
    found: dict[str, _Getters] = {}
    for upstream in catalog.upstreams:
        bulks = {kind: one for kind, one in _bulk_of(upstream) if one.function in wanted}
        singles = dict(_singles_of(upstream))
        for kind in {*bulks, *singles}:
            # The first upstream that serves a resource keeps it.
            found.setdefault(kind, _Getters(singles.get(kind), bulks.get(kind)))
    found.pop("", None)
    return found


def _singles_of(upstream: Upstream) -> Iterator[tuple[str, tuple[Function, Argument]]]:
    for function in sorted(upstream.functions, key=lambda one: one.id, reverse=True):  # the first one stays
        if function.effect != "read" or function.streaming != "none":
            continue
        named = [one for one in function.arguments if one.resource and isinstance(one.type, Scalar)]
        answer = direct_answer(upstream, function)
        if answer is None or answer.many or len(named) != 1 or _others_required(function, named[0]):
            continue
        if answer.shape.resource == named[0].resource:
            yield named[0].resource, (function, named[0])


def _bulk_of(upstream: Upstream) -> Iterator[tuple[str, BulkFunction]]:
    for function in sorted(upstream.functions, key=lambda one: one.id, reverse=True):
        if function.effect != "read" or function.streaming != "none":
            continue
        named = [one for one in function.arguments if one.resource and isinstance(one.type, ListOf)]
        answer = listed_answer(upstream, function)
        if answer is None or len(named) != 1 or _others_required(function, named[0]):
            continue
        key = next((one for one in answer.shape.fields if _is_own_name(answer.shape, one)), None)
        if key is None or key.resource != named[0].resource:
            continue
        at = ".".join(answer.items)
        yield (
            key.resource,
            BulkFunction(
                function=function.id,
                argument=named[0].name,
                items=answer.items,
                key=key.name,
                # Source: AIP-231: a batch fails as a whole; AIP-4233 has no most, servers say 100 to 1,000.
                max_keys=100,
                atomic=True,
                evidence=f"argument {named[0].name} takes names of {key.resource}, and {at}[] carry {key.name}",
            ),
        )


def _others_required(function: Function, argument: Argument) -> bool:
    return any(one.required for one in function.arguments if one is not argument)
