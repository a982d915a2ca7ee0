"""Slow readers of event streams, noticed by how much of their connection's data the kernel still holds.

granian takes every piece of a response at once and keeps what the client does not read: without this, a slow
subscriber of a fast stream would fill the worker's memory, and the upstream would never learn of it. granian
tells nothing of its queue, but fills the socket from it: as long as that holds little, the queue is empty.

Source: granian, ``RSGIHTTPStreamTransport`` (an unbounded channel); Linux, tcp(7), SIOCOUTQ.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import sys
from typing import Final

from .protocol import Scope

UNCHECKED_BYTES: Final = 256 * 1024
"""Sent without a look: most event streams never send as much."""
LOW_BYTES: Final = 64 * 1024
"""In the kernel, not taken by the client: so little that it takes more at any time."""
_FIRST_WAIT_S: Final = 0.002
_LONGEST_WAIT_S: Final = 0.1
_SIOCOUTQ: Final = 0x5411
_SOCKETS: Final = "/proc/self/fd"


class Pressure:
    """Of one client. Nothing is held back where the connection is not found: not on Linux, or no TCP.

    Args:
        scope: The client's request.
    """

    def __init__(self, scope: Scope) -> None:
        self._client = scope.client
        self._socket: socket.socket | None = None
        self._is_known = sys.platform == "linux"
        self._sent = 0

    async def wait(self, size: int) -> None:
        """Wait until the client has taken nearly all; called before *size* bytes are sent."""
        self._sent += size
        if self._sent < UNCHECKED_BYTES or not self._is_known:
            return
        self._sent = size
        if self._socket is None:
            self._socket = _connection(self._client)
            if self._socket is None:
                self._is_known = False
                return
        wait_s = _FIRST_WAIT_S
        while _held(self._socket) > LOW_BYTES:
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def close(self) -> None:
        """Let the connection go: it does not end before."""
        self._is_known = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _held(connection: socket.socket) -> int:
    try:
        held: int = struct.unpack("i", fcntl.ioctl(connection.fileno(), _SIOCOUTQ, b"\0\0\0\0"))[0]
    except OSError:  # closed, or reset
        return 0
    return held


def _connection(client: str) -> socket.socket | None:
    """The accepted connection of *client* (``host:port``) in this process, as a descriptor of our own."""
    host, _, port = client.rpartition(":")
    if not port.isdigit():
        return None
    wanted = (host.strip("[]").removeprefix("::ffff:"), int(port))
    for name in os.listdir(_SOCKETS):  # noqa: PTH208 - a thousand descriptors are no Path each
        with contextlib.suppress(OSError):
            if not os.readlink(f"{_SOCKETS}/{name}").startswith("socket:"):  # noqa: PTH115
                continue
            found = socket.socket(fileno=os.dup(int(name)))
            try:
                peer = found.getpeername()
                if isinstance(peer, tuple) and (str(peer[0]).removeprefix("::ffff:"), peer[1]) == wanted:
                    return found
            except OSError:
                pass
            found.close()
    return None
