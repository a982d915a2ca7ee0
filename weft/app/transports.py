"""One transport for each upstream of a catalog."""

from __future__ import annotations

from ..engine.execute.engine import CallSettings, EngineSettings
from ..engine.operation import DocumentLimits
from ..engine.transport import Transport, TransportSettings
from ..engine.transport.aws_lambda import LambdaTransport
from ..engine.transport.grpc import GrpcTransport
from ..engine.transport.hooks import Hooks
from ..engine.transport.http import HttpTransport
from ..schemas.catalog import GrpcTarget, HttpTarget, LambdaTarget, Snapshot, Upstream, UpstreamId
from ..schemas.errors import ConfigError
from ..settings import ServerUpstream, Settings, entries_by_upstream
from ..settings.upstreams import forwarded_headers, plain_credentials, plain_headers, tls_files


def make_transport(upstream: Upstream, settings: TransportSettings) -> Transport:
    """The transport that speaks what *upstream* speaks."""
    match upstream.target:
        case HttpTarget():
            return HttpTransport(upstream, settings)
        case GrpcTarget():
            return GrpcTransport(upstream, settings)
        case LambdaTarget():
            return LambdaTransport(upstream, settings)


def make_transports(
    snapshot: Snapshot, settings: Settings, hooks: Hooks | None = None
) -> dict[UpstreamId, Transport]:
    """A transport for every upstream of the snapshot's catalog, with its headers, credentials and bounds.

    Args:
        snapshot: What was discovered.
        settings: What is said of each upstream.
        hooks: Where the events come from that upstreams send.

    Raises:
        ConfigError: The certificates of an upstream cannot be used.
    """
    entries = entries_by_upstream(settings, snapshot.statuses)
    made: dict[UpstreamId, Transport] = {}
    for upstream in snapshot.catalog.upstreams:
        entry = entries.get(upstream.id)
        bounds = TransportSettings(hooks=hooks)
        if entry is not None:
            bounds = TransportSettings(
                headers=plain_headers(entry),
                max_connections=entry.max_concurrency,
                credentials=plain_credentials(entry),
                tls=tls_files(entry),
                hooks=hooks,
                show_errors=isinstance(entry, ServerUpstream) and entry.errors == "described",
            )
        try:
            made[upstream.id] = make_transport(upstream, bounds)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                source="upstreams",
                key=f"{upstream.id}.tls",
                problem=f"the certificates cannot be used: {error.strerror or type(error).__name__}",
                accepted="files in PEM format; the key belongs to the certificate",
            ) from error
    return made


def engine_settings(snapshot: Snapshot, settings: Settings) -> EngineSettings:
    """The engine's bounds, as the configuration sets them."""
    server = settings.server
    calls: dict[UpstreamId, CallSettings] = {}
    for upstream, entry in entries_by_upstream(settings, snapshot.statuses).items():
        calls[upstream] = CallSettings(
            forward=forwarded_headers(entry),
            timeout_s=entry.timeout_s if entry.timeout_s is not None else server.timeout_s,
            max_concurrency=entry.max_concurrency,
        )
    return EngineSettings(
        timeout_s=server.timeout_s,
        share=server.share,
        limits=DocumentLimits(max_depth=server.max_depth, introspection=server.introspection),
        calls=calls,
    )
