"""What an engine knows of the gateway in front of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

GATEWAY_SOCKET: Final = "WEFT_GATEWAY_SOCKET"
BEHIND_GATEWAY: Final = "WEFT_BEHIND_GATEWAY"
"""Environment variables by which ``weft up`` tells the engines that it starts."""


def headers_file(socket: Path) -> Path:
    """Where the gateway says which headers its canaries look at: beside the socket of the engine's calls."""
    return socket.with_name("headers.json")


@dataclass(frozen=True, slots=True)
class Behind:
    """The gateway.

    Attributes:
        socket: The Unix socket that the engine's calls go through; ``""`` for none.
        trusted: Only the gateway can reach the engine, so that its headers say who asks.
    """

    socket: str = ""
    trusted: bool = False

    @property
    def canary_headers(self) -> tuple[str, ...] | None:
        """Headers of the client that canaries look at now: every call carries them. ``None``: not told yet."""
        if not self.socket:
            return ()
        try:
            return msgspec.json.decode(headers_file(Path(self.socket)).read_bytes(), type=tuple[str, ...])
        except (OSError, msgspec.MsgspecError):
            return None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Behind:
        """What this process was started with."""
        return cls(environment.get(GATEWAY_SOCKET, ""), BEHIND_GATEWAY in environment)
