"""URLs, and the endpoints that they name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..resources import Resource

_PORTS: Final = {"http": 80, "https": 443, "grpc": 443, "grpcs": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is.

    Attributes:
        host: A name or address; with *unix_path* what it is called in ``Host``.
        path: Base path, without a trailing slash.
        http2: Whether it speaks HTTP/2 only.
    """

    host: str
    port: int
    tls: bool = False
    path: str = ""
    http2: bool = False
    unix_path: str = ""

    @property
    def authority(self) -> str:
        """What ``Host`` says."""
        if self.unix_path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port == (443 if self.tls else 80)
        return host if default else f"{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether no name must be looked up."""
        if self.unix_path:
            return True
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @property
    def address(self) -> Resource:
        """``Address``."""
        if self.unix_path:
            return {"pipe": {"path": self.unix_path}}
        return {"socket_address": {"address": self.host, "port_value": self.port}}


def place_of_url(url: str) -> Place:
    """The place that *url* names: ``http``, ``https``, ``grpc``, ``grpcs``, or ``unix:/path``.

    Raises:
        ValueError: It names none.
    """
    if url.startswith("unix:"):
        return Place("localhost", 0, unix_path=url.removeprefix("unix:"))
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no URL of a server")
    return Place(
        parts.hostname,
        parts.port or _PORTS[parts.scheme],
        tls=parts.scheme in {"https", "grpcs"},
        path=parts.path.rstrip("/"),
        http2=parts.scheme in {"grpc", "grpcs"},
    )
