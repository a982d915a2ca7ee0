"""Instances of hand-written classes that extend generated types.

A hand-written resolver may return ``Product(id="p-1")``: what the instance does not hold is loaded, once,
by its key.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from graphql import GraphQLObjectType

from ...schemas.catalog import Json
from ...schemas.errors import UpstreamAnswer, UpstreamError
from ...schemas.stitch import attribute_of, entity_of
from ..plan.keys import BadKey, converter_for
from .loaders import Loaders


def held_member(instance: object, member: str, type_: GraphQLObjectType) -> Any:
    """What *instance* holds of *member*; ``None`` if it holds nothing."""
    attribute = attribute_of(type_, member)
    value = getattr(instance, attribute, None) if attribute else None
    from strawberry import UNSET  # loaded long ago where there is a hand-written class

    if isinstance(value, Enum):
        return value.value
    return None if value is UNSET else value


async def load_instance(
    instance: object, type_: GraphQLObjectType, loaders: Loaders
) -> Json | UpstreamError | None:
    """The whole object of which *instance* holds the key.

    Returns:
        The upstream's answer, or the error in its place; ``None`` if no function answers objects of *type_*
        by a key, or *instance* does not hold it.
    """
    entity = entity_of(type_)
    value = held_member(instance, entity.link.keys[0].member, type_) if entity else None
    if entity is None or value is None:
        return None
    link, function = entity.link, entity.bulk or entity.function
    name = link.bulk.argument if link.bulk else link.keys[0].argument
    try:
        key = converter_for(function.argument(name))(value)
    except BadKey as error:
        return UpstreamAnswer(function.upstream, function.id, reason=str(error))
    return (await loaders.load(link, function, [key], {}, batched=link.bulk is not None))[key]
