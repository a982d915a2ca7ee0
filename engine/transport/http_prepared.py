"""What is the same for every call of a function, told once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ...schemas.catalog import Function
from .credentials import NOTHING, Carried
from .http1 import Reply, StreamedReply
from .http_target import WriteTarget
from .tokens import TokenSource


class Client(Protocol):
    """What sends requests to one origin: `http1.Pool`, or its proxied twin."""

    async def request(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        deadline: float,
        is_head: bool = False,
        idempotent: bool = False,
    ) -> Reply:
        """The answer to one request; raises `HttpError`."""
        ...

    def stream(
        self, head: bytes, body: bytes = b"", *, is_head: bool = False, idempotent: bool = False
    ) -> AbstractAsyncContextManager[StreamedReply]:
        """An answer whose body is read piece by piece; raises `HttpError`."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


@dataclass(frozen=True, slots=True)
class Layout:
    """The headers of a call as far as they do not depend on values.

    Attributes:
        lines: The lines that are the same in every call.
        forwarded: Names of the forwarded headers that are sent, each with the start of its line.
    """

    lines: bytes
    forwarded: tuple[tuple[str, bytes], ...]


LayoutKey: TypeAlias = tuple[object, ...]
"""Whether there is a body, and the names of the headers that the caller forwards."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is the same for every call of a function.

    Attributes:
        client: Of its server.
        cut: Length of what `build_request` puts before the path.
        prefix: The server's path, percent-encoded.
        defaults: Headers that are sent where no other source says them, by lower-case name.
        gives_json: Its description has a result, in JSON.
        write_target: Writes the target of a plain call; ``None`` if no call of the function is plain.
        layouts: By what they depend on; ``None`` where arguments become headers.
        shows_headers: Headers of the answer are a part of its result.
        carried: The credentials that every call carries.
        token: Where the token comes from that every call carries; ``None`` for none.
    """

    function: Function
    client: Client
    cut: int
    prefix: str
    method: bytes
    defaults: Mapping[str, tuple[bytes, bytes]] = field(repr=False)
    gives_json: bool
    write_target: WriteTarget | None
    layouts: dict[LayoutKey, Layout] | None = field(repr=False)
    shows_headers: bool = False
    carried: Carried = NOTHING
    token: TokenSource | None = None
