"""One transport for each upstream of a catalog."""

from __future__ import annotations

from ..discovery.registries import Candidate
from ..engine.execute.engine import CallSettings, EngineSettings
from ..engine.operation import DocumentLimits
from ..engine.transport import Transport, TransportSettings
from ..engine.transport.aws_lambda import LambdaTransport
from ..engine.transport.grpc import GrpcTransport
from ..engine.transport.http import HttpTransport
from ..schemas.catalog import GrpcTarget, HttpTarget, LambdaTarget, Snapshot, Upstream, UpstreamId
from ..settings import Settings, static_candidates
from ..settings.model import LambdaUpstream, ServerUpstream


def make_transport(upstream: Upstream, settings: TransportSettings) -> Transport:
    """The transport that speaks what *upstream* speaks."""
    match upstream.target:
        case HttpTarget():
            return HttpTransport(upstream, settings)
        case GrpcTarget():
            return GrpcTransport(upstream, settings)
        case LambdaTarget():
            return LambdaTransport(upstream, settings)


def entries_of(snapshot: Snapshot, settings: Settings) -> dict[UpstreamId, ServerUpstream | LambdaUpstream]:
    """Which entry of the configuration each upstream of *snapshot* came from.

    An upstream whose entry is gone from the configuration is left out.
    """
    by_key: dict[str, ServerUpstream | LambdaUpstream] = {}
    by_name: dict[str, ServerUpstream | LambdaUpstream] = {}
    for entry, candidate in zip(settings.upstreams, _all_candidates(settings), strict=True):
        by_key[candidate.key] = entry
        if candidate.name:
            by_name[candidate.name] = entry
    found: dict[UpstreamId, ServerUpstream | LambdaUpstream] = {}
    for status in snapshot.statuses:
        entry_found = by_name.get(status.upstream) or by_key.get(status.address)
        if entry_found is not None:
            found[status.upstream] = entry_found
    return found


def _all_candidates(settings: Settings) -> tuple[Candidate, ...]:
    return static_candidates(settings)


def make_transports(snapshot: Snapshot, settings: Settings) -> dict[UpstreamId, Transport]:
    """A transport for every upstream of the snapshot's catalog, with its headers and bounds."""
    entries = entries_of(snapshot, settings)
    made: dict[UpstreamId, Transport] = {}
    for upstream in snapshot.catalog.upstreams:
        entry = entries.get(upstream.id)
        headers = (
            {n: v.get_secret_value() for n, v in entry.headers.items()}
            if isinstance(entry, ServerUpstream)
            else {}
        )
        made[upstream.id] = make_transport(
            upstream,
            TransportSettings(headers=headers, max_connections=entry.max_concurrency if entry else 32),
        )
    return made


def engine_settings(snapshot: Snapshot, settings: Settings) -> EngineSettings:
    """The engine's bounds, as the configuration sets them."""
    server = settings.server
    calls: dict[UpstreamId, CallSettings] = {}
    for upstream, entry in entries_of(snapshot, settings).items():
        calls[upstream] = CallSettings(
            forward=entry.forward if isinstance(entry, ServerUpstream) else (),
            timeout_s=entry.timeout_s if entry.timeout_s is not None else server.timeout_s,
            max_concurrency=entry.max_concurrency,
        )
    return EngineSettings(
        timeout_s=server.timeout_s,
        limits=DocumentLimits(max_depth=server.max_depth, introspection=server.introspection),
        calls=calls,
    )
