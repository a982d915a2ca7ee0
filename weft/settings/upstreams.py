"""The settings as discovery takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from ..discovery import Address, Candidate, DiscoverySettings, GrpcAddress, HttpAddress, LambdaAddress
from ..engine.transport.base import ChannelSettings, TlsFiles
from ..engine.transport.credentials import Basic, ClientCredentials, Credential, Forwarded, Secret
from ..schemas.catalog import UpstreamId, UpstreamStatus
from ..schemas.catalog.reading import ReadOptions
from .credentials import CredentialEntry
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
    if not isinstance(entry, ServerUpstream | LambdaUpstream):
        return {}
    return {name: value.get_secret_value() for name, value in entry.headers.items()}


def plain_credentials(entry: UpstreamEntry) -> dict[str, Credential]:
    """The credentials of an entry, in the clear: for the wire only."""
    if not isinstance(entry, ServerUpstream):
        return {}
    return {name: _credential(one) for name, one in entry.credentials.items()}


def _credential(entry: CredentialEntry) -> Credential:
    if entry.forward is not None:
        return Forwarded(entry.forward)
    if entry.username is not None and entry.password is not None:
        return Basic(entry.username.get_secret_value(), entry.password.get_secret_value())
    if entry.client_id is not None and entry.client_secret is not None:
        return ClientCredentials(
            client_id=entry.client_id.get_secret_value(),
            client_secret=entry.client_secret.get_secret_value(),
            token_url=entry.token_url or "",
            discovery_url=entry.discovery_url or "",
            scopes=entry.scopes,
            audience=entry.audience,
            secret_in=entry.secret_in,
        )
    assert entry.value is not None
    value = entry.value.get_secret_value()
    if entry.header is not None:
        return Secret(value, "header", entry.header)
    if entry.query is not None:
        return Secret(value, "query", entry.query)
    if entry.cookie is not None:
        return Secret(value, "cookie", entry.cookie)
    return Secret(value)


def forwarded_headers(entry: UpstreamEntry) -> tuple[str, ...]:
    """Names of the client's headers that an entry's upstream is sent, those of credentials among them."""
    if isinstance(entry, LambdaUpstream):
        return entry.forward
    if not isinstance(entry, ServerUpstream):
        return ()
    own = (one.forward for one in entry.credentials.values() if one.forward is not None)
    return tuple(dict.fromkeys((*entry.forward, *own)))


def tls_files(entry: UpstreamEntry) -> TlsFiles | None:
    """The files of an entry's ``tls`` section; ``None`` if it has none."""
    section = entry.tls if isinstance(entry, ServerUpstream) else None
    if section is None:
        return None
    return TlsFiles(
        certificate=str(section.certificate or ""),
        key=str(section.key or ""),
        key_password=section.key_password.get_secret_value() if section.key_password else "",
        ca=str(section.ca or ""),
    )


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
