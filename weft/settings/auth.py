"""The sections ``auth`` and ``cost``: what operations are held to before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, StrictBool, StrictInt, StrictStr, model_validator

from .section import Section
from .values import problem

if TYPE_CHECKING:
    from ..engine.plan.access import AccessRule
    from ..engine.plan.cost import CostRule


class AccessEntry(Section):
    """Who may ask for some fields. All entries that name a field must hold."""

    fields: tuple[StrictStr, ...] = ()
    """Globs of schema coordinates, such as `Order.total` or `Mutation.*`."""

    functions: tuple[StrictStr, ...] = ()
    """Globs of functions: every field that calls one of them, directly or by a link."""

    claims: dict[StrictStr, StrictStr | tuple[StrictStr, ...]] = {}
    """Claims of the caller's token, and the values of which each must have one; `client` and `user` are who
    came with an API key or a password. Left out: any caller that is known."""

    @model_validator(mode="after")
    def _names_something(self) -> AccessEntry:
        if not self.fields and not self.functions:
            raise problem("names no field", "`fields`, or `functions`")
        return self

    @property
    def rule(self) -> AccessRule:
        """The same, as the engine takes it."""
        from ..engine.plan.access import AccessRule  # with graphql-core: not every command plans

        claims = {
            name: (values,) if isinstance(values, str) else values for name, values in self.claims.items()
        }
        return AccessRule(self.fields, self.functions, claims)


class AuthSection(Section):
    """Who may ask for which fields. Refused before any call is made."""

    rules: tuple[AccessEntry, ...] = ()
    """What is asked of callers, by field or function."""

    trust_headers: StrictBool = False
    """Take `x-weft-claims`, `x-weft-client` and `x-weft-user` at their word also without `weft up`'s gateway in
    front: only where nobody but a gateway that sets them can reach the server."""


class CostSection(Section):
    """What operations cost: the calls that they are expected to make."""

    max_cost: StrictInt | None = Field(default=None, alias="max", ge=1)
    """An operation that costs more is refused."""

    list_size: StrictInt = Field(default=10, ge=1, le=1_000_000)
    """Items that a list is taken to have where no argument says how many."""

    weights: dict[StrictStr, StrictInt] = {}
    """By globs of functions, what one call counts in place of 1."""

    @property
    def rule(self) -> CostRule:
        """The same, as the engine takes it."""
        from ..engine.plan.cost import CostRule

        return CostRule(self.max_cost, self.list_size, self.weights)
