"""Weft: one GraphQL API woven from the functions that services already expose.

What an embedder needs, in the order in which it is used:

- ``load_settings``, ``Settings``: ``weft.yaml``, or the same in Python.
- ``discover``: the configured upstreams, read into a ``Snapshot``.
- ``stitch``: a snapshot to a ``WeftSchema``, which is a Strawberry schema.
- ``execute``: one operation against it.
- ``serve``: the schema over HTTP, in this process.
- ``WeftError``: the root of all errors.

Packages, highest first: ``cli``, ``app``, ``settings``, ``discovery``, ``engine``, ``schemas``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app.discovering import discover
    from .app.embedding import execute, serve, stitch
    from .engine.execute.schema import WeftSchema
    from .schemas.catalog import Snapshot
    from .schemas.errors import WeftError
    from .settings import Settings, load_settings

_HOMES = {
    "Settings": ".settings",
    "Snapshot": ".schemas.catalog",
    "WeftError": ".schemas.errors",
    "WeftSchema": ".engine.execute.schema",
    "discover": ".app.discovering",
    "execute": ".app.embedding",
    "load_settings": ".settings",
    "serve": ".app.embedding",
    "stitch": ".app.embedding",
}

__all__ = [
    "Settings",
    "Snapshot",
    "WeftError",
    "WeftSchema",
    "discover",
    "execute",
    "load_settings",
    "serve",
    "stitch",
]


def __getattr__(name: str) -> Any:
    # The names are loaded when they are first used: `import weft.schemas` opens no client library.
    if name not in _HOMES:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
