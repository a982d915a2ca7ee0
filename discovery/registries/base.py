"""Candidates: places where an upstream may be, before anybody looked; and who knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ...engine.transport.base import ChannelSettings, TlsFiles
from ...schemas.catalog.reading import ReadOptions
from ...schemas.names import upstream_name
from .lambda_address import LambdaAddress

if TYPE_CHECKING:
    from ...schemas.openapi import Patch


@dataclass(frozen=True, slots=True)
class HttpAddress:
    """An HTTP server.

    Attributes:
        url: Absolute URL; its path, if any, is where the API begins.
        openapi: Where its OpenAPI document is: an absolute URL, a path on the server, or a file. ``None``
            to look at the well-known paths.
        patches: What is changed in the document before it is read: JSON Patches and merge patches.
        references: Which other documents it may refer to: ``same-origin`` (beside a file: files), ``any``
            or ``none``.
    """

    url: str
    openapi: str | Path | None = None
    patches: tuple[Patch, ...] = field(default=(), hash=False)
    references: Literal["same-origin", "any", "none"] = "same-origin"

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class GrpcAddress:
    """A gRPC server.

    Attributes:
        address: ``host:port``, or any target that gRPC's name resolution takes.
        tls: Whether the channel is encrypted.
        files: Certificates for TLS; ``None`` for the system's, and none of our own.
        descriptors: A file or folder that describes it, so that it is not asked; ``None`` for reflection.
        options: How its descriptors are read.
        channel: How connections to it are kept.
    """

    address: str
    tls: bool = False
    files: TlsFiles | None = None
    descriptors: Path | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    channel: ChannelSettings = field(default_factory=ChannelSettings)

    def __str__(self) -> str:
        return f"{'grpcs' if self.tls else 'grpc'}://{self.address}"


Address: TypeAlias = HttpAddress | GrpcAddress | LambdaAddress


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place where an upstream may be.

    Attributes:
        name: The upstream's id, where the configuration gives one.
        headers: Sent with every probe. They may be secrets, so ``repr`` hides them.
        ignored: Why it is not wanted, one line; ``""`` for one that is. It is never probed.
    """

    address: Address
    name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ignored: str = ""

    @property
    def key(self) -> str:
        """What it is known by before it has answered; equal for equal addresses."""
        return str(self.address)

    @property
    def provisional_name(self) -> str:
        """An upstream id to speak of it by until it has answered."""
        if isinstance(self.address, LambdaAddress):
            return self.name or upstream_name(f"lambda {self.address.region}")
        authority, slash, path = (self.key.partition("://")[2] or self.key).partition("/")
        # Without credentials: ids are seen by everybody.
        return self.name or upstream_name(f"{authority.rpartition('@')[2]}{slash}{path}")


class Registry(Protocol):
    """Knows which candidates there are."""

    @property
    def name(self) -> str:
        """A short word for logs: ``static``, ``kubernetes``. No two registries in use share one."""
        ...

    async def candidates(self) -> Sequence[Candidate]:
        """The candidates that there are now.

        Raises:
            RegistryError: They cannot be told now; the last known ones are kept.
        """
        ...
