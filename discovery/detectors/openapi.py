"""OpenAPI: the document at the given place, else at the places where frameworks put it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, assert_never
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

import aiohttp
import msgspec

from ...schemas.catalog import Upstream, UpstreamId
from ...schemas.errors import DocumentError
from ...schemas.names import upstream_name
from ...schemas.openapi import Document, check_document, parse_document, read_openapi
from ..registries import Candidate, HttpAddress
from .base import Detected, Detection, NotThisKind, TryLater, Unchanged
from .documents import (
    HTML,
    MAX_DOCUMENT_BYTES,
    TOO_LARGE,
    Absent,
    Fetch,
    Fetched,
    NotHttp,
    NotModified,
    Unavailable,
    Unusable,
    fetch_document,
    origin_of,
)
from .parts import FetchPart, Parts, gather_parts

logger = logging.getLogger(__name__)

WELL_KNOWN: Final = (
    "/openapi.json",  # FastAPI, and most
    "/v3/api-docs",  # springdoc
    "/swagger/v1/swagger.json",  # Swashbuckle, ASP.NET Core
    "/swagger.json",  # Flask-RESTX, go-swagger
    "/openapi.yaml",
    "/v2/swagger.json",  # Swagger's petstore, and what was copied from it
    "/v2/api-docs",  # springfox
    "/v1/swagger",
    "/swagger/docs/v1",  # Swashbuckle before ASP.NET Core
    "/api-docs",
    "/swagger.yaml",
    "/openapi",
    "/openapi/v1.json",  # ASP.NET Core from .NET 9
    "/q/openapi",  # Quarkus
    "/docs/openapi.json",
    "/api/openapi.json",
    "/v1/openapi.json",
    "/v3/openapi.json",  # Swagger's petstore, version 3
    "/api/v1/openapi.json",
    "/api/swagger.json",
    "/api-docs.json",
    "/api-json",  # NestJS
    "/swagger/doc.json",  # swaggo
    "/schema/openapi.json",  # Litestar
    "/docs/swagger.json",
)
"""Where frameworks put their documents, in the order in which they are tried."""

_AT_ONCE: Final = 4
_FILE_ENDINGS: Final = (".json", ".yaml", ".yml")
_DOCUMENT_ENDINGS: Final = (".json", ".yaml", ".yml", "/api-docs", "/openapi", "/swagger")


class OpenApiDetector:
    """Finds HTTP servers that describe themselves by OpenAPI: a ``Detector``.

    Args:
        max_document_bytes: A larger document is refused while it is read.
    """

    def __init__(self, *, max_document_bytes: int = MAX_DOCUMENT_BYTES) -> None:
        self._max_document_bytes = max_document_bytes

    @property
    def name(self) -> str:
        """``openapi``."""
        return "openapi"

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """Probe *candidate*. See ``Detector.detect``.

        The memo holds ``asked`` (the configured place), ``url``, ``etag``, ``last_modified`` and ``hash``.
        """
        address = candidate.address
        if not isinstance(address, HttpAddress):
            return NotThisKind("not an address of an HTTP server")
        known = memo if memo and memo.get("asked") == str(address.openapi) else {}
        try:
            async with asyncio.timeout_at(deadline):
                if isinstance(address.openapi, Path):
                    return await self._from_file(candidate, address, address.openapi, known)
                connector = aiohttp.TCPConnector(limit_per_host=_AT_ONCE)
                async with aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    # The caller's deadline is the only one.
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session:
                    return await _Search(self._max_document_bytes, session, candidate, address, known).run()
        except TimeoutError:
            return TryLater("no answer within the time limit")
        except ValueError:
            return TryLater("not a URL")

    async def _from_file(
        self, candidate: Candidate, address: HttpAddress, file: Path, known: Mapping[str, Any]
    ) -> Detection:
        try:
            data = await asyncio.to_thread(_read_bytes, file, self._max_document_bytes + 1)
        except OSError as error:
            hint = "; a path on the server begins with `/`" if isinstance(error, FileNotFoundError) else ""
            return TryLater(f"{file} cannot be read: {error.strerror}{hint}")
        if len(data) > self._max_document_bytes:
            return TryLater(TOO_LARGE)
        location = (await asyncio.to_thread(file.resolve)).as_uri()

        async def fetch(url: str) -> bytes | str:
            if urlsplit(url).scheme != "file":
                return "a file may refer to files only"
            if address.references == "none":
                return "`references: none` is set"
            try:
                part = Path(url2pathname(urlsplit(url).path))
                if part.suffix not in _FILE_ENDINGS:
                    return f"its name does not end in {', '.join(_FILE_ENDINGS)}"
                read = await asyncio.to_thread(_read_bytes, part, self._max_document_bytes + 1)
            except (OSError, ValueError) as error:
                return f"it cannot be read: {getattr(error, 'strerror', None) or 'not a file'}"
            return read if len(read) <= self._max_document_bytes else TOO_LARGE

        # Relative servers in a file can only mean the address that it was given for.
        found = Fetched(address.url, data)
        reading = _Reading(candidate, address, known, fetch, self._max_document_bytes)
        return await reading.run(found, source=file.name, location=location)


class _Search:
    """One probe of one server."""

    def __init__(
        self,
        max_document_bytes: int,
        session: aiohttp.ClientSession,
        candidate: Candidate,
        address: HttpAddress,
        known: Mapping[str, Any],
    ) -> None:
        self._max_document_bytes = max_document_bytes
        self._session = session
        self._candidate = candidate
        self._address = address
        self._known = known
        self._home = ""

    async def run(self) -> Detection:
        """Look where it was last time, then where it is said to be, or everywhere."""
        if url := str(self._known.get("url", "")):
            found = await self._fetch(
                url,
                **self._validators(),
            )
            detection = await self._settled(found)
            if not isinstance(found, Absent):
                return detection
            logger.debug("document has gone", extra={"reason": found.reason})
            # Wherever it is now, the memo must say so, even if the document is the same.
            self._known = {}
        if isinstance(self._address.openapi, str):
            return await self._try(_given_places(self._address.url, self._address.openapi), given=True)
        return await self._try(places(self._address.url), given=False)

    def _validators(self) -> dict[str, str]:
        """What lets the server answer 304; nothing, where the document is one of several."""
        if self._known.get("parts"):
            return {}
        return {name: str(self._known.get(name, "")) for name in ("etag", "last_modified")}

    async def _fetch_part(self, url: str) -> bytes | str:
        """Another document of the description, or why it cannot be had."""
        policy = self._address.references
        if policy == "none":
            return "`references: none` is set"
        try:
            if urlsplit(url).scheme not in {"http", "https"}:
                return "it is not on a web server"
            known = {origin_of(self._address.url), origin_of(self._home or self._address.url)}
            if policy != "any" and origin_of(url) not in known:
                return "it is of another origin; `references: any` allows it"
        except ValueError:
            return "not a URL"
        found = await self._fetch(url)
        match found:
            case Fetched():
                return found.data
            case NotModified():
                return "answers 304 without being asked"
            case _:
                return found.reason

    async def _try(self, urls: Sequence[str], *, given: bool) -> Detection:
        """The first of *urls*, in their order, that has a document; else why there is none."""
        absent: list[Absent] = []
        unusable: list[TryLater] = []
        for batch in _batches(urls):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._fetch(url)) for url in batch]
            for url, task in zip(batch, tasks, strict=True):
                found = task.result()
                detection = await self._settled(found)
                match detection:
                    case Detected() | Unchanged():
                        return detection
                    case NotThisKind() if isinstance(found, Absent):
                        absent.append(found)
                    case TryLater() if isinstance(found, Fetched | Unusable):
                        where = "" if given else f"{urlsplit(url).path}: "
                        unusable.append(TryLater(where + detection.reason))
                    case _:
                        return detection
        if unusable:
            return unusable[0]
        html = any(found.reason == HTML for found in absent)
        if given:
            return TryLater(HTML if html else f"the document is not there: {absent[0].reason}")
        return NotThisKind(HTML if html else f"no OpenAPI document at {len(urls)} well-known places")

    async def _fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetch:
        own = origin_of(url) == origin_of(self._address.url)
        return await fetch_document(
            self._session,
            url,
            headers=self._candidate.headers if own else {},
            etag=etag,
            last_modified=last_modified,
            max_bytes=self._max_document_bytes,
        )

    async def _settled(self, found: Fetch) -> Detection:
        match found:
            case Fetched():
                # Without a query: it may hold a key.
                source = urlunsplit(urlsplit(found.url)._replace(query="", fragment=""))
                self._home = found.url
                reading = _Reading(
                    self._candidate, self._address, self._known, self._fetch_part, self._max_document_bytes
                )
                return await reading.run(found, source=source, location=found.url)
            case NotModified():
                # Only ever asked for beside a memo; a server that says so unasked says nothing.
                return Unchanged() if self._known else TryLater("answers 304 without being asked")
            case Absent(reason=reason) | NotHttp(reason=reason):
                return NotThisKind(reason)
            case Unusable(reason=reason):
                return TryLater(reason)
            case Unavailable(reason=reason, retry_after_s=retry_after_s):
                return TryLater(reason, retry_after_s)
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class _Reading:
    """From the bytes of a document, and of those that it refers to, to an upstream."""

    candidate: Candidate
    address: HttpAddress
    known: Mapping[str, Any]
    fetch: FetchPart
    max_bytes: int

    async def run(self, found: Fetched, *, source: str, location: str) -> Detection:
        """Read what was *found*; references are relative to *location*."""
        # Hashing 32 MiB takes 20 ms and reading a large document seconds: all of it goes to a thread.
        parsed = await asyncio.to_thread(self._parse, found, source)
        if not isinstance(parsed, tuple):
            return parsed
        document, digest = parsed
        parts = Parts()
        if document.refers_elsewhere:
            parts = await gather_parts(document, location, self.fetch, max_bytes=self.max_bytes)
            digest = f"{digest} {parts.digest}" if parts.digest else digest
            if self.known.get("hash") == digest:
                return Unchanged()
        return await asyncio.to_thread(self._read, document, digest, found, parts, location)

    def _parse(self, found: Fetched, source: str) -> tuple[Document, str] | Detection:
        hashed = hashlib.sha256(found.data)
        if self.address.patches:
            hashed.update(msgspec.json.encode(self.address.patches))
        digest = hashed.hexdigest()
        if self.known.get("hash") == digest and not self.known.get("parts"):
            return Unchanged()
        try:
            return parse_document(found.data, source=source, patches=self.address.patches), digest
        except DocumentError as error:
            return TryLater(error.reason)

    def _read(
        self, document: Document, digest: str, found: Fetched, parts: Parts, location: str
    ) -> Detection:
        upstream: Upstream = read_openapi(
            document,
            upstream=UpstreamId(self.candidate.name or upstream_name(document.title)),
            document_url=found.url,
            base_url=_base_url(self.address, found.url),
            location=location,
            documents=parts.documents,
        )
        problems = () if parts.documents else check_document(document)
        upstream = msgspec.structs.replace(upstream, warnings=(*parts.notes, *upstream.warnings, *problems))
        memo = {
            "asked": str(self.address.openapi),
            "url": found.url,
            "etag": found.etag,
            "last_modified": found.last_modified,
            "hash": digest,
            "parts": bool(parts.documents or parts.notes),
        }
        return Detected(upstream, memo)


def _base_url(address: HttpAddress, document_url: str) -> str:
    """The address as the API's beginning; without its path, if that is the document's own."""
    given, read = urlsplit(address.url), urlsplit(document_url)
    own = not isinstance(address.openapi, Path) and given.path.strip("/") and given.path == read.path
    # Without credentials: a catalog holds none.
    host = given.netloc.rpartition("@")[2]
    return urlunsplit((given.scheme, host, "" if own else given.path, "", ""))


def places(url: str) -> tuple[str, ...]:
    """Where the document of the API at *url* may be, best first.

    At *url* itself where it has a path of its own, under that path, then at the server's root.
    """
    parts = urlsplit(url.rstrip("/"))
    root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    if not parts.path:
        return tuple(root + path for path in WELL_KNOWN)
    if parts.path.lower().endswith(_DOCUMENT_ENDINGS):
        under: Iterable[str] = ()
    else:
        under = (root + parts.path + path for path in WELL_KNOWN)
    return tuple(dict.fromkeys([root + parts.path, *under, *(root + path for path in WELL_KNOWN)]))


def _given_places(url: str, openapi: str) -> tuple[str, ...]:
    if openapi.startswith(("http://", "https://")):
        return (openapi,)
    parts = urlsplit(url.rstrip("/"))
    root = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    path = openapi if openapi.startswith("/") else f"/{openapi}"
    return tuple(dict.fromkeys([root + path, root + parts.path + path]))


def _batches(urls: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """One first: most servers have it there, and one that is not there is asked once."""
    left = iter(urls)
    yield tuple(islice(left, 1))
    while batch := tuple(islice(left, _AT_ONCE)):
        yield batch


def _read_bytes(file: Path, most: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most)
