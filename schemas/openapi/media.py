"""Media types: which of those offered is best, and what a value of it is.

Source: OpenAPI 3.1, "Media Types"; RFC 6838 for structured suffixes.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from ..catalog import Json

MediaKind: TypeAlias = Literal["json", "stream", "form", "multipart", "text", "binary", "xml"]

_RANKS: Final = ("json", "form", "multipart", "xml", "text", "stream", "binary")
_STREAMS: Final = frozenset(
    {"text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl",
     "application/x-jsonlines", "application/jsonlines", "application/json-seq", "application/stream+json"}
)  # fmt: skip
_ENDLESS: Final = frozenset({"text/event-stream", "application/stream+json"})
_TEXTS: Final = frozenset(
    {"application/yaml", "application/x-yaml", "application/csv", "application/javascript",
     "application/jwt", "application/graphql", "application/sql", "application/x-pem-file"}
)  # fmt: skip


def media_kind(media_type: str) -> MediaKind:
    """What a value of *media_type* is. ``*/*`` is taken as JSON, which is what frameworks mean by it."""
    essence = media_essence(media_type)
    if essence in _STREAMS:
        return "stream"
    if essence in {"application/json", "text/json", "*/*", "application/*", ""} or essence.endswith("+json"):
        return "json"
    if essence == "application/x-www-form-urlencoded":
        return "form"
    if essence.startswith("multipart/"):
        return "multipart"
    if essence in {"application/xml", "text/xml"} or essence.endswith("+xml"):
        return "xml"
    if essence.startswith("text/") or essence in _TEXTS or essence.endswith("+yaml"):
        return "text"
    return "binary"


def is_endless(media_type: str) -> bool:
    """Whether a stream of *media_type* goes on as things happen; others are lists, sent item by item."""
    return media_essence(media_type) in _ENDLESS


def media_essence(media_type: str) -> str:
    """*media_type* in lower case and without its parameters."""
    return media_type.split(";", 1)[0].strip().lower()


def ranked(content: dict[str, Json]) -> list[str]:
    """The media types of *content*, best first: JSON, then its kin, forms, XML, text, streams, bytes."""
    return sorted(content, key=_rank)


def _rank(media_type: str) -> tuple[int, int]:
    kind = media_kind(media_type)
    essence = media_essence(media_type)
    within = 0 if essence == "application/json" else 3 if "*" in essence else 1
    if essence == "application/json-patch+json":
        within = 2  # a list of changes, where its kin take the value itself
    return _RANKS.index(kind), within
