"""Whether a function reads or writes, told from its name.

Used where the description itself does not say: gRPC methods without ``idempotency_level``, Lambda
functions, OpenAPI reads made with POST. What is not known to be a read is a write: a mutation that only
reads is a nuisance, a query that writes is a fault.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from ..names import words
from .functions import Effect

READ_VERBS: Final = frozenset(
    {
        "browse", "check", "count", "describe", "download", "exists", "fetch", "find", "get", "head", "is",
        "has", "list", "load", "lookup", "peek", "query", "read", "retrieve", "scan", "search", "select",
        "show", "stat", "stream", "tail", "validate", "view", "watch",
    }
)  # fmt: skip
_WRITE_VERBS: Final = frozenset(
    {
        "acknowledge", "acquire", "add", "append", "cancel", "claim", "clear", "close", "commit", "create",
        "decrement", "delete", "disable", "enable", "increment", "insert", "lock", "merge", "modify", "move",
        "open", "patch", "pop", "post", "publish", "purge", "put", "register", "release", "remove", "rename",
        "replace", "reserve", "reset", "save", "send", "set", "start", "stop", "store", "submit", "swap",
        "unlock", "update", "upsert", "write",
    }
)  # fmt: skip
"""Only to doubt what looks like a read: ``delete-list``, ``getOrCreateUser``."""
_JOINING: Final = frozenset({"and", "or", "then"})
_PREFIXES: Final = frozenset({"batch", "bulk", "multi", "mget"})


def effect_of_name(name: str) -> tuple[Effect, str]:
    """The effect that *name* suggests, and the reason for people.

    ``BatchGetStock`` is a read because its verb is ``get``; a name whose first words hold no verb of
    reading is a write.
    """
    found = words(name)
    verbs = found[1:] if found and found[0] in _PREFIXES else found
    for joining, word in pairwise(found):
        if joining in _JOINING and word in _WRITE_VERBS:
            return "write", f"the name holds '{joining} {word}'"
    if verbs and verbs[0] in READ_VERBS:
        begins = " ".join(found[: len(found) - len(verbs) + 1])
        return "read", f"the name begins with {begins!r}"
    for word in found:
        # pricing-get-price: teams put the domain before the verb.
        if word in _WRITE_VERBS:
            break
        if word in {"get", "list", "find", "search", "fetch", "describe", "lookup", "query"}:
            return "read", f"the name holds {word!r}"
    return "write", "the name holds no verb of reading"
