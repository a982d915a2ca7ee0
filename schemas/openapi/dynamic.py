"""``$dynamicRef`` as plain references, bound before anything is read.

A ``$dynamicRef`` leads to its own document's anchor, as ``$ref`` does, unless the schema that was come from
says otherwise: generic types are written so. ``{"$ref": "Page", "$defs": {"T": {"$dynamicAnchor": "T", …}}}``
becomes a copy of Page in which every ``$dynamicRef: "#T"`` leads to that ``T``.

Source: JSON Schema 2020-12, core, section 8.2.3.2; "Using Dynamic References to Support Generic Types".
"""

from __future__ import annotations

from typing import Final

from ..catalog import Json

_MOST_COPIES: Final = 1000
"""Bindings of generic types that are copied; what is beyond keeps the anchors of the generic itself."""

_MOST_VALUES: Final = 500_000
"""Values in all copies together."""


def bind_dynamic(root: dict[str, Json]) -> dict[str, Json]:
    """*root* with no ``$dynamicRef`` left; *root* itself is not changed."""
    binder = _Binder(root)
    bound = binder.bind(root, "")
    assert isinstance(bound, dict)
    return bound


class _Binder:
    def __init__(self, root: dict[str, Json]) -> None:
        self._root = root
        self._anchors: dict[str, str] = {}
        self._copies = 0
        self._values = 0
        self._survey()

    def _survey(self) -> None:
        waiting: list[tuple[Json, str]] = [(self._root, "")]
        while waiting:
            value, at = waiting.pop()
            if isinstance(value, list):
                waiting += [(item, f"{at}/{i}") for i, item in enumerate(value)]
            elif isinstance(value, dict):
                anchor = value.get("$dynamicAnchor")
                if isinstance(anchor, str):
                    # Of several the outermost counts, and of equals the first.
                    known = self._anchors.get(anchor)
                    if known is None or len(at.split("/")) < len(known.split("/")):
                        self._anchors[anchor] = at
                waiting += [(inner, f"{at}/{_token(name)}") for name, inner in value.items()]

    def bind(self, value: Json, at: str) -> Json:
        """A copy of *value*, which stands at *at*, with references of its own."""
        if isinstance(value, list):
            return [self.bind(item, f"{at}/{i}") for i, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        found = {name: self.bind(inner, f"{at}/{_token(name)}") for name, inner in value.items()}
        dynamic = found.pop("$dynamicRef", None)
        if isinstance(dynamic, str) and "$ref" not in found:
            anchor = self._anchors.get(dynamic.removeprefix("#"))
            found["$ref"] = f"#{anchor}" if anchor is not None else dynamic
        given = self._given(value, at)
        if given and isinstance(value.get("$ref"), str):
            generic = self._look(str(value["$ref"]))
            if generic is not None and self._copies < _MOST_COPIES:
                self._copies += 1
                del found["$ref"]
                copy = self._specialised(generic, given)
                if isinstance(copy, dict):
                    found = {**copy, **{name: inner for name, inner in found.items() if name != "$defs"}}
                    found["$defs"] = self.bind(value.get("$defs"), f"{at}/$defs")
        return found

    def _given(self, value: dict[str, Json], at: str) -> dict[str, str]:
        """The anchors that *value* binds for what it refers to, with their places."""
        definitions = value.get("$defs")
        if not isinstance(definitions, dict):
            return {}
        return {
            str(schema["$dynamicAnchor"]): f"{at}/$defs/{_token(name)}"
            for name, schema in definitions.items()
            if isinstance(schema, dict) and isinstance(schema.get("$dynamicAnchor"), str)
        }

    def _look(self, reference: str) -> dict[str, Json] | None:
        at: Json = self._root
        if not reference.startswith("#/"):
            return None
        for token in reference[2:].split("/"):
            at = at.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
        return at if isinstance(at, dict) else None

    def _specialised(self, value: Json, given: dict[str, str]) -> Json:
        """*value* with its dynamic references bound to *given*."""
        self._values += 1
        if self._values > _MOST_VALUES:
            return {}
        if isinstance(value, list):
            return [self._specialised(item, given) for item in value]
        if not isinstance(value, dict):
            return value
        found: dict[str, Json] = {}
        for name, inner in value.items():
            if name in {"$dynamicAnchor", "$id", "$anchor"}:
                continue
            if name == "$dynamicRef" and isinstance(inner, str):
                place = given.get(inner.removeprefix("#"), self._anchors.get(inner.removeprefix("#")))
                found["$ref"] = f"#{place}" if place is not None else inner
            else:
                found[name] = self._specialised(inner, given)
        return found


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
