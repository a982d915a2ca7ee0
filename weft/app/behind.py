"""What an engine knows of the gateway in front of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GATEWAY_SOCKET: Final = "WEFT_GATEWAY_SOCKET"
BEHIND_GATEWAY: Final = "WEFT_BEHIND_GATEWAY"
"""Environment variables by which ``weft up`` tells the engines that it starts."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The gateway.

    Attributes:
        socket: The Unix socket that the engine's calls go through; ``""`` for none.
        trusted: Only the gateway can reach the engine, so that its headers say who asks.
    """

    socket: str = ""
    trusted: bool = False

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Behind:
        """What this process was started with."""
        return cls(environment.get(GATEWAY_SOCKET, ""), BEHIND_GATEWAY in environment)
