"""Media types and status codes of responses.

Source: GraphQL over HTTP specification, "Accept", "Body", "Status Codes"; RFC 9110, 12.5.1 "Accept".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

RESPONSE: Final = "application/graphql-response+json"
LEGACY: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
PAGE: Final = "text/html"

# Which of two equally welcome media types is sent, first one first. The modern one leads where it is named;
# a wildcard may come from a client that has never heard of it (audits 47DE and 80D8 of graphql-http).
NAMED: Final = (RESPONSE, LEGACY, EVENT_STREAM)
BY_WILDCARD: Final = (LEGACY, RESPONSE, EVENT_STREAM)


@dataclass(frozen=True, slots=True)
class Acceptable:
    """What a client takes.

    Attributes:
        media_type: The one to answer with.
        events: An event stream is acceptable too, should the operation turn out to be a subscription.
    """

    media_type: str
    events: bool = False


@dataclass(frozen=True, slots=True)
class _Range:
    kind: str
    subkind: str
    quality: float

    def specificity(self, kind: str, subkind: str) -> int:
        """2 for the same media type, 1 for ``text/*``, 0 for ``*/*``, -1 for another."""
        if self.kind == "*":
            return 0 if self.subkind == "*" else -1
        if self.kind != kind:
            return -1
        return 2 if self.subkind == subkind else (1 if self.subkind == "*" else -1)


# Clients of one kind send one header, so a few entries hold them all.
@lru_cache(maxsize=256)
def negotiate(accept: str | None, *, page: bool = False) -> Acceptable | None:
    """The media type to answer with, or ``None`` if the client takes none that we have (406).

    No ``Accept`` header means ``application/json``: clients that send none are older than
    ``application/graphql-response+json`` and read nothing but status 200.

    Args:
        accept: The ``Accept`` header; several are joined by commas.
        page: Whether ``text/html`` is on offer.

    Source: GraphQL over HTTP specification, "Legacy Watershed" and "Body".
    """
    ranges = _parse_accept(accept) if accept is not None else []
    if not ranges:
        return Acceptable(LEGACY)
    events = _quality(EVENT_STREAM, ranges)
    best: tuple[float, int, int] | None = None
    chosen = ""
    for offer in (*NAMED, PAGE) if page else NAMED:
        quality, specificity = _quality(offer, ranges)
        # An event stream is never what a wildcard meant.
        if quality <= 0 or (offer == EVENT_STREAM and specificity < 2):
            continue
        order = (PAGE, *NAMED) if specificity == 2 else (*BY_WILDCARD, PAGE)
        rank = (quality, specificity, -order.index(offer))
        if best is None or rank > best:
            best, chosen = rank, offer
    if best is None:
        return None
    return Acceptable(chosen, events=events[0] > 0 and events[1] == 2)


def response_status(media_type: str, *, is_request_error: bool) -> int:
    """The status code of a GraphQL response to a well-formed request.

    As ``application/json`` it is always 200: a client cannot tell an intermediary's error from ours
    otherwise. As ``application/graphql-response+json`` it is 400 if there is no ``data`` entry, and 200 with
    errors beside ``data``.

    Source: GraphQL over HTTP specification, "Status Codes", "application/json" and
    "application/graphql-response+json". The edition of September 2026 proposes 294 for data beside errors;
    gateways and clients do not know it yet, so it is not sent.
    """
    return 400 if is_request_error and media_type == RESPONSE else 200


def _quality(offer: str, ranges: list[_Range]) -> tuple[float, int]:
    """Quality and specificity of the most specific range that names *offer*; ``(0, -1)`` if none does."""
    kind, _, subkind = offer.partition("/")
    matching = [(entry.specificity(kind, subkind), entry.quality) for entry in ranges]
    specificity, quality = max(matching)
    return (quality, specificity) if specificity >= 0 else (0.0, -1)


def _parse_accept(accept: str) -> list[_Range]:
    """The media ranges that may be answered in utf-8; what cannot be read is left out."""
    ranges = []
    for entry in accept.split(","):
        media_range, *parameters = entry.split(";")
        kind, slash, subkind = media_range.strip().lower().partition("/")
        if not slash:
            if kind == "*":  # some Java clients send a bare star for */*
                subkind = "*"
            else:
                if kind:
                    ranges.append(_Range("", "", 0.0))
                continue
        quality = 1.0
        readable = True
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            match name.strip().lower():
                case "q":
                    quality = _parse_quality(value.strip())
                case "charset":
                    readable = value.strip().strip('"').lower() in {"utf-8", "utf8", "*"}
                case _:
                    pass  # parameters such as `deferSpec` or `v` change nothing that we send
        ranges.append(_Range(kind, subkind, quality if readable else 0.0))
    return ranges


def _parse_quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return min(quality, 1.0) if quality > 0 else 0.0  # NaN is not over zero
