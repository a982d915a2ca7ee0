"""Security schemes: what an upstream wants to know of its callers, and where it wants it.

Only what the description says; credentials are of the configuration alone, and never in a catalog.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

SchemeKind: TypeAlias = Literal[
    "apiKey", "basic", "bearer", "oauth2", "openIdConnect", "mutualTLS", "unsupported"
]


class SecurityScheme(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One security scheme of a description.

    Attributes:
        name: The description's name for it; the configuration gives credentials under this name.
        location: Where an ``apiKey`` goes.
        parameter: Name of that header, query parameter or cookie.
        token_url: Of OAuth 2.0, absolute; ``""`` where none is stated.
        discovery_url: Of OpenID Connect, absolute; ``""`` where none is stated.
    """

    name: str
    kind: SchemeKind
    location: Literal["header", "query", "cookie"] = "header"
    parameter: str = ""
    token_url: str = ""
    discovery_url: str = ""


Requirement: TypeAlias = dict[str, tuple[str, ...]]
"""Schemes that are needed together, each with its scopes. An empty one asks for nothing."""
