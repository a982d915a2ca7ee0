"""What a detector is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ...schemas.catalog import Upstream
from ..registries import Candidate


@dataclass(frozen=True, slots=True)
class Detected:
    """The candidate speaks this kind.

    Attributes:
        upstream: What it can do. Its id is the candidate's configured name, else ``upstream_name()`` of the
            title; the caller settles collisions with ``Upstream.renamed``.
        memo: What the detector wants back at its next probe of the candidate (the URL where the document
            was found, its ETag, a hash); opaque to everybody else.
    """

    upstream: Upstream
    memo: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The candidate says the same as at the last probe."""


@dataclass(frozen=True, slots=True)
class NotThisKind:
    """The candidate answers, but does not speak this kind. *reason* is one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class TryLater:
    """The candidate may speak this kind, but cannot say so now. *reason* is one line.

    Attributes:
        retry_after_s: How long it asked to be left alone, in seconds; ``None`` if it did not say.
    """

    reason: str
    retry_after_s: float | None = None


Detection: TypeAlias = Detected | Unchanged | NotThisKind | TryLater


class Detector(Protocol):
    """Finds out whether a candidate speaks one kind."""

    @property
    def name(self) -> str:
        """``openapi``, ``grpc`` or ``lambda``."""
        ...

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """Probe *candidate*.

        Args:
            candidate: Where to look.
            memo: The memo of the last ``Detected`` of this candidate, or ``None`` for a first probe.
            deadline: Loop time in seconds at which the probe ends; the caller enforces it too.

        Never raises for anything the candidate does.
        """
        ...
