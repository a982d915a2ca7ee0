"""The settings as discovery takes them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ..discovery import (
    Address,
    Candidate,
    DiscoverySettings,
    GrpcAddress,
    HttpAddress,
    LambdaAddress,
    Registry,
    StaticRegistry,
)
from ..discovery.registries.lambda_address import LambdaFilters, LambdaQualifiers, region_of_place
from ..discovery.registries.lambda_types import LambdaTypes, StatedApi, StatedSchema
from ..engine.transport.base import ChannelSettings, TlsFiles
from ..engine.transport.credentials import Basic, ClientCredentials, Credential, Forwarded, Secret
from ..schemas.catalog import AssumedRole, UpstreamId, UpstreamStatus
from ..schemas.catalog.reading import ReadOptions
from .aws_lambda import ALL_REGIONS, Place, RoleSection
from .credentials import CredentialEntry
from .model import LambdaUpstream, ServerUpstream, Settings, UpstreamEntry


def registries(settings: Settings) -> tuple[Registry, ...]:
    """Who knows which upstreams there are: the settings, and AWS where they say all regions of an account."""
    found: list[Registry] = [StaticRegistry(static_candidates(settings))]
    for entry in settings.upstreams:
        if not isinstance(entry, LambdaUpstream) or entry.place.region != ALL_REGIONS or entry.ignore:
            continue
        from ..discovery.registries.lambda_regions import LambdaRegions  # it brings aiobotocore

        found += [
            LambdaRegions(
                _name_of_regions(entry, place),
                partial(_candidates_in, entry, place.role),
                role=_role(place.role),
                endpoint=entry.place.endpoint or "",
                profile=entry.place.profile,
            )
            for place in entry.place.places(entry.name)
        ]
    return tuple(found)


def _name_of_regions(entry: LambdaUpstream, place: Place) -> str:
    """What a registry of regions is called: where it is, after the entry's name, and the account's if it has several."""
    if entry.name is None:
        return str(_lambda_address(entry, place))
    account = f"_{place.role.account}" if place.role is not None and entry.place.roles else ""
    return f"{entry.name}{account} lambda:{ALL_REGIONS}"


def static_candidates(settings: Settings) -> tuple[Candidate, ...]:
    """The candidates of every entry of ``upstreams``, in their order; ignored ones say why.

    Those of all regions of an account are not among them: only AWS knows these.
    """
    return tuple(one for entry in settings.upstreams for one in _candidates(entry))


def _candidates(entry: ServerUpstream | LambdaUpstream) -> list[Candidate]:
    if isinstance(entry, ServerUpstream):
        return [_candidate(entry, entry.name, address_of(entry))]
    if entry.place.region == ALL_REGIONS and not entry.ignore:
        return []
    return [
        _candidate(entry, place.name, _lambda_address(entry, place))
        for place in entry.place.places(entry.name)
    ]


def _candidates_in(entry: LambdaUpstream, role: RoleSection | None, region: str) -> list[Candidate]:
    """The candidate of one role in a region of its account."""
    return [
        _candidate(entry, place.name, _lambda_address(entry, place))
        for place in entry.place.places(entry.name, [region])
        if place.role == role
    ]


def _candidate(entry: UpstreamEntry, name: str | None, address: Address) -> Candidate:
    return Candidate(
        address=address,
        name=name,
        headers=plain_headers(entry),
        ignored="`ignore: true` in the settings" if entry.ignore else "",
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
    named: dict[tuple[str, str], ServerUpstream | LambdaUpstream] = {}
    placed: dict[str, ServerUpstream | LambdaUpstream] = {}
    for entry in settings.upstreams:
        for one in _candidates(entry):
            if one.name is None:
                placed.setdefault(str(one.address), entry)
            else:
                named.setdefault((one.name, str(one.address)), entry)
    everywhere = [
        entry
        for entry in settings.upstreams
        if isinstance(entry, LambdaUpstream) and entry.place.region == ALL_REGIONS
    ]
    found: dict[UpstreamId, ServerUpstream | LambdaUpstream] = {}
    for status in statuses:
        of_name = named.get((status.upstream, status.address)) or placed.get(status.address)
        of_region = of_name or _entry_of_region(everywhere, status)
        if of_region is not None:
            found[status.upstream] = of_region
    return found


def _entry_of_region(entries: Iterable[LambdaUpstream], status: UpstreamStatus) -> LambdaUpstream | None:
    """The entry for all regions that an upstream came from."""
    region = region_of_place(status.address)
    if not region:
        return None
    for entry in entries:
        for place in entry.place.places(entry.name, [region]):
            if (place.name, str(_lambda_address(entry, place))) == (status.upstream, status.address):
                return entry
    return None


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


def address_of(entry: ServerUpstream) -> Address:
    """Where a server is."""
    scheme, _, rest = entry.url.partition("://")
    if scheme in {"grpc", "grpcs"}:
        return GrpcAddress(
            rest,
            tls=scheme == "grpcs",
            files=grpc_tls_files(entry),
            descriptors=entry.grpc.descriptors,
            options=read_options(entry),
            channel=channel_settings(entry),
        )
    return HttpAddress(entry.url, openapi=entry.openapi, patches=entry.patch, references=entry.references)


def _lambda_address(entry: LambdaUpstream, place: Place) -> LambdaAddress:
    said = entry.place
    return LambdaAddress(
        region=place.region,
        endpoint=said.endpoint or "",
        role=_role(place.role),
        profile=said.profile,
        manifest=said.manifest,
        filters=LambdaFilters(
            names=said.functions,
            runtimes=said.runtimes,
            tags=tuple(said.tags.items()),
            opt_in=said.opt_in,
        ),
        qualifiers=LambdaQualifiers(
            aliases=said.alias, version=said.version or "latest", beside=frozenset(said.also)
        ),
        shared=said.region == ALL_REGIONS or len(said.regions) > 1 or len(said.roles) > 1,
        types=LambdaTypes(
            stated=tuple(
                (name, StatedSchema(one.input, one.output, one.batch, one.read_only))
                for name, one in said.schemas.items()
            ),
            apis=tuple(StatedApi(one.file, one.rest_api, one.http_api, one.stage) for one in said.apis),
            test_events=said.test_events,
        ),
    )


def _role(section: RoleSection | None) -> AssumedRole | None:
    if section is None:
        return None
    return AssumedRole(arn=section.arn, external_id=section.external_id, session_name=section.session_name)
