"""Which pages of other origins may read responses.

Off unless origins are named. Cookies are never let through (``Access-Control-Allow-Credentials`` is not
sent): a page of another origin authenticates with a header.

Source: Fetch, "HTTP CORS protocol".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Two hours is the most that Chromium keeps a preflight for.
MAX_AGE_S: Final = 7200

Headers = tuple[tuple[str, str], ...]


def cors_headers(origin: str | None, origins: Sequence[str]) -> Headers:
    """Headers that let a page of *origin* read the response; none if it may not.

    Args:
        origin: The ``Origin`` header.
        origins: Those allowed; ``*`` stands for all.
    """
    if not origins:
        return ()
    if "*" in origins:
        return (("access-control-allow-origin", "*"), ("access-control-expose-headers", "server-timing"))
    # A cache must not hand one origin's answer to another, so Vary also goes where nothing is allowed.
    if origin not in origins:
        return (("vary", "origin"),)
    assert origin is not None
    return (
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", "server-timing"),
        ("vary", "origin"),
    )


def preflight_headers(origin: str | None, asked_headers: str | None, origins: Sequence[str]) -> Headers:
    """Headers that answer a preflight; without ``Access-Control-Allow-Origin`` the browser sends nothing.

    Args:
        origin: The ``Origin`` header.
        asked_headers: The ``Access-Control-Request-Headers`` header.
        origins: Those allowed; ``*`` stands for all.
    """
    allowed = cors_headers(origin, origins)
    if not any(name == "access-control-allow-origin" for name, _ in allowed):
        return allowed
    return (
        *allowed,
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", asked_headers or "content-type"),
        ("access-control-max-age", str(MAX_AGE_S)),
    )
