"""Names for what stands inline in a schema, and one place for each name.

The reader of schema objects (`weft.schemas.openapi`) takes the name of a shape from its definition. Authors of
tool schemas write no definitions (AgentCore reads none), so every object and list of words to choose from that
stands in place is given one here, named by its title, its property, or what its function is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..catalog import Json
from ..names import singular, type_name, unique, words

MAX_DEPTH: Final = 100
"""Schemas within schemas. The reader recurses, and a GraphQL client cannot select what lies deeper."""

MAX_SCHEMAS: Final = 50_000
"""Schemas of one document: the bound on what aliases in YAML may expand to."""

_GENERIC: Final = frozenset(
    {"items", "item", "results", "result", "data", "entries", "values", "list", "records"}
)
_TITLE_WORDS: Final = 4
"""A longer title is a sentence, not a name."""
_OF_SCHEMAS: Final = ("properties", "patternProperties", "dependentSchemas")
_OF_SCHEMA_LISTS: Final = ("anyOf", "oneOf", "prefixItems")
_OF_ONE_SCHEMA: Final = ("items", "additionalProperties", "unevaluatedProperties")


class InlineNames:
    """Gives names to the inline schemas of one document.

    Args:
        root: The document: a JSON Schema with whatever definitions it has.
        document: ``inputSchema`` or ``outputSchema``: authors of both in one file may refer from its top.
        name: Of the document's own shape, where it has no title.
        noun: What the function is about, for items of lists whose names say nothing.

    Attributes:
        root: The document with its definitions in ``$defs``, to be read at *start*.
        start: JSON pointer to what the document describes.
        too_large: JSON pointers, in the document as it was, to what is left out.
    """

    def __init__(self, root: Mapping[str, Json], *, document: str, name: str, noun: str) -> None:
        self._document = document
        self._noun = noun
        self.too_large: list[str] = []
        self._count = 0
        self._made: dict[str, Json] = {}
        self._origins: dict[str, str] = {}
        stated = root.get("$defs")
        stated = stated if isinstance(stated, dict) else {}
        legacy = root.get("definitions")
        self._taken = {*stated, *(legacy if isinstance(legacy, dict) else {})}
        self._root_name = ""
        if _is_named(root) or "oneOf" in root or "anyOf" in root:
            # As a definition, so that a reference to the whole document (`#`) finds it by its name.
            self._root_name = self._name(root, name, "")
            self._origins[f"/$defs/{self._root_name}"] = ""
            inner = {
                k: v
                for k, v in root.items()
                if k not in {"$defs", "definitions", "components", "$schema", "$id"}
            }
            self._made[self._root_name] = self._inside(inner, name, self._root_name, "", 0)
        self.root: dict[str, Json] = {
            **{k: v for k, v in root.items() if k not in {"$defs", "definitions"}},
            **({} if self._root_name else _as_object(self._inside(dict(root), name, "", "", 0))),
        }
        for keyword in ("$defs", "definitions"):
            found = root.get(keyword)
            self.root[keyword] = {
                key: self._inside(value, key, key, f"/{keyword}/{_escaped(key)}", 1)
                for key, value in (found.items() if isinstance(found, dict) else ())
            }
        self.root["$defs"] = {**_as_object(self.root["$defs"]), **self._made}
        self.start = f"/$defs/{_escaped(self._root_name)}" if self._root_name else ""

    def origin(self, pointer: str) -> str:
        """Where that stood in the document which is at *pointer* now."""
        for made in sorted(self._origins, key=len, reverse=True):
            if pointer == made or pointer.startswith(f"{made}/"):
                return self.origin(self._origins[made]) + pointer[len(made) :]
        return pointer

    def _schema(self, schema: Json, name: str, owner: str, pointer: str, depth: int) -> Json:
        """*schema*, or the reference to it under the name that it is given."""
        if not isinstance(schema, dict) or not _is_named(schema):
            return self._inside(schema, name, owner, pointer, depth)
        plain = _plain_name(schema, name or self._noun)
        own = plain if plain not in self._taken else unique(type_name(owner) + plain, self._taken)
        self._taken.add(own)
        made = self._inside(schema, name, own, pointer, depth)
        if own != plain and self._made.get(plain) == made:
            # Described twice in place, and alike: an address to ship to and one to send the bill to.
            self._taken.discard(own)
            return {"$ref": f"#/$defs/{_escaped(plain)}"}
        self._made[own] = made
        self._origins[f"/$defs/{_escaped(own)}"] = pointer
        return {"$ref": f"#/$defs/{_escaped(own)}"}

    def _inside(self, schema: Json, name: str, owner: str, pointer: str, depth: int) -> Json:
        """*schema* with names for all that stands in it."""
        if not isinstance(schema, dict):
            return schema
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_SCHEMAS:
            if self._count <= MAX_SCHEMAS + 1:
                self.too_large.append(pointer)
            return {}
        found = dict(schema)
        if isinstance(found.get("$ref"), str):
            found["$ref"] = self._reference(str(found["$ref"]))
        for keyword in _OF_SCHEMAS:
            members = found.get(keyword)
            if isinstance(members, dict):
                found[keyword] = {
                    key: self._schema(inner, key, owner, f"{pointer}/{keyword}/{_escaped(key)}", depth + 1)
                    for key, inner in members.items()
                }
        for keyword in _OF_ONE_SCHEMA:
            if keyword in found:
                inside = self._item_name(name) if keyword == "items" else name
                found[keyword] = self._schema(
                    found[keyword], inside, owner, f"{pointer}/{keyword}", depth + 1
                )
        for keyword in _OF_SCHEMA_LISTS:
            variants = found.get(keyword)
            if isinstance(variants, list):
                found[keyword] = [
                    self._schema(inner, name, owner, f"{pointer}/{keyword}/{at}", depth + 1)
                    for at, inner in enumerate(variants)
                ]
        parts = found.get("allOf")
        if isinstance(parts, list):
            # Parts of one thing are no things of their own.
            found["allOf"] = [
                self._inside(inner, name, owner, f"{pointer}/allOf/{at}", depth + 1)
                for at, inner in enumerate(parts)
            ]
        return found

    def _reference(self, reference: str) -> str:
        inner = reference.removeprefix(f"#/{self._document}")
        if inner != reference and (not inner or inner.startswith("/")):
            reference = f"#{inner}"
        return f"#/$defs/{_escaped(self._root_name)}" if reference == "#" and self._root_name else reference

    def _item_name(self, name: str) -> str:
        found = words(name)
        if not found or found[-1] in _GENERIC:
            return self._noun
        return "_".join([*found[:-1], singular(found[-1])])

    def _name(self, schema: Mapping[str, Json], name: str, owner: str) -> str:
        found = unique(_plain_name(schema, name or self._noun), self._taken)
        self._taken.add(found)
        return found


def _plain_name(schema: Mapping[str, Json], name: str) -> str:
    title = schema.get("title")
    if isinstance(title, str) and 0 < len(words(title)) <= _TITLE_WORDS:
        return type_name(title)
    return type_name(name)


def _is_named(schema: Mapping[str, Json]) -> bool:
    """Whether a schema becomes a shape: an object with members, or texts to choose from."""
    if "$ref" in schema:
        return False
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties:
        return True
    enum = schema.get("enum")
    texts = {value for value in enum if isinstance(value, str)} if isinstance(enum, list) else ()
    # One text alone is a constant, such as the tag that tells the members of a union.
    return len(texts) > 1 and "const" not in schema


def _as_object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
