"""The snapshot: a catalog and the state of each upstream, as one JSON file.

Any number of ``weft serve`` processes share one snapshot that ``weft discover`` writes. It holds no
credential: headers and keys stay in the configuration of each process.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ..errors import DocumentError
from .functions import Catalog, UpstreamId

FORMAT: Final = 1
"""Raised by one with every change that an older reader would misread."""

UpstreamState: TypeAlias = Literal["ready", "stale", "failed", "ignored"]
"""``ready``: read just now. ``stale``: its last good functions are served. ``failed``: it has none.
``ignored``: it was seen and is not wanted."""


class UpstreamStatus(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How the last probe of an upstream ended.

    Attributes:
        upstream: Its id, or a name made from its address if it never answered.
        kind: ``openapi``, ``grpc``, ``lambda``, or ``""`` if it is not known yet.
        address: Where it was looked for, without credentials.
        reason: One line; ``""`` for a state that needs none.
        checked_at: Seconds since the epoch.
    """

    upstream: UpstreamId
    state: UpstreamState
    kind: str = ""
    address: str = ""
    reason: str = ""
    checked_at: float = 0.0


class Snapshot(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A catalog, and how each upstream was when it was made."""

    catalog: Catalog
    statuses: tuple[UpstreamStatus, ...] = ()


class _File(Struct, frozen=True, kw_only=True):
    format: Literal[1]
    content_hash: str
    snapshot: Snapshot


class _Head(Struct, frozen=True, kw_only=True):
    format: int = 0


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot as the bytes of its file; equal snapshots give equal bytes."""
    file = _File(format=FORMAT, content_hash=snapshot.catalog.content_hash, snapshot=snapshot)
    return msgspec.json.encode(file, order="deterministic")


def decode_snapshot(data: bytes, *, source: str = "snapshot") -> Snapshot:
    """Read the bytes of a snapshot file.

    Raises:
        DocumentError: It is no snapshot, of another format, or damaged.
    """
    try:
        found = msgspec.json.decode(data, type=_Head).format
    except msgspec.MsgspecError as error:
        raise DocumentError(source, "", f"not a snapshot: {error}") from error
    if found != FORMAT:
        reason = f"snapshot format {found}, this version reads {FORMAT}; run `weft discover` again"
        raise DocumentError(source, "", reason)
    try:
        return msgspec.json.decode(data, type=_File).snapshot
    except msgspec.MsgspecError as error:
        raise DocumentError(source, "", f"damaged snapshot: {error}; run `weft discover` again") from error
