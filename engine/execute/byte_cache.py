"""A cache that is bounded by the bytes of what it holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteCache(Generic[K, V]):
    """Values by key; the least recently used go first.

    Attributes:
        bytes: Of all that it holds, as its user says.
        gone: Values that had to go so far.
    """

    def __init__(self, max_bytes: int) -> None:
        """Hold no more than *max_bytes* in all; one value that is larger is held alone."""
        self.max_bytes = max_bytes
        self.bytes = 0
        self.gone = 0
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        """How many values it holds."""
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value of *key*, which is now the most recently used; ``None`` if it is not there."""
        found = self._held.get(key)
        if found is None:
            return None
        self._held.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Hold *value*, of *size* bytes, in the place of what *key* had."""
        before = self._held.pop(key, None)
        self.bytes += size - (before[1] if before else 0)
        self._held[key] = (value, size)
        while self.bytes > self.max_bytes and len(self._held) > 1:
            _, (_, size) = self._held.popitem(last=False)
            self.bytes -= size
            self.gone += 1

    def resize(self, key: K, value: V, size: int) -> None:
        """Say that *value* now takes *size* bytes; nothing happens if *key* does not hold it any more."""
        found = self._held.get(key)
        if found is not None and found[0] is value:
            self.put(key, value, size)
