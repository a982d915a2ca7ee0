"""Channels to gRPC servers: connections, name resolution, load balancing, TLS.

gRPC's C core does all of it; here is only what it is told.

Source: grpc, ``grpc_types.h`` (channel arguments), ``doc/naming.md``, ``doc/keepalive.md``,
``doc/connection-backoff.md``.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

from ...schemas.errors import ConfigError
from .base import ChannelSettings, TlsFiles

_SIGN_OF_LIFE_MS: Final = 20_000
"""How long one is waited for: gRPC's default of ``keepalive_timeout``."""

Options: TypeAlias = list[tuple[str, Any]]


def channel_options(
    *, max_body_bytes: int, connect_timeout_s: float, channel: ChannelSettings | None = None
) -> Options:
    """Options of a channel to one upstream."""
    channel = channel or ChannelSettings()
    keepalive_ms = int(channel.keepalive_s * 1000)
    sign_of_life_ms = min(keepalive_ms or _SIGN_OF_LIFE_MS, _SIGN_OF_LIFE_MS)
    options: Options = [
        ("grpc.max_receive_message_length", max_body_bytes),
        ("grpc.max_send_message_length", -1),
        # gRPC gives one connection attempt as long as the shortest back-off.
        ("grpc.min_reconnect_backoff_ms", int(connect_timeout_s * 1000)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", int(max(connect_timeout_s, 1) * 1000)),
        ("grpc.keepalive_time_ms", keepalive_ms or 2**31 - 1),
        ("grpc.keepalive_timeout_ms", sign_of_life_ms),
        # What ends a connection in grpcio 1.85, whatever the keep-alive's own says; a minute by default.
        ("grpc.http2.ping_timeout_ms", sign_of_life_ms),
        # By default two are sent, and then no more until there is data: a subscription's client sends none.
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 0),
        # A name is looked up again when a connection is lost, at most this often; 30 s by default.
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
        ("grpc.service_config", json.dumps({"loadBalancingConfig": [{channel.balance: {}}]})),
        # Service configs from DNS would change how calls are made behind the configuration's back.
        ("grpc.service_config_disable_resolution", 1),
        # Channels of equal targets would share connections, and one's back-off would fail another's calls.
        ("grpc.use_local_subchannel_pool", 1),
        # As the other transports: proxies of the environment are for people's browsers.
        ("grpc.enable_http_proxy", 0),
    ]
    if channel.authority:
        options.append(("grpc.default_authority", channel.authority))
        options.append(("grpc.ssl_target_name_override", channel.authority))
    return options


def credentials_of(tls: TlsFiles | None, *, source: str) -> grpc.ChannelCredentials:
    """Credentials of an encrypted channel; the certificates' files are read now.

    Raises:
        ConfigError: A file cannot be read, or its key is encrypted, which gRPC does not take.
    """
    tls = tls or TlsFiles()
    if tls.key_password:
        problem = "an encrypted key cannot be used for gRPC"
        raise ConfigError(source=source, key="tls.key_password", problem=problem, accepted="a key without")
    key = tls.key or tls.certificate
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca, "ca", source),
        private_key=_read(key, "key", source),
        certificate_chain=_read(tls.certificate, "certificate", source),
    )


def open_channel(
    address: str, *, credentials: grpc.ChannelCredentials | None, options: Options
) -> grpc.aio.Channel:
    """A channel to *address*; it connects with the first call. Belongs to the running event loop.

    Args:
        address: What ``target_of`` takes.
        credentials: For TLS; ``None`` for plain text.
        options: Those of ``channel_options``.
    """
    target = target_of(address)
    if credentials is not None:
        return grpc.aio.secure_channel(target, credentials, options=options)
    return grpc.aio.insecure_channel(target, options=options)


def target_of(address: str) -> str:
    """*address* as gRPC's name resolution takes it.

    ``host:port`` is looked up in the DNS; several ``ip:port`` with commas between them are all used; what has
    a scheme of its own (``dns:``, ``unix:``, ``ipv4:``) is left as it is.

    Source: grpc, ``doc/naming.md``.
    """
    if "," not in address or address.partition(":")[0] in {"ipv4", "ipv6", "dns", "unix", "xds"}:
        return address
    hosts = [one.strip().rpartition(":")[0].strip("[]") for one in address.split(",")]
    version = ipaddress.ip_address(hosts[0]).version
    return f"ipv{version}:{address.replace(' ', '')}"


def _read(path: str, key: str, source: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise ConfigError(source=source, key=f"tls.{key}", problem=problem) from error
