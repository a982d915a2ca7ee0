"""Schema resources: what ``$id`` and ``$anchor`` name within documents.

Looked for only when a reference leads nowhere otherwise: few documents have any.

Source: JSON Schema 2020-12, core, sections 8.2.1 (``$id``) and 8.2.2 (``$anchor``, ``$dynamicAnchor``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

from ..catalog import Json

_ANCHORS = ("$anchor", "$dynamicAnchor")


@dataclass(frozen=True, slots=True)
class Resource:
    """A schema with an ``$id``: absolute *url*, and the *place* where it stands."""

    url: str
    place: str


class Resources:
    """What is named within documents: triples of a document's name in places, its URL, its root."""

    def __init__(self, documents: Iterable[tuple[str, str, Json]]) -> None:
        self._by_url: dict[str, Resource] = {}
        self._anchors: dict[tuple[str, str], tuple[dict[str, Json], str]] = {}
        for name, url, root in documents:
            self._survey(root, f"{name}#" if name else "", url)

    def __bool__(self) -> bool:
        return bool(self._by_url or self._anchors)

    def get(self, url: str) -> Resource | None:
        """The resource with the absolute *url*."""
        return self._by_url.get(url)

    def anchor(self, url: str, name: str) -> tuple[dict[str, Json], str] | None:
        """Schema and place of the anchor called *name* in the resource (or document) of *url*."""
        return self._anchors.get((url, name))

    def around(self, place: str) -> list[Resource]:
        """The resources that *place* lies in, the innermost first."""
        found = [
            resource
            for resource in self._by_url.values()
            if place == resource.place or place.startswith(f"{resource.place}/")
        ]
        return sorted(found, key=lambda resource: -len(resource.place))

    def _survey(self, root: Json, place: str, url: str) -> None:
        waiting: list[tuple[Json, str, str]] = [(root, place, url)]
        while waiting:
            value, at, base = waiting.pop()
            if isinstance(value, list):
                waiting += [(item, f"{at}/{i}", base) for i, item in enumerate(value) if _is_open(item)]
                continue
            if not isinstance(value, dict):
                continue
            stated = value.get("$id")
            if isinstance(stated, str) and at != place and not stated.startswith("#"):
                base = urldefrag(urljoin(base, stated))[0]
                self._by_url.setdefault(base, Resource(base, at))
            for keyword in _ANCHORS:
                anchor = value.get(keyword)
                if isinstance(anchor, str):
                    self._anchors.setdefault((base, anchor), (value, at))
            if isinstance(stated, str) and stated.startswith("#"):
                # Draft 4 and 6 wrote anchors so.
                self._anchors.setdefault((base, stated[1:]), (value, at))
            for member, inner in value.items():
                if _is_open(inner):
                    token = member.replace("~", "~0").replace("/", "~1")
                    waiting.append((inner, f"{at}/{token}", base))


def _is_open(value: Json) -> bool:
    return isinstance(value, dict | list)
