"""GraphiQL: one page and its assets, all from this server.

The page holds no inline script and names no other host, so its content security policy allows neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .cors import Headers

MEDIA_TYPES: Final = {
    "graphiql.min.css": "text/css; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "react.production.min.js": "text/javascript; charset=utf-8",
    "react-dom.production.min.js": "text/javascript; charset=utf-8",
    "graphiql.min.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "LICENSES.txt": "text/plain; charset=utf-8",
}
# Styles: the menus (react-style-singleton) add a style element while they are open.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS: Final[Headers] = (
    ("content-security-policy", POLICY),
    ("cache-control", "no-cache"),
    ("referrer-policy", "no-referrer"),
    ("vary", "accept"),
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page.

    Attributes:
        content: Its bytes.
        media_type: For ``Content-Type``.
        version: A hash of the content; the page asks for it in the query string.
    """

    content: bytes
    media_type: str
    version: str

    def headers(self, query_string: str) -> Headers:
        """Cached for a year under its version, and asked for again under any other."""
        if query_string == f"v={self.version}":
            return (("cache-control", "public, max-age=31536000, immutable"), ("etag", f'"{self.version}"'))
        return (("cache-control", "no-cache"), ("etag", f'"{self.version}"'))


def load_assets() -> dict[str, Asset]:
    """The shipped files, by name."""
    folder = Path(__file__).with_name("assets")
    assets = {}
    for name, media_type in MEDIA_TYPES.items():
        content = (folder / name).read_bytes()
        assets[name] = Asset(content, media_type, hashlib.sha256(content).hexdigest()[:16])
    return assets


def build_page(path: str, assets: Mapping[str, Asset]) -> bytes:
    """The HTML page.

    Args:
        path: Where it is served. Its links are relative, so a gateway may put a prefix before it.
        assets: As ``load_assets`` gives them.
    """
    folder = f"{path.rpartition('/')[2]}/assets"

    def link(name: str) -> str:
        return f"{folder}/{name}?v={assets[name].version}"

    styles = "".join(
        f'<link rel="stylesheet" href="{link(name)}">\n' for name in assets if name.endswith(".css")
    )
    scripts = "".join(
        f'<script src="{link(name)}" defer></script>\n' for name in assets if name.endswith(".js")
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>GraphiQL</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">\n'
        f"{styles}{scripts}</head>\n"
        '<body>\n<div id="graphiql">Loading…</div>\n<noscript>GraphiQL needs JavaScript.</noscript>\n'
        "</body>\n</html>\n"
    ).encode()
