"""The shapes of many functions under one set of names.

Each function's schema is a document of its own, so two of them may describe one thing alike, or different
things by one name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

import msgspec

from ..catalog import (
    Discriminator,
    EnumShape,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Shape,
    ShapeName,
    Type,
    UnionShape,
)
from ..names import unique

_T = TypeVar("_T", bound=Type)


def merge_shapes(
    known: Mapping[ShapeName, Shape], shapes: Mapping[ShapeName, Shape], *, prefix: str
) -> tuple[dict[ShapeName, Shape], dict[ShapeName, ShapeName]]:
    """Add the shapes of one more function to those that are *known*.

    A shape that is known by the same name and is alike, with all that it refers to, is shared. One that
    differs is renamed: *prefix* is put before its name.

    Returns:
        The shapes to add, under their new names, and every changed name.
    """
    shared = _closed({name for name, shape in shapes.items() if known.get(name) == shape}, shapes)
    # Of one function's two schemas the second may bring what the first had to rename.
    prefixed = {
        name: name if name.startswith(prefix) else ShapeName(prefix + name)
        for name in shapes
        if name not in shared and name in known
    }
    again = _closed(
        {name for name, new in prefixed.items() if known.get(new) == _with_names(shapes[name], prefixed)},
        shapes,
        or_in=shared,
    )
    taken: set[str] = {*known, *shapes}
    renamed: dict[ShapeName, ShapeName] = {}
    for name, new in prefixed.items():
        renamed[name] = new if name in again else ShapeName(unique(new, taken))
        taken.add(renamed[name])
    added = {
        renamed.get(name, name): _with_names(shape, renamed)
        for name, shape in shapes.items()
        if name not in shared and name not in again
    }
    return added, renamed


def _closed(
    alike: set[ShapeName], shapes: Mapping[ShapeName, Shape], or_in: Collection[ShapeName] = ()
) -> set[ShapeName]:
    """Those of *alike* that refer to such only: shapes are alike as long as what they refer to is."""
    while True:
        fit = alike.union(or_in)
        kept = {name for name in alike if fit.issuperset(set(_references(shapes[name])) & shapes.keys())}
        if kept == alike:
            return alike
        alike = kept


def with_names(type_: Type, renamed: Mapping[ShapeName, ShapeName]) -> Type:
    """*type_* with its references led to the new names."""
    match type_:
        case Reference():
            return msgspec.structs.replace(type_, shape=renamed.get(type_.shape, type_.shape))
        case ListOf():
            return msgspec.structs.replace(type_, item=with_names(type_.item, renamed))
        case MapOf():
            return msgspec.structs.replace(type_, value=with_names(type_.value, renamed))
        case _:
            return type_


def _with_names(shape: Shape, renamed: Mapping[ShapeName, ShapeName]) -> Shape:
    name = renamed.get(shape.name, shape.name)
    if isinstance(shape, UnionShape):
        return msgspec.structs.replace(
            shape,
            name=name,
            members=tuple(renamed.get(member, member) for member in shape.members),
            discriminator=_discriminator(shape.discriminator, renamed),
        )
    if isinstance(shape, EnumShape):
        return msgspec.structs.replace(shape, name=name)
    fields = tuple(
        msgspec.structs.replace(field, type=with_names(field.type, renamed)) for field in shape.fields
    )
    return msgspec.structs.replace(shape, name=name, fields=fields)


def _discriminator(
    found: Discriminator | None, renamed: Mapping[ShapeName, ShapeName]
) -> Discriminator | None:
    if found is None:
        return None
    return msgspec.structs.replace(
        found,
        mapping={value: renamed.get(member, member) for value, member in found.mapping.items()},
        default=renamed.get(found.default, found.default),
    )


def _references(shape: Shape) -> Iterator[ShapeName]:
    match shape:
        case ObjectShape():
            for field in shape.fields:
                type_: Type = field.type
                while isinstance(type_, ListOf | MapOf):
                    type_ = type_.item if isinstance(type_, ListOf) else type_.value
                if isinstance(type_, Reference):
                    yield type_.shape
        case UnionShape():
            yield from shape.members
        case EnumShape():
            return
