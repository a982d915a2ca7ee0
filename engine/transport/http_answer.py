"""Answers: status, headers and body as a JSON value, or the error in its place. Nothing here touches a socket."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from ...schemas.catalog import Function, HttpBinding, Json, Scalar, ScalarKind
from ...schemas.errors import UpstreamAnswer, UpstreamError, UpstreamStatus
from ...schemas.openapi.media import MediaKind, media_essence, media_kind
from ..numbers import decode_exactly
from .http_items import decode_items
from .http_xml import BadXml, decode_xml

MAX_ERROR_BYTES: Final = 16 * 1024
"""A larger body of an error is not shown."""

_DETAIL: Final = 200
"""Characters of an error's body that reach the log."""

_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w\-]+)""", re.IGNORECASE)
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def decode_answer(
    function: Function, status: int, headers: Mapping[str, str], body: bytes, *, show_errors: bool = False
) -> Json | UpstreamError:
    """What the upstream answered.

    JSON is decoded; text is a string; bytes are base64. A function that is described to answer nothing gives
    ``None``, and so does status 204. An empty body is an empty text where text is described, and else not what
    was described. JSON under a wrong name (``text/plain``) is still JSON.

    Args:
        function: What was called.
        status: HTTP status code.
        headers: Of the answer; ``Content-Type`` is looked up in any case.
        body: Decompressed, whole.
        show_errors: Keep the described body of an error for whoever called.
    """
    if not 200 <= status < 300:
        found = status_error(function, status, body)
        if show_errors:
            found.body = error_body(function, status, _content_type(headers), body)
        return found
    if function.result is None or status in {204, 205} or _only_headers(function):
        return None
    if not body:
        return (
            "" if described_kind(function) in {"text", "binary"} else _wrong(function, "the answer is empty")
        )
    content_type = _content_type(headers)
    return _decode(function, content_type, body)


def _only_headers(function: Function) -> bool:
    """Whether nothing of the answer is described but headers that are shown."""
    binding = function.binding
    return isinstance(binding, HttpBinding) and bool(binding.shown_headers) and not binding.accept


def status_error(
    function: Function, status: int, body: bytes, *, retry_after_s: float | None = None
) -> UpstreamStatus:
    """The error for an answer that is no success. The start of its body is kept for the log."""
    detail = " ".join(body[: _DETAIL * 4].decode("utf-8", "replace").split())[:_DETAIL]
    return UpstreamStatus(
        function.upstream, function.id, status=str(status), detail=detail, retry_after_s=retry_after_s
    )


def parse_retry_after(value: bytes, *, clock: Callable[[], float] = time.time) -> float | None:
    """Seconds that a Retry-After header asks for; ``None`` where it says nothing that can be read.

    Args:
        value: A number of seconds, or an HTTP date.
        clock: Seconds since 1970.

    Source: RFC 9110, section 10.2.3.
    """
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - clock(), 0.0)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def error_body(function: Function, status: int, content_type: str, body: bytes) -> Json:
    """The body of an error that a client may read; ``None`` where there is none.

    It is JSON that the description has for this status, or problem details, which are made for clients.

    Source: RFC 9457; OpenAPI 3.1, "Responses Object" for ``4XX`` and ``default``.
    """
    binding = function.binding
    described = binding.errors if isinstance(binding, HttpBinding) else ()
    undescribed = {str(status), f"{status // 100}XX", "default"}.isdisjoint(described)
    if undescribed and media_essence(content_type) != "application/problem+json":
        return None
    if media_kind(content_type) != "json" or len(body) > MAX_ERROR_BYTES:
        return None
    decoded = _json(body)
    return None if decoded is _NO_JSON else decoded


def with_headers(function: Function, answer: Json, headers: Sequence[tuple[bytes, bytes]]) -> Json:
    """*answer* as the ``body`` of an object that has the shown headers of the answer beside it.

    Args:
        function: What was called; *answer* alone is given where it shows none.
        answer: The decoded body.
        headers: Names in lower case, in the order they came; equal ones are joined by a comma.
    """
    binding = function.binding
    if not isinstance(binding, HttpBinding) or not binding.shown_headers:
        return answer
    found: dict[str, Json] = {"body": answer}
    for name, kind in binding.shown_headers.items():
        wanted = name.encode()
        values = [value.decode("latin-1") for key, value in headers if key == wanted]
        found[name] = _typed_header(", ".join(values), kind) if values else None
    return found


def _typed_header(text: str, kind: ScalarKind) -> Json:
    """*text* as a number or a boolean where that is described; what does not fit is left out."""
    try:
        match kind:
            case "int32" | "int64" | "uint64":
                return int(text)
            case "float":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}.get(text.strip().lower())
            case _:
                return text
    except ValueError:
        return None


def described_kind(function: Function) -> MediaKind:
    """What the description says that an answer is made of."""
    binding = function.binding
    accept = binding.accept if isinstance(binding, HttpBinding) else ()
    return media_kind(accept[0]) if accept else "json"


def _decode(function: Function, content_type: str, body: bytes) -> Json | UpstreamError:
    described = described_kind(function)
    came = media_kind(content_type)
    result = function.result
    if isinstance(result, Scalar) and result.kind == "byte" and described == "binary":
        return _text(content_type, body)
    if described == "binary" or (isinstance(result, Scalar) and result.kind == "binary" and came != "json"):
        return base64.b64encode(body).decode()
    if described == "xml" and came != "json":
        form = function.binding.xml if isinstance(function.binding, HttpBinding) else None
        if form is None or came == "text":
            return _text(content_type, body)
        try:
            return decode_xml(form, body)
        except BadXml as error:
            return _wrong(function, str(error))
    if described == "text":
        return _text(content_type, body)
    if came == "stream" and described == "stream":
        return decode_items(content_type, body)
    if came == "json":
        decoded = _json(body)
        if decoded is not _NO_JSON:
            return decoded
        return _wrong(function, "the answer is no valid JSON")
    if came == "text" and media_essence(content_type) != "text/html":
        decoded = _json(body)
        if decoded is not _NO_JSON:
            return decoded
        if isinstance(result, Scalar) and result.kind == "string":
            return _text(content_type, body)
    return _wrong(function, f"{_shown(content_type)} came where JSON is described")


class _NoJson(dict[str, Json]):
    """Stands for a text that is no JSON; told by identity."""


_NO_JSON: Final = _NoJson()


def _json(body: bytes) -> Json:
    try:
        decoded: Json = decode_exactly(body.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NO_JSON
    return decoded


def _text(content_type: str, body: bytes) -> str:
    found = _CHARSET.search(content_type)
    try:
        return body.decode(found.group(1) if found else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _content_type(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if name.lower() == "content-type":
            return value
    return ""


def _shown(content_type: str) -> str:
    essence = media_essence(content_type)
    if essence in {"text/html", "application/xhtml+xml"}:
        return "HTML"
    return essence if _MEDIA_TYPE.fullmatch(essence) else "something else"


def _wrong(function: Function, reason: str) -> UpstreamAnswer:
    return UpstreamAnswer(function.upstream, function.id, reason=reason)
