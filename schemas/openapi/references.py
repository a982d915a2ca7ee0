"""References: JSON pointers, ``$ref``, and the warnings of one reading.

A reference that leads nowhere is a warning and costs only what it stands for. References to other
documents are not followed: reading is pure, and a description must not make Weft fetch addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from ..catalog import Json, ReadingWarning
from .document import Document


class Node(NamedTuple):
    """An object of the document, and the JSON pointer to it."""

    value: dict[str, Json]
    pointer: str


class Warnings:
    """What a reading could not take as it stands; each kind and place counts once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], ReadingWarning] = {}

    def add(self, kind: str, pointer: str, reason: str) -> None:
        """Note that *reason* holds at *pointer*."""
        if (kind, pointer) not in self._found:
            self._found[kind, pointer] = ReadingWarning(kind=kind, pointer=pointer, reason=reason)

    def sorted(self) -> tuple[ReadingWarning, ...]:
        """All of them, by place and kind."""
        return tuple(sorted(self._found.values(), key=lambda warning: (warning.pointer, warning.kind)))


class References:
    """Follows the local references of one document."""

    def __init__(self, document: Document, warnings: Warnings) -> None:
        self._root = document.root
        self._warnings = warnings
        self._targets: dict[str, Node | str] = {}

    def follow(self, value: Json, pointer: str) -> Node | None:
        """The object at *pointer*, or what it refers to; ``None``, with a warning, if there is none.

        Args:
            value: What stands at *pointer*.
            pointer: Where it stands.
        """
        if not isinstance(value, dict):
            self._warnings.add("not-an-object", pointer, "an object is expected here")
            return None
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return Node(value, pointer)
        target = self.target(reference)
        if isinstance(target, str):
            # One warning for a missing target, at the first place that asks for it.
            self._warnings.add("unresolved-ref", f"{pointer}/$ref", target)
            return None
        return target

    def target(self, reference: str) -> Node | str:
        """What *reference* leads to, through further references; or why it leads nowhere."""
        found = self._targets.get(reference)
        if found is None:
            found = self._targets[reference] = self._find(reference)
        return found

    def _find(self, reference: str) -> Node | str:
        seen: set[str] = set()
        wanted = reference
        while True:
            if wanted in seen:
                return f"{reference} refers to itself"
            seen.add(wanted)
            if not wanted.startswith("#"):
                return f"{_shown(wanted)} is in another document; such references are not followed"
            pointer = unquote(wanted[1:])
            value = self._at(pointer)
            if value is None:
                return f"{_shown(wanted)} does not exist"
            further = value.get("$ref")
            if not isinstance(further, str):
                return Node(value, pointer)
            wanted = further

    def _at(self, pointer: str) -> dict[str, Json] | None:
        if pointer and not pointer.startswith("/"):
            return None
        at: Json = self._root
        for token in pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(at, dict) and name in at:
                at = at[name]
            elif isinstance(at, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(at):
                at = at[int(name[:9])]
            else:
                return None
        return at if isinstance(at, dict) else None


def pointer_token(name: str) -> str:
    """*name* as one token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def component_name(pointer: str) -> str:
    """The name of the schema component that *pointer* leads to; ``""`` for any other place."""
    for prefix in ("/components/schemas/", "/definitions/"):
        if pointer.startswith(prefix):
            name = pointer[len(prefix) :]
            if name and "/" not in name:
                return name.replace("~1", "/").replace("~0", "~")
    return ""


def text_of(value: Mapping[str, Json], member: str) -> str:
    """The text of a member, without white space around it; ``""`` where there is none."""
    found = value.get(member)
    return found.strip() if isinstance(found, str) else ""


def object_of(value: Json) -> dict[str, Json]:
    """*value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Json) -> list[Json]:
    """*value* if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def _shown(reference: str) -> str:
    return reference if len(reference) <= 100 else reference[:99] + "…"
