"""One transport for each upstream of a catalog."""

from __future__ import annotations

from ..engine.execute.engine import CallSettings, EngineSettings
from ..engine.operation import DocumentLimits
from ..engine.transport import Transport, TransportSettings
from ..engine.transport.aws_lambda import LambdaTransport
from ..engine.transport.grpc import GrpcTransport
from ..engine.transport.http import HttpTransport
from ..engine.transport.lambda_gateway import GatewayLambdaTransport
from ..schemas.catalog import GrpcTarget, HttpTarget, LambdaTarget, Snapshot, Upstream, UpstreamId
from ..settings import ServerUpstream, Settings, entries_by_upstream
from ..settings.upstreams import plain_headers


def make_transport(upstream: Upstream, settings: TransportSettings) -> Transport:
    """The transport that speaks what *upstream* speaks."""
    match upstream.target:
        case HttpTarget():
            return HttpTransport(upstream, settings)
        case GrpcTarget():
            return GrpcTransport(upstream, settings)
        case LambdaTarget() if settings.gateway:
            return GatewayLambdaTransport(upstream, settings)
        case LambdaTarget():
            return LambdaTransport(upstream, settings)


def make_transports(
    snapshot: Snapshot, settings: Settings, *, gateway: str = ""
) -> dict[UpstreamId, Transport]:
    """A transport for every upstream of the snapshot's catalog, with its headers and bounds.

    Args:
        snapshot: What was discovered.
        settings: How upstreams are called.
        gateway: Unix socket of a gateway's listener that all calls go through; empty for none.
    """
    entries = entries_by_upstream(settings, snapshot.statuses)
    made: dict[UpstreamId, Transport] = {}
    for upstream in snapshot.catalog.upstreams:
        entry = entries.get(upstream.id)
        bounds = TransportSettings(gateway=gateway)
        if entry is not None:
            bounds = TransportSettings(
                headers=plain_headers(entry), max_connections=entry.max_concurrency, gateway=gateway
            )
        made[upstream.id] = make_transport(upstream, bounds)
    return made


def engine_settings(
    snapshot: Snapshot, settings: Settings, *, canary_headers: tuple[str, ...] = ()
) -> EngineSettings:
    """The engine's bounds, as the configuration sets them.

    Args:
        snapshot: What was discovered.
        settings: The configuration.
        canary_headers: Headers of the client that a gateway's canaries look at: every call carries them.
    """
    server = settings.server
    calls: dict[UpstreamId, CallSettings] = {}
    if canary_headers:
        calls = {upstream.id: CallSettings(forward=canary_headers) for upstream in snapshot.catalog.upstreams}
    for upstream, entry in entries_by_upstream(settings, snapshot.statuses).items():
        forward = entry.forward if isinstance(entry, ServerUpstream) else ()
        calls[upstream] = CallSettings(
            forward=tuple(dict.fromkeys((*forward, *canary_headers))),
            timeout_s=entry.timeout_s if entry.timeout_s is not None else server.timeout_s,
            max_concurrency=entry.max_concurrency,
        )
    return EngineSettings(
        timeout_s=server.timeout_s,
        share=server.share,
        limits=DocumentLimits(max_depth=server.max_depth, introspection=server.introspection),
        calls=calls,
    )
