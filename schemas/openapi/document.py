"""Documents: the bytes of an OpenAPI description, read once and otherwise left as they are.

JSON is tried first, then YAML. What is not an OpenAPI document is refused with one line that says what it is
instead; faults inside a document are the business of the modules that read those places.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from ..catalog import Json
from ..collecting import without_collections
from ..errors import DocumentError
from .dynamic import bind_dynamic
from .patches import Patch, apply_patches
from .yaml_core import YamlError, decode_yaml

OpenApiVersion: TypeAlias = Literal["2.0", "3.0", "3.1"]
"""The rules a document follows. 3.2 adds to 3.1 and is read as 3.1."""

MAX_DEPTH: Final = 200
"""Levels of nesting. The deepest document of the corpus has 30; a reader recurses, so there is an end."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ELSEWHERE: Final = re.compile(rb"""\$ref["']?\s*:\s*["']?[^#"'\s]""")
"""A reference that does not begin with ``#``, in JSON or YAML."""

_NOT_OPENAPI: Final = "not an OpenAPI document: "


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document as a tree of JSON values.

    Attributes:
        root: The document; nobody changes it.
        version: The rules it follows.
        source: Where it came from, for messages.
        size: Bytes of its text.
        refers_elsewhere: Whether a reference may lead to another document; see `elsewhere`.
    """

    root: dict[str, Json]
    version: OpenApiVersion
    source: str
    size: int = 0
    refers_elsewhere: bool = False

    @property
    def title(self) -> str:
        """``info.title``, or ``""``."""
        return self._info("title")

    @property
    def api_version(self) -> str:
        """``info.version``: the version of the API, not of OpenAPI; or ``""``."""
        return self._info("version")

    @property
    def description(self) -> str:
        """``info.description``, else ``info.summary``, else ``""``."""
        return self._info("description") or self._info("summary")

    def _info(self, member: str) -> str:
        info = self.root.get("info")
        value = info.get(member) if isinstance(info, dict) else None
        return str(value).strip() if isinstance(value, str | int | float) else ""


@without_collections
def parse_document(data: bytes, *, source: str, patches: Sequence[Patch] = ()) -> Document:
    """The OpenAPI document in *data*, be it JSON or YAML.

    Args:
        data: The whole text, in UTF-8 (YAML: or UTF-16, with a byte order mark).
        source: Where it came from, for messages.
        patches: Applied in their order before anything else is looked at.

    Raises:
        DocumentError: It is no OpenAPI document, or of a version that is not read, or a patch does not fit.
            The reason is one line.
    """
    root = apply_patches(_decode(data.removeprefix(_BYTE_ORDER_MARK), source), patches, source=source)
    if not isinstance(root, dict):
        raise DocumentError(source, "", f"{_NOT_OPENAPI}it is {_kind_of(root)}")
    version = _version_of(root, source)
    if _depth_passes(root, MAX_DEPTH):
        raise DocumentError(source, "", f"nested more than {MAX_DEPTH} levels deep")
    if b"$dynamicRef" in data and version == "3.1":
        root = bind_dynamic(root)
    return Document(
        root=root,
        version=version,
        source=source,
        size=len(data),
        refers_elsewhere=bool(patches) or _ELSEWHERE.search(data) is not None,
    )


def parse_part(data: bytes, *, source: str) -> Json:
    """The JSON value in *data*, be it JSON or YAML: a document that another one refers to.

    Raises:
        DocumentError: It is neither, or nested too deep. The reason is one line.
    """
    root = _decode(data.removeprefix(_BYTE_ORDER_MARK), source)
    if _depth_passes(root, MAX_DEPTH):
        raise DocumentError(source, "", f"nested more than {MAX_DEPTH} levels deep")
    return root


def _decode(data: bytes, source: str) -> Json:
    start = data[:512].lstrip().lower()
    if not data.strip():
        raise DocumentError(source, "", f"{_NOT_OPENAPI}it is empty")
    if start.startswith(b"<"):
        html = b"<html" in start or b"<!doctype html" in start or b"<head" in start or b"<body" in start
        raise DocumentError(source, "", f"{_NOT_OPENAPI}it is {'HTML' if html else 'XML'}")
    try:
        decoded: Json = msgspec.json.decode(data)
    except RecursionError as error:
        raise DocumentError(source, "", f"nested more than {MAX_DEPTH} levels deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as json_error:
        try:
            return decode_yaml(data, max_depth=MAX_DEPTH)
        except YamlError as yaml_error:
            # A text that begins as JSON is broken JSON to its author, even though YAML was tried.
            fault = f"broken JSON: {json_error}" if start.startswith((b"{", b"[")) else str(yaml_error)
            raise DocumentError(source, "", _one_line(f"{_NOT_OPENAPI}{fault}")) from yaml_error
    return decoded


def _version_of(root: dict[str, Json], source: str) -> OpenApiVersion:
    stated = root.get("openapi", root.get("swagger"))
    if stated is None:
        if "swaggerVersion" in root:
            raise DocumentError(source, "/swaggerVersion", "Swagger 1 is not read; 2.0, 3.0 and 3.1 are")
        if "asyncapi" in root:
            raise DocumentError(source, "/asyncapi", f"{_NOT_OPENAPI}it is AsyncAPI")
        raise DocumentError(source, "", f"{_NOT_OPENAPI}no `openapi` or `swagger` member")
    member = "openapi" if "openapi" in root else "swagger"
    # Unquoted in YAML, `swagger: 2.0` is a number.
    found = re.match(r"(\d+)(?:\.(\d+))?", str(stated)) if isinstance(stated, str | int | float) else None
    match (found.group(1), found.group(2) or "0") if found else None:
        case ("2", "0"):
            return "2.0"
        case ("3", "0"):
            return "3.0"
        case ("3", "1" | "2"):
            return "3.1"
        case _:
            shown = str(stated)[:20] if isinstance(stated, str | int | float) else _kind_of(stated)
            reason = f"OpenAPI version {shown} is not read; 2.0, 3.0 and 3.1 are"
            raise DocumentError(source, f"/{member}", _one_line(reason))


def _kind_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool() | int() | float():
            return "a single value"
        case str():
            return "plain text"
        case list():
            return "a list"
        case dict():
            return "an object"


def _depth_passes(root: Json, most: int) -> bool:
    """Whether *root* has more than *most* levels. Level by level: 37 ms for the corpus's largest, of 5.6 MB."""
    level: list[dict[str, Json] | list[Json]] = [root] if isinstance(root, dict | list) else []
    for _ in range(most):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"
