"""What every transport is, and what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from ...schemas.catalog import Function, Json
from ...schemas.errors import UpstreamError
from .credentials import Credential
from .hooks import Hooks


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """How one upstream is called.

    Attributes:
        headers: Sent with every call (gRPC metadata for gRPC). They may be secrets, so ``repr`` hides them.
        max_body_bytes: A larger answer is an error.
        max_connections: Open at once, to this upstream.
        connect_timeout_s: For one connection to open.
        accept_compressed: Ask for compressed answers (HTTP). It pays on slow networks: to decompress takes
            longer than to read the plain bytes from a neighbour.
        credentials: By the names of the description's security schemes (HTTP).
        tls: For ``https``: the client's own certificate, and whom to trust (HTTP).
        hooks: Where events come from that upstreams send of themselves (HTTP).
        show_errors: Keep the described bodies of answers with an error status for whoever called (HTTP).
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_body_bytes: int = 32 * 1024 * 1024
    max_connections: int = 100
    connect_timeout_s: float = 5.0
    accept_compressed: bool = False
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    tls: TlsFiles | None = None
    show_errors: bool = False
    hooks: Hooks | None = None


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files in PEM format for TLS with an upstream.

    Attributes:
        certificate: The client's certificate and its chain; ``""`` for none.
        key: Its private key; ``""`` if it stands in *certificate*.
        key_password: Of an encrypted key; ``""`` for none.
        ca: Certificates to trust in place of the system's; ``""`` for those.
    """

    certificate: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)
    ca: str = ""


class Fetched(Struct, frozen=True):
    """A successful answer in JSON, not decoded yet.

    Attributes:
        body: Decompressed, without a byte order mark; never empty, but not known to be valid JSON.
        headers: In the order they came, names in lower case.
    """

    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()

    def __repr__(self) -> str:
        """Neither of them: they may be secrets."""
        return f"Fetched({len(self.body)} bytes)"


class Transport(Protocol):
    """A client for one upstream. It is an async context manager: when the block ends its sockets are gone."""

    async def __aenter__(self) -> Transport: ...
    async def __aexit__(self, *_: object) -> None: ...

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call.

        Args:
            function: A function of this transport's upstream.
            arguments: By the names of ``function.arguments``; absent ones are left out of the call.
            deadline: Loop time in seconds at which waiting ends.
            headers: Forwarded from the caller of the operation; names in lower case. They win over the
                settings' headers of the same name.

        Returns:
            The decoded answer, or the error in its place. Never raises for anything the upstream does.
        """
        ...

    def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncIterator[Json | UpstreamError]:
        """The messages of a streaming function, as they come; an error is the last item.

        Closing the iterator cancels the call.
        """
        ...
