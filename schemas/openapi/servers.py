"""Servers: where an upstream's operations are called."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from ..catalog import Json
from .document import Document
from .references import Warnings, list_of, object_of, text_of

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")


def upstream_url(
    document: Document, *, document_url: str, base_url: str | None = None, warnings: Warnings
) -> str:
    """The URL that path templates follow; ``""``, with a warning, where nobody says one.

    Args:
        document: Whose server it is.
        document_url: Where the document was read; relative server URLs are resolved against it.
        base_url: The configured address. Its scheme and host win over the document's; the document's base
            path is kept unless the address has a path of its own.
        warnings: Take what is amiss.
    """
    stated = described_url(document, document_url)
    if base_url:
        given = urlsplit(base_url.rstrip("/"))
        path = given.path if given.path.strip("/") else urlsplit(stated or "").path
        return urlunsplit((given.scheme, given.netloc, path.rstrip("/"), "", ""))
    # Source: OpenAPI 3.1, "OpenAPI Object": without servers, the default is a server with the URL "/".
    found = absolute_url(stated if stated is not None else "/", document_url)
    if not found:
        place = "/host" if document.version == "2.0" else "/servers"
        warnings.add("no-server", place, "no absolute server URL; configure the upstream's address")
    return found


def described_url(document: Document, document_url: str) -> str | None:
    """The URL of the document's own server, perhaps relative; ``None`` if it names none."""
    root = document.root
    if document.version != "2.0":
        return first_server(root.get("servers"))
    host, base_path = text_of(root, "host"), text_of(root, "basePath")
    if not host and not base_path:
        return None
    base_path = base_path if base_path.startswith("/") or not base_path else f"/{base_path}"
    if not host:
        return base_path
    schemes = [scheme for scheme in list_of(root.get("schemes")) if isinstance(scheme, str)]
    # Without `schemes` it is the one that the document itself was read with.
    asked = urlsplit(document_url).scheme
    scheme = next(
        (s for s in ("https", "http") if s in schemes), asked if asked in {"http", "https"} else "https"
    )
    return f"{scheme}://{host}{base_path}"


def first_server(servers: Json) -> str | None:
    """The URL of the first of *servers*, its variables at their defaults; ``None`` if there is none."""
    first = object_of(next(iter(list_of(servers)), None))
    url = first.get("url")
    if not isinstance(url, str):
        return None
    variables = object_of(first.get("variables"))

    def default(found: re.Match[str]) -> str:
        variable = object_of(variables.get(found.group(1)))
        value = variable.get("default", next(iter(list_of(variable.get("enum"))), None))
        return str(value) if isinstance(value, str | int | float) else found.group(0)

    # An empty URL would be the document itself; its authors mean the root that it is served from.
    return _VARIABLE.sub(default, url.strip()) or "/"


def absolute_url(url: str, base: str) -> str:
    """*url* resolved against *base*, as an HTTP URL without trailing slash; ``""`` if that is none."""
    try:
        joined = urlsplit(urljoin(base, url))
        usable = joined.scheme in {"http", "https"} and bool(joined.hostname) and "{" not in joined.netloc
        _ = joined.port
    except ValueError:
        return ""
    return urlunsplit((joined.scheme, joined.netloc, joined.path.rstrip("/"), "", "")) if usable else ""


def operation_url(servers: Json, *, document: Document, document_url: str, upstream: str) -> str:
    """The URL of an operation's or path's own server, or ``""`` for the upstream's.

    One on the document's main host moves with the upstream where that has a configured address.
    """
    stated = first_server(servers)
    if stated is None:
        return ""
    main = absolute_url(described_url(document, document_url) or "/", document_url)
    own = absolute_url(stated, document_url or upstream)
    if not own or own == main:
        return ""
    if main and urlsplit(own)[:2] == urlsplit(main)[:2] and upstream:
        own = urlunsplit((*urlsplit(upstream)[:2], urlsplit(own).path, "", ""))
    return "" if own == upstream else own
