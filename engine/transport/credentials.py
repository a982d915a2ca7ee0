"""Credentials of one upstream, and what of them each function's calls carry.

What a call carries is told once per function: headers, query pairs and cookies that never change, and the
sources of those tokens that do. Everything here may be a secret, so ``repr`` hides it all.

Source: OpenAPI 3.1, "Security Requirement Object": one of the alternatives is to be fulfilled, and all
schemes of it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never
from urllib.parse import quote

from ...schemas.catalog import HttpBinding, HttpTarget
from ...schemas.catalog.security import Requirement, SecurityScheme


@dataclass(frozen=True, slots=True)
class Secret:
    """A key or a token that does not change.

    Attributes:
        value: Goes where the scheme says; a bearer token without the word ``Bearer``.
        location: Where it goes if the description has no scheme of its name; ``""`` otherwise.
        parameter: Name of that header, query parameter or cookie.
    """

    value: str = field(repr=False)
    location: Literal["header", "query", "cookie", ""] = ""
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Basic:
    """A user's name and password (RFC 7617)."""

    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client of an OAuth 2.0 authorization server (RFC 6749, section 4.4).

    Attributes:
        token_url: In place of the description's.
        discovery_url: Of OpenID Connect, in place of the description's.
        scopes: In place of those that the functions ask for.
        audience: Sent along where it is given; Auth0 and others want it.
        secret_in: Where the authorization server reads the client's secret.
    """

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    token_url: str = ""
    discovery_url: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    secret_in: Literal["header", "body"] = "header"  # noqa: S105 - a place, no secret


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The caller's own header fulfils the scheme; it is passed on like every forwarded header."""

    header: str


Credential: TypeAlias = Secret | Basic | ClientCredentials | Forwarded


@dataclass(frozen=True, slots=True)
class TokenUse:
    """A token that the calls of a function carry.

    Attributes:
        credential: Whose token.
        scheme: What the description says of it; ``None`` if it says nothing.
        scopes: To be asked for, sorted.
    """

    credential: ClientCredentials
    scheme: SecurityScheme | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """What every call of a function carries.

    Attributes:
        headers: By name.
        query: Pairs, percent-encoded, joined by ``&``; ``""`` for none.
        cookies: Pairs, joined by ``; ``; ``""`` for none.
        token: Of which the value changes, or ``None``.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    token: TokenUse | None = None


NOTHING = Carried()


def carried_by(binding: HttpBinding, target: HttpTarget, credentials: Mapping[str, Credential]) -> Carried:
    """What the calls of a function carry.

    The first alternative is taken of which every scheme has a credential. A function that asks for nothing
    gets nothing; where the description says nothing of who asks for what, every function gets everything.
    Credentials under a name that the description does not know are always sent.

    Args:
        binding: The function's.
        target: Its upstream's.
        credentials: By the names of the description's schemes.
    """
    if not credentials:
        return NOTHING
    schemes = {scheme.name: scheme for scheme in target.schemes}
    alternatives = binding.security if binding.security is not None else target.security
    chosen: Requirement = {}
    if alternatives is None:
        chosen = {name: () for name in credentials if name in schemes}
    else:
        # An empty alternative makes credentials optional: one that can be fulfilled is the better one.
        fulfilled = [one for one in alternatives if one and all(_has(n, schemes, credentials) for n in one)]
        if fulfilled:
            chosen = fulfilled[0]
    wanted = {**{name: () for name in credentials if name not in schemes}, **chosen}
    headers: dict[str, str] = {}
    query: list[str] = []
    cookies: list[str] = []
    token: TokenUse | None = None
    for name, scopes in wanted.items():
        credential = credentials.get(name)
        scheme = schemes.get(name)
        match credential:
            case None | Forwarded():
                pass  # TLS fulfils it, or the caller does
            case Secret():
                _place(credential, scheme, headers, query, cookies)
            case Basic():
                pair = f"{credential.username}:{credential.password}".encode()
                headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
            case ClientCredentials():
                token = TokenUse(credential, scheme, credential.scopes or tuple(sorted(scopes)))
            case _ as never:
                assert_never(never)
    return Carried(headers, "&".join(query), "; ".join(cookies), token)


def _has(name: str, schemes: Mapping[str, SecurityScheme], credentials: Mapping[str, Credential]) -> bool:
    scheme = schemes.get(name)
    return name in credentials or (scheme is not None and scheme.kind == "mutualTLS")


def _place(
    secret: Secret,
    scheme: SecurityScheme | None,
    headers: dict[str, str],
    query: list[str],
    cookies: list[str],
) -> None:
    location, parameter = secret.location, secret.parameter
    if not location and scheme is not None and scheme.kind == "apiKey":
        location, parameter = scheme.location, scheme.parameter
    match location:
        case "query":
            query.append(f"{quote(parameter, safe='')}={quote(secret.value, safe='')}")
        case "cookie":
            cookies.append(f"{parameter}={secret.value}")
        case "header":
            headers[parameter] = secret.value
        case "":
            # Bearer, OAuth 2.0 and OpenID Connect with a token that somebody else renews (RFC 6750).
            headers["Authorization"] = f"Bearer {secret.value}"
