"""References to other documents: which there are, for whoever may fetch them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urldefrag, urljoin

from ..catalog import Json

MAX_DOCUMENTS: Final = 200
"""Other documents that one description may consist of."""


def documents_referred_to(root: Json, url: str) -> tuple[str, ...]:
    """Absolute URLs, without fragment, of the documents that *root*'s references lead to, each once.

    References by an ``$id`` that is in *root* itself are none. Examples hold data, not references.

    Args:
        root: A document, or a part of one.
        url: Where it was read.
    """
    own = {urldefrag(url)[0]}
    if isinstance(root, dict) and isinstance(stated := root.get("$self"), str):
        url = urljoin(url, stated)
        own.add(urldefrag(url)[0])
    found: dict[str, None] = {}
    ids: set[str] = set()
    level: list[Json] = [root]
    while level:
        inner: list[Json] = []
        for value in level:
            if isinstance(value, list):
                inner += value
            elif isinstance(value, dict):
                reference = value.get("$ref")
                if isinstance(reference, str) and not reference.startswith("#"):
                    found[urldefrag(urljoin(url, reference.strip()))[0]] = None
                if isinstance(stated := value.get("$id"), str):
                    ids.add(urldefrag(urljoin(url, stated))[0])
                inner += [item for name, item in value.items() if name not in {"example", "examples"}]
        level = inner
    return tuple(address for address in found if address not in own and address not in ids)
