"""Upstream ids: who is called what, the same way in every round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..schemas.catalog import UpstreamId
from ..schemas.names import unique


@dataclass(frozen=True, slots=True)
class Claim:
    """What one candidate would like to be called.

    Attributes:
        identity: What the candidate is known by; unique among claims.
        configured: The name that the configuration gives it, or ``None``.
        had: The id it has had, or ``None``.
        wish: The id its description suggests, or one made of its address.
        answered: Whether *wish* comes from a description.
    """

    identity: str
    configured: str | None
    had: UpstreamId | None
    wish: str
    answered: bool = True


def settle_ids(claims: Iterable[Claim]) -> dict[str, UpstreamId]:
    """An id for every claim, by identity; no two are equal.

    Configured names come first, then ids that were given before, then what descriptions suggest, then what
    addresses suggest; within each, in the order of the identities. Who comes too late gets ``name2``.
    """
    settled: dict[str, UpstreamId] = {}
    taken: set[str] = set()
    for claim in sorted(claims, key=lambda claim: (_rank(claim), claim.identity)):
        name = unique(claim.configured or claim.had or claim.wish, taken)
        taken.add(name)
        settled[claim.identity] = UpstreamId(name)
    return settled


def _rank(claim: Claim) -> int:
    if claim.configured is not None:
        return 0
    if claim.had is not None:
        return 1
    return 2 if claim.answered else 3
