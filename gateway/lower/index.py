"""Objects by name, and which policies hold where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from ...schemas.errors import ConfigError
from ..objects.backends import SecretSpec
from ..objects.base import GATEWAY_GROUP, WEFT_GROUP, Object, ObjectReference, Policy
from ..objects.clients import ClientTrafficPolicySpec, EnvoyExtensionPolicySpec
from ..objects.security import SecurityPolicySpec
from ..objects.traffic import BackendTrafficPolicySpec
from .world import wrong

PolicyT = TypeVar("PolicyT", bound=Policy)
Target = tuple[str, str, str]
"""Kind, name and section of what a policy is attached to."""

_POLICIES = (
    SecurityPolicySpec,
    BackendTrafficPolicySpec,
    ClientTrafficPolicySpec,
    EnvoyExtensionPolicySpec,
)
_TARGETS = {
    (GATEWAY_GROUP, "Gateway"),
    (GATEWAY_GROUP, "HTTPRoute"),
    (GATEWAY_GROUP, "GRPCRoute"),
    (WEFT_GROUP, "Function"),
    (WEFT_GROUP, "Upstream"),
    (WEFT_GROUP, "GraphQL"),
}


_PUBLIC: Final = frozenset({"ca.crt", "tls.crt", "jwks"})
"""Keys of Secrets whose values are shown to anybody who connects."""


class Index:
    """Finds objects.

    Attributes:
        problems: Policies that are attached to nothing.
        hidden: Secrets that were handed out: they are masked in what people are told.
    """

    def __init__(self, objects: Iterable[Object]) -> None:
        """Take every object."""
        self.objects = tuple(objects)
        self._by_name = {(one.kind, one.namespace, one.name): one for one in self.objects}
        self._policies: dict[tuple[type[Policy], Target], list[Object]] = defaultdict(list)
        self.problems: list[ConfigError] = []
        self.hidden: set[str] = set()
        for one in self.objects:
            if isinstance(one.spec, _POLICIES):
                self._attach(one, one.spec)

    def of_kind(self, kind: str) -> tuple[Object, ...]:
        """All objects of one kind."""
        return tuple(one for one in self.objects if one.kind == kind)

    def find(self, kind: str, name: str, *, of: Object, namespace: str | None = None) -> Object:
        """The object that *of* refers to.

        Raises:
            ConfigError: There is none.
        """
        found = self._by_name.get((kind, namespace or of.namespace, name))
        if found is None:
            raise wrong(of, "", f"refers to {kind}/{name}, and there is no such object")
        return found

    def secret(self, reference: ObjectReference, key: str, *, of: Object) -> str:
        """A text of a Secret or ConfigMap.

        Raises:
            ConfigError: There is no such object, or it has no such key.
        """
        values = self.secret_values(reference, of=of)
        if key not in values:
            raise wrong(of, "", f"{reference.kind or 'Secret'}/{reference.name} has no key {key!r}")
        return values[key]

    def secret_values(self, reference: ObjectReference, *, of: Object) -> dict[str, str]:
        """All texts of a Secret or ConfigMap.

        Raises:
            ConfigError: There is no such object.
        """
        spec = self.find(
            reference.kind or "Secret", reference.name, of=of, namespace=reference.namespace
        ).spec
        assert isinstance(spec, SecretSpec)
        if (reference.kind or "Secret") == "Secret":
            self.hidden.update(value for key, value in spec.values.items() if value and key not in _PUBLIC)
        return spec.values

    def policy(self, kind: type[PolicyT], targets: Iterable[Target]) -> tuple[PolicyT, Object] | None:
        """The policy of one kind that holds for the most specific of *targets*, and where it was written.

        Policies of the same target are one: what the first one says holds. A policy of a more specific
        target takes the place of the others, as in Envoy Gateway, unless it has a ``mergeType``.

        Args:
            kind: The class of its spec.
            targets: The most specific first.
        """
        merged: PolicyT | None = None
        origin: Object | None = None
        for target in targets:
            found = self._policies.get((kind, target), ())
            goes_on = merged is None
            for one in found:
                spec = one.spec
                assert isinstance(spec, kind)
                merged, origin = (spec, one) if merged is None else (_filled(merged, spec), origin)
                goes_on = goes_on and spec.merge_type is not None
            if found and not goes_on and not all(one.spec.merge_type for one in found):
                break
        return None if merged is None or origin is None else (merged, origin)

    def _attach(self, policy: Object, spec: Policy) -> None:
        if not spec.targets:
            self.problems.append(wrong(policy, "spec.targetRefs", "is missing", "what the policy is for"))
        for target in spec.targets:
            if (target.group, target.kind) not in _TARGETS:
                text = f"{target.group} {target.kind} is nothing that a policy is attached to"
                known = ", ".join(f"{group} {kind}" for group, kind in sorted(_TARGETS))
                self.problems.append(wrong(policy, "spec.targetRefs", text, known))
                continue
            if target.group == GATEWAY_GROUP and target.kind != "Gateway":
                try:
                    self.find(target.kind, target.name, of=policy)
                except ConfigError as error:
                    self.problems.append(error)
            key = (type(spec), (target.kind, target.name, target.section_name or ""))
            self._policies[key].append(policy)


def _filled(first: PolicyT, second: PolicyT) -> PolicyT:
    """*first*, with what only *second* says."""
    empty: Any = type(first)()
    changes = {
        name: getattr(second, name)
        for name in first.__struct_fields__
        if name not in {"target_ref", "target_refs", "merge_type"}
        and getattr(first, name) == getattr(empty, name)
        and getattr(second, name) != getattr(empty, name)
    }
    return msgspec.structs.replace(first, **changes) if changes else first
