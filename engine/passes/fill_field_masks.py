"""Requests that say which members of the answer are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from ...schemas.catalog import FieldMaskBinding, GrpcBinding
from ..plan import Fetch, Plan
from ..plan.steps import (
    Arguments,
    EntriesStep,
    Fetched,
    LeafValue,
    ListValue,
    Member,
    MemberStep,
    NonNullValue,
    PathStep,
    Selection,
    TypeStep,
    ValuePlan,
)

_LIST: Final = ""
"""Stands in a path where a list is entered: no member is called so."""
_UNION: Final = "?"
"""Likewise for the members of a union, which are no members of the message around it."""

Path: TypeAlias = tuple[str, ...]


def fill_field_masks(plan: Plan) -> Plan:
    """Fill the field masks of requests with what is selected, where the operation gives none; it comes last.

    The server then sends only these members. A function has such a mask by its description; a mask is left
    out where something is selected that a mask cannot name.

    Before::

        query
        └─ shop.Shop.GetProduct(id: "p1") for product

    After::

        query
        └─ shop.Shop.GetProduct(id: "p1", readMask: "name,price.amount") for product

    Source: AIP-157, "Partial responses".
    """
    if not any(_mask_of(fetch) for fetch in plan.fetches):
        return plan
    wanted: dict[int, set[Path]] = {fetch.id: set() for fetch in plan.fetches}
    _select(plan, plan.selection, None, (), wanted)
    for fetch in plan.fetches:
        _add_keys(plan, fetch, wanted)
    shared: dict[int, set[Path]] = {}
    for fetch in plan.fetches:
        # What several fetches share is asked for once, so it has the members of all of them.
        shared.setdefault(fetch.answers, set()).update(wanted[fetch.id])
    return replace(plan, fetches=tuple(_filled(fetch, shared[fetch.answers]) for fetch in plan.fetches))


def _filled(fetch: Fetch, paths: set[Path]) -> Fetch:
    mask = _mask_of(fetch)
    text = _mask_text(mask, paths, whole=fetch.link is None) if mask else ""
    if mask is None or not text:
        return fetch
    return replace(fetch, arguments=_with(fetch.arguments, mask.argument, text))


def _mask_of(fetch: Fetch) -> FieldMaskBinding | None:
    if fetch.link is None and fetch.batched:
        return None  # one call for root fields that each have arguments of their own
    binding = fetch.called.binding
    mask = binding.mask if isinstance(binding, GrpcBinding) else None
    if mask is None:
        return None
    given = {
        definition.out_name or name
        for argument in fetch.arguments.node.arguments or ()
        if (definition := fetch.arguments.field.args.get(name := argument.name.value)) is not None
    }
    return None if mask.argument in given else mask


def _with(arguments: Arguments, name: str, value: str) -> Arguments:
    added = {name: value}
    text = ", ".join(part for part in (arguments.text, f'{name}: "{value}"') if part)
    if arguments.constant is not None:
        return replace(arguments, constant={**arguments.constant, **added}, text=text)
    return replace(
        arguments,
        others=None if arguments.others is None else {**arguments.others, **added},
        added=added,
        text=text,
    )


def _select(
    plan: Plan, selection: Selection, fetch: int | None, at: Path, wanted: Mapping[int, set[Path]]
) -> None:
    """Note the members that *selection*, which stands at *at* in the answer of *fetch*, reads."""
    inner = at if selection.union is None else (*at, _UNION)
    for fields in selection.by_type.values():
        for field in fields:
            match field.source:
                case Member(name=name):
                    assert fetch is not None
                    _enter(plan, field.value, fetch, (*inner, name), wanted)
                case Fetched(fetch=child):
                    value = field.value
                    link = plan.fetches[child].link
                    if link is not None and (link.each or link.many):
                        value = _item(value)
                    _enter(plan, value, child, (), wanted)
                case _:
                    pass


def _enter(plan: Plan, value: ValuePlan, fetch: int, at: Path, wanted: Mapping[int, set[Path]]) -> None:
    match value:
        case NonNullValue():
            _enter(plan, value.of, fetch, at, wanted)
        case ListValue():
            _enter(plan, value.item, fetch, (*at, _LIST), wanted)
        case LeafValue():
            wanted[fetch].add(at)
        case _:
            wanted[fetch].add(at)
            _select(plan, value.selection, fetch, at, wanted)


def _item(value: ValuePlan) -> ValuePlan:
    while isinstance(value, NonNullValue):
        value = value.of
    return value.item if isinstance(value, ListValue) else value


def _add_keys(plan: Plan, fetch: Fetch, wanted: Mapping[int, set[Path]]) -> None:
    """Note the members that links need: the keys in the parent, and what items are put back by."""
    link = fetch.link
    if link is None or fetch.parent is None:
        return
    at = tuple(_steps(fetch.path))
    wanted[fetch.parent].update((*at, key.member) for key in link.keys)
    if fetch.batched and link.bulk is not None:
        wanted[fetch.id].add((link.bulk.key,))


def _steps(path: tuple[PathStep, ...]) -> Iterator[str]:
    for step in path:
        match step:
            case MemberStep(member=member):
                yield member
            case EntriesStep():
                yield _LIST
            case TypeStep():
                yield _UNION


def _mask_text(mask: FieldMaskBinding, paths: set[Path], *, whole: bool) -> str:
    """The paths as a mask's JSON; ``""`` where no mask can be given.

    Args:
        mask: Of the function that is called.
        paths: Members, from the answer on where *whole*, else from the entity on.
        whole: Whether the paths begin at the answer.
    """
    found: set[Path] = set()
    for path in paths:
        relative = _relative(mask.items, path) if whole else path
        if relative is None:
            continue
        if _LIST in relative:  # a mask does not reach into lists
            relative = relative[: relative.index(_LIST)]
        if _UNION in relative or not mask.unnamed.isdisjoint(relative):
            return ""
        if relative:
            found.add(relative)
    # A path says all that is below it: only the longest ones are meant.
    inner = {path[:end] for path in found for end in range(1, len(path))}
    return ",".join(sorted(".".join(path) for path in found - inner))


def _relative(items: tuple[str, ...], path: Path) -> Path | None:
    """*path* from the entity on; ``None`` for a member around it."""
    rest = path[1:] if path[:1] == (_LIST,) else path
    for item in items:
        if rest[:1] != (item,):
            return None
        rest = rest[1:]
        if rest[:1] == (_LIST,):
            rest = rest[1:]
    return rest
