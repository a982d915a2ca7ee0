"""Weft's own kinds, ``gateway.weft.dev/v1alpha1``: what the published kinds cannot say.

- A backend reference of kind ``Function``, ``Upstream`` or ``GraphQL`` needs no object: its name is a
  function's or an upstream's id.
- ``FunctionCall`` is a route's filter: where the arguments of its function come from.
- ``Transformation`` is a route's filter: headers, path, query and body, from templates.
- ``Canary`` shifts the traffic of an upstream or a function between versions.
"""

from __future__ import annotations

import msgspec

from .base import ObjectReference, Part
from .routes import NamedValue


class FunctionCallSpec(Part, frozen=True):
    """Where the arguments of a route's function come from.

    Attributes:
        arguments: Argument to source: ``path.id``, ``query.q``, ``header.x-tenant``, ``cookie.session``,
            ``body`` (all of it), ``body.user.id``, or a constant as ``=text``. An argument that is left out
            is taken from the part of the path, the query parameter or the body's member of its name.
    """

    arguments: dict[str, str] = {}


class QueryChange(Part, frozen=True):
    """Parameters of the query that are set and removed."""

    set: tuple[NamedValue, ...] = ()
    remove: tuple[str, ...] = ()


class HeaderChange(Part, frozen=True):
    """Headers that are set, added and removed. Values may hold Envoy's operators, such as ``%REQ(x)%``."""

    set: tuple[NamedValue, ...] = ()
    add: tuple[NamedValue, ...] = ()
    remove: tuple[str, ...] = ()


class BodyChange(Part, frozen=True):
    """A new body.

    Attributes:
        json: A JSON document whose texts may be operators: ``%REQUEST_BODY(user:id)%``, ``%REQ(x-tenant)%``;
            in a response also ``%RESPONSE_BODY(…)%``.
        merge: Lay it over the body that there is, rather than replace it.
    """

    json: dict[str, object] | str
    merge: bool = False


class RequestChange(Part, frozen=True):
    """Changes of the request on its way to the backend."""

    headers: HeaderChange | None = None
    query: QueryChange | None = None
    path: str | None = None
    body: BodyChange | None = None


class ResponseChange(Part, frozen=True):
    """Changes of the response on its way to the client."""

    headers: HeaderChange | None = None
    body: BodyChange | None = None


class TransformationSpec(Part, frozen=True):
    """Changes of requests and responses."""

    request: RequestChange | None = None
    response: ResponseChange | None = None


class CanaryVersion(Part, frozen=True):
    """One version of an upstream.

    Attributes:
        url: Where it is, as an upstream's URL is written; absent for the version that was discovered.
        upstream: The id of a discovered upstream, in place of a URL.
        qualifier: Of a Lambda function: a version or alias, in place of a URL.
    """

    url: str | None = None
    upstream: str | None = None
    qualifier: str | None = None


class CanaryMatch(Part, frozen=True):
    """Requests that get one version, whatever the weights say."""

    version: str
    header: NamedValue | None = None
    cookie: NamedValue | None = None

    def __post_init__(self) -> None:
        """Hold one condition.

        Raises:
            ValueError: None, or two.
        """
        if (self.header is None) == (self.cookie is None):
            raise ValueError("a match has `header` or `cookie`")


class Sticky(Part, frozen=True):
    """Equal values stay with one version. ``operation`` pins all calls of one GraphQL operation."""

    header: str | None = None
    cookie: str | None = None
    operation: bool = False

    def __post_init__(self) -> None:
        """Hold one source.

        Raises:
            ValueError: None, or more.
        """
        if sum((self.header is not None, self.cookie is not None, self.operation)) != 1:
            raise ValueError("`sticky` has one of `header`, `cookie`, `operation`")


class CanaryMirror(Part, frozen=True):
    """Copies of requests for a version, whose answers nobody reads. Writes are never copied."""

    version: str
    percent: float = 100


class CanarySpec(Part, frozen=True):
    """How the traffic of an upstream or of one function is shared out.

    Attributes:
        target_ref: Of kind ``Upstream`` or ``Function``.
        versions: By name. What was discovered is the version ``stable``.
        weights: In percent, by version; ``stable`` gets what is left of 100.
    """

    target_ref: ObjectReference
    versions: dict[str, CanaryVersion] = {}
    weights: dict[str, int] = {}
    matches: tuple[CanaryMatch, ...] = ()
    sticky: Sticky | None = None
    mirror: CanaryMirror | None = None

    def __post_init__(self) -> None:
        """Hold names together, and weights to 100.

        Raises:
            ValueError: A version that is not there, or weights that are not percentages.
        """
        known = {STABLE, *self.versions}
        named = {*self.weights, *(match.version for match in self.matches)}
        if self.mirror:
            named.add(self.mirror.version)
        if unknown := sorted(named - known):
            raise ValueError(f"there is no version {unknown[0]!r}; there are {', '.join(sorted(known))}")
        others = sum(weight for name, weight in self.weights.items() if name != STABLE)
        if any(weight < 0 for weight in self.weights.values()) or others > 100:
            raise ValueError("weights are percentages: none below 0, together not above 100")
        if STABLE in self.weights and self.weights[STABLE] + others != 100:
            raise ValueError(f"the weights add up to {self.weights[STABLE] + others}, not to 100")

    @property
    def shares(self) -> dict[str, int]:
        """The percentage of every version, ``stable`` first."""
        others = {name: self.weights.get(name, 0) for name in self.versions if name != STABLE}
        return {STABLE: 100 - sum(others.values()), **others}

    def with_weights(self, weights: dict[str, int]) -> CanarySpec:
        """The same with other weights.

        Raises:
            ValueError: They do not fit.
        """
        return msgspec.structs.replace(self, weights=weights)


STABLE = "stable"
"""The version that was discovered."""
