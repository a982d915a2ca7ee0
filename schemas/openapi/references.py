"""References: JSON pointers, ``$ref`` within a document and to others that are at hand, and warnings.

A reference that leads nowhere is a warning and costs only what it stands for. Nothing is fetched: reading
is pure, and whoever reads gives the other documents (see `elsewhere`).

A place is the JSON pointer of a value; in another document, that document's URL, ``#`` and the pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

from ..catalog import Json, ReadingWarning
from .document import Document
from .resources import Resource, Resources

_LONGEST: Final = 100
_SAYS_TYPE: Final = frozenset(
    {"type", "properties", "additionalProperties", "patternProperties", "items", "prefixItems", "enum", "const",
     "oneOf", "anyOf", "allOf", "$ref", "format", "required", "discriminator"}
)  # fmt: skip


class Node(NamedTuple):
    """An object of the document, and the place where it stands."""

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
    """Follows the references of one document, and of those that it leads to.

    Args:
        document: Where reading begins.
        warnings: Take what leads nowhere.
        url: Where the document was read; relative references are resolved against it.
        documents: The other documents, by absolute URL.
    """

    def __init__(
        self,
        document: Document,
        warnings: Warnings,
        *,
        url: str = "",
        documents: Mapping[str, Json] | None = None,
    ) -> None:
        self._warnings = warnings
        # OpenAPI 3.2, "Establishing the Base URI": `$self` says where the document belongs.
        self._url = urldefrag(urljoin(url, text_of(document.root, "$self")))[0]
        self._siblings_count = document.version == "3.1"
        self._roots: dict[str, Json] = {"": document.root}
        self._urls: dict[str, str] = {"": self._url}
        self._names: dict[str, str] = {self._url: "", urldefrag(url)[0]: ""}
        for address, root in (documents or {}).items():
            name = _without_secrets(address)
            self._roots[name] = root
            self._urls[name] = address
            self._names.setdefault(address, name)
            if isinstance(root, dict) and text_of(root, "$self"):
                self._names.setdefault(urldefrag(urljoin(address, text_of(root, "$self")))[0], name)
        self._resources: Resources | None = None
        self._targets: dict[tuple[str, str], Node | str] = {}

    def follow(self, value: Json, pointer: str) -> Node | None:
        """The object at *pointer*, or what it refers to; ``None``, with a warning, if there is none.

        Args:
            value: What stands at *pointer*.
            pointer: Where it stands.
        """
        node = self.step(value, pointer)
        seen = 0
        while node is not None and isinstance(node.value.get("$ref"), str):
            seen += 1
            if seen > _LONGEST:
                self._warnings.add("unresolved-ref", f"{pointer}/$ref", "refers to itself")
                return None
            node = self.step(node.value, node.pointer)
        return node

    def step(self, value: Json, pointer: str) -> Node | None:
        """Like `follow`, but no further than to a schema that says something beside its own ``$ref``."""
        if not isinstance(value, dict):
            self._warnings.add("not-an-object", pointer, "an object is expected here")
            return None
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return Node(value, pointer)
        target = self.target(reference, pointer)
        if isinstance(target, str):
            # One warning for a missing target, at the first place that asks for it.
            self._warnings.add("unresolved-ref", f"{pointer}/$ref", target)
            return None
        return target

    def target(self, reference: str, pointer: str = "") -> Node | str:
        """What *reference*, standing at *pointer*, leads to; or why it leads nowhere."""
        home = _home(pointer)
        found = self._targets.get((home, reference))
        if found is None:
            found = self._find(reference, pointer)
            # What an `$id` above it decides is not true for the whole document.
            if self._resources is None or not self._resources:
                self._targets[home, reference] = found
        return found

    def _find(self, reference: str, pointer: str) -> Node | str:
        seen: set[tuple[str, str]] = set()
        wanted, at = reference, pointer
        while True:
            if (_home(at), wanted) in seen:
                return f"{_shown(reference)} refers to itself"
            seen.add((_home(at), wanted))
            found = self._look(wanted, at)
            if isinstance(found, str):
                return found
            further = found.value.get("$ref")
            if not isinstance(further, str) or (
                self._siblings_count and says_type({k: v for k, v in found.value.items() if k != "$ref"})
            ):
                return found
            wanted, at = further, found.pointer

    def _look(self, reference: str, pointer: str) -> Node | str:
        address, hash_, fragment = reference.partition("#")
        home = _home(pointer)
        url = urldefrag(urljoin(self._urls[home], address))[0] if address else None
        name = home if url is None else self._names.get(url)
        fragment = unquote(fragment)
        if name is not None and not (fragment and not fragment.startswith("/")):
            found = self._at(name, fragment)
            if found is not None:
                return found
        found = self._by_resource(address, fragment, pointer)
        if found is not None:
            return found
        if name is None and hash_ == "" and "/" not in address and "." not in address:
            # `$ref: Pet`, as Swagger 1 had it.
            for place in (f"/components/schemas/{address}", f"/definitions/{address}"):
                if (found := self._at(home, place)) is not None:
                    return found
        if name is None:
            return f"{_shown(reference)} is in another document, which is not at hand"
        return f"{_shown(reference)} does not exist"

    def _by_resource(self, address: str, fragment: str, pointer: str) -> Node | None:
        """By ``$id`` and ``$anchor``. Source: JSON Schema 2020-12, sections 8.2.1 and 8.2.2."""
        if self._resources is None:
            self._resources = Resources((name, self._urls[name], root) for name, root in self._roots.items())
        around: Resource | None
        for around in (*self._resources.around(pointer), None):
            base = around.url if around else self._urls[_home(pointer)]
            url = urldefrag(urljoin(base, address))[0] if address else base
            resource = self._resources.get(url)
            place = resource.place if resource else (_home(pointer) if not address else self._names.get(url))
            if place is None:
                continue
            if fragment and not fragment.startswith("/"):
                anchored = self._resources.anchor(url, fragment)
                if anchored is not None:
                    return Node(*anchored)
                continue
            home = _home(place)
            start = place if not home else place.partition("#")[2]
            found = self._at(home, start + fragment)
            if found is not None:
                return found
        return None

    def _at(self, name: str, pointer: str) -> Node | None:
        if pointer and not pointer.startswith("/"):
            return None
        at: Json = self._roots[name]
        for token in pointer.split("/")[1:]:
            member = token.replace("~1", "/").replace("~0", "~")
            if isinstance(at, dict) and member in at:
                at = at[member]
            elif isinstance(at, list) and member.isascii() and member.isdigit() and int(member[:9]) < len(at):
                at = at[int(member[:9])]
            else:
                return None
        if at is True:
            at = {}
        return Node(at, f"{name}#{pointer}" if name else pointer) if isinstance(at, dict) else None


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


def given_name(pointer: str) -> str:
    """The name that its author gave to what stands at *pointer*, in whatever document; ``""`` for none.

    A component's, that of ``$defs``, or that of a file that is a schema as a whole.
    """
    if pointer.startswith(("/components/schemas/", "/definitions/")) and (name := component_name(pointer)):
        return name
    home = _home(pointer)
    if not home:
        parent, _, name = pointer.rpartition("/")
        found = name if parent.endswith(("/$defs", "/definitions")) else ""
    else:
        address, _, inner = pointer.partition("#")
        parent, _, name = inner.rpartition("/")
        if not inner:
            found = urlsplit(address).path.rpartition("/")[2].partition(".")[0]
        else:
            at_top = parent in {"", "/components/schemas", "/schemas"}
            found = name if at_top or parent.endswith(("/$defs", "/definitions")) else ""
    return found.replace("~1", "/").replace("~0", "~")


def says_type(schema: Mapping[str, Json]) -> bool:
    """Whether *schema* says anything about which values it allows, beyond that they are objects."""
    stated = [keyword for keyword in schema if keyword in _SAYS_TYPE]
    if not stated:
        return False
    if stated == ["type"]:
        types = schema["type"]
        return types != "object" and types != ["object", "null"]
    if stated == ["required"]:
        return bool(list_of(schema["required"]))
    return True


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


def _home(pointer: str) -> str:
    """The document of a place; ``""`` for the one where reading began."""
    return "" if not pointer or pointer[0] == "/" else pointer.partition("#")[0]


def _without_secrets(url: str) -> str:
    """*url* without query and credentials: it stands in warnings."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")) or url


def _shown(reference: str) -> str:
    text = reference if "?" not in reference else _without_secrets(reference)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
