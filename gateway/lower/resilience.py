"""Time-outs, retries, hedging, circuit breakers, outliers, health: by policy, else by the kind of upstream.

What a call may do again depends on what it is: a connection that never came about is tried again always, an
answer that failed only for calls that may be repeated.
"""

from __future__ import annotations

from typing import Any, Final

from ..objects.base import seconds
from ..objects.traffic import (
    ActiveCheck,
    BackendTrafficPolicySpec,
    CircuitBreaker,
    LoadBalancer,
    PassiveCheck,
)
from ..resources import Resource, typed

# Nothing of the request has been worked on: safe for writes.
_SAFE: Final = ("connect-failure", "refused-stream", "reset-before-request")
_READ: Final = (*_SAFE, "reset", "gateway-error", "retriable-status-codes")
# The engine's 504 says that the time is over, for which another worker has no more of it.
_ENGINE_READ: Final = (*_SAFE, "reset", "retriable-status-codes")
_GRPC_READ: Final = (*_SAFE, "reset", "unavailable")

_POLICIES: Final = {
    "LeastRequest": "LEAST_REQUEST",
    "Random": "RANDOM",
    "RoundRobin": "ROUND_ROBIN",
    "ConsistentHash": "MAGLEV",
}
_TRIGGERS: Final = {
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "cancelled",
    "deadline-exceeded", "internal", "resource-exhausted", "unavailable", "http3-post-connect-failure",
}  # fmt: skip


def cluster_members(traffic: BackendTrafficPolicySpec | None, kind: str) -> Resource:
    """What a policy, or the kind of an upstream, says of a cluster.

    Args:
        traffic: The policy, if there is one.
        kind: ``http``, ``grpc``, ``lambda``, ``engine``, or ``plain`` for what Envoy itself asks.
    """
    if kind == "plain":
        return {}
    traffic = traffic or BackendTrafficPolicySpec()
    balancer = traffic.load_balancer or LoadBalancer()
    members: Resource = {
        "lb_policy": _POLICIES[balancer.type],
        "circuit_breakers": {"thresholds": [_thresholds(traffic.circuit_breaker)]},
    }
    if balancer.slow_start and balancer.type in {"LeastRequest", "RoundRobin"}:
        name = "least_request" if balancer.type == "LeastRequest" else "round_robin"
        members[f"{name}_lb_config"] = {
            "slow_start_config": {"slow_start_window": seconds(balancer.slow_start.window)}
        }
    check = traffic.health_check
    passive = check.passive if check and check.passive else _PASSIVE if kind != "lambda" else None
    if passive:
        members["outlier_detection"] = _outliers(passive)
    if check and check.active:
        members["health_checks"] = [_active(check.active)]
    elif kind == "engine":
        members["health_checks"] = [ENGINE_CHECK]
    balancing: Resource = {}
    if kind == "engine":
        # By default what health checks tell waits up to a second for more of the same; a worker that says it
        # leaves is gone by then.
        balancing["update_merge_window"] = "0s"
    if check and check.panic_threshold is not None:
        balancing["healthy_panic_threshold"] = {"value": check.panic_threshold}
    if balancing:
        members["common_lb_config"] = balancing
    timeout = traffic.timeout
    if timeout and timeout.tcp and timeout.tcp.connect_timeout:
        members["connect_timeout"] = seconds(timeout.tcp.connect_timeout)
    elif kind == "engine":
        members["connect_timeout"] = "1s"
    common: Resource = {}
    if timeout and timeout.http:
        if timeout.http.connection_idle_timeout:
            common["idle_timeout"] = seconds(timeout.http.connection_idle_timeout)
        if timeout.http.max_connection_duration:
            common["max_connection_duration"] = seconds(timeout.http.max_connection_duration)
    breaker = traffic.circuit_breaker
    if breaker and breaker.max_requests_per_connection:
        common["max_requests_per_connection"] = breaker.max_requests_per_connection
    if common:
        members["common_http_protocol_options"] = common
    return members


# Connections that fail count by themselves, and half of the endpoints may be left out: at 10 percent, Envoy's
# default, one of two dead ones would go on getting requests.
_PASSIVE: Final = PassiveCheck(
    split_external_local_origin_errors=True, consecutive_local_origin_failures=3, max_ejection_percent=50
)

ENGINE_CHECK: Final[Resource] = {
    "timeout": "1s",
    "interval": "1s",
    "no_traffic_interval": "1s",
    "unhealthy_interval": "0.25s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
    "http_health_check": {"host": "engine", "path": "/readyz"},
}


def _thresholds(breaker: CircuitBreaker | None) -> Resource:
    breaker = breaker or CircuitBreaker()
    value: Resource = {
        "max_connections": breaker.max_connections,
        "max_pending_requests": breaker.max_pending_requests,
        "max_requests": breaker.max_parallel_requests,
        "track_remaining": True,
    }
    budget = breaker.retry_budget
    if breaker.max_parallel_retries is not None and budget is None:
        value["max_retries"] = breaker.max_parallel_retries
    else:
        # Retries as a share of what is under way: they cannot multiply the load on what is failing.
        # The least number lets the first failures of an endpoint that died be tried elsewhere all at once.
        percent, least = (budget.percent, budget.min_concurrency) if budget else (25, 25)
        value["retry_budget"] = {
            "budget_percent": {"value": percent},
            "min_retry_concurrency": least,
        }
    return value


def _outliers(check: PassiveCheck) -> Resource:
    return {
        "interval": seconds(check.interval),
        "base_ejection_time": seconds(check.base_ejection_time),
        "max_ejection_percent": check.max_ejection_percent,
        "consecutive_5xx": check.consecutive5_xx_errors,
        "enforcing_consecutive_5xx": 100 if check.consecutive5_xx_errors else 0,
        "consecutive_gateway_failure": check.consecutive_gateway_errors or 5,
        "enforcing_consecutive_gateway_failure": 100 if check.consecutive_gateway_errors else 0,
        "split_external_local_origin_errors": check.split_external_local_origin_errors,
        "consecutive_local_origin_failure": check.consecutive_local_origin_failures,
        # By the share of failures among few hosts: it ejects what merely has errors.
        "enforcing_success_rate": 0,
    }


def _active(check: ActiveCheck) -> Resource:
    value: Resource = {
        "timeout": seconds(check.timeout),
        "interval": seconds(check.interval),
        "no_traffic_interval": seconds(check.interval),
        "unhealthy_threshold": check.unhealthy_threshold,
        "healthy_threshold": check.healthy_threshold,
    }
    if check.type == "GRPC":
        service = check.grpc.service if check.grpc else None
        value["grpc_health_check"] = {"service_name": service} if service else {}
    elif check.type == "HTTP":
        http = check.http
        value["http_health_check"] = {
            "path": http.path if http else "/",
            "host": http.hostname if http and http.hostname else "weft-health",
            "expected_statuses": [
                {"start": status, "end": status + 1}
                for status in (http.expected_statuses if http else (200,))
            ],
            **({"method": http.method} if http and http.method else {}),
        }
    else:
        value["tcp_health_check"] = {}
    return value


def route_members(
    traffic: BackendTrafficPolicySpec | None,
    *,
    kind: str,
    repeatable: bool,
    timeout_s: float,
    request_timeout: str | None = None,
    streams: bool = False,
) -> Resource:
    """What a policy, or the kind of a call, says of a route's action.

    Args:
        traffic: The policy, if there is one.
        kind: As for ``cluster_members``.
        repeatable: Whether a call that failed may be made again.
        timeout_s: Where nothing else says how long it may take.
        request_timeout: What the route itself says.
        streams: Whether answers come in pieces, without an end that could be waited for.
    """
    traffic = traffic or BackendTrafficPolicySpec()
    http = traffic.timeout.http if traffic.timeout else None
    timeout = request_timeout or (http.request_timeout if http else None)
    members: Resource = {"timeout": seconds(timeout) if timeout else "0s" if streams else f"{timeout_s:g}s"}
    if streams:
        members["idle_timeout"] = "0s"
    if http and http.max_stream_duration:
        members["max_stream_duration"] = {"max_stream_duration": seconds(http.max_stream_duration)}
    elif kind == "grpc":
        members["max_stream_duration"] = {"grpc_timeout_header_max": "0s"}
    if kind != "plain":
        members["retry_policy"] = _retries(traffic, kind, repeatable=repeatable)
    if traffic.hedge:
        retries = members["retry_policy"]
        retries["per_try_timeout"] = seconds(traffic.hedge.per_try_timeout)
        # A try that took too long counts as a failure of the gateway.
        retries["retry_on"] = ",".join(dict.fromkeys((*retries["retry_on"].split(","), "gateway-error")))
        members["hedge_policy"] = {"hedge_on_per_try_timeout": True}
    upgrades = [{"upgrade_type": upgrade.type} for upgrade in traffic.http_upgrade]
    if upgrades:
        members["upgrade_configs"] = upgrades
    balancer = traffic.load_balancer
    if balancer and balancer.consistent_hash:
        members["hash_policy"] = [_hash(balancer)]
    return members


def _retries(traffic: BackendTrafficPolicySpec, kind: str, *, repeatable: bool) -> Resource:
    retry = traffic.retry
    triggers = {"grpc": _GRPC_READ, "engine": _ENGINE_READ}.get(kind, _READ) if repeatable else _SAFE
    policy: Resource = {
        "num_retries": retry.num_retries if retry else 2,
        "retry_on": ",".join(triggers),
        "retriable_status_codes": [503],
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        # Not the endpoint that has just failed, where there is another one.
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
            }
        ],
        # Each is drawn by lot, and one that is dead has nothing under way: least_request draws it three times out of
        # four where there are two.
        "host_selection_retry_max_attempts": 50,
    }
    if kind == "lambda":
        # Invoke: 429 for throttling, which says when to come again, and 500 for a fault of Lambda's own.
        policy["retriable_status_codes"] = [429, 500, 503]
        policy["rate_limited_retry_back_off"] = {
            "reset_headers": [{"name": "retry-after", "format": "SECONDS"}],
            "max_interval": "10s",
        }
    if retry and retry.retry_on:
        policy["retry_on"] = ",".join(trigger for trigger in retry.retry_on.triggers if trigger in _TRIGGERS)
        if retry.retry_on.http_status_codes:
            policy["retriable_status_codes"] = list(retry.retry_on.http_status_codes)
            if "retriable-status-codes" not in policy["retry_on"]:
                policy["retry_on"] = ",".join(filter(None, (policy["retry_on"], "retriable-status-codes")))
    if retry and retry.per_retry:
        if retry.per_retry.timeout:
            policy["per_try_timeout"] = seconds(retry.per_retry.timeout)
        if retry.per_retry.back_off and retry.per_retry.back_off.base_interval:
            back_off: Any = {"base_interval": seconds(retry.per_retry.back_off.base_interval)}
            if retry.per_retry.back_off.max_interval:
                back_off["max_interval"] = seconds(retry.per_retry.back_off.max_interval)
            policy["retry_back_off"] = back_off
    return policy


def _hash(balancer: LoadBalancer) -> Resource:
    by = balancer.consistent_hash
    assert by is not None
    if by.type == "Header" and by.header:
        return {"header": {"header_name": by.header.name}}
    if by.type == "Cookie" and by.cookie:
        cookie: Resource = {"name": by.cookie.name, "path": "/"}
        if by.cookie.ttl:
            cookie["ttl"] = seconds(by.cookie.ttl)
        return {"cookie": cookie}
    return {"connection_properties": {"source_ip": True}}
