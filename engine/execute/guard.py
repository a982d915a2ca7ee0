"""Rules and costs held against operations before they run."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from graphql import GraphQLSchema, VariableValues

from ...schemas.errors import OperationError
from ..operation.document import OperationErrors
from ..plan import HandWritten, Plan
from ..plan.access import AccessRule, Guarded, guarded_fields, refuse
from ..plan.cost import CostRule, cost_of
from .prepared import Prepared

CLAIMS_HEADER: Final = "x-weft-claims"
"""A token's payload, base64url, as the gateway passes it on once it has checked the token."""

CLIENT_HEADER: Final = "x-weft-client"
USER_HEADER: Final = "x-weft-user"
"""Who was told by an API key, or by a password."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What operations are held to.

    Attributes:
        rules: Who may ask for which fields.
        trusted: Whether only a gateway can reach the endpoint, so that its headers say who asks. Without it
            nobody is known.
        cost: How operations are weighed; ``None``: they are not.
    """

    rules: tuple[AccessRule, ...] = ()
    trusted: bool = False
    cost: CostRule | None = field(default=None)


class Guard:
    """Holds operations to the settings."""

    def __init__(self, schema: GraphQLSchema, settings: GuardSettings) -> None:
        """Take the schema that operations are of."""
        self._schema = schema
        self._settings = settings

    def check(
        self,
        prepared: Prepared,
        plan: Plan | HandWritten,
        variables: VariableValues,
        headers: Mapping[str, str],
    ) -> tuple[int, bool]:
        """What the operation costs (0 where operations are not weighed), and whether it has guarded fields.

        Raises:
            OperationErrors: The caller may not ask for all of its fields, or it costs too much.
        """
        settings = self._settings
        guarded: tuple[Guarded, ...] | None = ()
        if settings.rules:
            guarded = prepared.template.guarded
            if guarded is None:
                guarded = prepared.template.guarded = guarded_fields(
                    self._schema, prepared.operation, settings.rules
                )
            if guarded:
                errors = refuse(guarded, claims_of(headers) if settings.trusted else {})
                if errors:
                    raise OperationErrors(errors)
        rule = settings.cost
        if rule is None or isinstance(plan, HandWritten):
            return 0, bool(guarded)
        cost = cost_of(plan, variables, rule)
        if rule.max_cost is not None and cost > rule.max_cost:
            text = (
                f"the operation costs {cost}, and at most {rule.max_cost} is allowed; ask for shorter lists"
            )
            raise OperationErrors([OperationError(text, code="OPERATION_TOO_COSTLY")])
        return cost, bool(guarded)


def claims_of(headers: Mapping[str, str]) -> dict[str, Any]:
    """What a gateway's headers say of the caller; nothing where they say nothing that can be read."""
    claims: dict[str, Any] = {}
    text = headers.get(CLAIMS_HEADER)
    if text:
        try:
            found = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return {}
        if isinstance(found, dict):
            claims = found
    for name, header in (("client", CLIENT_HEADER), ("user", USER_HEADER)):
        if headers.get(header):
            claims[name] = headers[header]
    return claims
