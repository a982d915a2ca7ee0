"""Rate limits: in each Envoy, and through the rate limit service.

Source: Envoy Gateway, BackendTrafficPolicy ``rateLimit``; Envoy, local and global rate limit filters.
"""

from __future__ import annotations

from typing import Any, Final

from ..objects.base import Object
from ..objects.traffic import ClientSelector, CostSource, HeaderSelector, LimitRule, RateLimit
from ..resources import Resource, typed
from .filters import COST, GLOBAL_LIMIT, LIMITS_DOMAIN, LOCAL_LIMIT
from .world import GlobalLimit, wrong

UNITS_S: Final = {"Second": 1, "Minute": 60, "Hour": 3600, "Day": 86400}
_HTTP: Final = "envoy.extensions.filters.http"

COST_NAMESPACE: Final = "weft"
COST_KEY: Final = "cost"
"""Where the cost of a GraphQL operation stands in the dynamic metadata, for ``cost.response``."""


def rate_limit_filters(
    limits: RateLimit, origin: Object, *, cost_header: str, scope: str = ""
) -> tuple[dict[str, Resource], list[GlobalLimit]]:
    """The per-route configurations of a route that *limits* hold for, and the service's budgets.

    Args:
        limits: The rules.
        origin: Their policy: its routes share their budgets in the service.
        cost_header: Where the engine says what an operation cost.
        scope: What a budget in the service belongs to.

    Raises:
        ConfigError: A rule cannot be kept.
    """
    filters: dict[str, Resource] = {}
    service: list[GlobalLimit] = []
    if limits.local:
        filters[LOCAL_LIMIT] = _local(limits.local.rules, origin)
    if limits.global_:
        config, service, has_cost = _global(limits.global_.rules, origin, scope)
        filters[GLOBAL_LIMIT] = config
        if has_cost:
            filters[COST] = _cost(cost_header)
    return filters, service


def _local(rules: tuple[LimitRule, ...], origin: Object) -> Resource:
    default: Resource | None = None
    descriptors: list[Resource] = []
    limits: list[Resource] = []
    for number, rule in enumerate(rules):
        if rule.cost is not None:
            raise wrong(origin, "spec.rateLimit.local", "a local limit has no cost", "`global`, which has")
        if not rule.client_selectors:
            default = _bucket(rule)
            continue
        for place, selector in enumerate(rule.client_selectors):
            actions, entries = _selected(selector, f"{number}.{place}", origin)
            limits.append({"actions": actions})
            descriptors.append(
                {
                    "entries": [
                        {"key": key, **({"value": value} if value is not None else {})}
                        for key, value in entries
                    ],
                    "token_bucket": _bucket(rule),
                }
            )
    config: Resource = {
        "stat_prefix": "weft_local_limit",
        # Without a budget for all, none is short of it.
        "token_bucket": default
        or {"max_tokens": 4_294_967_295, "tokens_per_fill": 4_294_967_295, "fill_interval": "1s"},
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "max_dynamic_descriptors": 10_000,
    }
    if descriptors:
        config |= {"descriptors": descriptors, "rate_limits": limits}
        config["always_consume_default_token_bucket"] = default is not None
    return typed(f"{_HTTP}.local_ratelimit.v3.LocalRateLimit", **config)


def _bucket(rule: LimitRule) -> Resource:
    return {
        "max_tokens": rule.limit.requests,
        "tokens_per_fill": rule.limit.requests,
        "fill_interval": f"{UNITS_S[rule.limit.unit]}s",
    }


def _global(
    rules: tuple[LimitRule, ...], origin: Object, scope: str
) -> tuple[Resource, list[GlobalLimit], bool]:
    limits: list[Resource] = []
    service: list[GlobalLimit] = []
    has_cost = False
    name = f"{origin.namespace}/{origin.name}{scope}"
    for number, rule in enumerate(rules):
        for place, selector in enumerate(rule.client_selectors or (ClientSelector(),)):
            actions, entries = _selected(selector, f"{number}.{place}", origin)
            key = f"{name}#{number}"
            head: Resource = {"generic_key": {"descriptor_key": "rule", "descriptor_value": key}}
            limit: Resource = {"actions": [head, *actions]}
            cost = rule.cost
            if cost and cost.request:
                limit["hits_addend"] = _addend(cost.request)
            limits.append(limit)
            if cost and cost.response:
                # Taken from the budget when the answer went: what it cost is not known before.
                limits.append({**limit, "hits_addend": _addend(cost.response), "apply_on_stream_done": True})
                has_cost = True
            service.append(
                GlobalLimit(
                    LIMITS_DOMAIN,
                    (("rule", key), *entries),
                    rule.limit.requests,
                    UNITS_S[rule.limit.unit],
                    costs=cost is not None and cost.response is not None,
                )
            )
    config = typed(f"{_HTTP}.ratelimit.v3.RateLimitPerRoute", rate_limits=limits)
    return config, service, has_cost


def _addend(source: CostSource) -> Resource:
    if source.from_ == "Number":
        return {"number": source.number or 0}
    metadata = source.metadata
    namespace, key = (metadata.namespace, metadata.key) if metadata else (COST_NAMESPACE, COST_KEY)
    return {"format": f"%DYNAMIC_METADATA({namespace}:{key})%"}


def _cost(header: str) -> Resource:
    return typed(
        f"{_HTTP}.header_to_metadata.v3.Config",
        response_rules=[
            {
                "header": header,
                "on_header_present": {
                    "metadata_namespace": COST_NAMESPACE,
                    "key": COST_KEY,
                    "type": "NUMBER",
                },
            }
        ],
    )


def _selected(
    selector: ClientSelector, tag: str, origin: Object
) -> tuple[list[Resource], list[tuple[str, str | None]]]:
    """The actions that describe a request, and the entries that a budget is kept by."""
    actions: list[Resource] = []
    entries: list[tuple[str, str | None]] = []
    matched: list[Resource] = []
    for header in selector.headers:
        if header.type == "Distinct":
            key = f"{tag}.{header.name.lower()}"
            actions.append({"request_headers": {"header_name": header.name.lower(), "descriptor_key": key}})
            entries.append((key, None))
        else:
            matched.append(_header(header, origin))
    if selector.methods:
        methods = "|".join(method.value for method in selector.methods)
        matched.append({"name": ":method", "string_match": {"safe_regex": {"regex": methods}}})
    if selector.path:
        matched.append({"name": ":path", "string_match": _path(selector.path)})
    if matched:
        key = f"{tag}.match"
        actions.append(
            {"header_value_match": {"descriptor_key": key, "descriptor_value": "yes", "headers": matched}}
        )
        entries.append((key, "yes"))
    if selector.source_cidr:
        cidr = selector.source_cidr
        if cidr.type == "Distinct":
            actions.append({"remote_address": {}})
            entries.append(("remote_address", None))
        else:
            address, _, length = cidr.value.partition("/")
            bits = int(length or 32)
            mask = {"v6_prefix_mask_len" if ":" in address else "v4_prefix_mask_len": bits}
            actions.append({"masked_remote_address": mask})
            entries.append(("masked_remote_address", cidr.value))
    if not actions:
        key = f"{tag}.all"
        actions.append({"generic_key": {"descriptor_key": key, "descriptor_value": "yes"}})
        entries.append((key, "yes"))
    return actions, entries


def _header(header: HeaderSelector, origin: Object) -> Resource:
    if header.value is None:
        raise wrong(origin, "spec.rateLimit", f"the selector of header {header.name} has no `value`")
    text: Any = (
        {"safe_regex": {"regex": header.value}}
        if header.type == "RegularExpression"
        else {"exact": header.value}
    )
    return {"name": header.name.lower(), "string_match": text, "invert_match": header.invert}


def _path(path: Any) -> Resource:
    if path.type == "Exact":
        return {"exact": path.value}
    if path.type == "RegularExpression":
        return {"safe_regex": {"regex": path.value}}
    return {"prefix": path.value}
