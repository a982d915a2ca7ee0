"""GraphQL responses as Server-Sent Events, in distinct connections mode.

Source: GraphQL over Server-Sent Events Protocol, "Event stream"; HTML, "Server-sent events".
"""

from __future__ import annotations

from typing import Final

HEADERS: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),  # nginx would hold events back
)
# A comment: sent first, so that proxies pass the head on, and whenever the stream is silent for long.
COMMENT: Final = b":\n\n"
# EventSource drops an event without data, so there is an empty line of it.
COMPLETE: Final = b"event: complete\ndata: \n\n"


def encode_next(body: bytes) -> bytes:
    """A ``next`` event that holds one response map."""
    # A line break inside data starts another data line; the client joins them again.
    lines = b"\ndata: ".join(body.splitlines())
    return b"event: next\ndata: " + lines + b"\n\n"
