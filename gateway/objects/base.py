"""What all kinds share: metadata, references, and where an object was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

WEFT_GROUP: Final = "gateway.weft.dev"
GATEWAY_GROUP: Final = "gateway.networking.k8s.io"
ENVOY_GROUP: Final = "gateway.envoyproxy.io"


Duration: TypeAlias = Annotated[str, Meta(pattern=r"^(\d{1,9}(\.\d{1,9})?(h|m|s|ms))+$")]
"""``1h30m``, ``5s``, ``250ms``. Source: Gateway API, GEP-2257; fractions as Envoy Gateway has them."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}


def seconds(duration: str) -> str:
    """A duration as Envoy reads it.

    >>> seconds("1m30s"), seconds("250ms")
    ('90s', '0.25s')
    """
    return f"{sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(duration)):.9g}s"


class Part(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A part of an object: frozen, and with no other fields than its own.

    What a published kind allows and this gateway does not do is no field here, so that it is refused with
    its place rather than ignored.
    """


class ObjectReference(Part, frozen=True):
    """Another object, by group, kind and name."""

    name: str
    group: str = ""
    kind: str = ""
    namespace: str | None = None
    section_name: str | None = None


class BackendReference(Part, frozen=True):
    """Where requests go: a Backend, or one of Weft's own (Function, Upstream, GraphQL)."""

    name: str
    group: str = ""
    kind: str = "Service"
    namespace: str | None = None
    port: int | None = None
    weight: int = 1


class Policy(Part, frozen=True):
    """What a policy is attached to; a part of a target is named by its ``sectionName``."""

    target_ref: ObjectReference | None = None
    target_refs: tuple[ObjectReference, ...] = ()
    merge_type: Literal["StrategicMerge", "JSONMerge"] | None = None

    @property
    def targets(self) -> tuple[ObjectReference, ...]:
        """All of them."""
        return (*((self.target_ref,) if self.target_ref else ()), *self.target_refs)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object was written.

    Attributes:
        source: The file, or the key of ``weft.yaml`` for a short form.
        line: Of the document's first key; 0 where there is none.
    """

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a configuration.

    Attributes:
        spec: An instance of the class of its kind in `kinds.KINDS`.
    """

    group: str
    kind: str
    name: str
    namespace: str
    spec: Any
    origin: Origin

    @property
    def id(self) -> str:
        """``HTTPRoute/shop``, as messages name it."""
        return f"{self.kind}/{self.name}"

    def __str__(self) -> str:
        return f"{self.origin}: {self.id}"
