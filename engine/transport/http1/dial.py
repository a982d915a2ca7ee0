"""Where a server is, and how a connection to it is opened."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl as tls
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar

from aiohappyeyeballs import start_connection

from .errors import ConnectFailed

HAPPY_EYEBALLS_DELAY_S: Final = 0.25
"""RFC 8305, section 8: the recommended Connection Attempt Delay."""

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Origin:
    """A server.

    Attributes:
        host: A name, or an IP address without brackets. With *unix_path* it is only what TLS verifies.
        unix_path: Of a socket that takes the place of host and port; ``""`` for none.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    unix_path: str = ""

    def __str__(self) -> str:
        if self.unix_path:
            return f"unix:{self.unix_path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None = None) -> tls.SSLContext:
    """A context that verifies names and chains, and speaks HTTP/1.1 only.

    One context serves all pools: reading the system's certificates takes some 20 ms.

    Args:
        ca_file: Certificates to trust in place of the system's.
    """
    context = tls.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_tls_context(certificate: str, key: str, key_password: str, ca_file: str) -> tls.SSLContext:
    """A context of one upstream's own, that shows the client's certificate.

    Args:
        certificate: File with the certificate and its chain; ``""`` for none.
        key: File with its private key; ``""`` if it stands in *certificate*.
        key_password: Of an encrypted key; ``""`` for none.
        ca_file: Certificates to trust in place of the system's; ``""`` for those.

    Raises:
        OSError: A file cannot be read, or holds no certificate or key.
    """
    context = tls.create_default_context(cafile=ca_file or None)
    context.set_alpn_protocols(["http/1.1"])
    if certificate:
        # Without a password OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key or None, lambda: key_password)
    return context


async def dial(origin: Origin, make_protocol: Callable[[], P], *, ssl: tls.SSLContext | None) -> P:
    """A protocol that is connected to *origin*.

    Addresses of a name are tried in the order of RFC 8305, a next one after a quarter of a second.

    Raises:
        ConnectFailed: Nobody answers, or TLS does not come about.
    """
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"ssl": ssl, "server_hostname": origin.host} if ssl is not None else {}
    try:
        if origin.unix_path:
            transport, protocol = await loop.create_unix_connection(
                make_protocol, origin.unix_path, **options
            )
        elif _is_address(origin.host):
            transport, protocol = await loop.create_connection(
                make_protocol, origin.host, origin.port, **options
            )
        else:
            sock = await _race(loop, origin)
            try:
                transport, protocol = await loop.create_connection(make_protocol, sock=sock, **options)
            except BaseException:
                sock.close()
                raise
    except (OSError, ValueError) as error:  # ValueError: names that IDNA cannot encode
        raise ConnectFailed(f"{origin}: {type(error).__name__}: {error}") from error
    secure = transport.get_extra_info("ssl_object")
    if secure is not None and secure.selected_alpn_protocol() not in {None, "http/1.1"}:
        transport.abort()
        raise ConnectFailed(f"{origin}: the server speaks {secure.selected_alpn_protocol()} only")
    return protocol


async def _race(loop: asyncio.AbstractEventLoop, origin: Origin) -> socket.socket:
    """A connected socket. Not `create_connection` alone: uvloop's has no ``happy_eyeballs_delay``."""
    found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    if not found:
        raise OSError("the name has no address")
    return await start_connection(
        found,
        happy_eyeballs_delay=HAPPY_EYEBALLS_DELAY_S if len(found) > 1 else None,
        interleave=1,
        loop=loop,
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
