"""GraphQL over HTTP: one request to the endpoint's path, answered.

Source: GraphQL over HTTP specification; GraphQL over Server-Sent Events Protocol, "Distinct connections mode".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio import get_running_loop
from collections.abc import AsyncGenerator
from typing import Any, Final

import msgspec

from ..errors import format_error
from ..operation.request import GraphQLRequest, Response
from .cors import Headers, cors_headers, preflight_headers
from .events import COMMENT, COMPLETE, encode_next
from .events import HEADERS as EVENT_HEADERS
from .graphiql import PAGE_HEADERS
from .negotiate import EVENT_STREAM, PAGE, Acceptable, negotiate, response_status
from .pressure import Pressure
from .protocol import (
    NO_STORE,
    NOSNIFF,
    ClientGone,
    HTTPProtocol,
    ProtocolClosed,
    Reply,
    Scope,
    Stream,
    header_map,
    problem_reply,
    read_body,
    request_ids,
    watch,
)
from .requests import ALLOW, HttpProblem, KnownBodies, check_head, parse_query_string
from .service import Engine
from .settings import EndpointSettings
from .uploads import is_upload, parse_upload, refuse_upload
from .vigil import Vigil

logger = logging.getLogger(__name__)

# An engine answers by its deadline; one that does not is given up this much later.
GRACE_S: Final = 1.0
QUERY: Final = frozenset({"query"})
QUERY_AND_MUTATION: Final = frozenset({"query", "mutation"})

LEAVING: Final[Headers] = (("x-envoy-immediate-health-check-fail", "true"),)
"""Envoy takes it for a health check that failed. Source: Envoy, "Health checking", "Passive"."""

COST_HEADER: Final = "x-weft-cost"
"""What the operation cost: a gateway takes it from the caller's budget."""

_BODY_UNREAD: Final = frozenset({403, 405, 408, 413, 415})

NOT_READY: Final = HttpProblem(
    503, "no schema is loaded yet; try again soon", "NOT_READY", (("retry-after", "1"),)
)
NOT_ACCEPTABLE: Final = HttpProblem(
    406,
    "accept `application/graphql-response+json`, `application/json` or `text/event-stream`",
    "NOT_ACCEPTABLE",
)
MUTATION_OVER_GET: Final = HttpProblem(
    405, "a mutation must be sent with POST", "METHOD_NOT_ALLOWED", (("allow", "POST"),)
)
SUBSCRIPTION_WITHOUT_EVENTS: Final = HttpProblem(
    406, "a subscription is answered as an event stream; accept `text/event-stream`", "NOT_ACCEPTABLE"
)
NO_SOCKETS_HERE: Final = HttpProblem(
    400, "WebSockets are taken elsewhere: at the gateway, or on the port `server.websockets`", "NO_WEBSOCKETS"
)
TOO_LATE: Final = HttpProblem(504, "no response within the time limit", "TIMEOUT")
TOO_SLOW: Final = HttpProblem(408, "the body did not arrive in time", "REQUEST_TIMEOUT")

_MOST_HEADS: Final = 1024
"""Forms of responses whose heads are kept."""


_IN_PARTS: Final = Response(b"", not_allowed=True, operation_type="query")
"""Of an operation that may have several responses, and is run as a subscription is."""


class StreamsEnd(Exception):
    """The server stops; event streams have no end of their own that it could wait for."""


class _EventStream:
    """A streamed response that ends when it is closed.

    granian ends a response when its stream object is gone. An exception's traceback can hold that for long,
    so the object is referred to from here alone.
    """

    def __init__(self, stream: Stream, pressure: Pressure) -> None:
        self._stream: Stream | None = stream
        self._pressure = pressure

    async def send(self, data: bytes) -> None:
        """Send one or more whole events. Raises ``ProtocolClosed`` if the client has gone away."""
        await self._pressure.wait(len(data))
        if self._stream is not None:
            await self._stream.send_bytes(data)

    def close(self) -> None:
        """End the response."""
        self._stream = None
        self._pressure.close()


class Operations:
    """Answers requests to the endpoint's path."""

    def __init__(self, settings: EndpointSettings, page: bytes) -> None:
        """Take the settings, and GraphiQL's page (empty if it is off)."""
        self.settings = settings
        self._page = page
        self._ending = asyncio.Event()
        self._leaving: Headers = ()
        self._vigil = Vigil()
        self._known = KnownBodies()
        self._heads: dict[tuple[object, ...], tuple[int, list[tuple[str, str]]]] = {}

    def leave(self) -> None:
        """Say in each answer that this worker is about to end."""
        self._leaving = LEAVING
        self._heads.clear()

    def end_streams(self) -> None:
        """End every event stream, those to come too. Clients see them break off, and connect again."""
        self._ending.set()

    async def answer(self, scope: Scope, protocol: HTTPProtocol, engine: Engine | None) -> Reply | None:
        """Answer one request.

        Args:
            scope: The request without its body.
            protocol: The connection.
            engine: The engine, or ``None`` while there is none.

        Returns:
            The reply that is to be sent, or ``None`` if the request was answered here.

        Raises:
            ClientGone: The client went away; what was run for it is cancelled.
        """
        method = scope.method
        headers = header_map(scope)
        if method == "OPTIONS":
            return self._preflight(headers)
        settings = self.settings
        origins = settings.cors_origins
        cors = cors_headers(headers.get("origin"), origins) if origins else ()
        is_post = method == "POST"
        if is_post:
            accept = negotiate(headers.get("accept"))
        else:
            accept = negotiate(headers.get("accept"), page=self._is_page_on_offer(scope, method))
        if accept is None:
            return problem_reply(NOT_ACCEPTABLE, headers=cors)
        media_type = accept.media_type
        if media_type == PAGE:
            return Reply(200, self._page, "text/html; charset=utf-8", PAGE_HEADERS)
        since = get_running_loop().time()
        expected = headers.get("x-envoy-expected-rq-timeout-ms")
        deadline = since + (settings.timeout_s if expected is None else settings.time_limit_s(expected))
        watched = self._vigil.enter(protocol, since, since + settings.body_timeout_s)
        request: GraphQLRequest | HttpProblem | None = None
        result: Response | HttpProblem
        try:
            problem = check_head(method, headers.get("content-type"))
            if problem is not None:
                request = await self._read_upload(method, headers, protocol) or problem
            elif is_post:
                body = await read_body(
                    protocol, headers.get("content-length"), max_bytes=settings.max_body_bytes
                )
                request = self._known.parse(body) if isinstance(body, bytes) else body
            else:
                request = parse_query_string(scope.query_string)
            if isinstance(request, HttpProblem):
                if headers.get("upgrade", "").lower() == "websocket":
                    request = NO_SOCKETS_HERE
                return problem_reply(request, media_type, (*cors, *_after_unread(scope, request)))
            if engine is None or not engine.ready:
                return problem_reply(NOT_READY, media_type, cors)
            watched.until = deadline + GRACE_S
            if is_post and media_type == EVENT_STREAM and "@stream" in request.query:
                result = _IN_PARTS
            else:
                allow = QUERY_AND_MUTATION if is_post else QUERY
                result = await engine.execute(request, headers=headers, allow=allow, deadline=deadline)
        except asyncio.CancelledError:
            reason = watched.heed()
            if reason is None:
                raise
            if reason is ClientGone:
                raise ClientGone from None
            if request is None:
                problem = TOO_SLOW
                return problem_reply(problem, media_type, (*cors, *_after_unread(scope, problem)))
            logger.exception("engine missed its deadline", extra=request_ids(scope))
            result = TOO_LATE
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            result = HttpProblem(500, _describe(error, scope)["message"], "INTERNAL")
        finally:
            self._vigil.leave(watched)
        if isinstance(result, HttpProblem):
            return problem_reply(result, media_type, cors)
        if not result.not_allowed and media_type != EVENT_STREAM:
            status, head = self._head_of(result, media_type, cors)
            if result.cost:
                head = [*head, (COST_HEADER, str(result.cost))]
            if method == "HEAD":
                return Reply(status, result.body, headers=tuple(head))
            protocol.response_bytes(status, head, result.body)
            return None
        assert engine is not None
        assert isinstance(request, GraphQLRequest)
        return await self._stream(
            scope, protocol, result, accept, cors, _Subscribed(engine, request, headers)
        )

    def _preflight(self, headers: dict[str, str]) -> Reply:
        asked = headers.get("access-control-request-headers")
        allowed = preflight_headers(headers.get("origin"), asked, self.settings.cors_origins)
        return Reply(204, headers=(("allow", ALLOW), *allowed))

    async def _stream(
        self,
        scope: Scope,
        protocol: HTTPProtocol,
        result: Response,
        accept: Acceptable,
        cors: Headers,
        subscribed: _Subscribed,
    ) -> Reply | None:
        """Answer with an event stream: of a subscription, or of the one response that is there."""
        responses = _only(result)
        if result.not_allowed:
            problem = _refusal(scope, result, accept)
            if problem is not None:
                return problem_reply(problem, accept.media_type, cors)
            responses = subscribed.responses(scope)
        if scope.method == "HEAD":
            return Reply(200, headers=(*EVENT_HEADERS, *cors))
        head = [*EVENT_HEADERS, NOSNIFF, *cors]
        stream = _EventStream(protocol.response_stream(200, head), Pressure(scope))
        try:
            await self._send_all(protocol, stream, responses)
        finally:
            stream.close()
        return None

    def _head_of(self, result: Response, media_type: str, cors: Headers) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers of the response that holds *result*; put together once for each of their forms."""
        freshness = _freshness(result) if result.max_age_s else NO_STORE[0]
        form = (media_type, result.calls, result.is_request_error, freshness, cors)
        head = self._heads.get(form)
        if head is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            status = response_status(media_type, is_request_error=result.is_request_error)
            timing = ("server-timing", f'upstream;desc="{result.calls} calls"')
            kind = ("content-type", f"{media_type}; charset=utf-8")
            head = self._heads[form] = (
                status,
                [kind, NOSNIFF, timing, ("vary", "accept"), freshness, *cors, *self._leaving],
            )
        return head

    async def _send_all(
        self, protocol: HTTPProtocol, stream: _EventStream, responses: AsyncGenerator[Response, None]
    ) -> None:
        """Send each of *responses* as an event, then ``complete``. It ends early when the client goes away."""
        try:
            async with asyncio.TaskGroup() as tasks, contextlib.aclosing(responses):
                beside = (
                    tasks.create_task(watch(protocol)),
                    tasks.create_task(_keep_alive(stream, self.settings.keep_alive_s)),
                    tasks.create_task(_end(self._ending)),
                )
                async for response in responses:
                    await stream.send(encode_next(response.body))
                await stream.send(COMPLETE)
                for task in beside:
                    task.cancel()
        except* (ClientGone, ProtocolClosed):
            logger.debug("client went away")
        except* StreamsEnd:
            logger.debug("stream ended with the server")

    def _is_page_on_offer(self, scope: Scope, method: str) -> bool:
        # A link with a query in it asks for the data.
        return bool(self._page) and method in {"GET", "HEAD"} and "query=" not in scope.query_string

    async def _read_upload(
        self, method: str, headers: dict[str, str], protocol: HTTPProtocol
    ) -> GraphQLRequest | HttpProblem | None:
        """The request of a form with files; ``None`` if there is none, or none is taken."""
        content_type, limits = headers.get("content-type"), self.settings
        if content_type is None or not limits.max_upload_bytes or not is_upload(method, content_type):
            return None
        problem = refuse_upload(headers)
        if problem is not None:
            return problem
        body = await read_body(protocol, headers.get("content-length"), max_bytes=limits.max_upload_bytes)
        if isinstance(body, HttpProblem):
            return body
        return parse_upload(content_type, body, max_files=limits.max_uploads)


class _Subscribed:
    """A subscription that may be run on the engine."""

    def __init__(self, engine: Engine, request: GraphQLRequest, headers: dict[str, str]) -> None:
        self._engine = engine
        self._request = request
        self._headers = headers

    async def responses(self, scope: Scope) -> AsyncGenerator[Response, None]:
        """Run it. What the engine raises ends it as its last response: it may not end a task group."""
        responses = self._engine.subscribe(self._request, headers=self._headers)
        try:
            async for response in responses:
                yield response
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            body = msgspec.json.encode({"errors": [_describe(error, scope)]})
            yield Response(body, is_request_error=True)
        finally:
            close = getattr(responses, "aclose", None)
            if close is not None:
                await close()


def _describe(error: Exception, scope: Scope) -> dict[str, Any]:
    formatted = format_error(error)
    logger.warning("operation failed", extra={"error": formatted["message"], **request_ids(scope)})
    return formatted


def _after_unread(scope: Scope, problem: HttpProblem) -> Headers:
    """What tells an HTTP/1.1 client that the connection ends, as its body was not read to the end.

    Without it a client may send its next request into a connection that is being closed.

    Source: RFC 9112, "Tear-down".
    """
    if problem.status in _BODY_UNREAD and scope.http_version.startswith("1"):
        return (("connection", "close"),)
    return ()


def _refusal(scope: Scope, result: Response, accept: Acceptable) -> HttpProblem | None:
    """Why an operation that did not run is not run as a subscription either.

    Source: GraphQL over HTTP specification, "GET": 405 for mutations, in any media type.
    """
    if result.operation_type == "mutation" or (scope.method != "POST" and not result.operation_type):
        return MUTATION_OVER_GET
    return None if accept.events else SUBSCRIPTION_WITHOUT_EVENTS


def _freshness(result: Response) -> tuple[str, str]:
    """Never ``public``: who may ask at all is the gateway's to say (RFC 9111, section 3.5)."""
    if result.max_age_s <= 0 or result.is_request_error:
        return NO_STORE[0]
    scope = "private, " if result.is_private else ""
    return ("cache-control", f"{scope}max-age={result.max_age_s}")


async def _only(response: Response) -> AsyncGenerator[Response, None]:
    yield response


async def _keep_alive(stream: _EventStream, every_s: float) -> None:
    while True:
        await stream.send(COMMENT)
        await asyncio.sleep(every_s)


async def _end(ending: asyncio.Event) -> None:
    await ending.wait()
    raise StreamsEnd
