"""gRPC methods, on grpc.aio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Final

import grpc
import grpc.aio

from ...schemas.catalog import Function, FunctionId, GrpcBinding, GrpcTarget, Json, Upstream
from ...schemas.errors import (
    BadArguments,
    ConfigError,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from .base import FUNCTION_HEADER, TransportSettings
from .grpc_json import Printers
from .grpc_messages import MethodMessages, build_pool
from .grpc_metadata import metadata_of

_DETAIL_LENGTH: Final = 500


def channel_options(*, max_body_bytes: int, connect_timeout_s: float) -> list[tuple[str, Any]]:
    """Options of a channel to one upstream."""
    return [
        ("grpc.max_receive_message_length", max_body_bytes),
        ("grpc.max_send_message_length", -1),
        # gRPC gives one connection attempt as long as the shortest back-off.
        ("grpc.min_reconnect_backoff_ms", int(connect_timeout_s * 1000)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", int(max(connect_timeout_s, 1) * 1000)),
        # A server of grpc-go closes connections that are pinged more often than every 5 minutes.
        ("grpc.keepalive_time_ms", 310_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 0),
        # Channels of equal targets would share connections, and one's back-off would fail another's calls.
        ("grpc.use_local_subchannel_pool", 1),
        # As the other transports: proxies of the environment are for people's browsers.
        ("grpc.enable_http_proxy", 0),
    ]


def open_channel(address: str, *, tls: bool, options: list[tuple[str, Any]]) -> grpc.aio.Channel:
    """A channel to *address*; it connects with the first call. Belongs to the running event loop."""
    if tls:
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options=options)
    return grpc.aio.insecure_channel(address, options=options)


class _Method:
    """One method: its messages, and the callable of its channel."""

    __slots__ = ("call", "messages", "metadata", "sends_stream", "streams")

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
        make: Callable[..., Any] = {
            "none": channel.unary_unary,
            "server": channel.unary_stream,
            "client": channel.stream_unary,
            "both": channel.stream_stream,
        }[function.streaming]
        # Bytes in, bytes out: what does not decode is then an error of ours and not of the call.
        path = f"/{binding.service}/{binding.method}"
        self.call = make(path, request_serializer=None, response_deserializer=None)

    def encode(self, arguments: Mapping[str, Any]) -> bytes | list[bytes] | BadArguments:
        """What the callable takes."""
        if self.sends_stream:
            return self.messages.encode_requests(arguments)
        return self.messages.encode_request(arguments)


class GrpcTransport:
    """A client for one gRPC server: a ``Transport``.

    All calls share one channel, and so one connection: HTTP/2 carries them side by side. The channel is
    opened by the first call and belongs to its event loop.

    Raises:
        ConfigError: The upstream's target is not a gRPC server.
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
            answer = await method.call(request, timeout=timeout_s, metadata=_merged(method, headers))
        except grpc.aio.AioRpcError as error:
            return _upstream_error(function, error)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            return _closed(function)
        return method.messages.decode_response(answer)

    async def stream(
        self,
        function: Function,
        arguments: Mapping[str, Any],
        *,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Json | UpstreamError, None]:
        """The messages of a streaming function, or the one answer of any other. See ``Transport.stream``."""
        method = self._method(function)
        request = method.encode(arguments)
        if isinstance(request, BadArguments):
            yield request
            return
        call = method.call(request, metadata=_merged(method, headers))
        try:
            if not method.streams:
                yield method.messages.decode_response(await call)
                return
            async for data in call:
                answer = method.messages.decode_response(data)
                yield answer
                if isinstance(answer, UpstreamError):
                    return
        except grpc.aio.AioRpcError as error:
            yield _upstream_error(function, error)
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

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            options = channel_options(
                max_body_bytes=self._settings.max_body_bytes,
                connect_timeout_s=self._settings.connect_timeout_s,
            )
            if self._settings.gateway:
                options.append(("grpc.default_authority", self._upstream))
                self._channel = open_channel(f"unix:{self._settings.gateway}", tls=False, options=options)
            else:
                self._channel = open_channel(self._target.address, tls=self._target.tls, options=options)
        return self._channel


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


def _upstream_error(function: Function, error: grpc.aio.AioRpcError) -> UpstreamError:
    """What a status code means to the caller.

    Source: gRPC, "Status codes and their use in gRPC".
    """
    code = error.code()
    detail = (error.details() or "")[:_DETAIL_LENGTH]
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return UpstreamUnreachable(function.upstream, function.id, detail=detail)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return UpstreamTimeout(function.upstream, function.id)
        case _:
            return UpstreamStatus(function.upstream, function.id, status=code.name, detail=detail)
