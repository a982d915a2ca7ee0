"""One client over one WebSocket: its operations, side by side, as ``graphql-transport-ws`` has them.

Source: GraphQL over WebSocket Protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import ClientConnectionResetError, WSMsgType, web

from ..errors import format_error
from ..operation.request import GraphQLRequest, Response
from .messages import (
    CONNECTION_ACK,
    BadMessage,
    Complete,
    ConnectionInit,
    Operation,
    Ping,
    Pong,
    Subscribe,
    encode_complete,
    encode_error,
    encode_next,
    encode_pong,
    parse_message,
)
from .operations import GRACE_S, NOT_READY, QUERY_AND_MUTATION, TOO_LATE
from .requests import HttpProblem
from .service import Engine
from .settings import WebSocketSettings

logger = logging.getLogger(__name__)

GOING_AWAY: Final = 1001
BAD_REQUEST: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
INIT_TIMEOUT: Final = 4408
ALREADY_EXISTS: Final = 4409
TOO_MANY_INITS: Final = 4429
INTERNAL: Final = 4500

MAX_REASON_BYTES: Final = 123  # RFC 6455, 5.5: a control frame holds 125, two of them the code
MAX_HEADER_CHARACTERS: Final = 8192


class _Closing(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True, eq=False)
class _Running:
    """An operation under way.

    Attributes:
        streams: It is a subscription, which has no end of its own.
    """

    task: asyncio.Task[None] | None = None
    streams: bool = False


class Connection:
    """One accepted WebSocket, until it is closed."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        engine: Engine,
        settings: WebSocketSettings,
        headers: dict[str, str],
        *,
        timeout_s: float,
        expires_at: float | None = None,
    ) -> None:
        """Take the socket, its handshake done.

        Args:
            socket: Of graphql-transport-ws.
            engine: Runs the operations.
            settings: The limits.
            headers: Of the upgrade request; names in lower case.
            timeout_s: For one query or mutation.
            expires_at: Seconds since the epoch after which the headers' token holds no more.
        """
        self._socket = socket
        self._engine = engine
        self._settings = settings
        self._headers = headers
        self._timeout_s = timeout_s
        self._expires_at = expires_at
        self._operations: dict[str, _Running] = {}
        self._acknowledged = False
        self._draining = False
        self._quiet = asyncio.Event()

    async def run(self, ending: asyncio.Event) -> None:
        """Answer the client until the socket is closed, then cancel what is under way.

        Args:
            ending: Set when the server stops: queries and mutations end, then the client is told to go.
        """
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(self._drain(ending)), group.create_task(self._await_init())]
                if self._expires_at is not None:
                    beside.append(group.create_task(self._expire(self._expires_at)))
                try:
                    await self._read(group)
                except _Closing as closing:
                    await self._close(closing.code, closing.reason)
                except ConnectionError:
                    logger.debug("client went away")
                finally:
                    for task in beside:
                        task.cancel()
                    for running in self._operations.values():
                        if running.task is not None:
                            running.task.cancel()
        except* Exception as errors:  # noqa: BLE001 - becomes an id that the log holds
            formatted = format_error(errors)
            logger.error("socket failed", extra={"error": formatted["message"]})  # noqa: TRY400
            await self._close(INTERNAL, formatted["message"])

    async def _read(self, group: asyncio.TaskGroup) -> None:
        async for frame in self._socket:
            if frame.type is not WSMsgType.TEXT:
                raise _Closing(BAD_REQUEST, "Invalid message: send JSON as text")
            try:
                message = parse_message(frame.data)
            except BadMessage as error:
                raise _Closing(BAD_REQUEST, str(error)) from error
            match message:
                case ConnectionInit(payload=payload):
                    await self._begin(payload or {})
                case Subscribe(id=operation_id, payload=operation):
                    await self._subscribe(group, operation_id, operation)
                case Complete(id=operation_id):
                    running = self._operations.pop(operation_id, None)
                    if running is not None and running.task is not None:
                        running.task.cancel()
                        self._note_quiet()
                case Ping(payload=payload):
                    await self._send(encode_pong(payload))
                case Pong():
                    pass

    async def _begin(self, payload: dict[str, Any]) -> None:
        if self._acknowledged:
            raise _Closing(TOO_MANY_INITS, "Too many initialisation requests")
        for name, value in _headers_in(payload, self._settings.init_headers).items():
            # What a gateway may have looked at is not replaced by what it has not seen.
            self._headers.setdefault(name, value)
        self._acknowledged = True
        await self._send(CONNECTION_ACK)

    async def _subscribe(self, group: asyncio.TaskGroup, operation_id: str, operation: Operation) -> None:
        if not self._acknowledged:
            raise _Closing(UNAUTHORIZED, "Unauthorized")
        if operation_id in self._operations:
            raise _Closing(ALREADY_EXISTS, f"Subscriber for {operation_id} already exists")
        if self._draining:
            return  # not begun, so the client may ask for it again over another socket
        if len(self._operations) >= self._settings.max_operations:
            most = self._settings.max_operations
            problem = HttpProblem(429, f"{most} operations are under way", "TOO_MANY_OPERATIONS")
            await self._send(encode_error(operation_id, problem.body))
            return
        running = _Running()
        self._operations[operation_id] = running
        running.task = group.create_task(self._operate(operation_id, operation.request, running))

    async def _operate(self, operation_id: str, request: GraphQLRequest, running: _Running) -> None:
        try:
            async with contextlib.aclosing(self._responses(request, running)) as responses:
                async for response in responses:
                    if response.is_request_error:
                        self._forget(operation_id, running)
                        await self._send(encode_error(operation_id, response.body))
                        return
                    # A slow socket holds this up, and with it whatever is asked for the next response.
                    await self._send(encode_next(operation_id, response.body))
            # The id is free from here: the client may use it as soon as it has read the message.
            self._forget(operation_id, running)
            await self._send(encode_complete(operation_id))
        except ConnectionError:
            logger.debug("client went away")
        finally:
            self._forget(operation_id, running)

    async def _responses(self, request: GraphQLRequest, running: _Running) -> AsyncGenerator[Response, None]:
        engine = self._engine
        if not engine.ready:
            yield _failed(NOT_READY)
            return
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(deadline + GRACE_S) as limit:
                result = await engine.execute(
                    request, headers=self._headers, allow=QUERY_AND_MUTATION, deadline=deadline
                )
                limit.reschedule(None)
            if not result.not_allowed:
                yield result
                return
            running.streams = True
            self._note_quiet()
            events: Any = engine.subscribe(request, headers=self._headers)
            try:
                async for response in events:
                    yield response
            finally:
                close = getattr(events, "aclose", None)
                if close is not None:
                    await close()
        except TimeoutError:
            logger.exception("engine missed its deadline")
            yield _failed(TOO_LATE)
        except Exception as error:  # noqa: BLE001 - becomes an id that the log holds
            formatted = format_error(error)
            logger.warning("operation failed", extra={"error": formatted["message"]})
            yield Response(msgspec.json.encode({"errors": [formatted]}), is_request_error=True)

    def _forget(self, operation_id: str, running: _Running) -> None:
        if self._operations.get(operation_id) is running:
            del self._operations[operation_id]
            self._note_quiet()

    def _note_quiet(self) -> None:
        if self._draining and all(running.streams for running in self._operations.values()):
            self._quiet.set()

    async def _await_init(self) -> None:
        await asyncio.sleep(self._settings.init_timeout_s)
        if not self._acknowledged:
            await self._close(INIT_TIMEOUT, "Connection initialisation timeout")

    async def _expire(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - time.time()))
        await self._close(FORBIDDEN, "Forbidden: the token has expired")

    async def _drain(self, ending: asyncio.Event) -> None:
        await ending.wait()
        self._draining = True
        self._note_quiet()
        await self._quiet.wait()
        await self._close(GOING_AWAY, "Going away")

    async def _send(self, message: bytes) -> None:
        """Send a message; it waits while the client reads slowly."""
        with contextlib.suppress(ClientConnectionResetError):  # it is closing: the reader ends all
            await self._socket.send_frame(message, WSMsgType.TEXT)

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.close(code=code, message=_short(reason))


def _failed(problem: HttpProblem) -> Response:
    return Response(problem.body, is_request_error=True)


def _short(reason: str) -> bytes:
    """*reason*, as much as a close frame holds."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore").encode()


def _headers_in(payload: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Those of *names* that a payload holds, at its top or in ``headers``.

    Raises:
        _Closing: One could not be a header.
    """
    nested = payload.get("headers")
    found: dict[str, str] = {}
    places = (payload, nested) if isinstance(nested, Mapping) else (payload,)
    wanted = frozenset(names)
    for place in places:
        for key, value in place.items():
            name = key.lower()
            if name not in wanted:
                continue
            if not isinstance(value, str) or len(value) > MAX_HEADER_CHARACTERS or not _is_field_value(value):
                raise _Closing(BAD_REQUEST, f"Invalid message: `{name}` is not the value of a header")
            found[name] = value
    return found


def _is_field_value(value: str) -> bool:
    # RFC 9110, 5.5, without the octets beyond ASCII, which nobody reads alike.
    return value.isascii() and value.isprintable()
