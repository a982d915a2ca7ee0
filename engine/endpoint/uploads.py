"""Files beside an operation: ``multipart/form-data`` into a GraphQL request.

Browsers send forms to any site without asking first, so a request of this kind must also have a header that
no form can have: its page is then asked about by a preflight, like for JSON.

Source: GraphQL multipart request specification; RFC 7578.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ...schemas.catalog import UploadedFile
from ..operation.request import GraphQLRequest
from .requests import HttpProblem, parse_body

PREFLIGHT_HEADERS: Final = (
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
)
"""Any of them, not empty. Apollo's names are those that clients send already."""

MAX_PLACES: Final = 100
"""Of all files of a request together: each place costs a walk through the variables."""
_MAX_HEADERS: Final = 8
_MAX_DEPTH: Final = 20

_Map = msgspec.json.Decoder(dict[str, list[str]])
_Json = msgspec.json.Decoder()


class _Bad(Exception):
    """The request is not well-formed; the message is for the client."""


def is_upload(method: str, content_type: str | None) -> bool:
    """Whether a request may hold files."""
    essence = (content_type or "").partition(";")[0]
    return method == "POST" and essence.strip().lower() == "multipart/form-data"


def refuse_upload(headers: Mapping[str, str]) -> HttpProblem | None:
    """What keeps a request with files from being read: it may be a form of another site."""
    if any(headers.get(name) for name in PREFLIGHT_HEADERS):
        return None
    return HttpProblem(
        403,
        f"files are taken only with a header that browsers ask about first; send `{PREFLIGHT_HEADERS[0]}: 1`",
        "CSRF",
    )


def parse_upload(content_type: str, body: bytes, *, max_files: int) -> GraphQLRequest | HttpProblem:
    """The GraphQL request of a form: ``operations``, ``map`` and the files that they name.

    Args:
        content_type: With the form's boundary.
        body: All of it.
        max_files: More are refused.
    """
    try:
        fields, files = _parts(content_type, body, max_files)
        operations = fields.get("operations")
        if operations is None:
            raise _Bad("`operations` is missing")  # noqa: TRY301 - one place makes answers of them
        places = _places(fields.get("map", b"{}"))
        request = parse_body(operations)
        if isinstance(request, HttpProblem):
            return request
        variables = dict(request.variables)
        for name, paths in places.items():
            if name not in files:
                raise _Bad(f"file `{name[:40]}` is in `map`, and not in the form")  # noqa: TRY301
            for path in paths:
                _put(variables, path, files[name])
        unplaced = files.keys() - places.keys()
        if unplaced:
            raise _Bad(f"file `{min(unplaced)[:40]}` has no place in `map`")  # noqa: TRY301
    except _Bad as error:
        return HttpProblem(400, f"the upload is not well-formed: {error}")
    return GraphQLRequest(request.query, variables, request.operation_name, request.extensions)


def _places(text: bytes) -> dict[str, list[str]]:
    try:
        places: dict[str, list[str]] = _Map.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _Bad("`map` must be a JSON object of lists of paths") from error
    if sum(len(paths) for paths in places.values()) > MAX_PLACES:
        raise _Bad(f"more than {MAX_PLACES} places for files")
    return places


def _put(variables: dict[str, Any], path: str, file: UploadedFile) -> None:
    """Put *file* where *path* leads, such as ``variables.files.0``; null must stand there."""
    first, *steps = path.split(".")
    if first != "variables" or not steps or len(steps) > _MAX_DEPTH:
        raise _Bad(f"path `{path[:80]}` must lead into `variables`")
    at: Any = variables
    for step in steps[:-1]:
        at = _child(at, step, path)
    last = steps[-1]
    if _child(at, last, path) is not None:
        raise _Bad(f"null must stand at `{path[:80]}`, where the file goes")
    at[int(last) if isinstance(at, list) else last] = file


def _child(at: Any, step: str, path: str) -> Any:
    if isinstance(at, dict) and step in at:
        return at[step]
    if isinstance(at, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(at):
        return at[int(step[:9])]
    raise _Bad(f"path `{path[:80]}` leads nowhere")


class _Form:
    """Collects the parts of a form as the parser finds them."""

    def __init__(self, max_files: int) -> None:
        self.fields: dict[str, bytes] = {}
        self.files: dict[str, UploadedFile] = {}
        self.ended = False
        self._max_files = max_files
        self._headers: dict[bytes, bytes] = {}
        self._count = 0
        self._name = b""
        self._value = b""
        self._data = bytearray()

    def on_part_begin(self) -> None:
        self._headers = {}
        self._count = 0
        self._data = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""
        self._count += 1
        if self._count > _MAX_HEADERS:
            raise _Bad("a part has too many headers")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def on_part_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise _Bad("a part has no name")
        name = options[b"name"].decode("utf-8", "replace")
        if name in self.fields or name in self.files:
            raise _Bad(f"part `{name[:40]}` is there twice")
        if name in {"operations", "map"}:
            self.fields[name] = bytes(self._data)
            return
        if len(self.files) >= self._max_files:
            raise _Bad(f"more than {self._max_files} files")
        # What browsers of old sent: the whole path on the client's machine.
        filename = (
            options.get(b"filename", b"").decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
        )
        content_type = self._headers.get(b"content-type", b"").decode("latin-1").strip()
        self.files[name] = UploadedFile(
            bytes(self._data),
            filename,
            content_type if _is_plain(content_type) else "application/octet-stream",
        )

    def on_end(self) -> None:
        self.ended = True


def _is_plain(content_type: str) -> bool:
    """Whether it can be sent on as it is."""
    return (
        "/" in content_type
        and content_type.isascii()
        and content_type.isprintable()
        and len(content_type) < 200
    )


def _parts(
    content_type: str, body: bytes, max_files: int
) -> tuple[dict[str, bytes], dict[str, UploadedFile]]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise _Bad("`Content-Type` has no boundary")
    form = _Form(max_files)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": form.on_part_begin,
            "on_part_data": form.on_part_data,
            "on_part_end": form.on_part_end,
            "on_header_field": form.on_header_field,
            "on_header_value": form.on_header_value,
            "on_header_end": form.on_header_end,
            "on_end": form.on_end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _Bad("the form cannot be read") from error
    if not form.ended:
        raise _Bad("the form has no end")
    return form.fields, form.files
