"""What each generated field stands for, kept in the ``extensions`` of the graphql-core objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType

from ..catalog import Function, UpstreamId
from ..links import Link

EXTENSION: Final = "weft"
"""Key of the binding in ``extensions``."""

ATTRIBUTES: Final = "weft-attributes"
"""Key of an extended object type's ``extensions``: member to attribute of the hand-written class."""


@dataclass(frozen=True, slots=True)
class RootBinding:
    """A field of a root type: a call of *function*.

    Attributes:
        void: The function answers nothing, and the field is ``true`` once it is done.
    """

    function: Function
    void: bool = False


@dataclass(frozen=True, slots=True)
class MemberBinding:
    """A field that is the *member* of an upstream's object."""

    member: str


@dataclass(frozen=True, slots=True)
class LinkBinding:
    """A field that is answered by other functions.

    Attributes:
        function: The function of ``link.target``.
        bulk: The function of ``link.bulk``, where there is one.
    """

    link: Link
    function: Function
    bulk: Function | None


@dataclass(frozen=True, slots=True)
class NamespaceBinding:
    """A field of a root type that leads to the root fields of one *upstream*."""

    upstream: UpstreamId


FieldBinding: TypeAlias = RootBinding | MemberBinding | LinkBinding | NamespaceBinding


@dataclass(frozen=True, slots=True)
class MapEntry:
    """Marks an object type whose list stands for a JSON object: fields ``key`` and ``value``."""


@dataclass(frozen=True, slots=True, eq=False)
class UnionBinding:
    """How the concrete type of a union's value is told.

    Attributes:
        property: Wire name of the discriminating member, or ``""``.
        mapping: Its value to a GraphQL type name.
        required: GraphQL type name to the members that such an object must have; tried in order, and the
            type of which most members are there is taken.
        members: GraphQL type name to all members that such an object may have.
        default: The type of an object whose *property* has none of the values of *mapping*, or ``""``.
    """

    property: str
    mapping: Mapping[str, str]
    required: Mapping[str, frozenset[str]]
    members: Mapping[str, frozenset[str]]
    default: str = ""

    def type_name(self, value: object) -> str | None:
        """Name of the concrete type of *value*; ``None`` if it has nothing of any of them."""
        if not isinstance(value, dict):
            return None
        if self.property and isinstance(found := value.get(self.property), str) and found in self.mapping:
            return self.mapping[found]
        if self.default:
            return self.default
        present = value.keys()
        best: tuple[int, int] | None = None
        name = None
        for candidate, required in self.required.items():
            if not required <= present:
                continue
            score = (len(self.members[candidate] & present), len(required))
            if best is None or score > best:
                best, name = score, candidate
        return name if best is not None else self._nearest(present)

    def _nearest(self, present: Collection[str]) -> str | None:
        """The one type of which *present* has more members than of any other; the fields that lack will say so."""
        counts = {name: len(members.intersection(present)) for name, members in self.members.items()}
        most = max(counts.values(), default=0)
        found = [name for name, count in counts.items() if count == most]
        return found[0] if most and len(found) == 1 else None


def binding_of(field: GraphQLField) -> FieldBinding | None:
    """What a generated field stands for; ``None`` for a hand-written one or one of introspection."""
    found = field.extensions.get(EXTENSION)
    return found if isinstance(found, FieldBinding) else None


def entity_of(type_: GraphQLObjectType) -> LinkBinding | None:
    """The function that answers the whole of an object of *type_* by its own key, where there is one."""
    found = type_.extensions.get(EXTENSION)
    return found if isinstance(found, LinkBinding) else None


def attribute_of(type_: GraphQLObjectType, member: str) -> str | None:
    """The attribute of the hand-written class that extends *type_* for *member*; ``None`` if it has none."""
    attributes: Mapping[str, str] = type_.extensions.get(ATTRIBUTES, {})
    return attributes.get(member)


def is_map_entry(type_: GraphQLNamedType) -> bool:
    """Whether lists of *type_* stand for a JSON object."""
    return isinstance(type_.extensions.get(EXTENSION), MapEntry)
