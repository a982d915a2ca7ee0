"""gRPC servers, by server reflection."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import grpc.aio

from ...engine.transport.grpc_channel import channel_options, credentials_of, open_channel
from ...engine.transport.grpc_metadata import metadata_of
from ...schemas.catalog import UpstreamId
from ...schemas.errors import ConfigError, DocumentError
from ...schemas.grpc import ReadOptions, read_descriptors, suggest_title
from ...schemas.names import upstream_name
from ..registries import Candidate, GrpcAddress, HttpAddress
from .base import Detected, Detection, NotThisKind, TryLater, Unchanged
from .grpc_files import load_descriptor_files, services_of
from .grpc_reflection import VERSIONS, Reflected, ReflectionFault, ReflectionLimits, load_reflection

NO_REFLECTION: Final = "gRPC server without reflection: enable server reflection"

_TOO_LATE: Final = "no answer within the time limit"
_ENVELOPE_BYTES: Final = 1024 * 1024
_USER_AGENT: Final = "weft-discovery"


class GrpcDetector:
    """Finds gRPC servers and reads what they serve: a ``Detector``.

    Reflection v1 is tried first, then v1alpha. An HTTP address is asked at its host and port. A server whose
    descriptors are given in files is not asked.

    Args:
        limits: How much a server may describe.
        connect_timeout_s: For one connection to open.
    """

    def __init__(self, *, limits: ReflectionLimits | None = None, connect_timeout_s: float = 5.0) -> None:
        self._limits = limits or ReflectionLimits()
        self._connect_timeout_s = connect_timeout_s

    @property
    def name(self) -> str:
        """``grpc``."""
        return "grpc"

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """Probe *candidate*. See ``Detector.detect``.

        The memo holds ``hash``, over the services' names and their files, and ``version``, the version of
        reflection that answered, which is tried first the next time.
        """
        address = grpc_address_of(candidate)
        if address is None:
            return NotThisKind("not an address of a gRPC server")
        version = ""
        if address.descriptors is not None:
            try:
                descriptors = await load_descriptor_files(address.descriptors)
            except DocumentError as error:
                return TryLater(str(error))
            served = services_of(descriptors)
        else:
            found = await self._reflect(candidate, address, memo or {}, deadline)
            if not isinstance(found, tuple):
                return found
            reflected, version = found
            descriptors, served = reflected.descriptor_set(), reflected.services
        services = [name for name in served if address.options.wants(name)]
        if not services:
            return NotThisKind(_no_services(address))
        digest = await asyncio.to_thread(_hash, services, descriptors, address.options)
        if memo and memo.get("hash") == digest:
            return Unchanged()
        upstream = UpstreamId(candidate.name or upstream_name(suggest_title(services)))
        try:
            # A large API takes over a second to read.
            read = await asyncio.to_thread(
                read_descriptors,
                descriptors,
                services,
                upstream=upstream,
                address=address.address,
                tls=address.tls,
                options=address.options,
            )
        except DocumentError as error:
            return TryLater(f"it serves no descriptors: {error.reason}")
        return Detected(read, memo={"hash": digest, "version": version})

    async def _reflect(
        self, candidate: Candidate, address: GrpcAddress, memo: Mapping[str, Any], deadline: float
    ) -> tuple[Reflected, str] | NotThisKind | TryLater:
        """What the server says of itself, and the version of reflection that said it."""
        left_s = deadline - asyncio.get_running_loop().time()
        options = [
            *channel_options(
                # The limit is on files; an answer wraps them.
                max_body_bytes=self._limits.total_bytes + _ENVELOPE_BYTES,
                # A connection that is being opened outlives its channel, until this ends it.
                connect_timeout_s=min(self._connect_timeout_s, max(left_s, 0.1)),
                channel=address.channel,
            ),
            ("grpc.primary_user_agent", _USER_AGENT),
        ]
        try:
            credentials = credentials_of(address.files, source=str(address)) if address.tls else None
        except ConfigError as error:
            return TryLater(str(error))
        versions = sorted(VERSIONS, key=lambda version: version != memo.get("version", VERSIONS[0]))
        channel = open_channel(address.address, credentials=credentials, options=options)
        try:
            for version in versions:
                if asyncio.get_running_loop().time() >= deadline:
                    return TryLater(_TOO_LATE)
                try:
                    found = await load_reflection(
                        channel,
                        version,
                        deadline=deadline,
                        metadata=metadata_of(candidate.headers),
                        limits=self._limits,
                        wanted=address.options.wants,
                    )
                except grpc.aio.AioRpcError as error:
                    if error.code() != grpc.StatusCode.UNIMPLEMENTED or _is_http(error):
                        return _detection_of(error)
                except ReflectionFault as error:
                    return TryLater(str(error))
                else:
                    return found, version
            return NotThisKind(NO_REFLECTION)
        finally:
            await channel.close(None)


def grpc_address_of(candidate: Candidate) -> GrpcAddress | None:
    """Where a gRPC server would be; ``None`` for an address that is no server's."""
    match candidate.address:
        case GrpcAddress():
            return candidate.address
        case HttpAddress():
            try:
                url = urlsplit(candidate.address.url)
                port = url.port
            except ValueError:
                return None
            if not url.hostname or url.scheme not in {"http", "https"}:
                return None
            tls = url.scheme == "https"
            host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
            return GrpcAddress(f"{host}:{port or (443 if tls else 80)}", tls=tls)
        case _:
            return None


def _no_services(address: GrpcAddress) -> str:
    if address.options.services:
        return f"gRPC server without the services {', '.join(address.options.services)}"
    return "gRPC server without services of its own"


def _hash(services: list[str], descriptors: bytes, options: ReadOptions) -> str:
    # The options too: read in another way, the same files are another API.
    digest = hashlib.sha256("\n".join((*sorted(services), repr(options))).encode())
    digest.update(descriptors)
    return digest.hexdigest()


def _is_http(error: grpc.aio.AioRpcError) -> bool:
    """Whether the answer was plain HTTP, and not that of a proxy that has no server behind it just now."""
    details = (error.details() or "").lower()
    if "http2 header with status" in details:
        return error.code() != grpc.StatusCode.UNAVAILABLE
    return any(
        text in details for text in ("http1.x server", "end_stream flag received", "no status received")
    )


def _detection_of(error: grpc.aio.AioRpcError) -> NotThisKind | TryLater:
    """What a call of reflection that failed says about the server.

    The texts are those of gRPC's C core; a text that it words otherwise one day costs a better reason only.
    """
    details = error.details() or ""
    lower = details.lower()
    code = error.code()
    if _is_http(error):
        return NotThisKind("an HTTP server that does not speak gRPC")
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return TryLater(_TOO_LATE)
    if code == grpc.StatusCode.UNAVAILABLE:
        for text, reason in (
            ("connection refused", "connection refused"),
            ("wrong_version_number", "the server does not speak TLS"),
            ("certificate_verify_failed", "the server's certificate is not trusted"),
            ("dns resolution failed", "the host name cannot be resolved"),
            ("timeout occurred", _TOO_LATE),
            ("timed out", _TOO_LATE),
        ):
            if text in lower:
                return TryLater(reason)
        return TryLater(f"cannot be reached: {details[:200]}")
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in lower:
        return TryLater("its descriptors exceed the limit")
    if code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
        return TryLater(f"reflection answers {code.name}: give this upstream headers")
    return TryLater(f"reflection answers {code.name}")
