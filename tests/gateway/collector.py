"""An OpenTelemetry collector on loopback, over HTTP and over gRPC: it keeps the spans that it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from aiohttp import web
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.gateway.edge import serving

_MESSAGES: Any = trace_service_pb2  # protobuf makes the classes when it is imported
_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


@dataclass(frozen=True)
class Span:
    """A span, ids in hexadecimal."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def tags(self) -> dict[str, str]:
        """Attributes by name."""
        return dict(self.attributes)


@dataclass
class Collector:
    """What a collector was sent, and where it is."""

    url: str = ""
    grpc_url: str = ""
    spans: list[Span] = field(default_factory=list)

    def take(self, message: Any) -> None:
        for resource in message.resource_spans:
            service = {one.key: one.value.string_value for one in resource.resource.attributes}
            # ``scope_spans``, as it was called in the version of the protocol that xds-protos holds.
            for scope in resource.instrumentation_library_spans:
                self.spans += [
                    Span(
                        service.get("service.name", ""),
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        tuple((one.key, one.value.string_value) for one in span.attributes),
                    )
                    for span in scope.spans
                ]

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait until it has been sent something: Envoy sends every few seconds."""
        async with asyncio.timeout(20):
            while not found():  # noqa: ASYNC110 - tests look, nobody tells them
                await asyncio.sleep(0.05)

    async def answer(self, request: web.Request) -> web.Response:
        self.take(_MESSAGES.ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(body=b"", content_type="application/x-protobuf")

    async def export(self, request: Any, _: Any) -> Any:
        self.take(request)
        return _MESSAGES.ExportTraceServiceResponse()


@asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """A collector until the block ends."""
    collector = Collector()
    handler = grpc.unary_unary_rpc_method_handler(
        collector.export,
        request_deserializer=_MESSAGES.ExportTraceServiceRequest.FromString,
        response_serializer=_MESSAGES.ExportTraceServiceResponse.SerializeToString,
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
    collector.grpc_url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        async with serving(collector.answer) as url:
            collector.url = url
            yield collector
    finally:
        await server.stop(0)
