"""ClientTrafficPolicy and EnvoyExtensionPolicy: how clients are served, and code in the path of requests.

Source: Envoy Gateway v1, ``gateway.envoyproxy.io/v1alpha1``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .base import BackendReference, Duration, Part, Policy


class ForwardedFor(Part, frozen=True):
    """Proxies in front that are trusted."""

    num_trusted_hops: int = 0


class ClientIp(Part, frozen=True):
    """How the client's address is told."""

    x_forwarded_for: ForwardedFor | None = None


class EarlyHeaders(Part, frozen=True):
    """Headers changed before anything else."""

    remove: tuple[str, ...] = ()


class ClientHeaders(Part, frozen=True):
    """Headers of clients."""

    early_request_headers: EarlyHeaders | None = None


class ClientHttpTimeout(Part, frozen=True):
    """Of requests."""

    request_received_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    stream_idle_timeout: Duration | None = None


class ClientTimeout(Part, frozen=True):
    """How long clients may take."""

    http: ClientHttpTimeout | None = None


class ConnectionLimit(Part, frozen=True):
    """The most connections."""

    value: int


class ClientConnection(Part, frozen=True):
    """Bounds of connections."""

    connection_limit: ConnectionLimit | None = None
    buffer_limit: str | int | None = None


class ProxyProtocol(Part, frozen=True):
    """PROXY protocol, v1 or v2."""

    optional: bool = False


class ClientTrafficPolicySpec(Policy, frozen=True):
    """How clients are served."""

    client_ip_detection: ClientIp | None = msgspec.field(name="clientIPDetection", default=None)
    headers: ClientHeaders | None = None
    timeout: ClientTimeout | None = None
    connection: ClientConnection | None = None
    proxy_protocol: ProxyProtocol | None = None
    enable_proxy_protocol: bool = False


class Lua(Part, frozen=True):
    """A script of the user's own, in Envoy."""

    type: Literal["Inline"] = "Inline"
    inline: str = ""


class ProcessingBody(Part, frozen=True):
    """Which of the body an external processor is sent."""

    body: Literal["Streamed", "Buffered", "BufferedPartial"] | None = None


class ProcessingMode(Part, frozen=True):
    """What an external processor is sent; headers always."""

    request: ProcessingBody | None = None
    response: ProcessingBody | None = None


class ExtProc(Part, frozen=True):
    """An external processor, ``envoy.service.ext_proc.v3.ExternalProcessor``."""

    backend_refs: tuple[BackendReference, ...]
    message_timeout: Duration | None = None
    fail_open: bool = False
    processing_mode: ProcessingMode | None = None


class EnvoyExtensionPolicySpec(Policy, frozen=True):
    """Code in the path of requests."""

    lua: tuple[Lua, ...] = ()
    ext_proc: tuple[ExtProc, ...] = ()
