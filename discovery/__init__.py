"""Which upstreams there are, and what each of them speaks.

In: the configured registries. Out: a catalog, kept current, with a state per upstream.

- ``registries``: say which candidates there are.
- ``detectors``: say what each candidate speaks.
- ``state``: what is known between two rounds.
- ``timing``: when to look again.
- ``identities``: which upstream is called what.
- ``probe``: one round.
- ``watch``: rounds for as long as somebody listens.
- ``store``: the snapshot on disk.
"""

from .detectors import (
    Detected,
    Detection,
    Detector,
    NotThisKind,
    TryLater,
    Unchanged,
)
from .probe import Progress, discover_once
from .registries import (
    Address,
    Candidate,
    GrpcAddress,
    HttpAddress,
    LambdaAddress,
    Registry,
    StaticRegistry,
)
from .state import DiscoverySettings, DiscoveryState
from .store import load_snapshot, save_snapshot
from .watch import watch

__all__ = [
    "Address",
    "Candidate",
    "Detected",
    "Detection",
    "Detector",
    "DiscoverySettings",
    "DiscoveryState",
    "GrpcAddress",
    "HttpAddress",
    "LambdaAddress",
    "NotThisKind",
    "Progress",
    "Registry",
    "StaticRegistry",
    "TryLater",
    "Unchanged",
    "discover_once",
    "load_snapshot",
    "save_snapshot",
    "watch",
]
