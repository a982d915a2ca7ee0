"""Names that, once given, are kept: the content of ``weft.lock``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ..errors import DocumentError
from ..names import unique


class _Lock(msgspec.Struct, frozen=True, kw_only=True):
    format: Literal[1]
    names: dict[str, str]


class NameBook:
    """Gives every thing a name within its scope, and the same name every time.

    A thing is known by a key such as ``type products/Product``; a scope (``types``, ``Query``) is a set in
    which names are unique. A name from the lock is never given to another thing, also while the thing it
    belongs to is away.
    """

    def __init__(self, locked: Mapping[str, str] | None = None) -> None:
        self._locked = dict(locked or {})
        self._given: dict[str, str] = {}
        self._taken: dict[str, set[str]] = {}
        for key, name in self._locked.items():
            self._taken.setdefault(key.partition(" ")[0], set()).add(name)

    def reserve(self, scope: str, *names: str) -> None:
        """Take *names* out of *scope*."""
        self._taken.setdefault(scope, set()).update(names)

    def name(self, scope: str, thing: str, *candidates: str) -> str:
        """The name of *thing* in *scope*: the locked one, else the first free candidate, else a numbered one."""
        key = f"{scope} {thing}"
        if key in self._given:
            return self._given[key]
        name = self._locked.get(key)
        if name is None:
            taken = self._taken.setdefault(scope, set())
            name = next((c for c in candidates if c not in taken), None) or unique(candidates[-1], taken)
            taken.add(name)
        self._given[key] = name
        return name

    @property
    def entries(self) -> dict[str, str]:
        """Every name ever given, by key, sorted."""
        return dict(sorted({**self._locked, **self._given}.items()))


def encode_lock(entries: Mapping[str, str]) -> bytes:
    """The names as the bytes of a lock file: one line each, so that a diff shows what changed."""
    return msgspec.json.format(msgspec.json.encode(_Lock(format=1, names=dict(entries))), indent=1) + b"\n"


def decode_lock(data: bytes, *, source: str = "weft.lock") -> dict[str, str]:
    """Read the bytes of a lock file.

    Raises:
        DocumentError: It is no lock file.
    """
    try:
        return msgspec.json.decode(data, type=_Lock).names
    except msgspec.MsgspecError as error:
        raise DocumentError(source, "", f"not a lock file: {error}; delete it to give names anew") from error
