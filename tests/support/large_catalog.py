"""A catalog as large as a company's: many upstreams of resources that point at each other.

Each resource has the five functions that REST services give it, an object of 10 to 20 members (texts,
numbers, dates, enums, lists, an object within), the inputs of its writes, and keys of two other resources.
"""

from __future__ import annotations

from typing import Any, Final

from weft.schemas.catalog import (
    Catalog,
    EnumShape,
    EnumValue,
    Function,
    HttpTarget,
    ListOf,
    ObjectShape,
    Scalar,
    ShapeName,
    Upstream,
    UpstreamId,
)

from .shop_catalog import INT, TEXT, argument, field, function, http, ref

_FIRST: Final = (
    "account", "audit", "billing", "cargo", "claim", "contract", "credit", "device", "event", "fleet",
    "grant", "hotel", "image", "job", "lease", "ledger", "market", "meter", "notice", "offer",
)  # fmt: skip
_SECOND: Final = (
    "batch", "entry", "group", "item", "limit", "note", "owner", "plan", "policy", "record",
)  # fmt: skip
_OPERATIONS: Final = 5
_WORDS: Final = (
    "name", "title", "summary", "owner_name", "region", "country", "currency", "source", "channel", "label",
)  # fmt: skip


def large_catalog(functions: int = 1_000, upstreams: int = 10) -> Catalog:
    """A catalog of *functions* functions, spread over *upstreams* upstreams."""
    resources = [(first, second) for second in _SECOND for first in _FIRST][: functions // _OPERATIONS]
    made = []
    for number in range(upstreams):
        own = resources[number::upstreams]
        shapes: dict[ShapeName, Any] = {}
        found: list[Function] = []
        for index, resource in enumerate(own):
            others = (
                own[(index + 1) % len(own)],
                resources[(resources.index(resource) + 7) % len(resources)],
            )
            found += _functions(f"area{number}", resource)
            shapes |= {shape.name: shape for shape in _shapes(resource, others, index)}
        made.append(
            Upstream(
                id=UpstreamId(f"area{number}"),
                target=HttpTarget(base_url=f"http://area{number}.test"),
                title=f"Area {number}",
                functions=tuple(found),
                shapes=shapes,
            )
        )
    return Catalog.of(*made)


def type_name_of(resource: tuple[str, str]) -> str:
    """The name of a resource's object."""
    return "".join(part.capitalize() for part in resource)


def _functions(upstream: str, resource: tuple[str, str]) -> list[Function]:
    type_, key, path = type_name_of(resource), f"{'_'.join(resource)}_id", f"/{'-'.join(resource)}s"
    given = argument(key, TEXT, required=True)
    body = argument("body", ref(f"{type_}Create"), required=True)
    change = argument("body", ref(f"{type_}Update"), required=True)
    return [
        function(
            f"{upstream}.list{type_}s",
            http("GET", path, "limit", "offset", "search", "sort"),
            ListOf(item=ref(type_)),
            argument("limit", INT, default=20, description="The most that are answered."),
            argument("offset", INT, default=0),
            argument("search", TEXT, description="Text that the name must hold."),
            argument("sort", TEXT),
            description=f"All {type_}s that the caller may see, the newest first.",
        ),
        function(f"{upstream}.get{type_}", http("GET", f"{path}/{{{key}}}"), ref(type_), given),
        function(f"{upstream}.create{type_}", http("POST", path), ref(type_), body, effect="write"),
        function(
            f"{upstream}.update{type_}",
            http("PUT", f"{path}/{{{key}}}"),
            ref(type_),
            given,
            change,
            effect="write",
        ),
        function(
            f"{upstream}.delete{type_}", http("DELETE", f"{path}/{{{key}}}"), None, given, effect="write"
        ),
    ]


def _shapes(resource: tuple[str, str], others: tuple[tuple[str, str], ...], index: int) -> list[Any]:
    type_ = type_name_of(resource)
    texts = [field(word, TEXT, description=f"The {word} of it.") for word in _WORDS[: 4 + index % 7]]
    plain = [
        *texts,
        field("amount", Scalar(kind="float")),
        field("count", INT, required=False),
        field("active", Scalar(kind="boolean")),
        field("tags", ListOf(item=TEXT)),
        field("status", ref(f"{type_}Status")),
        field("address", ref(f"{type_}Address"), required=False),
    ]
    keys = [field(f"{'_'.join(other)}_id", TEXT, required=False) for other in others]
    own = [field("id", TEXT), field("created_at", Scalar(kind="date-time"))]
    address = [field(name, TEXT, required=False) for name in ("street", "city", "zip", "country")]
    states = tuple(EnumValue(value=value) for value in ("draft", "open", "on-hold", "closed"))
    return [
        ObjectShape(
            name=ShapeName(type_), fields=(*own, *plain, *keys), description=f"One {' '.join(resource)}."
        ),
        ObjectShape(name=ShapeName(f"{type_}Create"), fields=(*plain, *keys)),
        ObjectShape(name=ShapeName(f"{type_}Update"), fields=(*plain[:6], *keys)),
        ObjectShape(name=ShapeName(f"{type_}Address"), fields=tuple(address)),
        EnumShape(name=ShapeName(f"{type_}Status"), values=states),
    ]
