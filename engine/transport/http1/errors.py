"""What can go wrong between a request and its answer, told apart by what a caller does about it."""

from __future__ import annotations

from typing import Literal

from ....schemas.errors import WeftError


class HttpError(WeftError):
    """A request that brought no answer. Messages may name hosts: they are for logs."""

    @property
    def public_message(self) -> str:
        """Nothing of what the message says."""
        return "the call failed"


class BadHead(HttpError):
    """A request's head that no server could read safely, so nothing was sent."""


class ConnectFailed(HttpError):
    """No connection could be opened; nothing was sent."""


class ConnectionLost(HttpError):
    """The connection broke after the request was sent.

    Attributes:
        retriable: Nothing of the answer had come, so a request that may be repeated may be sent again.
    """

    def __init__(self, reason: str, *, retriable: bool) -> None:
        self.retriable = retriable
        super().__init__(reason)


class Timeout(HttpError):
    """The deadline passed."""


class TooLarge(HttpError):
    """The answer passes a limit.

    Attributes:
        part: What of it: its head (trailers and framing count as such), or its body once decompressed.
        limit: In bytes.
        status: Of the answer; 0 where it had not come.
    """

    def __init__(self, part: Literal["head", "body"], *, limit: int, status: int = 0) -> None:
        self.part = part
        self.limit = limit
        self.status = status
        super().__init__(f"the answer's {part} is larger than {limit} bytes")


class BadAnswer(HttpError):
    """What came is no HTTP/1.1 answer, or one whose body cannot be decompressed."""
