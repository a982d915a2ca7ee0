"""GraphQL over HTTP: one request to the endpoint's path, answered.

Source: GraphQL over HTTP specification; GraphQL over Server-Sent Events Protocol, "Distinct connections mode".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from .protocol import (
    NO_STORE,
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
    until_gone,
    watch,
)
from .requests import ALLOW, HttpProblem, check_head, parse_request
from .service import Engine
from .settings import EndpointSettings

logger = logging.getLogger(__name__)

# An engine answers by its deadline; one that does not is given up this much later.
GRACE_S: Final = 1.0
QUERY: Final = frozenset({"query"})
QUERY_AND_MUTATION: Final = frozenset({"query", "mutation"})

_BODY_UNREAD: Final = frozenset({405, 408, 413, 415})

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
TOO_LATE: Final = HttpProblem(504, "no response within the time limit", "TIMEOUT")


class StreamsEnd(Exception):
    """The server stops; event streams have no end of their own that it could wait for."""


class _EventStream:
    """A streamed response that ends when it is closed.

    granian ends a response when its stream object is gone. An exception's traceback can hold that for long,
    so the object is referred to from here alone.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream: Stream | None = stream

    async def send(self, data: bytes) -> None:
        """Send one or more whole events. Raises ``ProtocolClosed`` if the client has gone away."""
        if self._stream is not None:
            await self._stream.send_bytes(data)

    def close(self) -> None:
        """End the response."""
        self._stream = None


class Operations:
    """Answers requests to the endpoint's path."""

    def __init__(self, settings: EndpointSettings, page: bytes) -> None:
        """Take the settings, and GraphiQL's page (empty if it is off)."""
        self.settings = settings
        self._page = page
        self._ending = asyncio.Event()

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
            The reply that is to be sent, or ``None`` if it was streamed.

        Raises:
            ClientGone: The client went away; what was run for it is cancelled.
        """
        origin = scope.headers.get("origin")
        origins = self.settings.cors_origins
        if scope.method == "OPTIONS":
            asked = scope.headers.get("access-control-request-headers")
            return Reply(204, headers=(("allow", ALLOW), *preflight_headers(origin, asked, origins)))
        cors = cors_headers(origin, origins)
        deadline = asyncio.get_running_loop().time() + self.settings.time_limit_s(
            scope.headers.get("x-envoy-expected-rq-timeout-ms")
        )
        headers = header_map(scope)
        accept = negotiate(headers.get("accept"), page=self._is_page_on_offer(scope))
        if accept is None:
            return problem_reply(NOT_ACCEPTABLE, headers=cors)
        if accept.media_type == PAGE:
            return Reply(200, self._page, "text/html; charset=utf-8", PAGE_HEADERS)
        request = await self._read_request(scope, protocol)
        if isinstance(request, HttpProblem):
            return problem_reply(request, accept.media_type, (*cors, *_after_unread(scope, request)))
        if engine is None or not engine.ready:
            return problem_reply(NOT_READY, accept.media_type, cors)

        run = _Run(engine, request, headers, scope)
        allow = QUERY_AND_MUTATION if scope.method == "POST" else QUERY
        try:
            result = await until_gone(protocol, run.execute(allow, deadline), give_up_at=deadline + GRACE_S)
        except TimeoutError:
            logger.exception("engine missed its deadline", extra=request_ids(scope))
            result = TOO_LATE
        if isinstance(result, HttpProblem):
            return problem_reply(result, accept.media_type, cors)
        responses: AsyncGenerator[Response, None]
        if result.not_allowed:
            problem = _refusal(scope, result, accept)
            if problem is not None:
                return problem_reply(problem, accept.media_type, cors)
            responses = run.subscribe()
        elif accept.media_type == EVENT_STREAM:
            responses = _only(result)
        else:
            return _whole(result, accept.media_type, cors)
        if scope.method == "HEAD":
            return Reply(200, headers=(*EVENT_HEADERS, *cors))
        head = [*EVENT_HEADERS, ("x-content-type-options", "nosniff"), *cors]
        stream = _EventStream(protocol.response_stream(200, head))
        try:
            await self._send_all(protocol, stream, responses)
        finally:
            stream.close()
        return None

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

    def _is_page_on_offer(self, scope: Scope) -> bool:
        # A link with a query in it asks for the data.
        is_get = scope.method in {"GET", "HEAD"}
        return bool(self._page) and is_get and "query=" not in scope.query_string

    async def _read_request(self, scope: Scope, protocol: HTTPProtocol) -> GraphQLRequest | HttpProblem:
        content_type = scope.headers.get("content-type")
        problem = check_head(scope.method, content_type)
        if problem is not None:
            return problem
        body: bytes | HttpProblem = b""
        if scope.method == "POST":
            limits = self.settings
            body = await read_body(
                scope, protocol, max_bytes=limits.max_body_bytes, timeout_s=limits.body_timeout_s
            )
        if isinstance(body, HttpProblem):
            return body
        return parse_request(scope.method, content_type, scope.query_string, body)


class _Run:
    """One operation on the engine. What the engine raises becomes a value, as it may not end a task group."""

    def __init__(
        self, engine: Engine, request: GraphQLRequest, headers: dict[str, str], scope: Scope
    ) -> None:
        self._engine = engine
        self._request = request
        self._headers = headers
        self._scope = scope

    async def execute(self, allow: frozenset[str], deadline: float) -> Response | HttpProblem:
        """Run a query or a mutation."""
        try:
            return await self._engine.execute(
                self._request, headers=self._headers, allow=allow, deadline=deadline
            )
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            return HttpProblem(500, self._describe(error)["message"], "INTERNAL")

    async def subscribe(self) -> AsyncGenerator[Response, None]:
        """Run a subscription; an error ends it as its last response."""
        responses = self._engine.subscribe(self._request, headers=self._headers)
        try:
            async for response in responses:
                yield response
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            body = msgspec.json.encode({"errors": [self._describe(error)]})
            yield Response(body, is_request_error=True)
        finally:
            close = getattr(responses, "aclose", None)
            if close is not None:
                await close()

    def _describe(self, error: Exception) -> dict[str, Any]:
        formatted = format_error(error)
        logger.warning("operation failed", extra={"error": formatted["message"], **request_ids(self._scope)})
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


def _whole(result: Response, media_type: str, cors: Headers) -> Reply:
    return Reply(
        response_status(media_type, is_request_error=result.is_request_error),
        result.body,
        f"{media_type}; charset=utf-8",
        (
            ("server-timing", f'upstream;desc="{result.calls} calls"'),
            ("vary", "accept"),
            *_freshness(result),
            *cors,
        ),
    )


def _freshness(result: Response) -> Headers:
    """Never ``public``: who may ask at all is the gateway's to say (RFC 9111, section 3.5)."""
    if result.max_age_s <= 0 or result.is_request_error:
        return NO_STORE
    scope = "private, " if result.is_private else ""
    return (("cache-control", f"{scope}max-age={result.max_age_s}"),)


async def _only(response: Response) -> AsyncGenerator[Response, None]:
    yield response


async def _keep_alive(stream: _EventStream, every_s: float) -> None:
    while True:
        await stream.send(COMMENT)
        await asyncio.sleep(every_s)


async def _end(ending: asyncio.Event) -> None:
    await ending.wait()
    raise StreamsEnd
