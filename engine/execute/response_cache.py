"""Answers of reads, kept as long as they are fresh, within a bound of bytes.

An answer is kept under the function, the arguments and the values of exactly the headers that were forwarded
with the call: nobody is given what was read with other credentials than their own.

Source: RFC 9111, "HTTP Caching".
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from ...schemas.catalog import Function, FunctionId, HttpBinding, UpstreamId
from ..transport.base import Fetched
from .freshness import Freshness

Key: TypeAlias = tuple[FunctionId, bytes, tuple[str | None, ...]]
"""The function, its arguments in one form, and the values of the headers that are forwarded to its upstream."""
Place: TypeAlias = tuple[UpstreamId, str]
"""An upstream and a path on it: what a write to that path makes stale."""

DEFAULT_BYTES: Final = 64 * 1024 * 1024
ENTRY_SHARE: Final = 8
"""One entry takes at most an eighth: a few large answers must not push out all that others use."""
_ENTRY_BYTES: Final = 1024  # measured: 900 to 1008 beside body and key
_HEADER_BYTES: Final = 140  # measured: 136 to 150 beside name and value
_PLACEHOLDER: Final = re.compile(r"\{([^{}/]+)\}")


@dataclass(slots=True)
class Kept:
    """One answer.

    Attributes:
        fresh_until: Loop time in seconds; used without asking before it.
        refresh_until: Used before it while a new one is fetched.
        error_until: Used before it in the place of an error.
        said: What its headers said.
        size: Bytes that it counts for.
        place: What a write makes it stale by.
    """

    answer: Fetched
    fresh_until: float
    refresh_until: float
    error_until: float
    said: Freshness
    size: int
    place: Place | None


class ResponseCache:
    """A bounded store of answers; what was not used for longest goes first.

    Args:
        max_bytes: Bodies, keys and headers of all entries together.

    Attributes:
        hits: Answers that were used without asking.
        misses: Answers that might have been there and were not, or no longer fresh.
        revalidated: Answers that the upstream said were still right.
        stale: Stale answers that were used in the place of an error, or while a new one was fetched.
        evicted: Entries that had to go for others.
    """

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.hits = 0
        self.misses = 0
        self.revalidated = 0
        self.stale = 0
        self.evicted = 0
        self._entries: OrderedDict[Key, Kept] = OrderedDict()
        self._places: dict[Place, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, now: float) -> Kept | None:
        """The entry under *key*; it may be stale. One that can be of no more use is dropped."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        if (
            now >= kept.fresh_until
            and not kept.said.conditions
            and now >= max(kept.refresh_until, kept.error_until)
        ):
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return kept

    def put(
        self, key: Key, answer: Fetched, said: Freshness, asked_at: float, *, place: Place | None
    ) -> None:
        """Keep *answer*, in place of what was there. An answer that is too large is not kept.

        Args:
            key: What was asked.
            answer: Its headers are kept only where a later 304 can bring them up to date.
            said: How long it may be used.
            asked_at: Loop time in seconds at which it was asked for, from which that counts.
            place: What a write makes it stale by.
        """
        self.drop(key)
        if not said.conditions and answer.headers:
            answer = replace(answer, headers=())
        size = _size(key, answer)
        if size > self.max_bytes // ENTRY_SHARE:
            return
        fresh_until = asked_at + said.fresh_s
        self._entries[key] = Kept(
            answer, fresh_until, fresh_until + said.refresh_s, fresh_until + said.error_s, said, size, place
        )
        if place is not None:
            self._places.setdefault(place, set()).add(key)
        self.bytes += size
        while self.bytes > self.max_bytes:
            self.drop(next(iter(self._entries)))
            self.evicted += 1

    def drop(self, key: Key) -> None:
        """Keep nothing under *key*."""
        kept = self._entries.pop(key, None)
        if kept is None:
            return
        self.bytes -= kept.size
        if kept.place is not None:
            keys = self._places[kept.place]
            keys.discard(key)
            if not keys:
                del self._places[kept.place]

    def invalidate(self, place: Place) -> None:
        """Drop what was read from *place*, whoever read it.

        Source: RFC 9111, section 4.4: a write to a URI that succeeds makes what is kept of it stale.
        """
        for key in list(self._places.get(place, ())):
            self.drop(key)


def place_of(function: Function, arguments: Mapping[str, Any]) -> Place | None:
    """Where on its upstream a function of HTTP reads or writes: the path, filled in, without its query.

    ``None`` where there is no path: gRPC and Lambda do not say what a write changes.
    """
    binding = function.binding
    if not isinstance(binding, HttpBinding):
        return None
    argument = {p.name: p.argument for p in binding.parameters if p.location == "path"}
    path = _PLACEHOLDER.sub(lambda at: str(arguments.get(argument.get(at[1], at[1]))), binding.path)
    return function.upstream, f"{binding.server or ''}{path}"


def _size(key: Key, answer: Fetched) -> int:
    _, identity, values = key
    headers = sum(_HEADER_BYTES + len(name) + len(value) for name, value in answer.headers)
    return _ENTRY_BYTES + len(answer.body) + len(identity) + sum(len(v) for v in values if v) + headers
