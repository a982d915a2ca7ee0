"""What is told of requests: lines of the access log, and spans."""

from __future__ import annotations

from typing import Any, Final

from ..resources import Resource, typed
from .addresses import place_of_url
from .clusters import make_cluster
from .world import Tracing

TRACES: Final = "weft_traces"
_SAMPLERS: Final = "envoy.tracers.opentelemetry.samplers"
_SAMPLER_TYPES: Final = "envoy.extensions.tracers.opentelemetry.samplers.v3"

_LOG_FORMAT: Final[Resource] = {
    "time": "%START_TIME%",
    "function": "%METADATA(ROUTE:weft:function)%",
    "route": "%ROUTE_NAME%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ:ORIG_OR_PATH)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "traceparent": "%REQ(TRACEPARENT)%",
}
"""No query, no other header: they may hold secrets."""


def traces_cluster(tracing: Tracing) -> Resource:
    """Where spans are sent."""
    place = place_of_url(tracing.url)
    return make_cluster(TRACES, [place], {}, kind="plain")


def access_log(path: str, listener: str) -> Resource:
    """``AccessLog``: a line of JSON for each request of a listener, to a file or (``-``) standard output."""
    form = {"log_format": {"json_format": {"listener": listener, **_LOG_FORMAT}}}
    if path == "-":
        name, kind, where = "stdout", "stream.v3.StdoutAccessLog", {}
    else:
        name, kind, where = "file", "file.v3.FileAccessLog", {"path": path}
    return {
        "name": f"envoy.access_loggers.{name}",
        "typed_config": typed(f"envoy.extensions.access_loggers.{kind}", **where, **form),
    }


def tracing_of(tracing: Tracing, prefix: str) -> Resource:
    """``Tracing`` of a connection manager: spans with function ids, part of the caller's trace."""
    place = place_of_url(tracing.url)
    service: Any
    if place.http2:
        service = {"grpc_service": {"envoy_grpc": {"cluster_name": TRACES}, "timeout": "1s"}}
    else:
        service = {
            "http_service": {
                "http_uri": {
                    "uri": f"{tracing.url.rstrip('/')}"
                    if place.path
                    else f"{tracing.url.rstrip('/')}/v1/traces",
                    "cluster": TRACES,
                    "timeout": "1s",
                }
            }
        }
    return {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": typed(
                "envoy.config.trace.v3.OpenTelemetryConfig",
                service_name=f"weft-{prefix.split('.')[0]}",
                sampler=_sampler(tracing.percent),
                **service,
            ),
        },
        "spawn_upstream_span": True,
        "custom_tags": [
            # In place of the whole URL, whose query may hold secrets.
            {"tag": "http.url", "value": "%REQ(:SCHEME)%://%REQ(:AUTHORITY)%%PATH(NQ:ORIG_OR_PATH)%"},
            {
                "tag": "weft.function",
                "metadata": {
                    "kind": {"route": {}},
                    "metadata_key": {"key": "weft", "path": [{"key": "function"}]},
                },
            },
        ],
    }


def _sampler(percent: float) -> Resource:
    """What a caller has decided holds, for its trace is one with ours; of all others a share is chosen."""
    share = {"numerator": round(percent * 10_000), "denominator": "MILLION"}
    ratio = {
        "name": f"{_SAMPLERS}.trace_id_ratio_based",
        "typed_config": typed(f"{_SAMPLER_TYPES}.TraceIdRatioBasedSamplerConfig", sampling_percentage=share),
    }
    return {
        "name": f"{_SAMPLERS}.parent_based",
        "typed_config": typed(f"{_SAMPLER_TYPES}.ParentBasedSamplerConfig", wrapped_sampler=ratio),
    }
