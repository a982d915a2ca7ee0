"""gRPC methods, on grpc.aio.

CPU per unary call of a 500-byte answer, with a deadline and metadata where the client takes them, all clients
in one run (``python -m tests.benchmarks.bench_grpc_client``; Python 3.11, grpcio 1.85, uvloop, two cores that
others used too): the private ``cygrpc`` calls below grpc.aio 176 µs, grpc.aio 205 µs (177 µs without deadline
and metadata), pyqwest 211 µs, futures of the synchronous stub 231 µs, grpclib 298 µs, the synchronous stub in
threads 306 µs. So the public grpc.aio, as lean as it goes: callables made once, bytes in and out, no
interceptors, no metadata but what is forwarded. The private calls would save a seventh, and break with any
release.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import grpc
import grpc.aio

from ...schemas.catalog import Function, FunctionId, GrpcBinding, GrpcTarget, Json, Upstream
from ...schemas.errors import (
    BadArguments,
    ConfigError,
    UpstreamAnswer,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ...schemas.grpc import DEFAULT_LISTED, MOST_LISTED
from .base import FUNCTION_HEADER, Fetched, TransportSettings
from .grpc_channel import channel_options, credentials_of, open_channel
from .grpc_errors import upstream_error
from .grpc_json import Printers
from .grpc_messages import MethodMessages, build_pool
from .grpc_metadata import metadata_of


class _Method:
    """One method: its messages, and the callable of its channel."""

    __slots__ = ("call", "first", "messages", "metadata", "sends_stream", "streams")

    def __init__(
        self,
        channel: grpc.aio.Channel,
        messages: MethodMessages,
        function: Function,
        metadata: tuple[tuple[str, str | bytes], ...],
    ) -> None:
        binding = function.binding
        assert isinstance(binding, GrpcBinding)
        self.messages = messages
        self.metadata = metadata
        self.sends_stream = function.streaming in {"client", "both"}
        self.streams = function.streaming in {"server", "both"}
        self.first = binding.first
        make: Callable[..., Any] = {
            "none": channel.unary_stream if binding.first else channel.unary_unary,
            "server": channel.unary_stream,
            "client": channel.stream_unary,
            "both": channel.stream_stream,
        }[function.streaming]
        # Bytes in, bytes out: what does not decode is then an error of ours and not of the call.
        path = f"/{binding.service}/{binding.method}"
        self.call = make(path, request_serializer=None, response_deserializer=None)

    def encode(self, arguments: Mapping[str, Any]) -> bytes | list[bytes] | BadArguments:
        """What the callable takes."""
        if self.first:
            arguments = {name: value for name, value in arguments.items() if name != self.first}
        if self.sends_stream:
            return self.messages.encode_requests(arguments)
        return self.messages.encode_request(arguments)


class GrpcTransport:
    """A client for one gRPC server: a ``Transport``.

    All calls share one channel, and so one connection: HTTP/2 carries them side by side. The channel is
    opened by the first call and belongs to its event loop.

    Raises:
        ConfigError: The upstream's target is not a gRPC server, or its certificates cannot be read.
        DocumentError: The target's descriptors do not build.
    """

    def __init__(self, upstream: Upstream, settings: TransportSettings) -> None:
        target = upstream.target
        if not isinstance(target, GrpcTarget):
            raise ConfigError(source=upstream.id, key="target", problem="not a gRPC server")
        self._upstream = upstream.id
        self._target = target
        self._settings = settings
        self._pool = build_pool(target.descriptors, source=upstream.id)
        self._printers = Printers(self._pool)
        self._metadata = metadata_of(settings.headers)
        self._credentials = credentials_of(settings.tls, source=upstream.id) if target.tls else None
        self._methods: dict[FunctionId, _Method] = {}
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> GrpcTransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        channel, self._channel = self._channel, None
        self._methods.clear()
        if channel is not None:
            await channel.close(None)

    async def call(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Json | UpstreamError:
        """Make one call. See ``Transport.call``.

        A function whose server sends a stream cannot be called: it is an error, and no call is made.
        """
        answer = await self.fetch(function, arguments, deadline=deadline, headers=headers)
        if isinstance(answer, Fetched):
            return self._method(function).messages.decode_response(answer.body)
        return answer

    async def fetch(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        deadline: float,
        headers: Mapping[str, str],
    ) -> Fetched | Json | UpstreamError:
        """Make one call, and leave its answer as the bytes of its message.

        Returns:
            The bytes where the function has a result; otherwise what ``call`` gives.
        """
        method = self._method(function)
        if method.streams:
            return BadArguments(function.upstream, function.id, reason="it answers a stream: subscribe to it")
        request = method.encode(arguments)
        if isinstance(request, BadArguments):
            return request
        timeout_s = deadline - asyncio.get_running_loop().time()
        if timeout_s <= 0:
            return UpstreamTimeout(function.upstream, function.id)
        try:
            if method.first:
                count = arguments.get(method.first, DEFAULT_LISTED)
                call = method.call(request, timeout=timeout_s, metadata=_merged(method, headers))
                return await self._take_first(function, method, call, count)
            answer = await method.call(request, timeout=timeout_s, metadata=_merged(method, headers))
        except grpc.aio.AioRpcError as error:
            return self._error(function, error)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            return _closed(function)
        if function.result is None:
            return method.messages.decode_response(answer)
        return Fetched(answer, messages=method.messages)

    async def _take_first(
        self, function: Function, method: _Method, call: Any, count: Any
    ) -> Json | UpstreamError:
        """The first *count* messages of a stream, or all if it ends before."""
        if not _may_be_listed(count):
            call.cancel()
            return _bad_count(function, method)
        found: list[Json] = []
        left = self._settings.max_body_bytes
        try:
            async for data in call:
                left -= len(data)
                if left < 0:
                    reason = f"its messages exceed {self._settings.max_body_bytes} bytes together"
                    return UpstreamAnswer(function.upstream, function.id, reason=reason)
                answer = method.messages.decode_response(data)
                if isinstance(answer, UpstreamError):
                    return answer
                found.append(answer)
                if len(found) == count:
                    break
            return found
        finally:
            call.cancel()

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """The messages of a streaming function, or the one answer of any other. See ``Transport.stream``.

        Of a function that lists the first messages of a stream: these, one by one.
        """
        method = self._method(function)
        request = method.encode(arguments)
        if isinstance(request, BadArguments):
            yield request
            return
        count = arguments.get(method.first, DEFAULT_LISTED) if method.first else None
        if method.first and not _may_be_listed(count):
            yield _bad_count(function, method)
            return
        call = method.call(request, metadata=_merged(method, headers))
        try:
            if not method.streams and not method.first:
                yield method.messages.decode_response(await call)
                return
            async for data in call:
                answer = method.messages.decode_response(data)
                yield answer
                if isinstance(answer, UpstreamError):
                    return
                if count is not None:
                    count -= 1
                    if not count:
                        return
        except grpc.aio.AioRpcError as error:
            yield self._error(function, error)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            yield _closed(function)
        finally:
            call.cancel()

    def _method(self, function: Function) -> _Method:
        method = self._methods.get(function.id)
        if method is None:
            messages = MethodMessages(self._pool, self._printers, function)
            metadata = self._metadata
            if self._settings.gateway:
                metadata = (*metadata, (FUNCTION_HEADER, function.id))
            method = self._methods[function.id] = _Method(self._open(), messages, function, metadata)
        return method

    def _error(self, function: Function, error: grpc.aio.AioRpcError) -> UpstreamError:
        return upstream_error(function, error, self._printers, show=self._settings.show_errors)

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            options = channel_options(
                max_body_bytes=self._settings.max_body_bytes,
                connect_timeout_s=self._settings.connect_timeout_s,
                channel=self._settings.channel,
            )
            if self._settings.gateway:
                options.append(("grpc.default_authority", self._upstream))
                self._channel = open_channel(
                    f"unix:{self._settings.gateway}", credentials=None, options=options
                )
            else:
                self._channel = open_channel(
                    self._target.address, credentials=self._credentials, options=options
                )
        return self._channel


def _may_be_listed(count: Any) -> bool:
    return isinstance(count, int) and 1 <= count <= MOST_LISTED


def _bad_count(function: Function, method: _Method) -> BadArguments:
    reason = f"argument {method.first}: a number from 1 to {MOST_LISTED} is expected"
    return BadArguments(function.upstream, function.id, reason=reason)


def _merged(method: _Method, headers: Mapping[str, str]) -> tuple[tuple[str, str | bytes], ...]:
    forwarded = metadata_of(headers)
    if not forwarded:
        return method.metadata
    names = {name for name, _ in forwarded}
    return (*(pair for pair in method.metadata if pair[0] not in names), *forwarded)


def _is_being_cancelled() -> bool:
    """Whether somebody cancels the task. A channel that is closed raises the same error in who waits for it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _closed(function: Function) -> UpstreamError:
    return UpstreamUnreachable(function.upstream, function.id, detail="the transport was closed")
