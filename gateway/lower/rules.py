"""Rules on callers: predicates on claims, headers, addresses and methods, as Envoy's RBAC takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..objects.security import AuthorizationRule
from ..resources import Resource, typed

_HTTP: Final = "envoy.extensions.filters.http"


def first_that_fits(matchers: Sequence[Resource], actions: Sequence[str], default: str) -> Resource:
    """``RBACPerRoute`` by the matcher tree, which has an order and a default, as Envoy Gateway has.

    Args:
        matchers: Predicates; the first that holds decides.
        actions: What each decides: ``Allow`` or ``Deny``.
        default: Where none holds.
    """

    def action(name: str) -> Resource:
        return {
            "name": "action",
            "typed_config": typed("envoy.config.rbac.v3.Action", name=name.lower(), action=name.upper()),
        }

    tree: Resource = {"on_no_match": {"action": action(default)}}
    if matchers:
        tree["matcher_list"] = {
            "matchers": [
                {"predicate": matcher, "on_match": {"action": action(name)}}
                for matcher, name in zip(matchers, actions, strict=True)
            ]
        }
    return typed(f"{_HTTP}.rbac.v3.RBACPerRoute", rbac={"matcher": tree})


def allow_if(predicate: Resource) -> Resource:
    """``RBACPerRoute`` that lets pass what *predicate* holds for, and nothing else."""
    return first_that_fits([predicate], ["Allow"], "Deny")


def predicate_of(rule: AuthorizationRule) -> Resource:
    """The predicate that a rule fits a request."""
    parts: list[Resource] = []
    principal = rule.principal
    if principal.client_cidrs:
        parts.append(_addresses(principal.client_cidrs))
    parts += [
        any_of([single(header_input(header.name.lower()), {"exact": value}) for value in header.values])
        for header in principal.headers
    ]
    if principal.jwt:
        provider = principal.jwt.provider
        parts += [
            any_of([_claim(provider, claim.name, value, claim.value_type) for value in claim.values])
            for claim in principal.jwt.claims
        ]
        parts += [_claim(provider, "scope", scope, "StringArray") for scope in principal.jwt.scopes]
    if rule.operation and rule.operation.methods:
        parts.append(
            any_of([single(header_input(":method"), {"exact": method}) for method in rule.operation.methods])
        )
    if not parts:
        parts.append(single(header_input(":method"), text_regex(".*")))
    return parts[0] if len(parts) == 1 else {"and_matcher": {"predicate": parts}}


def any_of(parts: list[Resource]) -> Resource:
    """The predicate that one of *parts* holds."""
    return parts[0] if len(parts) == 1 else {"or_matcher": {"predicate": parts}}


def header_input(name: str) -> Resource:
    """What a predicate looks at: a header of the request."""
    return {
        "name": "header",
        "typed_config": typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name),
    }


def text_regex(regex: str) -> Resource:
    """What a predicate's text must fit as a whole. Its matcher wants the engine named, as others do not."""
    return {"safe_regex": {"google_re2": {}, "regex": regex}}


def single(input_: Resource, match: Resource) -> Resource:
    """The predicate that what is looked at fits."""
    return {"single_predicate": {"input": input_, "value_match": match}}


def _claim(provider: str, claim: str, value: str, kind: str) -> Resource:
    exact: Resource = {"string_match": {"exact": value}}
    return claim_value(provider, claim, {"list_match": {"one_of": exact}} if kind == "StringArray" else exact)


def claim_value(provider: str, claim: str, matcher: Resource) -> Resource:
    """The predicate that a claim, with dots for a nested one, has a value that fits *matcher*."""
    path = [{"key": provider}, *({"key": part} for part in claim.split("."))]
    return {
        "single_predicate": {
            "input": {
                "name": "claim",
                "typed_config": typed(
                    "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
                    filter="envoy.filters.http.jwt_authn",
                    path=path,
                ),
            },
            "custom_match": {
                "name": "claim",
                "typed_config": typed(
                    "envoy.extensions.matching.input_matchers.metadata.v3.Metadata", value=matcher
                ),
            },
        }
    }


def _addresses(cidrs: Iterable[str]) -> Resource:
    ranges = []
    for cidr in cidrs:
        address, _, length = cidr.partition("/")
        ranges.append(
            {"address_prefix": address, "prefix_len": int(length or (128 if ":" in address else 32))}
        )
    return {
        "single_predicate": {
            "input": {
                "name": "address",
                "typed_config": typed("envoy.extensions.matching.common_inputs.network.v3.SourceIPInput"),
            },
            "custom_match": {
                "name": "cidr",
                "typed_config": typed(
                    "envoy.extensions.matching.input_matchers.ip.v3.Ip",
                    cidr_ranges=ranges,
                    stat_prefix="cidr",
                ),
            },
        }
    }
