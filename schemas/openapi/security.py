"""Security schemes and requirements.

Source: OpenAPI 3.1, "Security Scheme Object", "Security Requirement Object"; Swagger 2.0, "Security
Definitions Object".
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

from ..catalog import Json
from ..catalog.security import Requirement, SchemeKind, SecurityScheme
from .document import Document
from .references import References, Warnings, list_of, object_of, pointer_token, text_of

# Flows whose token endpoint answers the client's own credentials (RFC 6749, section 4.4), the best first.
_FLOWS: Final = ("clientCredentials", "application", "authorizationCode", "accessCode", "password")


def security_schemes(
    document: Document, references: References, warnings: Warnings, *, document_url: str
) -> tuple[SecurityScheme, ...]:
    """Every scheme of *document*, by name. One that Weft cannot fulfil is a warning."""
    swagger = document.version == "2.0"
    place = "/securityDefinitions" if swagger else "/components/securitySchemes"
    stated = object_of(
        document.root.get("securityDefinitions")
        if swagger
        else object_of(document.root.get("components")).get("securitySchemes")
    )
    found: list[SecurityScheme] = []
    for name in sorted(stated):
        pointer = f"{place}/{pointer_token(name)}"
        node = references.follow(stated[name], pointer)
        if node is None:
            continue
        scheme = _scheme(name, node.value, document_url)
        if scheme.kind == "unsupported":
            kind = text_of(node.value, "scheme") or text_of(node.value, "type")
            warnings.add("security-scheme", pointer, f"scheme {kind[:40]!r} is not supported")
        found.append(scheme)
    return tuple(found)


def security_requirements(value: Json) -> tuple[Requirement, ...] | None:
    """The alternatives that a ``security`` member states; ``None`` where there is no such member."""
    if not isinstance(value, list):
        return None
    return tuple(
        {
            name: tuple(scope for scope in list_of(scopes) if isinstance(scope, str))
            for name, scopes in object_of(one).items()
        }
        for one in value
    )


def _scheme(name: str, stated: dict[str, Json], document_url: str) -> SecurityScheme:
    kind: SchemeKind = "unsupported"
    match text_of(stated, "type"), text_of(stated, "scheme").lower():
        case ("basic", _) | ("http", "basic"):
            kind = "basic"
        case "http", "bearer":
            kind = "bearer"
        case "apiKey", _:
            parameter = text_of(stated, "name")
            location = text_of(stated, "in")
            if parameter and location in {"header", "query", "cookie"}:
                return SecurityScheme(
                    name=name,
                    kind="apiKey",
                    location="query"
                    if location == "query"
                    else "cookie"
                    if location == "cookie"
                    else "header",
                    parameter=parameter,
                )
        case "oauth2", _:
            return SecurityScheme(name=name, kind="oauth2", token_url=_token_url(stated, document_url))
        case "openIdConnect", _:
            url = text_of(stated, "openIdConnectUrl")
            return SecurityScheme(
                name=name, kind="openIdConnect", discovery_url=urljoin(document_url, url) if url else ""
            )
        case "mutualTLS", _:
            kind = "mutualTLS"
        case _:
            pass
    return SecurityScheme(name=name, kind=kind)


def _token_url(stated: dict[str, Json], document_url: str) -> str:
    flows = object_of(stated.get("flows"))
    url = text_of(stated, "tokenUrl")  # of Swagger 2.0, whose schemes have one flow
    for flow in _FLOWS:
        url = url or text_of(object_of(flows.get(flow)), "tokenUrl")
    try:
        return urljoin(document_url, url) if url else ""
    except ValueError:
        return ""
