import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.engine.transport.http_functions import call, function
from weft.engine.transport import TransportSettings
from weft.engine.transport.base import Fetched
from weft.engine.transport.credentials import ClientCredentials, Credential
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import HttpTarget, SecurityScheme, Upstream, UpstreamId
from weft.schemas.errors import UpstreamCredentials, UpstreamStatus


class Authority:
    """An authorization server, and an API that takes its tokens."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.called_with: list[str] = []
        self.lifetime: Any = 3600
        self.statuses: list[int] = []
        self.valid: Callable[[str], bool] = lambda _: True
        self.hold: asyncio.Event | None = None
        self.asking = asyncio.Semaphore(0)

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(form)
        self.authorizations.append(request.headers.get("authorization"))
        self.asking.release()
        if self.hold is not None:
            await self.hold.wait()
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            return web.json_response({"error": "hush"}, status=status)
        return web.json_response(
            {"access_token": f"token{len(self.asked)}", "token_type": "Bearer", "expires_in": self.lifetime}
        )

    async def metadata(self, request: web.Request) -> web.Response:
        return web.json_response({"issuer": "x", "token_endpoint": f"http://{request.host}/token"})

    async def api(self, request: web.Request) -> web.Response:
        sent = request.headers.get("authorization", "")
        self.called_with.append(sent)
        if not self.valid(sent.removeprefix("Bearer ")):
            return web.Response(status=401)
        return web.json_response({"ok": True})


@asynccontextmanager
async def authority(
    credential: Credential | None = None, *, kind: str = "oauth2", elsewhere: bool = False
) -> AsyncIterator[tuple[Authority, HttpTransport]]:
    server = Authority()
    app = web.Application()
    app.router.add_post("/token", server.token)
    app.router.add_get("/.well-known/openid-configuration", server.metadata)
    app.router.add_route("*", "/api", server.api)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    host = "localhost" if elsewhere else "127.0.0.1"
    scheme = SecurityScheme(
        name="auth",
        kind="oauth2" if kind == "oauth2" else "openIdConnect",
        token_url=f"http://{host}:{port}/token" if kind == "oauth2" else "",
        discovery_url="" if kind == "oauth2" else f"http://{host}:{port}/.well-known/openid-configuration",
    )
    target = HttpTarget(
        base_url=f"http://127.0.0.1:{port}", schemes=(scheme,), security=({"auth": ("read",)},)
    )
    settings = TransportSettings(credentials={"auth": credential or ClientCredentials("weft", "hush")})
    try:
        async with HttpTransport(Upstream(id=UpstreamId("shop"), target=target), settings) as transport:
            yield server, transport
    finally:
        if server.hold is not None:
            server.hold.set()
        await runner.cleanup()


async def test_token_is_fetched_once_and_kept() -> None:
    async with authority() as (server, transport):
        answers = [await call(transport, function("/api")) for _ in range(3)]
    assert answers == [{"ok": True}] * 3
    assert server.asked == [{"grant_type": "client_credentials", "scope": "read"}]
    assert server.called_with == ["Bearer token1"] * 3
    assert server.authorizations == ["Basic d2VmdDpodXNo"]


async def test_calls_that_wait_for_a_token_share_one_fetch() -> None:
    async with authority() as (server, transport):
        server.hold = asyncio.Event()
        calls = [asyncio.create_task(call(transport, function("/api"))) for _ in range(20)]
        await server.asking.acquire()
        calls[0].cancel()  # whoever asked first goes away
        await asyncio.sleep(0)
        server.hold.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert len(server.asked) == 1
    assert answers[1:] == [{"ok": True}] * 19


async def test_token_is_renewed_while_the_old_one_still_holds() -> None:
    async with authority() as (server, transport):
        await call(transport, function("/api"))
        (source,) = transport._tokens.values()
        assert source._token is not None
        source._token.renew_at = 0.0
        server.hold = asyncio.Event()
        assert await call(transport, function("/api")) == {"ok": True}  # does not wait for the new one
        await server.asking.acquire()
        await server.asking.acquire()
        server.hold.set()
        assert source._fetching is not None
        await source._fetching
        await call(transport, function("/api"))
    assert server.called_with == ["Bearer token1", "Bearer token1", "Bearer token2"]


async def test_token_that_expired_is_not_sent() -> None:
    async with authority() as (server, transport):
        await call(transport, function("/api"))
        (source,) = transport._tokens.values()
        assert source._token is not None
        source._token.renew_at = source._token.expires_at = 0.0
        await call(transport, function("/api"))
    assert server.called_with == ["Bearer token1", "Bearer token2"]


async def test_token_that_the_upstream_refuses_is_replaced_once() -> None:
    async with authority() as (server, transport):
        await call(transport, function("/api"))
        server.valid = lambda token: token == "token2"
        assert await call(transport, function("/api")) == {"ok": True}
        server.valid = lambda _: False
        refused = await call(transport, function("/api"))
    assert isinstance(refused, UpstreamStatus)
    assert len(server.asked) == 3


async def test_fetch_is_tried_again_after_a_passing_fault() -> None:
    async with authority() as (server, transport):
        server.statuses = [503]
        assert await call(transport, function("/api")) == {"ok": True}
    assert len(server.asked) == 2


async def test_refusal_is_not_tried_again_and_not_stormed(caplog: pytest.LogCaptureFixture) -> None:
    async with authority() as (server, transport):
        server.statuses = [401, 401, 401]
        with caplog.at_level(logging.DEBUG):
            answers = [await call(transport, function("/api")) for _ in range(3)]
    assert len(server.asked) == 1
    assert not server.called_with
    for answer in answers:
        assert isinstance(answer, UpstreamCredentials)
        assert answer.public_message == "shop.call: no access token could be had for the upstream"
        assert answer.detail == "the token endpoint answered with status 401"
        assert "hush" not in f"{answer!r} {answer}"
    assert "hush" not in caplog.text


@pytest.mark.parametrize("lifetime", [None, "3600", 0, "soon"])
async def test_odd_lifetimes_are_no_reason_to_fail(lifetime: Any) -> None:
    async with authority() as (server, transport):
        server.lifetime = lifetime
        await call(transport, function("/api"))
        assert await call(transport, function("/api")) == {"ok": True}
    assert len(server.asked) == 1


async def test_openid_connect_metadata_say_where_tokens_are() -> None:
    async with authority(kind="openIdConnect") as (server, transport):
        assert await call(transport, function("/api")) == {"ok": True}
    assert server.called_with == ["Bearer token1"]


async def test_secret_in_the_body_and_audience_are_sent_as_configured() -> None:
    credential = ClientCredentials("weft", "hush", scopes=("a", "b"), audience="api", secret_in="body")
    async with authority(credential) as (server, transport):
        await call(transport, function("/api"))
    assert server.asked == [
        {
            "grant_type": "client_credentials",
            "scope": "a b",
            "audience": "api",
            "client_id": "weft",
            "client_secret": "hush",
        }
    ]
    assert server.authorizations == [None]


@pytest.mark.parametrize("kind", ["oauth2", "openIdConnect"])
async def test_description_cannot_have_the_secret_sent_elsewhere(kind: str) -> None:
    async with authority(kind=kind, elsewhere=True) as (server, transport):
        answer = await call(transport, function("/api"))
    assert isinstance(answer, UpstreamCredentials)
    assert answer.detail == "no token URL is known; configure `token_url`"
    assert not server.asked


async def test_callers_own_authorization_wins_over_the_token() -> None:
    async with authority() as (server, transport):
        await call(transport, function("/api"), headers={"authorization": "Bearer mine"})
    assert server.called_with == ["Bearer mine"]
    assert not server.asked


async def test_fetch_leaves_json_as_bytes_with_a_token_too() -> None:
    async with authority() as (_, transport):
        deadline = asyncio.get_running_loop().time() + 5
        found = await transport.fetch(function("/api"), {}, deadline=deadline, headers={})
    assert isinstance(found, Fetched)
