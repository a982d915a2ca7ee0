"""What the configuration says of single functions, over what was read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from .functions import Catalog, Effect, Function, FunctionId, Upstream


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """What the configuration says of one function.

    Attributes:
        effect: Whether it reads or writes; ``None`` leaves it as it was read.
        off: Leave it out.
    """

    effect: Effect | None = None
    off: bool = False


def override_functions(catalog: Catalog, rules: Mapping[FunctionId, FunctionRule]) -> Catalog:
    """*catalog* with *rules* applied. A rule about a function that is not there changes nothing."""
    if not rules.keys() & catalog.functions.keys():
        return catalog
    return Catalog(upstreams=tuple(_override(upstream, rules) for upstream in catalog.upstreams))


def _override(upstream: Upstream, rules: Mapping[FunctionId, FunctionRule]) -> Upstream:
    kept: list[Function] = []
    for function in upstream.functions:
        rule = rules.get(function.id)
        if rule is None:
            kept.append(function)
        elif not rule.off:
            effect = rule.effect or function.effect
            reason = "configured" if rule.effect else function.effect_reason
            kept.append(msgspec.structs.replace(function, effect=effect, effect_reason=reason))
    return msgspec.structs.replace(upstream, functions=tuple(kept))
