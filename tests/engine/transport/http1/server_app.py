"""One application behind several servers: ``python -m tests.engine.transport.http1.server_app NAME PORT``.

``/echo`` says the request's method and body, ``/large/N`` gives N bytes, ``/pieces/N`` N pieces of unknown
length, ``/empty`` status 204.
"""

from __future__ import annotations

import sys
from typing import Any

from aiohttp import web

HOST = "127.0.0.1"


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """The application for ASGI's servers."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    _, name, *rest = scope["path"].split("/")
    status, pieces, headers = 200, [b""], []
    if name == "echo":
        pieces = [f"{scope['method']} ".encode() + body]
    elif name == "large":
        pieces = [b"x" * int(rest[0])]
    elif name == "pieces":
        pieces = [b"piece "] * int(rest[0])
    else:
        status = 204
    if name in {"echo", "large"}:
        headers = [(b"content-length", str(len(pieces[0])).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def handle(request: web.Request) -> web.StreamResponse:
    """The application for aiohttp."""
    _, name, *rest = request.path.split("/")
    if name == "echo":
        return web.Response(body=f"{request.method} ".encode() + await request.read())
    if name == "large":
        return web.Response(body=b"x" * int(rest[0]))
    if name == "empty":
        return web.Response(status=204)
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(int(rest[0])):
        await response.write(b"piece ")
    return response


def serve_aiohttp(port: int) -> None:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    web.run_app(app, host=HOST, port=port, print=None)


def serve_uvicorn(port: int) -> None:
    import uvicorn

    uvicorn.run(asgi, host=HOST, port=port, log_level="warning")


def serve_granian(port: int) -> None:
    from granian import Granian
    from granian.constants import Interfaces

    where = "tests.engine.transport.http1.server_app:asgi"
    Granian(where, address=HOST, port=port, interface=Interfaces.ASGI, log_enabled=False).serve()


SERVERS = {"aiohttp": serve_aiohttp, "uvicorn": serve_uvicorn, "granian": serve_granian}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
