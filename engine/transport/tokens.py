"""Access tokens of OAuth 2.0 and OpenID Connect: fetched, kept, renewed.

Source: RFC 6749, sections 2.3.1, 4.4 and 5; OpenID Connect Discovery 1.0, section 4.
"""

from __future__ import annotations

import asyncio
import logging
import random
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from ...schemas.errors import UpstreamCredentials
from .credentials import ClientCredentials, TokenUse
from .http1 import HttpError, Reply

logger = logging.getLogger(__name__)

ATTEMPTS: Final = 3
ATTEMPT_TIMEOUT_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.2
COOL_DOWN_S: Final = 1.0
"""After a failure calls fail at once for so long: an authorization server that is down is not stormed."""
DEFAULT_LIFETIME_S: Final = 300.0
"""RFC 6749, section 5.1, only recommends ``expires_in``; Google, Azure and Auth0 give an hour and more."""
MAX_LIFETIME_S: Final = 86_400.0
_MARGIN: Final = 0.2
_MAX_MARGIN_S: Final = 60.0
_MAX_TOKEN_CHARACTERS: Final = 16_384
_METADATA_LIFETIME_S: Final = 3_600.0


class Send(Protocol):
    """Sends one request to any origin."""

    def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, *, deadline: float
    ) -> Awaitable[Reply]:
        """The answer; raises `HttpError`, or ``ValueError`` for a URL that leads nowhere."""
        ...


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None


class _Metadata(msgspec.Struct):
    token_endpoint: str


class _Refused(Exception):
    """The authorization server said no; *again* if a further attempt may help. The message holds no secret."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(slots=True)
class _Token:
    value: str = field(repr=False)
    renew_at: float
    expires_at: float


class TokenSource:
    """The token of one client with one set of scopes.

    There is one fetch at a time, however many calls wait for it. A token is renewed before it expires,
    while calls still go out with it. Close it with `aclose`.
    """

    def __init__(
        self,
        credential: ClientCredentials,
        scopes: tuple[str, ...],
        *,
        token_url: str,
        discovery_url: str,
        send: Send,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._credential = credential
        self._scopes = scopes
        self._token_url = token_url
        self._discovery_url = discovery_url
        self._send = send
        self._clock = clock or asyncio.get_running_loop().time
        self._token: _Token | None = None
        self._fetching: asyncio.Task[_Token] | None = None
        self._failed_until = 0.0
        self._reason = ""
        self._found_at = 0.0

    def __repr__(self) -> str:
        """Nothing of the token or the client."""
        return "TokenSource(********)"

    async def token(self, upstream: str, function: str, *, deadline: float) -> str:
        """A token that is valid now.

        Args:
            upstream: For the error.
            function: For the error.
            deadline: Loop time in seconds at which waiting ends.

        Raises:
            UpstreamCredentials: None can be had.
        """
        token = self._token
        now = self._clock()
        if token is not None and now < token.renew_at:
            return token.value
        if now >= self._failed_until:
            fetching = self._start()
        elif token is not None and now < token.expires_at:
            return token.value
        else:
            raise UpstreamCredentials(upstream, function, detail=self._reason)
        if token is not None and now < token.expires_at:
            return token.value  # the new one comes while this one still holds
        try:
            async with asyncio.timeout_at(deadline):
                # Shielded: who goes away must not take the token from the others that wait.
                return (await asyncio.shield(fetching)).value
        except TimeoutError as error:
            raise UpstreamCredentials(upstream, function, detail="no token before the deadline") from error
        except _Refused as error:
            raise UpstreamCredentials(upstream, function, detail=str(error)) from error

    def reject(self, value: str) -> None:
        """Forget the token *value*: an upstream did not take it."""
        if self._token is not None and self._token.value == value:
            self._token = None

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()
            await asyncio.wait((fetching,))

    def _start(self) -> asyncio.Task[_Token]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
            self._fetching.add_done_callback(_look_at)
        return self._fetching

    async def _fetch(self) -> _Token:
        pause = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._token = await self._ask()
            except _Refused as error:
                if attempt == ATTEMPTS or not error.again:
                    self._failed_until = self._clock() + COOL_DOWN_S
                    self._reason = str(error)
                    logger.warning("no access token", extra={"reason": self._reason, "attempts": attempt})
                    raise
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret
                pause *= 2
            else:
                return self._token
        raise AssertionError("unreachable")

    async def _ask(self) -> _Token:
        credential = self._credential
        form = {"grant_type": "client_credentials"}
        if self._scopes:
            form["scope"] = " ".join(self._scopes)
        if credential.audience:
            form["audience"] = credential.audience
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if credential.secret_in == "header":  # noqa: S105 - a place, no secret
            pair = f"{quote_plus(credential.client_id)}:{quote_plus(credential.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": credential.client_id, "client_secret": credential.client_secret}
        url = await self._endpoint()
        asked_at = self._clock()
        answer: _Answer = _decoded(
            await self._answered("POST", url, headers, urlencode(form).encode()), _Answer, "token endpoint"
        )
        if not answer.access_token or len(answer.access_token) > _MAX_TOKEN_CHARACTERS:
            raise _Refused("the token endpoint gave no usable token", again=False)
        if not answer.access_token.isascii() or not answer.access_token.isprintable():
            raise _Refused("the token endpoint gave a token that no header can carry", again=False)
        lifetime = _lifetime_s(answer.expires_in)
        margin = min(lifetime * _MARGIN, _MAX_MARGIN_S)
        return _Token(answer.access_token, asked_at + lifetime - margin, asked_at + lifetime)

    async def _endpoint(self) -> str:
        """The token endpoint: as it is stated, or as OpenID Connect's metadata has it."""
        stale = self._clock() - self._found_at > _METADATA_LIFETIME_S
        if not self._discovery_url or (self._token_url and not stale):
            if not self._token_url:
                raise _Refused("no token URL is known; configure `token_url`", again=False)
            return self._token_url
        reply = await self._answered("GET", self._discovery_url, {"Accept": "application/json"}, b"")
        metadata: _Metadata = _decoded(reply, _Metadata, "OpenID Connect metadata")
        self._token_url, self._found_at = metadata.token_endpoint, self._clock()
        return self._token_url

    async def _answered(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        deadline = asyncio.get_running_loop().time() + ATTEMPT_TIMEOUT_S
        try:
            reply = await self._send(method, url, headers, body, deadline=deadline)
        except HttpError as error:
            raise _Refused(
                f"the token endpoint cannot be reached: {type(error).__name__}", again=True
            ) from error
        except ValueError as error:
            raise _Refused("the token URL is no URL of an HTTP server", again=False) from error
        if reply.status != 200:
            again = reply.status >= 500 or reply.status == 429
            raise _Refused(f"the token endpoint answered with status {reply.status}", again=again)
        return reply


def token_places(use: TokenUse, base_url: str) -> tuple[str, str]:
    """Token URL and discovery URL of *use*.

    A description's own are taken only if they are on the upstream's host: it must not be able to have the
    client's secret sent elsewhere.
    """
    credential, scheme = use.credential, use.scheme
    if credential.token_url or credential.discovery_url:
        return credential.token_url, credential.discovery_url
    if scheme is None:
        return "", ""
    own = urlsplit(base_url)[:2]
    token_url = scheme.token_url if urlsplit(scheme.token_url)[:2] == own else ""
    discovery_url = scheme.discovery_url if urlsplit(scheme.discovery_url)[:2] == own else ""
    return token_url, discovery_url


def _lifetime_s(stated: float | str | None) -> float:
    try:
        lifetime = DEFAULT_LIFETIME_S if stated is None else float(stated)
    except ValueError:
        lifetime = DEFAULT_LIFETIME_S
    return min(lifetime, MAX_LIFETIME_S) if lifetime > 0 else DEFAULT_LIFETIME_S


def _decoded(reply: Reply, type_: type[Any], what: str) -> Any:
    try:
        return msgspec.json.decode(reply.body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # Not chained into any message: the answer may hold a token.
        raise _Refused(f"the {what} is not as specified", again=False) from error


def _look_at(task: asyncio.Task[_Token]) -> None:
    """Mark a failure as seen: calls that go out with the old token do not wait for the new one."""
    if not task.cancelled():
        task.exception()
