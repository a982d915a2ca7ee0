"""The settings as discovery takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ..discovery import Address, Candidate, DiscoverySettings, GrpcAddress, HttpAddress, LambdaAddress
from ..engine.transport.base import ChannelSettings, TlsFiles
from ..schemas.catalog import UpstreamId, UpstreamStatus
from ..schemas.catalog.reading import ReadOptions
from .model import LambdaUpstream, ServerUpstream, Settings, UpstreamEntry


def static_candidates(settings: Settings) -> tuple[Candidate, ...]:
    """A candidate for every entry of ``upstreams``, in their order; ignored ones say why."""
    return tuple(
        Candidate(
            address=address_of(entry),
            name=entry.name,
            headers=plain_headers(entry),
            ignored="`ignore: true` in the settings" if entry.ignore else "",
        )
        for entry in settings.upstreams
    )


def discovery_settings(settings: Settings) -> DiscoverySettings:
    """How upstreams are looked at."""
    section = settings.discovery
    return DiscoverySettings(
        interval_s=section.interval_s, timeout_s=section.timeout_s, concurrency=section.concurrency
    )


def entries_by_upstream(
    settings: Settings, statuses: Iterable[UpstreamStatus]
) -> dict[UpstreamId, ServerUpstream | LambdaUpstream]:
    """Which entry of ``upstreams`` each upstream of a snapshot came from.

    An upstream without an entry (of a registry, or of other settings) is left out.
    """
    named = {entry.name: entry for entry in settings.upstreams if entry.name is not None}
    placed = {str(address_of(entry)): entry for entry in settings.upstreams if entry.name is None}
    found: dict[UpstreamId, ServerUpstream | LambdaUpstream] = {}
    for status in statuses:
        entry = named.get(status.upstream)
        if entry is None or str(address_of(entry)) != status.address:
            entry = placed.get(status.address)
        if entry is not None:
            found[status.upstream] = entry
    return found


def plain_headers(entry: UpstreamEntry) -> dict[str, str]:
    """The headers of an entry with their secrets in the clear: for the wire only."""
    if not isinstance(entry, ServerUpstream):
        return {}
    return {name: value.get_secret_value() for name, value in entry.headers.items()}


def read_options(entry: ServerUpstream) -> ReadOptions:
    """How the descriptors of an entry's gRPC server are read."""
    section = entry.grpc
    return ReadOptions(
        services=section.services,
        trim_enum_prefixes=section.enums == "trimmed",
        maps=section.maps,
        list_streams=section.list_streams,
        field_masks=section.field_masks,
    )


def grpc_tls_files(entry: ServerUpstream) -> TlsFiles | None:
    """The certificates for an entry's gRPC server."""
    section = entry.grpc.tls
    if section is None:
        return None
    return TlsFiles(
        certificate=str(section.certificate or ""), key=str(section.key or ""), ca=str(section.ca or "")
    )


def channel_settings(entry: ServerUpstream) -> ChannelSettings:
    """How connections to an entry's gRPC server are kept."""
    section = entry.grpc
    return ChannelSettings(
        authority=section.authority, balance=section.balance, keepalive_s=section.keepalive_s
    )


def address_of(entry: ServerUpstream | LambdaUpstream) -> Address:
    """Where an entry's upstream is."""
    match entry:
        case LambdaUpstream(place=place):
            return LambdaAddress(
                region=place.region,
                endpoint=place.endpoint or "",
                manifest=place.manifest,
                name_pattern=place.functions,
            )
        case ServerUpstream(url=url, openapi=openapi, patch=patches, references=references):
            scheme, _, rest = url.partition("://")
            if scheme in {"grpc", "grpcs"}:
                return GrpcAddress(
                    rest,
                    tls=scheme == "grpcs",
                    files=grpc_tls_files(entry),
                    descriptors=entry.grpc.descriptors,
                    options=read_options(entry),
                    channel=channel_settings(entry),
                )
            return HttpAddress(url, openapi=openapi, patches=patches, references=references)
        case _ as never:
            assert_never(never)
