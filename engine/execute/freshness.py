"""How long an answer may be used again: what its headers say. Plain functions over values.

Source: RFC 9111, "HTTP Caching"; RFC 5861, "stale-while-revalidate" and "stale-if-error".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, TypeAlias

from ..transport.base import FRESHNESS_HEADERS

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""In the order they came, names in lower case."""

_DIRECTIVE: Final = re.compile(
    r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?"""
)
_MOST_S: Final = 2**31  # RFC 9111, section 1.2.2: what is larger counts as this

_TRACED: Final = frozenset({"traceparent", "tracestate", "x-request-id", "x-amzn-trace-id"})
"""No answer that varies by them is kept: they differ in every request, and are not part of a key."""


@dataclass(frozen=True, slots=True)
class Directives:
    """A Cache-Control header, as far as it matters for answers to reads with equal forwarded headers.

    Attributes:
        max_age_s: ``s-maxage`` where it is given: many callers share this cache.
        is_strict: A stale answer must not be used without asking (``must-revalidate``, ``proxy-revalidate``,
            ``s-maxage``).
        is_private: It is for one caller.
        stale_while_revalidate_s: How long a stale answer may be used while a new one is fetched.
        stale_if_error_s: How long a stale answer may be used in the place of an error.
    """

    no_store: bool = False
    no_cache: bool = False
    is_strict: bool = False
    is_private: bool = False
    max_age_s: int | None = None
    stale_while_revalidate_s: int = 0
    stale_if_error_s: int = 0


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long one answer may be used again, counted from when it was asked for.

    Attributes:
        fresh_s: Without asking; 0 or less if it is stale already.
        is_explicit: The answer itself says so.
        no_store: It must not be kept.
        is_private: It is for one caller.
        refresh_s: After *fresh_s*, while a new one is fetched.
        error_s: After *fresh_s*, in the place of an error.
        etag: To ask whether it is still right; empty if it has none.
        last_modified: The same.
    """

    fresh_s: float = 0.0
    is_explicit: bool = False
    no_store: bool = False
    is_private: bool = False
    refresh_s: float = 0.0
    error_s: float = 0.0
    etag: str = ""
    last_modified: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        """Headers of a request that asks whether it is still right.

        Source: RFC 9110, section 13.1.3: a recipient ignores If-Modified-Since where If-None-Match is sent.
        """
        if self.etag:
            return {"if-none-match": self.etag}
        return {"if-modified-since": self.last_modified} if self.last_modified else {}

    @property
    def is_worth_keeping(self) -> bool:
        """Whether keeping it can spare anything."""
        if self.no_store or not self.is_explicit:
            return False
        return self.fresh_s + max(self.refresh_s, self.error_s) > 0 or bool(self.etag or self.last_modified)


UNSAID: Final = Freshness()
"""An answer that says nothing: it is used once."""
_NEVER: Final = Freshness(is_explicit=True, no_store=True)


def freshness_of(headers: Headers, *, clock: Callable[[], float] = time.time) -> Freshness:
    """What the headers of an answer say, counted from when it was asked for.

    Args:
        headers: Of an answer with status 200.
        clock: Seconds since 1970; asked where an answer has ``Expires`` and no ``Date``.

    Source: RFC 9111, sections 3, 4.2.1 and 4.2.3: the time that an answer took counts as its age. No
    heuristics: what says nothing is not fresh.
    """
    return UNSAID if FRESHNESS_HEADERS.isdisjoint(dict(headers)) else _read(headers, clock)


def _read(headers: Headers, clock: Callable[[], float]) -> Freshness:
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {b"cache-control", b"vary"} and name in values:
            values[name] += b", " + value
        else:
            values.setdefault(name, value)
    if _varies_too_much(values.get(b"vary", b"")):
        return _NEVER
    said = parse_cache_control(values.get(b"cache-control", b""))
    if said.no_store:
        return _NEVER
    lifetime_s: float | None = said.max_age_s
    if lifetime_s is None and b"expires" in values:
        sent_at = _http_date(values.get(b"date", b""))
        expires_at = _http_date(values[b"expires"])
        # Section 5.3: a date that is none, such as 0, is one in the past.
        lifetime_s = 0 if expires_at is None else expires_at - (clock() if sent_at is None else sent_at)
    is_explicit = lifetime_s is not None or said.no_cache
    if said.no_cache or lifetime_s is None:
        lifetime_s = 0
    no_stale = said.is_strict or said.no_cache
    return Freshness(
        fresh_s=max(lifetime_s, 0) - _seconds(values.get(b"age", b"")) if lifetime_s > 0 else 0.0,
        is_explicit=is_explicit,
        is_private=said.is_private,
        refresh_s=0 if no_stale else said.stale_while_revalidate_s,
        error_s=0 if no_stale else said.stale_if_error_s,
        etag=values.get(b"etag", b"").decode("latin-1"),
        last_modified=values.get(b"last-modified", b"").decode("latin-1"),
    )


def validators_of(headers: Headers) -> tuple[str, str]:
    """``ETag`` and ``Last-Modified`` of an answer; empty where it has none."""
    values = dict(headers)
    return values.get(b"etag", b"").decode("latin-1"), values.get(b"last-modified", b"").decode("latin-1")


def merge_not_modified(kept: Headers, came: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of a kept answer, brought up to date by those of a 304.

    Source: RFC 9111, section 3.2: all but those of the body, which stays; ``Age`` is never kept.
    """
    newer = [pair for pair in came if not pair[0].startswith(b"content-") and pair[0] != b"transfer-encoding"]
    names = {name for name, _ in newer} | {b"age"}
    return [pair for pair in kept if pair[0] not in names] + newer


@lru_cache(maxsize=1024)
def parse_cache_control(value: bytes) -> Directives:
    """The directives of a Cache-Control header; unknown ones are passed over.

    A number that is none counts as 0 (RFC 9111, section 4.2.1); of several the least holds.
    """
    found: dict[str, int] = {}
    for name, quoted, token in _DIRECTIVE.findall(value.decode("latin-1")):
        seconds = _seconds((quoted or token).encode("latin-1"))
        found[name.lower()] = min(found.get(name.lower(), _MOST_S), seconds)
    return Directives(
        no_store="no-store" in found,
        no_cache="no-cache" in found,
        is_strict=not found.keys().isdisjoint({"must-revalidate", "proxy-revalidate", "s-maxage"}),
        is_private="private" in found,
        max_age_s=found.get("s-maxage", found.get("max-age")),
        stale_while_revalidate_s=found.get("stale-while-revalidate", 0),
        stale_if_error_s=found.get("stale-if-error", 0),
    )


def _varies_too_much(vary: bytes) -> bool:
    """Whether an answer differs by more than its key tells.

    Keys hold the arguments and every forwarded header; all other headers are the same in every call.
    """
    return bool(vary) and not _names(vary).isdisjoint({"*", *_TRACED})


def _names(value: bytes) -> set[str]:
    return {name.strip().lower() for name in value.decode("latin-1").split(",")}


def _seconds(value: bytes) -> int:
    text = value.strip()
    return min(int(text), _MOST_S) if text.isdigit() and len(text) < 20 else 0


def _http_date(value: bytes) -> float | None:
    try:
        date = parsedate_to_datetime(value.decode("latin-1"))
        # RFC 9110, section 5.6.7: all are in UTC, also the form that does not say so.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
