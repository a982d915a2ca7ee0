"""What one Envoy is told, step by step: nothing is taken away before nothing leads to it any more.

A cluster and a route to it that arrive in one step give 503s: Envoy takes each type in its own time. So what
is new is added first, then routes lead to it, then what is old is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..resources import Resources, ResourceType

SETTLE_S: Final = 0.05
"""Between the routes' acknowledgement and the removal of clusters: workers take routes over one by one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of an update.

    Attributes:
        view: What the Envoy is told in it.
        waits_for: The types whose acknowledgement ends it.
        settle_s: What passes before it begins.
    """

    view: Resources
    waits_for: tuple[ResourceType, ...]
    settle_s: float = 0.0


def stages(old: Resources, new: Resources) -> tuple[Stage, ...]:
    """The steps from *old* to *new*.

    >>> [stage.waits_for for stage in stages(Resources(), Resources())]
    []
    """
    if old.version == new.version:
        return ()
    if old.version == Resources().version:
        # Nothing that could break: and an Envoy that starts must not be told first that it has no listeners.
        return (Stage(new, ("secrets", "clusters", "extensions", "routes", "listeners")),)
    added = new.with_types(
        clusters={**old.clusters, **new.clusters},
        secrets={**old.secrets, **new.secrets},
        extensions=old.extensions,
        routes=old.routes,
        listeners=old.listeners,
    )
    led = added.with_types(
        extensions={**old.extensions, **new.extensions}, routes=new.routes, listeners=new.listeners
    )
    steps = [
        Stage(added, ("secrets", "clusters")),
        Stage(led, ("extensions", "routes", "listeners")),
        Stage(new, ("secrets", "clusters"), SETTLE_S),
    ]
    return tuple(steps)
