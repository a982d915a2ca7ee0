"""What discovery knows between two rounds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from ..schemas.catalog import Catalog, Snapshot, Upstream, UpstreamId, UpstreamStatus
from .registries import Candidate

_CREDENTIALS: Final = re.compile(r"//[^/@]*@")


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """How upstreams are looked at.

    Attributes:
        timeout_s: For one probe of one candidate.
        concurrency: Candidates probed at once.
        interval_s: Between two probes of a candidate that is well; also between two questions to a registry.
        back_off_s: After a first failure; it doubles with every further one.
        max_back_off_s: The longest wait after a failure.
        max_retry_after_s: The longest wait that an upstream may ask for.
    """

    timeout_s: float = 10.0
    concurrency: int = 16
    interval_s: float = 30.0
    # A service that starts beside us is there within seconds; one that is gone may be gone for days.
    back_off_s: float = 1.0
    max_back_off_s: float = 300.0
    max_retry_after_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class CandidateMemory:
    """What is known of one candidate.

    Attributes:
        id: The upstream's id; ``None`` as long as it never answered.
        detector: Name of the detector that read it last; ``""`` if none did.
        memo: What that detector wants back.
        upstream: The last good one, under its settled id.
        status: How the last probe ended; ``None`` for a candidate that was never probed.
        failures: In a row.
        next_probe: Clock time in seconds before which it is left alone.
        restored: It comes from a snapshot, and no registry named it since.
    """

    id: UpstreamId | None = None
    detector: str = ""
    memo: Mapping[str, Any] | None = field(default=None, repr=False)
    upstream: Upstream | None = field(default=None, repr=False)
    status: UpstreamStatus | None = None
    failures: int = 0
    next_probe: float = 0.0
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a registry said last.

    Attributes:
        problem: Why it could not be read, one line; ``""`` if it was.
        next_look: Clock time in seconds before which it is not asked again.
    """

    candidates: tuple[Candidate, ...] = ()
    problem: str = ""
    failures: int = 0
    next_look: float = 0.0


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DiscoveryState:
    """The snapshot, and what the next round needs to know.

    Attributes:
        memories: By candidate (see `identity`).
        listings: By the registry's name.
    """

    snapshot: Snapshot = field(default_factory=lambda: Snapshot(catalog=Catalog()))
    memories: Mapping[str, CandidateMemory] = field(default_factory=_nothing, repr=False)
    listings: Mapping[str, Listing] = field(default_factory=_nothing, repr=False)

    @property
    def next_due(self) -> float:
        """Clock time in seconds at which the first candidate or registry is due; infinite if none ever is."""
        times = [memory.next_probe for memory in self.memories.values() if not memory.restored]
        times += [listing.next_look for listing in self.listings.values()]
        return min(times, default=float("inf"))

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> DiscoveryState:
        """What a snapshot of an earlier process tells: the last good functions and the ids.

        With it an upstream that is down while discovery restarts is stale and not lost, and keeps its id.
        """
        by_id = snapshot.catalog.upstreams_by_id
        shared = Counter(status.address for status in snapshot.statuses)
        memories = {
            status.address
            if shared[status.address] == 1
            else f"{status.upstream} {status.address}": CandidateMemory(
                id=status.upstream,
                detector=status.kind,
                upstream=by_id[status.upstream],
                status=status,
                restored=True,
            )
            for status in snapshot.statuses
            if status.upstream in by_id
        }
        return cls(snapshot=snapshot, memories=memories)

    def memory_of(self, candidate: Candidate) -> CandidateMemory:
        """What is known of *candidate*; nothing, for a new one."""
        found = self.memories.get(identity(candidate)) or self.memories.get(public_address(candidate))
        return found or CandidateMemory()


def identity(candidate: Candidate) -> str:
    """What a candidate is known by: its address, after its name where it has one."""
    address = public_address(candidate)
    return f"{candidate.name} {address}" if candidate.name else address


def public_address(candidate: Candidate) -> str:
    """Where a candidate is, without credentials."""
    return _CREDENTIALS.sub("//", candidate.key)
