"""Rules of ``auth.rules`` for functions, held on the functions' own routes as the engine holds them on fields.

In: what a caller must have. Out: the configuration of a filter that refuses who has it not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ...schemas.catalog import Function, FunctionId
from ..objects.security import SecurityPolicySpec
from ..resources import Resource
from .filters import ACCESS, USER_HEADER
from .rules import allow_if, any_of, claim_value, header_input, single, text_regex
from .security import CLAIMS_HEADER, CLIENT_HEADER

_CALLER: Final = {"client": CLIENT_HEADER, "user": USER_HEADER}
"""Claims that are not a token's: who came with an API key, or with a password."""

_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


def access_filters(
    functions: Iterable[Function],
    access: Mapping[FunctionId, Sequence[Mapping[str, tuple[str, ...]]]],
    security: SecurityPolicySpec | None,
) -> dict[str, Resource]:
    """The per-route configuration of a route to *functions*: all rules of all of them must hold.

    Args:
        functions: Several, where a path may lead to any of them.
        access: By function its rules: by the name of a claim, values of which a caller must have one; empty
            for any caller that is known.
        security: Holds for the route: the claims of its issuers' tokens are looked at.
    """
    rules = [rule for function in functions for rule in access.get(function.id, ())]
    if not rules:
        return {}
    jwt = security.jwt if security else None
    names = tuple(provider.name for provider in jwt.providers) if jwt else ()
    unique = {tuple(sorted(rule.items())): rule for rule in rules}.values()
    parts = [part for rule in unique for part in _rule(rule, names)]
    return {ACCESS: allow_if({"and_matcher": {"predicate": parts}} if len(parts) > 1 else parts[0])}


def _rule(rule: Mapping[str, tuple[str, ...]], providers: tuple[str, ...]) -> list[Resource]:
    if not rule:
        known = (CLAIMS_HEADER, CLIENT_HEADER, USER_HEADER)
        return [any_of([single(header_input(name), text_regex(".+")) for name in known])]
    return [any_of(_claim(name, values, providers)) for name, values in rule.items()]


def _claim(name: str, values: tuple[str, ...], providers: tuple[str, ...]) -> list[Resource]:
    """Alternatives: a claim is a text, words in a text, a number, a truth value, or a list of them."""
    found = []
    header = _CALLER.get(name)
    for value in values:
        if header is not None:
            found.append(single(header_input(header), {"exact": value}))
        word = {"string_match": {"safe_regex": {"regex": rf"(?s)(.*\s)?{re.escape(value)}(\s.*)?"}}}
        matches: list[Resource] = [word]
        if _NUMBER.fullmatch(value):
            matches.append({"double_match": {"exact": float(value)}})
        if value in {"true", "false"}:
            matches.append({"bool_match": value == "true"})
        for provider in providers:
            for match in matches:
                found.append(claim_value(provider, name, match))
                found.append(claim_value(provider, name, {"list_match": {"one_of": match}}))
    if not found:
        # Nobody can have it: there is no issuer of tokens here.
        found.append(single(header_input(":method"), {"exact": ""}))
    return found
