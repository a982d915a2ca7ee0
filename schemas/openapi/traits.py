"""Traits: what an operation does to its upstream, as far as HTTP says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..catalog import Effect, Json, effect_of_name
from ..names import words

EFFECT_EXTENSION: Final = "x-weft-effect"
"""An operation's own word, ``read`` or ``write``, for whether it is a query or a mutation."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "QUERY"})
_READ_VERBS: Final = frozenset(
    {"count", "describe", "fetch", "find", "get", "list", "lookup", "query", "retrieve", "scan", "search"}
)
_PREFIXES: Final = frozenset({"batch", "bulk", "multi", "m"})
_PATH_VERBS: Final = frozenset({"count", "find", "get", "list", "lookup", "query", "search", "mget"})
_WRITE_WORDS: Final = frozenset(
    {
        "accept", "activate", "add", "append", "apply", "approve", "archive", "assign", "attach", "authorize",
        "buy", "cancel", "change", "charge", "clear", "close", "complete", "confirm", "copy", "create",
        "deactivate", "delete", "deploy", "detach", "disable", "download", "edit", "enable", "ensure",
        "execute", "generate", "import", "insert", "invite", "invoke", "issue", "login", "logout", "mark",
        "merge", "modify", "move", "new", "open", "patch", "pay", "publish", "purchase", "push", "put", "refresh",
        "register", "reject", "remove", "rename", "replace", "reset", "restore", "retry", "revoke", "rotate",
        "run", "save", "send", "session", "set", "share", "sign", "start", "stop", "store", "submit", "subscribe",
        "sync", "token", "transfer", "trigger", "unsubscribe", "update", "upload", "upsert", "verify", "write",
    }
)  # fmt: skip


def is_idempotent(method: str) -> bool:
    """Whether HTTP lets a call be repeated. Source: RFC 9110, section 9.2.2."""
    return method in _IDEMPOTENT


def stated_effect(operation: Mapping[str, Json]) -> tuple[Effect, str] | None:
    """What the extension ``x-weft-effect`` says, and the reason for people; ``None`` where it says nothing."""
    stated = operation.get(EFFECT_EXTENSION)
    if stated == "read":
        return "read", f"{EFFECT_EXTENSION} in the description"
    if stated == "write":
        return "write", f"{EFFECT_EXTENSION} in the description"
    return None


def effect_of(method: str, path: str, name: str) -> tuple[Effect, str]:
    """Whether an operation reads or writes, and the reason for people.

    A POST is a read only where its name, or the last segment of its path, begins with a verb of reading
    and nothing in either says that something is written.

    Args:
        method: Upper case.
        path: Path template.
        name: The function's name.
    """
    if method in {"GET", "HEAD", "QUERY"}:
        return "read", method
    if method != "POST":
        return "write", method
    in_name = words(name)
    # `search_post`: the method's own name says nothing.
    in_name = in_name[:-1] if in_name[-1:] == ["post"] else in_name
    segment = path.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    in_path = [] if "{" in segment else words(segment)
    if _WRITE_WORDS.isdisjoint(in_name) and _WRITE_WORDS.isdisjoint(in_path):
        verb = _verb(in_name)
        if verb in _READ_VERBS and effect_of_name(name)[0] == "read":
            return "read", f"POST, but the name begins with {verb!r}"
        verb = _verb(in_path)
        if verb in _PATH_VERBS:
            return "read", f"POST, but the path ends in {segment!r}"
    return "write", "POST"


def _verb(found: list[str]) -> str:
    rest = found[1:] if found and found[0] in _PREFIXES else found
    return rest[0] if rest else ""
