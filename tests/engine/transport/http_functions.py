"""Functions and servers for the tests of the HTTP transport."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from weft.engine.transport import TransportSettings
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import (
    Argument,
    Body,
    Function,
    FunctionId,
    HttpBinding,
    HttpTarget,
    JsonType,
    Parameter,
    Type,
    Upstream,
    UpstreamId,
)

JSON = ("application/json",)
ANYTHING = JsonType()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def function(
    path: str = "/orders",
    *parameters: Parameter,
    method: str = "GET",
    body: Body | None = None,
    accept: tuple[str, ...] = JSON,
    result: Type | None = ANYTHING,
    server: str = "",
) -> Function:
    """A function of the upstream ``shop``; its arguments are named by its parameters and its body."""
    names = [p.argument for p in parameters] + ([body.argument] if body else [])
    return Function(
        id=FunctionId("shop.call"),
        upstream=UpstreamId("shop"),
        name="call",
        binding=HttpBinding(
            method=method, path=path, parameters=parameters, body=body, accept=accept, server=server
        ),
        arguments=tuple(Argument(name=name, type=JsonType()) for name in names),
        result=result,
    )


def parameter(
    location: Any, style: Any = "form", explode: bool = True, *, name: str = "color", **more: Any
) -> Parameter:
    return Parameter(argument=name, name=name, location=location, style=style, explode=explode, **more)


@asynccontextmanager
async def serving(handler: Handler, **settings: Any) -> AsyncIterator[HttpTransport]:
    """A transport to a server on which every request meets *handler*."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        async with transport_to(f"http://127.0.0.1:{port}", **settings) as transport:
            yield transport
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(*pieces: bytes, gap_s: float = 0.0) -> AsyncIterator[HttpTransport]:
    """A transport to a socket that answers each connection with *pieces* of bytes and closes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # The server ends with the test, while this may still sleep or the client may be gone.
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(gap_s)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with transport_to(f"http://127.0.0.1:{port}") as transport:
            yield transport


def transport_to(base_url: str, **settings: Any) -> HttpTransport:
    upstream = Upstream(id=UpstreamId("shop"), target=HttpTarget(base_url=base_url))
    return HttpTransport(upstream, TransportSettings(**settings))


async def call(
    transport: HttpTransport, one: Function, within_s: float = 5.0, headers: Any = None, **arguments: Any
) -> Any:
    deadline = asyncio.get_running_loop().time() + within_s
    return await transport.call(one, arguments, deadline=deadline, headers=headers or {})
