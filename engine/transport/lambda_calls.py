"""What all calls of Lambda functions have in common, whichever way they get there."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import msgspec

from ...schemas.catalog import Function, Json
from ...schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ..numbers import decode_exactly
from .base import Fetched, TransportSettings
from .http1 import BadHead, HttpError, Reply, StreamedReply, Timeout, TooLarge
from .lambda_answers import header, read_answer
from .lambda_requests import Invocation, build_invocation
from .lambda_streams import StreamReader

_EVENT_STREAM: Final = b"application/vnd.amazon.eventstream"
_DETAIL_LENGTH: Final = 500

STREAM_DEADLINE_S: Final = 910.0
"""Beyond Lambda's longest timeout, 900 s."""


class LambdaCalls(ABC):
    """A `Transport` of Lambda functions, but for how a request is sent.

    Forwarded headers, and those of the settings, reach a function as ``context.client_context.custom``.
    """

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings

    @abstractmethod
    async def _send(self, invocation: Invocation, deadline: float) -> Reply | UpstreamError:
        """The answer to one invocation, or what was said in its place on the way; raises `HttpError`."""

    @abstractmethod
    def _open(
        self, invocation: Invocation, deadline: float
    ) -> AbstractAsyncContextManager[StreamedReply | UpstreamError]:
        """The same, read piece by piece; *deadline* is that of its head."""

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
        return decode_result(function, found.body) if isinstance(found, Fetched) else found

    async def fetch(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Fetched | Json | UpstreamError:
        """Make one call, and leave its result as bytes."""
        try:
            invocation = self._invocation(function, arguments, headers)
            reply = await self._send(invocation, deadline)
        except UpstreamError as error:
            return error
        except HttpError as error:
            return self._told(function, error)
        if isinstance(reply, UpstreamError):
            return reply
        return read_answer(invocation, reply.status, reply.headers, reply.body)

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """What a function writes that streams, as it comes; of any other its one answer. See `Transport.stream`.

        Closing the iterator closes the connection.
        """
        deadline = asyncio.get_running_loop().time() + STREAM_DEADLINE_S
        try:
            invocation = self._invocation(function, arguments, headers)
            if invocation.binding.invocation != "stream":
                yield await self.call(function, arguments, deadline=deadline, headers=headers)
                return
            async with self._open(invocation, deadline) as reply:
                if isinstance(reply, UpstreamError):
                    yield reply
                    return
                async with contextlib.aclosing(self._items(invocation, reply)) as items:
                    async for item in items:
                        yield item
        except UpstreamError as error:
            yield error
        except HttpError as error:
            yield self._told(function, error)

    async def _items(
        self, invocation: Invocation, reply: StreamedReply
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        function, most = invocation.function, self._settings.max_body_bytes
        kind = header(reply.headers, b"content-type").partition(b";")[0].strip().lower()
        if reply.status != 200 or kind != _EVENT_STREAM:
            # A refusal; or somebody's local Lambda that answers as Invoke does.
            found = read_answer(invocation, reply.status, reply.headers, await reply.read(most))
            yield decode_result(function, found.body) if isinstance(found, Fetched) else found
            return
        reader = StreamReader(function, max_item_bytes=most)
        async with contextlib.aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                for item in reader.feed(piece):
                    yield item
                if reader.ended:
                    return
        detail = "the stream broke off before its end"
        yield UpstreamUnreachable(function.upstream, function.id, detail=detail)

    def _invocation(
        self, function: Function, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Invocation:
        return build_invocation(function, arguments, configured=self._settings.headers, forwarded=headers)

    def _told(self, function: Function, error: HttpError) -> UpstreamError:
        at = (function.upstream, function.id)
        match error:
            case BadHead():
                return BadArguments(*at, reason=str(error))
            case Timeout():
                return UpstreamTimeout(*at)
            case TooLarge(part="body"):
                most = self._settings.max_body_bytes
                return UpstreamAnswer(*at, reason=f"the answer is larger than {most} bytes")
            case TooLarge():
                return UpstreamAnswer(*at, reason=str(error))
            case _:
                detail = f"{type(error).__name__}: {error}"[:_DETAIL_LENGTH]
                return UpstreamUnreachable(*at, detail=detail)


def decode_result(function: Function, data: bytes) -> Json | UpstreamError:
    """A function's result."""
    try:
        return decode_exactly(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        reason = f"JSON was expected, {len(data)} bytes came that are none"
        return UpstreamAnswer(function.upstream, function.id, reason=reason)
