"""What OpenID Connect issuers say of themselves: where people log in, and where tokens are given.

Source: OpenID Connect Discovery 1.0, "Obtaining OpenID Provider Configuration Information".
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from ..schemas.errors import ConfigError
from .lower.world import wrong
from .objects.base import Object
from .objects.security import Oidc, SecurityPolicySpec

MAX_BYTES: Final = 1024 * 1024
TIMEOUT_S: Final = 5.0
FRESH_S: Final = 600.0
"""How long what an issuer said is used before it is asked anew."""

_MEMBERS: Final = ("authorization_endpoint", "token_endpoint", "end_session_endpoint")


class Issuers:
    """Fills in the endpoints that policies leave to their issuers. Asks each issuer once in a while."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        """Take a clock, in seconds."""
        self._now = now
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def fill(self, objects: Iterable[Object]) -> tuple[Object, ...]:
        """*objects*, their logins with all endpoints. It waits for the issuers: work for a thread.

        Raises:
            ConfigError: An issuer does not say it.
        """
        return tuple(self._filled(one) for one in objects)

    def _filled(self, one: Object) -> Object:
        spec = one.spec
        if not isinstance(spec, SecurityPolicySpec) or spec.oidc is None or not _is_open(spec.oidc):
            return one
        provider = spec.oidc.provider
        metadata = self._metadata(provider.issuer, one)
        changes = {
            name: metadata[name] for name in _MEMBERS if getattr(provider, name) is None and name in metadata
        }
        oidc = msgspec.structs.replace(spec.oidc, provider=msgspec.structs.replace(provider, **changes))
        return replace(one, spec=msgspec.structs.replace(spec, oidc=oidc))

    def _metadata(self, issuer: str, one: Object) -> dict[str, Any]:
        known = self._known.get(issuer)
        if known is not None and self._now() - known[0] < FRESH_S:
            return known[1]
        try:
            found = _ask(issuer)
        except (OSError, ValueError) as error:
            if known is not None:
                return known[1]  # an issuer that is away for a while has not moved
            raise _silent(one, issuer, str(error)) from error
        self._known[issuer] = (self._now(), found)
        return found


def _is_open(oidc: Oidc) -> bool:
    return oidc.provider.authorization_endpoint is None or oidc.provider.token_endpoint is None


def _ask(issuer: str) -> dict[str, Any]:
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    if not url.startswith(("https://", "http://")):
        raise ValueError("an issuer is an https:// URL")
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310 - see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:  # it is the answer too, and holds its connection
            raise ValueError(f"it answers {error.code} {error.reason}") from error
    if len(data) > MAX_BYTES:
        raise ValueError("it says more than 1 MiB")
    found = msgspec.json.decode(data)
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise ValueError("it does not say that it is this issuer")
    return {
        member: found[member]
        for member in _MEMBERS
        if isinstance(found.get(member), str) and found[member].startswith(("https://", "http://"))
    }


def _silent(one: Object, issuer: str, reason: str) -> ConfigError:
    problem = f"{issuer} does not say where people log in: {reason}"
    return wrong(one, "spec.oidc.provider", problem, "`authorizationEndpoint` and `tokenEndpoint`")
