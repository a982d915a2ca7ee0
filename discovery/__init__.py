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

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "Address": ".registries",
    "Candidate": ".registries",
    "Detected": ".detectors",
    "Detection": ".detectors",
    "Detector": ".detectors",
    "DiscoverySettings": ".state",
    "DiscoveryState": ".state",
    "GrpcAddress": ".registries",
    "HttpAddress": ".registries",
    "LambdaAddress": ".registries",
    "NotThisKind": ".detectors",
    "Progress": ".probe",
    "Registry": ".registries",
    "StaticRegistry": ".registries",
    "TryLater": ".detectors",
    "Unchanged": ".detectors",
    "discover_once": ".probe",
    "load_snapshot": ".store",
    "save_snapshot": ".store",
}

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
]


def __getattr__(name: str) -> Any:
    # `watch` is not among them: its module has the same name, and is bound here whenever it is imported.
    # Serving and the settings take an address or a snapshot from here, and look at no upstream.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
