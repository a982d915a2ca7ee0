"""The registry that knows what the configuration lists."""

from __future__ import annotations

from collections.abc import Iterable

from .base import Candidate


class StaticRegistry:
    """A fixed list of candidates: a ``Registry``.

    Args:
        candidates: In any order.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self._candidates = tuple(candidates)

    @property
    def name(self) -> str:
        """``static``."""
        return "static"

    async def candidates(self) -> tuple[Candidate, ...]:
        """The list."""
        return self._candidates
