"""What a link and a bulk function are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..catalog import FunctionId, ShapeName, UpstreamId

Origin: TypeAlias = Literal["inferred", "declared", "configured"]


@dataclass(frozen=True, slots=True)
class BulkFunction:
    """A function that answers many keys in one call.

    Attributes:
        function: Its id.
        argument: The argument that takes the list of keys.
        items: Members that lead from the answer to its list of items; empty if the answer is the list.
        key: Member of an item that says which key it answers.
        size_argument: Argument that bounds how many items are answered (``limit``), or ``""``; it is set
            to the number of items that the keys of a call may have, for its default may be smaller.
        max_keys: The most keys of one call.
        max_key_bytes: The most bytes that all keys of one call may have, where they travel in a URL.
        many: Whether a key is answered by a list: all the items that carry it.
        per_key: With *many* and *size_argument*: the most items of one key.
        atomic: Whether a key that leads to nothing fails the whole call: each is then asked for alone.
        evidence: Why it is believed to be one.
    """

    function: FunctionId
    argument: str
    items: tuple[str, ...]
    key: str
    size_argument: str = ""
    max_keys: int = 1000
    max_key_bytes: int | None = None
    many: bool = False
    per_key: int = 1
    atomic: bool = False
    evidence: str = ""
    origin: Origin = "inferred"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a link: the *argument* of the function takes its value from the parent's *member*."""

    argument: str
    member: str


@dataclass(frozen=True, slots=True)
class Link:
    """A field that leads from one function's result to another function.

    Attributes:
        upstream: Upstream of the parent's shape.
        shape: The parent's shape.
        field: GraphQL name of the field on the parent's type.
        keys: What the function takes from the parent; more than one only without *bulk*.
        function: A function that answers one parent, or ``None`` if only *bulk* does.
        bulk: A function that answers many parents in one call, or ``None``.
        many: Whether one key leads to a list (``Customer.orders``).
        each: Whether the parent's member is a list of keys (``Order.productIds``).
        evidence: Why it is believed to be one.
    """

    upstream: UpstreamId
    shape: ShapeName
    field: str
    keys: tuple[Key, ...]
    function: FunctionId | None
    bulk: BulkFunction | None = None
    many: bool = False
    each: bool = False
    evidence: str = ""
    origin: Origin = "inferred"

    @property
    def target(self) -> FunctionId:
        """The function whose answer's type the field has."""
        if self.function is not None:
            return self.function
        assert self.bulk is not None
        return self.bulk.function


@dataclass(frozen=True, slots=True)
class LinkRule:
    """What the configuration says of one link.

    Attributes:
        field: Schema coordinate, such as ``Order.product``; the type by its shape's or GraphQL name.
        function: The function that answers it; ``None`` with *off*.
        keys: Argument of the function to member of the parent.
        off: Switch a found link off.
    """

    field: str
    function: str | None = None
    keys: Mapping[str, str] | None = None
    off: bool = False


@dataclass(frozen=True, slots=True)
class BulkRule:
    """What the configuration says of one bulk function.

    Attributes:
        function: The function.
        answers: The function whose single calls it replaces; ``None`` if there is none.
        argument: The argument that takes the list of keys; found by its name where it is ``None``.
        items: Dotted members that lead to the list of items; ``None`` to find it.
        key: Member of an item that says which key it answers; ``None`` to find it.
        max_keys: The most keys of one call.
        many: Whether a key is answered by a list of items; ``None`` to find it.
        per_key: The most items of one key, where the function has an argument that bounds its answer.
        off: Never use it as a bulk function.
    """

    function: str
    answers: str | None = None
    argument: str | None = None
    items: str | None = None
    key: str | None = None
    max_keys: int | None = None
    many: bool | None = None
    per_key: int | None = None
    off: bool = False


@dataclass(frozen=True, slots=True)
class Weave:
    """All links and bulk functions of a catalog.

    Attributes:
        links: Sorted by coordinate.
        bulk: Sorted by function.
        entities: For objects that a function answers by their own key, the link from the key to the whole
            object; without a field. They complete an object of which only the key is known.
        notes: What was seen and not taken, one line each.
    """

    links: tuple[Link, ...]
    bulk: tuple[BulkFunction, ...]
    entities: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()
