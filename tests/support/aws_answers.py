"""A server that answers every request as AWS would in one situation, and an environment without credentials."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """Serve *handler* for every path; yields the URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


def aws_error(status: int, kind: str, message: str = "said AWS") -> Handler:
    """An error of a service that speaks ``rest-json``, as Lambda does."""

    async def handler(request: web.Request) -> web.Response:
        headers = {"X-Amzn-ErrorType": kind}
        return web.json_response({"Message": message, "Type": "User"}, status=status, headers=headers)

    return handler


def payload(body: bytes, **headers: str) -> Handler:
    """The answer of an Invoke."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return handler


def without_credentials(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave AWS's chain nothing to find."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
