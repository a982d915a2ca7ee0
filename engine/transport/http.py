"""HTTP: calls of OpenAPI operations.

What goes on the wire is written in ``http_writer``, what comes back is read in ``http_answer``, the sockets
between are ``http1``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from yarl import URL

from ...schemas.catalog import Function, HookBinding, HttpBinding, HttpTarget, Json, Upstream
from ...schemas.errors import (
    UpstreamAnswer,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ...schemas.openapi.media import MediaKind, media_kind
from .base import FRESHNESS_HEADERS, FUNCTION_HEADER, LOCAL_HEADER, Fetched, NotModified, TransportSettings
from .credentials import NOTHING, Carried, carried_by
from .gateway_answer import local_answer
from .http1 import (
    ACCEPT_ENCODING,
    BadHead,
    HttpError,
    Origin,
    Reply,
    StreamedReply,
    Timeout,
    TooLarge,
    client_tls_context,
    encode_head,
)
from .http1.head import encode_request_line
from .http_answer import (
    decode_answer,
    described_kind,
    error_body,
    parse_retry_after,
    status_error,
    with_headers,
)
from .http_client import Client, open_client
from .http_items import ItemDecoder, ItemTooLarge
from .http_writer import RequestWriter, percent_encoded
from .tokens import TokenSource, token_places

logger = logging.getLogger(__name__)

USER_AGENT: Final = "weft"

_JSON_HEADERS: Final = {"content-type": "application/json"}
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LOCAL_HEADER: Final = LOCAL_HEADER.encode()
_ASK_FOR_TIME: Final = frozenset({429, 503})
"""Statuses that may say when to come again (RFC 6585, section 4; RFC 9110, section 15.6.4)."""
_TOKEN_WAIT_S: Final = 30.0
"""For the token of a stream, which has no deadline of its own."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is the same for every call of a function.

    Attributes:
        client: Of its server.
        write: Writes its requests.
        gives_json: Its description has a result, in JSON.
        shows_headers: Headers of the answer are a part of its result.
        token: Where the token comes from that every call carries; ``None`` for none.
    """

    function: Function
    client: Client
    write: RequestWriter
    is_head: bool
    gives_json: bool
    shows_headers: bool = False
    token: TokenSource | None = None


class HttpTransport:
    """The `Transport` of one HTTP upstream. Redirects are not followed: an answer with 3xx is an error status."""

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        if not isinstance(upstream.target, HttpTarget):
            raise TypeError(f"{upstream.id} is no HTTP upstream")
        self._target = upstream.target
        self._base_url = upstream.target.base_url
        self._settings = settings
        tls = settings.tls
        # Read at once: a certificate that cannot be used is told at the start, and not by the first call.
        self._tls = client_tls_context(tls.certificate, tls.key, tls.key_password, tls.ca) if tls else None
        self._tokens: dict[object, TokenSource] = {}
        if settings.hooks is not None:
            settings.hooks.know(upstream.functions)
        self._clients: dict[Origin, Client] | None = None
        self._prepared: dict[str, Prepared] = {}

    async def __aenter__(self) -> HttpTransport:
        self._clients = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        tokens, self._tokens = self._tokens, {}
        for source in tokens.values():
            await source.aclose()
        clients, self._clients = self._clients, None
        self._prepared.clear()
        for client in (clients or {}).values():
            await client.aclose()

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call; see `Transport.call`."""
        found = await self.fetch(function, arguments, deadline=deadline, headers=headers)
        if isinstance(found, Fetched):
            return decode_answer(function, 200, _JSON_HEADERS, found.body)
        return found

    async def fetch(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Fetched | Json | UpstreamError:
        """Make one call, and leave its answer as bytes where that is JSON.

        Returns:
            The bytes where JSON is described, status 2xx says success and the media type is JSON's;
            otherwise what `call` gives.
        """
        try:
            prepared = self._prepared.get(function.id)
            if prepared is None or prepared.function is not function:
                prepared = self._prepare(function)
            if prepared.token is None:
                head, body = prepared.write(arguments, headers)
                reply = await prepared.client.request(
                    head, body, deadline=deadline, is_head=prepared.is_head, idempotent=function.idempotent
                )
            else:
                reply = await self._request_with_token(prepared, arguments, headers, deadline)
        except UpstreamError as error:
            return error
        except HttpError as error:
            return self._told(function, error)
        named = reply.named
        if self._settings.gateway and (details := named.get(_LOCAL_HEADER)):
            return local_answer(function, reply.status, details.decode("latin-1"))
        content_type = named.get(b"content-type", b"")
        status = reply.status
        if (
            prepared.gives_json
            and 200 <= status < 300
            and reply.body
            and status not in {204, 205}
            and _kind(content_type) == "json"
        ):
            body = reply.body.removeprefix(_BYTE_ORDER_MARK)
            is_silent = FRESHNESS_HEADERS.isdisjoint(named)
            return Fetched(body, reply.headers, status=status, is_silent=is_silent)
        if status == 304:
            return NotModified(function.upstream, function.id, status="304", headers=reply.headers)
        media_type = content_type.decode("latin-1")
        shown = self._settings.show_errors
        if status in _ASK_FOR_TIME:
            retry_after_s = parse_retry_after(named.get(b"retry-after", b""))
            refused = status_error(function, status, reply.body, retry_after_s=retry_after_s)
            if shown:
                refused.body = error_body(function, status, media_type, reply.body)
            return refused
        found = decode_answer(function, status, {"content-type": media_type}, reply.body, show_errors=shown)
        if prepared.shows_headers and not isinstance(found, UpstreamError):
            return with_headers(function, found, reply.headers)
        return found

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """Server-sent events, or JSON values line by line, as they come; any other answer is one item.

        See `Transport.stream`. Closing the iterator closes the connection.
        """
        if isinstance(function.binding, HookBinding):
            async with contextlib.aclosing(self._events(function)) as events:
                async for event in events:
                    yield event
            return
        try:
            prepared = self._prepare(function)
            if prepared.token is not None:
                deadline = asyncio.get_running_loop().time() + _TOKEN_WAIT_S
                headers = await self._with_token(prepared, headers, deadline)
            head, body = prepared.write(arguments, headers)
            async with prepared.client.stream(
                head, body, is_head=prepared.is_head, idempotent=function.idempotent
            ) as reply:
                content_type = _header(reply.headers, b"content-type").decode("latin-1")
                if 200 <= reply.status < 300 and media_kind(content_type) == "stream":
                    async with contextlib.aclosing(self._items(content_type, reply)) as items:
                        async for item in items:
                            yield item
                else:
                    whole = await reply.read(self._settings.max_body_bytes)
                    shown = self._settings.show_errors
                    media = {"content-type": content_type}
                    yield decode_answer(function, reply.status, media, whole, show_errors=shown)
        except UpstreamError as error:
            yield error
        except ItemTooLarge:
            yield self._too_large(function)
        except HttpError as error:
            yield self._told(function, error)

    async def _events(self, function: Function) -> AsyncGenerator[Json | UpstreamError, None]:
        hooks = self._settings.hooks
        if hooks is None:
            yield UpstreamAnswer(function.upstream, function.id, reason="no events are received here")
            return
        async with contextlib.aclosing(hooks.subscribe(function)) as events:
            async for event in events:
                yield event

    async def _items(self, content_type: str, reply: StreamedReply) -> AsyncGenerator[Json, None]:
        decoder = ItemDecoder(content_type, max_item_bytes=self._settings.max_body_bytes)
        async with contextlib.aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                for item in decoder.feed(piece):
                    yield item
                if decoder.ended:
                    return
        for item in decoder.finish():
            yield item

    async def _request(
        self,
        prepared: Prepared,
        arguments: Mapping[str, Any],
        headers: Mapping[str, str],
        deadline: float,
    ) -> Reply:
        head, body = prepared.write(arguments, headers)
        return await prepared.client.request(
            head,
            body,
            deadline=deadline,
            is_head=prepared.is_head,
            idempotent=prepared.function.idempotent,
        )

    # Tokens.

    async def _request_with_token(
        self,
        prepared: Prepared,
        arguments: Mapping[str, Any],
        headers: Mapping[str, str],
        deadline: float,
    ) -> Reply:
        """Like `_request`. A token that the upstream does not take is replaced, once."""
        with_token = await self._with_token(prepared, headers, deadline)
        reply = await self._request(prepared, arguments, with_token, deadline)
        if reply.status != 401 or "authorization" in headers:
            return reply
        assert prepared.token is not None
        # RFC 6750, section 3.1: the token was revoked, or the keys that signed it are gone. Nothing was done.
        prepared.token.reject(with_token["authorization"].removeprefix("Bearer "))
        again = await self._with_token(prepared, headers, deadline)
        return reply if again == with_token else await self._request(prepared, arguments, again, deadline)

    async def _with_token(
        self, prepared: Prepared, headers: Mapping[str, str], deadline: float
    ) -> Mapping[str, str]:
        """*headers* and the token, unless the caller's own authorization is forwarded."""
        if "authorization" in headers or prepared.token is None:
            return headers
        function = prepared.function
        token = await prepared.token.token(function.upstream, function.id, deadline=deadline)
        return {**headers, "authorization": f"Bearer {token}"}

    def _token_source(self, carried: Carried) -> TokenSource | None:
        use = carried.token
        if use is None:
            return None
        key = (use.credential, use.scopes, use.scheme)
        source = self._tokens.get(key)
        if source is None:
            token_url, discovery_url = token_places(use, self._base_url)
            source = self._tokens[key] = TokenSource(
                use.credential,
                use.scopes,
                token_url=token_url,
                discovery_url=discovery_url,
                send=self._send,
            )
        return source

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes, *, deadline: float
    ) -> Reply:
        """One request that is no function's; see `tokens.Send`."""
        parts = URL(url)
        if parts.scheme not in {"http", "https"} or not parts.raw_host:
            raise ValueError("no URL of an HTTP server")
        scheme: Any = parts.scheme
        said = {name.lower() for name in headers}
        lines = [pair for name, pair in self._defaults(parts, None).items() if name not in said]
        lines += [(name.encode(), value.encode()) for name, value in headers.items()]
        if body:
            lines.append((b"Content-Length", b"%d" % len(body)))
        head = encode_head(method.encode(), parts.raw_path_qs.encode(), lines)
        client = self._client(Origin(scheme, parts.raw_host, parts.port or 0), own=True)
        return await client.request(head, body, deadline=deadline)

    # What is the same for every call.

    def _prepare(self, function: Function) -> Prepared:
        """What is known of *function*; raises `UpstreamUnreachable` where its server's URL leads nowhere."""
        prepared = self._prepared.get(function.id)
        if prepared is None or prepared.function is not function:
            prepared = self._prepared[function.id] = self._prepare_anew(function)
        return prepared

    def _prepare_anew(self, function: Function) -> Prepared:
        binding = function.binding
        if not isinstance(binding, HttpBinding):
            raise TypeError(f"{function.id} is no HTTP function")
        server = binding.server or self._base_url
        if not server.startswith(("http://", "https://")):
            detail = "the upstream has no server URL; configure its address"
            raise UpstreamUnreachable(function.upstream, function.id, detail=detail, passes=False)
        netloc, slash, path = server.partition("://")[2].partition("/")
        scheme: Any = server.partition("://")[0]
        try:
            # Not the whole URL: what yarl would make of its path is not what the description says.
            url = URL(f"{scheme}://{re.split('[?#]', netloc)[0]}")
            if self._settings.gateway:
                origin = Origin("http", function.upstream, 80, self._settings.gateway)
            else:
                origin = Origin(scheme, url.raw_host or "", url.port or 0)
            if not origin.host:
                raise ValueError("the URL names no host")  # noqa: TRY301  # one place tells the caller
            encode_request_line(binding.method.encode(), b"/")
        except (ValueError, BadHead) as error:
            raise _unreachable(function, error, passes=False) from error
        rest = netloc[len(re.split("[?#]", netloc)[0]) :] + slash + path
        # A description must not be able to have credentials sent to another server than the upstream.
        own = urlsplit(server)[:2] == urlsplit(self._base_url)[:2]
        carried = carried_by(binding, self._target, self._settings.credentials) if own else NOTHING
        write = RequestWriter(
            function,
            base_url=self._base_url,
            prefix=percent_encoded(rest),
            defaults=self._defaults(url, function),
            headers={**self._settings.headers, **carried.headers},
            cookies=carried.cookies,
            query=carried.query,
        )
        return Prepared(
            function=function,
            client=self._client(origin, own=own),
            write=write,
            is_head=binding.method == "HEAD",
            gives_json=function.result is not None
            and described_kind(function) == "json"
            and not binding.shown_headers,
            shows_headers=bool(binding.shown_headers),
            token=self._token_source(carried),
        )

    def _defaults(self, url: URL, function: Function | None) -> dict[str, tuple[bytes, bytes]]:
        """Headers of every call of *function*; ``None`` stands for a request that is no function's."""
        host = (url.host_subcomponent or "").encode()
        if url.port is not None and not url.is_default_port():
            host += b":%d" % url.port
        accepted = ACCEPT_ENCODING if self._settings.accept_compressed else b"identity"
        defaults = {
            "host": (b"Host", host),
            "user-agent": (b"User-Agent", USER_AGENT.encode()),
            "accept": (b"Accept", b"*/*"),
            "accept-encoding": (b"Accept-Encoding", accepted),
        }
        if url.user is not None or url.password is not None:
            credentials = f"{url.user or ''}:{url.password or ''}".encode()
            defaults["authorization"] = (b"Authorization", b"Basic " + b64encode(credentials))
        if self._settings.gateway and function is not None:
            defaults["host"] = (b"Host", function.upstream.encode())
            defaults[FUNCTION_HEADER] = (FUNCTION_HEADER.encode(), function.id.encode())
        return defaults

    def _client(self, origin: Origin, *, own: bool) -> Client:
        """The client of *origin*; *own* ones are shown the certificate that stands for this program."""
        if self._clients is None:
            raise RuntimeError("the transport is used outside of its `async with` block")
        client = self._clients.get(origin)
        if client is None:
            settings = self._settings
            client = self._clients[origin] = open_client(
                origin,
                max_connections=settings.max_connections,
                connect_timeout_s=settings.connect_timeout_s,
                max_body_bytes=settings.max_body_bytes,
                ssl=self._tls if own else None,
            )
        return client

    # What went wrong.

    def _told(self, function: Function, error: HttpError) -> UpstreamError:
        match error:
            case Timeout():
                return UpstreamTimeout(function.upstream, function.id)
            case TooLarge(part="body", status=status) if not 200 <= status < 300:
                return status_error(function, status, b"")
            case TooLarge(part="body"):
                return self._too_large(function)
            case TooLarge():
                return UpstreamAnswer(function.upstream, function.id, reason=str(error))
            case _:
                return _unreachable(function, error)

    def _too_large(self, function: Function) -> UpstreamAnswer:
        reason = f"the answer is larger than {self._settings.max_body_bytes} bytes"
        return UpstreamAnswer(function.upstream, function.id, reason=reason)


def _unreachable(function: Function, error: Exception, *, passes: bool = True) -> UpstreamUnreachable:
    detail = f"{type(error).__name__}: {error}"
    logger.debug("call failed", extra={"function": function.id, "detail": detail})
    return UpstreamUnreachable(function.upstream, function.id, detail=detail, passes=passes)


def _header(headers: list[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    for name, value in headers:
        if name == wanted:
            return value
    return b""


@lru_cache(maxsize=256)
def _kind(content_type: bytes) -> MediaKind:
    return media_kind(content_type.decode("latin-1"))
