"""What every transport is, and what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import msgspec

from ...schemas.catalog import Function, Json
from ...schemas.errors import UpstreamError, UpstreamStatus
from .credentials import Credential
from .hooks import Hooks

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from .grpc_json import Printers


FUNCTION_HEADER: Final = "x-weft-function"
"""In calls that go through a gateway: the id of the function."""


LOCAL_HEADER: Final = "x-weft-local"
"""In answers of a gateway that no upstream has given: the gateway's reason."""


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
        gateway: Unix socket of a gateway's listener that calls go to, in place of the upstream's address;
            ``""`` for none. Each call says in ``x-weft-function`` which function it is for, and in ``Host``
            of which upstream.
        credentials: By the names of the description's security schemes (HTTP).
        tls: The client's own certificate, and whom to trust.
        hooks: Where events come from that upstreams send of themselves (HTTP).
        show_errors: Keep what an upstream says of its errors for whoever called; over HTTP only what its
            description has.
        channel: How connections to a gRPC server are kept.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_body_bytes: int = 32 * 1024 * 1024
    max_connections: int = 100
    connect_timeout_s: float = 5.0
    accept_compressed: bool = False
    gateway: str = ""
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    tls: TlsFiles | None = None
    hooks: Hooks | None = None
    show_errors: bool = False
    channel: ChannelSettings = field(default_factory=lambda: ChannelSettings())


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


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """How connections to a gRPC server are kept.

    Attributes:
        authority: Stands in for the address in ``:authority`` and where the server's certificate is checked;
            ``""`` for the address.
        balance: How calls are spread over several addresses: over all of them in turn, or all to the first
            that answers.
        keepalive_s: A connection with calls under way is asked for a sign of life this often; 0 for never.
            A server of grpc-go closes connections that ask more often than every 5 minutes.
    """

    authority: str = ""
    balance: Literal["round_robin", "pick_first"] = "round_robin"
    keepalive_s: float = 310.0


class AnswerMessages(Protocol):
    """How the answers of one function are read that are protobuf messages."""

    @property
    def response(self) -> Descriptor:
        """Their type."""
        ...

    @property
    def printers(self) -> Printers:
        """From messages to JSON."""
        ...

    def decode_response(self, data: bytes) -> Json | UpstreamError:
        """One answer as JSON, whole."""
        ...


FRESHNESS_HEADERS: Final = frozenset({b"cache-control", b"expires"})
"""Without either an answer does not say how long it may be used (RFC 9111, section 4.2.1)."""


class Fetched(msgspec.Struct, frozen=True):
    """A successful answer, not decoded yet. One is made for every call: a Struct costs a fifth.

    Attributes:
        body: JSON, decompressed and without a byte order mark; never empty, but not known to be valid. With
            *messages* a serialized protobuf message.
        headers: In the order they came, names in lower case.
        status: HTTP status code, 2xx.
        messages: How *body* is read; ``None`` for JSON.
        is_silent: The headers surely say nothing of how long the answer may be used.
    """

    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    status: int = 200
    messages: AnswerMessages | None = None
    is_silent: bool = False

    def __repr__(self) -> str:
        return f"Fetched({len(self.body)} bytes)"


@dataclass(eq=False)
class NotModified(UpstreamStatus):
    """What the caller holds is still right; an error for a caller who holds nothing.

    Attributes:
        headers: See `Fetched`.
    """

    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)


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
