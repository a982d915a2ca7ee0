"""Headers as gRPC metadata."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, TypeAlias

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

# Source: RFC 9110 7.6.1 (connection-specific), and gRPC's "PROTOCOL-HTTP2", which owns the rest.
_NOT_FORWARDED: Final = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect",
        "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "user-agent",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[0-9a-z_.-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def metadata_of(headers: Mapping[str, str]) -> Metadata:
    """*headers* as metadata, without those that belong to the HTTP request or to gRPC itself.

    Values of names that end in ``-bin`` are base64. What gRPC would refuse is left out: a name or value that
    is not printable ASCII.

    Source: gRPC, "PROTOCOL-HTTP2", Custom-Metadata.
    """
    found: list[tuple[str, str | bytes]] = []
    for given, value in headers.items():
        name = given.lower()
        if name in _NOT_FORWARDED or name.startswith("grpc-") or not _NAME.fullmatch(name):
            continue
        if name.endswith("-bin"):
            try:
                found.append((name, base64.b64decode(value + "=" * (-len(value) % 4), validate=True)))
            except binascii.Error:
                continue
        elif _VALUE.fullmatch(value):
            found.append((name, value))
    return tuple(found)
