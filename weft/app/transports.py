"""One transport for each upstream of a catalog."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from ..engine.execute.engine import EngineSettings
from ..engine.execute.guard import GuardSettings
from ..engine.execute.retries import RetryRule
from ..engine.execute.upstream_caller import CacheRule, CallSettings
from ..engine.operation import DocumentLimits
from ..engine.transport import Transport, TransportSettings
from ..engine.transport.hooks import Hooks
from ..schemas.catalog import FunctionId, GrpcTarget, HttpTarget, LambdaTarget, Snapshot, Upstream, UpstreamId
from ..schemas.errors import ConfigError
from ..settings import CacheSection, RetriesSection, ServerUpstream, Settings, entries_by_upstream
from ..settings.upstreams import (
    channel_settings,
    forwarded_headers,
    grpc_tls_files,
    plain_credentials,
    plain_headers,
    tls_files,
)
from .behind import Behind


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
        case LambdaTarget() if settings.gateway and not is_called_past_gateway(upstream):
            from ..engine.transport.lambda_gateway import GatewayLambdaTransport

            return GatewayLambdaTransport(upstream, settings)
        case LambdaTarget():
            from ..engine.transport.aws_lambda import LambdaTransport

            return LambdaTransport(upstream, settings)


def is_called_past_gateway(upstream: Upstream) -> bool:
    """Whether calls are made straight where there is a gateway: it signs for AWS with its own credentials only."""
    return isinstance(upstream.target, LambdaTarget) and upstream.target.has_own_credentials


def load_transports(snapshot: Snapshot) -> None:
    """Import the client libraries that the snapshot's upstreams need."""
    modules = {HttpTarget: "http", GrpcTarget: "grpc", LambdaTarget: "aws_lambda"}
    for kind in {type(upstream.target) for upstream in snapshot.catalog.upstreams}:
        import_module(f"..engine.transport.{modules[kind]}", __package__)


def make_transports(
    snapshot: Snapshot, settings: Settings, *, gateway: str = "", hooks: Hooks | None = None
) -> dict[UpstreamId, Transport]:
    """A transport for every upstream of the snapshot's catalog, with its headers, credentials and bounds.

    Args:
        snapshot: What was discovered.
        settings: How upstreams are called.
        gateway: Unix socket of a gateway's listener that all calls go through; empty for none.
        hooks: Where the events come from that upstreams send.

    Raises:
        ConfigError: The certificates of an upstream cannot be used.
    """
    entries = entries_by_upstream(settings, snapshot.statuses)
    made: dict[UpstreamId, Transport] = {}
    for upstream in snapshot.catalog.upstreams:
        entry = entries.get(upstream.id)
        bounds = TransportSettings(gateway=gateway, hooks=hooks)
        if entry is not None:
            bounds = replace(
                bounds,
                headers=plain_headers(entry),
                max_connections=entry.max_concurrency,
                credentials=plain_credentials(entry),
                tls=tls_files(entry),
                show_errors=isinstance(entry, ServerUpstream) and entry.errors == "described",
            )
            if isinstance(entry, ServerUpstream) and isinstance(upstream.target, GrpcTarget):
                bounds = replace(
                    bounds,
                    max_body_bytes=entry.grpc.max_message_bytes,
                    tls=grpc_tls_files(entry),
                    show_errors=entry.grpc.errors == "described",
                    channel=channel_settings(entry),
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


def engine_settings(
    snapshot: Snapshot,
    settings: Settings,
    *,
    behind: Behind | None = None,
    canary_headers: tuple[str, ...] = (),
) -> EngineSettings:
    """The engine's bounds, as the configuration sets them.

    Args:
        snapshot: What was discovered.
        settings: The configuration.
        behind: The gateway in front, if there is one. What it repeats is not repeated here: two would multiply.
        canary_headers: Headers of the client that a gateway's canaries look at: every call carries them.
    """
    behind = behind or Behind()
    server = settings.server
    functions = {
        FunctionId(name): _cache_rule(entry.cache)
        for name, entry in settings.functions.items()
        if entry.cache is not None
    }
    calls: dict[UpstreamId, CallSettings] = {}
    entries = entries_by_upstream(settings, snapshot.statuses)
    straight = {one.id for one in snapshot.catalog.upstreams if is_called_past_gateway(one)}
    for upstream in {status.upstream for status in snapshot.statuses}:
        entry = entries.get(upstream)
        is_behind = bool(behind.socket) and upstream not in straight
        for_canaries = () if upstream in straight else canary_headers
        own = {id_: rule for id_, rule in functions.items() if id_.startswith(f"{upstream}.")}
        if entry is None:
            calls[upstream] = CallSettings(
                forward=for_canaries,
                timeout_s=server.timeout_s,
                functions=own,
                retries=RetryRule(attempts=0) if is_behind else RetryRule(),
            )
            continue
        calls[upstream] = CallSettings(
            forward=tuple(dict.fromkeys((*forwarded_headers(entry), *for_canaries))),
            timeout_s=entry.timeout_s if entry.timeout_s is not None else server.timeout_s,
            max_concurrency=entry.max_concurrency,
            share=entry.share,
            cache=_cache_rule(entry.cache),
            functions=own,
            retries=RetryRule(attempts=0) if is_behind else _retry_rule(entry.retries),
        )
    return EngineSettings(
        timeout_s=server.timeout_s,
        max_calls=server.max_calls,
        max_answer_bytes=server.max_answer_bytes,
        max_response_bytes=server.max_response_bytes,
        cache_bytes=server.cache_bytes,
        share=server.share,
        limits=DocumentLimits(max_depth=server.max_depth, introspection=server.introspection),
        calls=calls,
        guard=_guard(settings, trusted=behind.trusted),
    )


def _guard(settings: Settings, *, trusted: bool) -> GuardSettings | None:
    if not settings.auth.rules and settings.cost is None:
        return None
    return GuardSettings(
        tuple(entry.rule for entry in settings.auth.rules),
        trusted or settings.auth.trust_headers,
        settings.cost.rule if settings.cost is not None else None,
    )


def _cache_rule(section: CacheSection) -> CacheRule:
    return CacheRule(
        off=section.off,
        max_age_s=section.max_age_s,
        override=section.override,
        stale_while_revalidate_s=section.stale_while_revalidate_s or 0.0,
        stale_if_error_s=section.stale_if_error_s or 0.0,
    )


def _retry_rule(section: RetriesSection) -> RetryRule:
    attempts = 0 if section.off else section.attempts
    return RetryRule(attempts, section.base_s, section.max_s, section.budget)
