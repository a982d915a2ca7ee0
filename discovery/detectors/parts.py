"""The other documents of a description: what its references lead to, fetched within limits."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from ...schemas.catalog import Json, ReadingWarning
from ...schemas.errors import DocumentError
from ...schemas.openapi import MAX_DOCUMENTS, Document, documents_referred_to, parse_part

ReferencePolicy: TypeAlias = Literal["same-origin", "any", "none"]
"""Which other documents a description may be made of."""

FetchPart: TypeAlias = Callable[[str], Awaitable[bytes | str]]
"""The bytes of the document at a URL, or one line that says why they cannot be had."""

_AT_ONCE: Final = 4


@dataclass(slots=True)
class Parts:
    """What a description consists of beside its first document.

    Attributes:
        documents: By absolute URL.
        digest: Of all of them.
        notes: What could not be had.
    """

    documents: dict[str, Json] = field(default_factory=dict)
    digest: str = ""
    notes: tuple[ReadingWarning, ...] = ()


async def gather_parts(document: Document, location: str, fetch: FetchPart, *, max_bytes: int) -> Parts:
    """Every document that *document* refers to, and that those refer to.

    Args:
        document: Read at *location*.
        location: Absolute URL that references are relative to.
        fetch: Gets one of them, or says why not.
        max_bytes: Of all of them together.
    """
    parts = Parts()
    digests: dict[str, bytes] = {}
    notes: dict[str, ReadingWarning] = {}
    size = 0
    waiting = list(await asyncio.to_thread(documents_referred_to, document.root, location))
    seen = {location, *waiting}
    while waiting:
        batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        async with asyncio.TaskGroup() as group:
            tasks = [(url, group.create_task(_get(fetch, url))) for url in batch]
        for url, task in tasks:
            found = task.result()
            size += len(found) if isinstance(found, bytes) else 0
            if size > max_bytes:
                found = f"all documents together are larger than {max_bytes // 1024**2} MiB"
            elif len(parts.documents) >= MAX_DOCUMENTS:
                found = f"more than {MAX_DOCUMENTS} documents"
            if isinstance(found, bytes):
                try:
                    root, further = await asyncio.to_thread(_parsed, found, url)
                except DocumentError as error:
                    found = error.reason
                else:
                    parts.documents[url] = root
                    digests[url] = hashlib.sha256(found).digest()
                    fresh = [address for address in further if address not in seen]
                    seen.update(fresh)
                    waiting += fresh
            if isinstance(found, str):
                reason = f"{_shown(url)} is not read: {found}"
                notes[url] = ReadingWarning(kind="unread-document", pointer="", reason=reason)
    together = hashlib.sha256()
    for url in sorted(digests):
        together.update(url.encode() + digests[url])
    parts.digest = together.hexdigest()
    parts.notes = tuple(notes[url] for url in sorted(notes))
    return parts


async def _get(fetch: FetchPart, url: str) -> bytes | str:
    return await fetch(url)


def _parsed(data: bytes, url: str) -> tuple[Json, tuple[str, ...]]:
    root = parse_part(data, source=_shown(url))
    return root, documents_referred_to(root, url)


def _shown(url: str) -> str:
    # Without query and credentials: they may hold a key.
    parts = urlsplit(url)
    path = parts.path if parts.scheme != "file" else parts.path.rpartition("/")[2]
    return urlunsplit(("", parts.netloc.rpartition("@")[2], path, "", "")).removeprefix("//") or "a document"
