"""One document over HTTP: within limits, from one origin, and only if it changed."""

from __future__ import annotations

import datetime
import email.utils
import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urljoin, urlsplit

import aiohttp

MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
"""The largest OpenAPI document of the corpus has 12 MB."""

TOO_LARGE: Final = f"the document is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB"
HTML: Final = "answers HTML, not an OpenAPI document"

MAX_REDIRECTS: Final = 3

_ACCEPT: Final = (
    "application/vnd.oai.openapi+json, application/json, application/vnd.oai.openapi, application/yaml;q=0.9,"
    " */*;q=0.5"
)
_CHUNK_BYTES: Final = 64 * 1024
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_REDUCED: Final = re.compile(r"[^\x20-\x7e]+")


def user_agent() -> str:
    """What probes say they are: ``weft/<version> (discovery)``."""
    try:
        version = importlib.metadata.version("weft")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    return f"weft/{version} (discovery)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document.

    Attributes:
        url: Where it was in the end, after redirects.
        etag: Its entity tag, or ``""``.
        last_modified: As the server wrote it, or ``""``.
    """

    url: str
    data: bytes = field(repr=False)
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class NotModified:
    """The document is the one whose entity tag or date was sent."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The server answers, and has no document there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is something, and it cannot be had."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The server cannot answer now, or wants to be left alone: no use in asking for more."""

    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NotHttp:
    """What listens there does not speak HTTP/1.1."""

    reason: str


Fetch: TypeAlias = Fetched | NotModified | Absent | Unusable | Unavailable | NotHttp


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of *url*.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


async def fetch_document(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    etag: str = "",
    last_modified: str = "",
    max_bytes: int = MAX_DOCUMENT_BYTES,
) -> Fetch:
    """The document at *url*. The caller bounds the time; nothing else is raised.

    Redirects are followed within the origin only: headers are secrets, and a login page of somebody else
    is no document.

    Args:
        session: Follows no cookies.
        url: Absolute.
        headers: Sent along.
        etag: Of the document that is known; ``""`` for none.
        last_modified: Of the document that is known; ``""`` for none.
        max_bytes: Of the decoded body; reading ends there.
    """
    sent = {"User-Agent": user_agent(), "Accept": _ACCEPT, **headers}
    if etag:
        sent["If-None-Match"] = etag
    if last_modified:
        sent["If-Modified-Since"] = last_modified
    try:
        origin = origin_of(url)
        for _ in range(MAX_REDIRECTS + 1):
            async with session.get(url, headers=sent, allow_redirects=False) as response:
                if response.status not in _MOVED:
                    return await _take(response, url, max_bytes)
                target = urljoin(url, response.headers.get("Location", ""))
                response.close()
            if origin_of(target) != origin:
                scheme, host, port = origin_of(target)
                place = _printable(f"{scheme}://{host}:{port}")
                return Unusable(f"redirects to another origin, {place}: give the document's own URL")
            url = target.partition("#")[0]
        return Unusable(f"redirects more than {MAX_REDIRECTS} times")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _fault(error)


async def _take(response: aiohttp.ClientResponse, url: str, max_bytes: int) -> Fetch:
    status = response.status
    match status:
        case HTTPStatus.OK:
            pass
        case HTTPStatus.NOT_MODIFIED:
            return NotModified()
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Unusable(f"the document needs credentials ({status}): give `headers`")
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return Unavailable(f"answers {status}", retry_after_s(response.headers.get("Retry-After", "")))
        case _ if status >= 500:
            return Unusable(f"answers {status}")
        case _:
            return Absent(f"answers {status}")
    if response.content_type in {"text/html", "application/xhtml+xml"}:
        return Absent(HTML)
    if (response.content_length or 0) > max_bytes:
        response.close()
        return Unusable(TOO_LARGE)
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            # Closed and not released: releasing would read the rest.
            response.close()
            return Unusable(TOO_LARGE)
        chunks.append(chunk)
    data = b"".join(chunks)
    if data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return Absent(HTML)
    return Fetched(
        url=url,
        data=data,
        etag=response.headers.get("ETag", ""),
        last_modified=response.headers.get("Last-Modified", ""),
    )


def _fault(error: Exception) -> Fetch:
    """What an exception says of the server; in words that hold no URL, for it may hold a secret."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Unavailable("the host name cannot be resolved")
        case aiohttp.ClientConnectorCertificateError():
            return Unavailable("the server's certificate is not trusted")
        case aiohttp.ClientSSLError():
            return Unavailable("the server does not speak TLS")
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            return Unavailable("connection refused")
        case aiohttp.ClientConnectorError():
            return Unavailable(f"cannot be reached: {error.os_error.strerror or 'no connection'}")
        case aiohttp.InvalidURL() | ValueError():
            return Unusable("not a URL")
        case aiohttp.ClientPayloadError():
            return Unusable("the answer broke off")
        case aiohttp.ClientResponseError():
            return NotHttp("does not answer in HTTP/1.1")
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return NotHttp("closes the connection without an answer")
        case _:
            return Unavailable(f"cannot be reached: {type(error).__name__}")


def retry_after_s(value: str, *, now: float | None = None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for: a number, or a date. ``None`` for anything else.

    Args:
        value: The header's value.
        now: Seconds since the epoch; the present if it is left out.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    present = now if now is not None else datetime.datetime.now(datetime.UTC).timestamp()
    return max(0.0, moment.timestamp() - present)


def _printable(text: str) -> str:
    return _REDUCED.sub("?", text)[:200]
