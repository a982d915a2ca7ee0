"""BackendTrafficPolicy: how backends are called, and how often.

Source: Envoy Gateway v1, ``gateway.envoyproxy.io/v1alpha1``; `RetryBudget` and `Hedge` are Weft's own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .base import Duration, Part, Policy


class HeaderSelector(Part, frozen=True):
    """Requests by a header; ``Distinct`` gives each value a budget of its own."""

    name: str
    type: Literal["Exact", "RegularExpression", "Distinct"] = "Exact"
    value: str | None = None
    invert: bool = False


class AddressSelector(Part, frozen=True):
    """Requests by the client's address."""

    value: str
    type: Literal["Exact", "Distinct"] = "Exact"


class PathSelector(Part, frozen=True):
    """Requests by their path."""

    value: str
    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"


class MethodSelector(Part, frozen=True):
    """Requests by their method."""

    value: str


class ClientSelector(Part, frozen=True):
    """Requests for which all of it holds."""

    headers: tuple[HeaderSelector, ...] = ()
    methods: tuple[MethodSelector, ...] = ()
    path: PathSelector | None = None
    source_cidr: AddressSelector | None = msgspec.field(name="sourceCIDR", default=None)


class LimitValue(Part, frozen=True):
    """So many requests in a time."""

    requests: int
    unit: Literal["Second", "Minute", "Hour", "Day"]


class CostMetadata(Part, frozen=True):
    """Where a cost stands in the dynamic metadata."""

    namespace: str
    key: str


class CostSource(Part, frozen=True):
    """What one request costs."""

    from_: Literal["Number", "Metadata"] = msgspec.field(name="from")
    number: int | None = None
    metadata: CostMetadata | None = None


class Cost(Part, frozen=True):
    """Costs when a request comes, and when its answer went."""

    request: CostSource | None = None
    response: CostSource | None = None


class LimitRule(Part, frozen=True):
    """A budget for the requests that are selected; for all where no selector is given."""

    limit: LimitValue
    client_selectors: tuple[ClientSelector, ...] = ()
    cost: Cost | None = None
    shared: bool = False


class LimitRules(Part, frozen=True):
    """Budgets."""

    rules: tuple[LimitRule, ...] = ()


class RateLimit(Part, frozen=True):
    """Budgets in each Envoy (``local``), or in the rate limit service (``global``)."""

    type: Literal["Local", "Global"] | None = None
    local: LimitRules | None = None
    global_: LimitRules | None = msgspec.field(name="global", default=None)


class BackOff(Part, frozen=True):
    """Waits between tries."""

    base_interval: Duration | None = None
    max_interval: Duration | None = None


class PerRetry(Part, frozen=True):
    """Bounds of one try."""

    timeout: Duration | None = None
    back_off: BackOff | None = None


class RetryOn(Part, frozen=True):
    """What is tried again."""

    triggers: tuple[str, ...] = ()
    http_status_codes: tuple[int, ...] = ()


class Retry(Part, frozen=True):
    """Tries after the first."""

    num_retries: int = 2
    retry_on: RetryOn | None = None
    per_retry: PerRetry | None = None


class TcpTimeout(Part, frozen=True):
    """Of a connection."""

    connect_timeout: Duration | None = None


class HttpTimeout(Part, frozen=True):
    """Of a request."""

    request_timeout: Duration | None = None
    connection_idle_timeout: Duration | None = None
    max_connection_duration: Duration | None = None
    max_stream_duration: Duration | None = None


class Timeout(Part, frozen=True):
    """How long things may take."""

    tcp: TcpTimeout | None = None
    http: HttpTimeout | None = None


class CircuitBreaker(Part, frozen=True):
    """The most at once."""

    max_connections: int = 1024
    max_pending_requests: int = 1024
    max_parallel_requests: int = 1024
    max_parallel_retries: int | None = None
    max_requests_per_connection: int | None = None
    retry_budget: RetryBudget | None = None


class RetryBudget(Part, frozen=True):
    """Retries at once as a share of the requests at once. Weft's own: not in Envoy Gateway."""

    percent: int = 20
    min_concurrency: int = 3


class HttpCheck(Part, frozen=True):
    """A request that a healthy endpoint answers."""

    path: str
    method: str | None = None
    expected_statuses: tuple[int, ...] = (200,)
    hostname: str | None = None


class GrpcCheck(Part, frozen=True):
    """``grpc.health.v1.Health/Check``."""

    service: str | None = None


class ActiveCheck(Part, frozen=True):
    """Endpoints are asked how they are."""

    type: Literal["HTTP", "TCP", "GRPC"]
    timeout: Duration = "1s"
    interval: Duration = "3s"
    unhealthy_threshold: int = 3
    healthy_threshold: int = 1
    http: HttpCheck | None = None
    grpc: GrpcCheck | None = None


class PassiveCheck(Part, frozen=True):
    """Endpoints that fail are left out for a while."""

    split_external_local_origin_errors: bool = False
    interval: Duration = "3s"
    consecutive_local_origin_failures: int = 5
    consecutive_gateway_errors: int = 0
    consecutive5_xx_errors: int = msgspec.field(name="consecutive5XxErrors", default=5)
    base_ejection_time: Duration = "30s"
    max_ejection_percent: int = 10


class HealthCheck(Part, frozen=True):
    """How an endpoint's health is told."""

    active: ActiveCheck | None = None
    passive: PassiveCheck | None = None
    panic_threshold: int | None = None


class HashCookie(Part, frozen=True):
    """A cookie to hash; with a TTL it is made where it is absent."""

    name: str
    ttl: Duration | None = None


class HashHeader(Part, frozen=True):
    """A header to hash."""

    name: str


class ConsistentHash(Part, frozen=True):
    """Equal values go to one endpoint."""

    type: Literal["SourceIP", "Header", "Cookie"]
    header: HashHeader | None = None
    cookie: HashCookie | None = None


class SlowStart(Part, frozen=True):
    """A new endpoint's share grows."""

    window: Duration


class LoadBalancer(Part, frozen=True):
    """Which endpoint gets a request."""

    type: Literal["ConsistentHash", "LeastRequest", "Random", "RoundRobin"] = "LeastRequest"
    consistent_hash: ConsistentHash | None = None
    slow_start: SlowStart | None = None


class FaultDelay(Part, frozen=True):
    """Answers that come late."""

    fixed_delay: Duration
    percentage: float = 100


class FaultAbort(Part, frozen=True):
    """Answers that fail."""

    http_status: int | None = None
    grpc_status: int | None = None
    percentage: float = 100


class FaultInjection(Part, frozen=True):
    """Faults on purpose."""

    delay: FaultDelay | None = None
    abort: FaultAbort | None = None


class Compression(Part, frozen=True):
    """Answers that are compressed."""

    type: Literal["Gzip", "Brotli", "Zstd"]


class RequestBuffer(Part, frozen=True):
    """The largest request body, such as ``1Mi``."""

    limit: str | int


class HttpUpgrade(Part, frozen=True):
    """Upgrades that are let through, such as ``websocket``."""

    type: str


class Hedge(Part, frozen=True):
    """Hedging. Weft's own: not in Envoy Gateway."""

    per_try_timeout: Duration


class BackendTrafficPolicySpec(Policy, frozen=True):
    """How backends are called."""

    rate_limit: RateLimit | None = None
    retry: Retry | None = None
    timeout: Timeout | None = None
    circuit_breaker: CircuitBreaker | None = None
    health_check: HealthCheck | None = None
    load_balancer: LoadBalancer | None = None
    fault_injection: FaultInjection | None = None
    compression: tuple[Compression, ...] = ()
    request_buffer: RequestBuffer | None = None
    http_upgrade: tuple[HttpUpgrade, ...] = ()
    hedge: Hedge | None = None
