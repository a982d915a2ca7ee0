"""An HTTP server with documents on it, on a free port of this machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web
from multidict import CIMultiDictProxy

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class DocumentServer:
    """A running server.

    Attributes:
        answers: By path; other paths are answered with 404. A test may change it at any time.
        asked: The paths that were asked for, in order.
        headers: What the last request carried.
    """

    url: str
    answers: dict[str, Answer]
    asked: list[str] = field(default_factory=list)
    headers: CIMultiDictProxy[str] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.asked.append(request.path)
        self.headers = request.headers
        answer = self.answers.get(request.path) or self.answers.get("*")
        return await answer(request) if answer else web.Response(status=404)


@asynccontextmanager
async def serving(answers: Mapping[str, Answer] | None = None) -> AsyncIterator[DocumentServer]:
    """A server with *answers* until the block ends."""
    server = DocumentServer("", dict(answers or {}))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()


def document(title: str = "Orders API", *paths: str, **more: Any) -> dict[str, Any]:
    """A small OpenAPI document with a GET operation at each of *paths*."""
    operation = {
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": {"type": "string"}}}}
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {path: {"get": operation} for path in paths or ("/orders",)},
        **more,
    }


def text(body: str | bytes, *, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """An answer with *body*; underscores in the names of *headers* are hyphens."""
    data = body.encode() if isinstance(body, str) else body
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=data, status=status, content_type=kind, headers=sent)

    return answer


def described(title: str = "Orders API", *paths: str) -> Answer:
    """An answer with a small OpenAPI document."""
    return text(json.dumps(document(title, *paths)))


def tagged(body: str, etag: str) -> Answer:
    """An answer with an entity tag, and 304 for who has it."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(text=body, content_type="application/json", headers={"ETag": etag})

    return answer


def endless(chunk: bytes, times: int) -> Answer:
    """A stream of *times* chunks, as fast as they are taken."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(times):
            await response.write(chunk)
        return response

    return answer
