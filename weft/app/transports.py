"""One transport for each upstream of a catalog."""

from __future__ import annotations

from importlib import import_module

from ..engine.execute.engine import CallSettings, EngineSettings
from ..engine.operation import DocumentLimits
from ..engine.transport import Transport, TransportSettings
from ..schemas.catalog import GrpcTarget, HttpTarget, LambdaTarget, Snapshot, Upstream, UpstreamId
from ..settings import ServerUpstream, Settings, entries_by_upstream
from ..settings.upstreams import plain_headers


def make_transport(upstream: Upstream, settings: TransportSettings) -> Transport:
    """The transport that speaks what *upstream* speaks."""
    # Each brings a client library with it: who has no Lambda functions does not wait for boto's.
    match upstream.target:
        case HttpTarget():
            from ..engine.transport.http import HttpTransport

            return HttpTransport(upstream, settings)
        case GrpcTarget():
            from ..engine.transport.grpc import GrpcTransport

            return GrpcTransport(upstream, settings)
        case LambdaTarget():
            from ..engine.transport.aws_lambda import LambdaTransport

            return LambdaTransport(upstream, settings)


def load_transports(snapshot: Snapshot) -> None:
    """Import the client libraries that the snapshot's upstreams need."""
    modules = {HttpTarget: "http", GrpcTarget: "grpc", LambdaTarget: "aws_lambda"}
    for kind in {type(upstream.target) for upstream in snapshot.catalog.upstreams}:
        import_module(f"..engine.transport.{modules[kind]}", __package__)


def make_transports(snapshot: Snapshot, settings: Settings) -> dict[UpstreamId, Transport]:
    """A transport for every upstream of the snapshot's catalog, with its headers and bounds."""
    entries = entries_by_upstream(settings, snapshot.statuses)
    made: dict[UpstreamId, Transport] = {}
    for upstream in snapshot.catalog.upstreams:
        entry = entries.get(upstream.id)
        bounds = TransportSettings()
        if entry is not None:
            bounds = TransportSettings(headers=plain_headers(entry), max_connections=entry.max_concurrency)
        made[upstream.id] = make_transport(upstream, bounds)
    return made


def engine_settings(snapshot: Snapshot, settings: Settings) -> EngineSettings:
    """The engine's bounds, as the configuration sets them."""
    server = settings.server
    calls: dict[UpstreamId, CallSettings] = {}
    for upstream, entry in entries_by_upstream(settings, snapshot.statuses).items():
        calls[upstream] = CallSettings(
            forward=entry.forward if isinstance(entry, ServerUpstream) else (),
            timeout_s=entry.timeout_s if entry.timeout_s is not None else server.timeout_s,
            max_concurrency=entry.max_concurrency,
        )
    return EngineSettings(
        timeout_s=server.timeout_s,
        share=server.share,
        limits=DocumentLimits(max_depth=server.max_depth, introspection=server.introspection),
        calls=calls,
    )
