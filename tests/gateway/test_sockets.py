"""GraphQL over WebSocket through Envoy, with `weft up`: one port, tokens, route changes, the engine's end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from tests.gateway.edge import Echo, echoes
from tests.support.shop import RunningShop, free_ports, start_shop
from weft.app.discovering import discover, write_snapshot
from weft.app.gateway import Running, running_gateway
from weft.gateway.canaries import save_weights
from weft.schemas.catalog import Catalog, Snapshot
from weft.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SECRET = "a secret that is long enough for HS256"
KEY = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
JWKS = {"keys": [{"kty": "oct", "alg": "HS256", "kid": "k", "k": KEY}]}
CONFIG = """
server: {port: PORT, workers: 2, websockets: {init_headers: [authorization]}}
auth:
  rules:
    - {fields: ["Customer.*"], claims: {scope: [customers]}}
gateway:
  jwt: {issuer: https://id.example, jwks: jwks.json, optional: true}
  canaries:
    products: {versions: {v2: "V2"}}
"""
TYPENAME = {"query": "{ __typename }"}
CUSTOMERS = {"query": "{ orders(limit: 1) { customer { name } } }"}


@dataclass
class Up:
    shop: RunningShop
    running: Running
    url: str
    session: aiohttp.ClientSession
    v2: Echo

    @contextlib.asynccontextmanager
    async def socket(self, **headers: str) -> AsyncIterator[Socket]:
        async with self.session.ws_connect(
            f"{self.url}/graphql", protocols=["graphql-transport-ws"], headers=headers
        ) as socket:
            await socket.send_json({"type": "connection_init"})
            assert await socket.receive_json(timeout=20) == {"type": "connection_ack"}
            yield Socket(socket)


@dataclass
class Socket:
    socket: aiohttp.ClientWebSocketResponse
    count: int = 0

    async def ask(self, payload: dict[str, Any]) -> Any:
        """The answer to a query; None where it is an error."""
        self.count += 1
        await self.socket.send_json({"type": "subscribe", "id": str(self.count), "payload": payload})
        message = await self.socket.receive_json(timeout=20)
        if message["type"] == "error":
            return message["payload"]
        assert (await self.socket.receive_json(timeout=20))["type"] == "complete"
        return message["payload"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("sockets")
    (port,) = free_ports(1)
    async with contextlib.AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        shop = stack.enter_context(start_shop(folder))
        (v2,) = await stack.enter_async_context(echoes("v2"))
        text = re.sub(r"server: .*\n", "", shop.config.read_text()) + CONFIG
        shop.config.write_text(text.replace("PORT", str(port)).replace("V2", v2.url))
        (folder / "jwks.json").write_text(json.dumps(JWKS))
        settings = load_settings(shop.config)
        write_snapshot(settings, await discover(settings))
        running = await stack.enter_async_context(running_gateway(shop.config, settings, port=port))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Up(shop, running, f"http://127.0.0.1:{port}", session, v2)


def token(**claims: Any) -> str:
    return "Bearer " + jwt.encode({"iss": "https://id.example", **claims}, SECRET, headers={"kid": "k"})


async def test_queries_and_subscriptions_by_an_independent_client(up: Up) -> None:
    transport = WebsocketsTransport(
        url=f"{up.url.replace('http', 'ws')}/graphql",
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with asyncio.timeout(30), Client(transport=transport) as session:
        found = await session.execute(gql("{ __schema { subscriptionType { fields { name } } } }"))
        (field,) = found["__schema"]["subscriptionType"]["fields"]
        query = gql(f'subscription {{ {field["name"]}(productId: "p-1") {{ __typename }} }}')
        async for event in session.subscribe(query):
            assert field["name"] in event
            break
        orders = await session.execute(gql("{ orders(limit: 3) { id } }"))
        assert len(orders["orders"]) == 3


async def test_the_token_of_the_upgrade_holds_for_its_operations(up: Up) -> None:
    async with up.socket() as socket:
        assert (await socket.ask(CUSTOMERS))[0]["extensions"]["code"] == "UNAUTHENTICATED"
    forged = base64.urlsafe_b64encode(b'{"scope":"customers"}').decode().rstrip("=")
    async with up.socket(**{"x-weft-claims": forged}) as socket:
        assert (await socket.ask(CUSTOMERS))[0]["extensions"]["code"] == "UNAUTHENTICATED"
    async with up.socket(authorization=token(scope="customers")) as socket:
        assert (await socket.ask(CUSTOMERS))["data"]["orders"]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with up.socket(authorization=token(scope="customers", exp=1)):
            pass
    assert caught.value.status == 401


async def test_a_socket_ends_with_its_token(up: Up) -> None:
    async with up.socket(authorization=token(scope="customers", exp=int(time.time()) + 2)) as socket:
        assert (await socket.ask(CUSTOMERS))["data"]["orders"]
        frame = await socket.socket.receive(timeout=20)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 4403)


async def test_a_socket_stays_open_while_routes_change(up: Up) -> None:
    settings = load_settings(up.shop.config)
    from weft.app.gateway import weights_file

    async with up.socket() as socket:
        before = up.running.control.published_at
        for share in (50, 100, 0):
            save_weights(weights_file(settings), {"products": {"v2": share}})
            for _ in range(200):
                if up.running.control.published_at != before:
                    break
                await asyncio.sleep(0.05)
            assert up.running.control.published_at != before
            before = up.running.control.published_at
            assert (await socket.ask(TYPENAME))["data"] == {"__typename": "Query"}


async def test_an_engine_that_stops_tells_its_sockets_and_others_take_them(up: Up) -> None:
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(up.socket()) for _ in range(8)]
        engine = up.running.engines[0]
        os.kill(engine.pid, signal.SIGTERM)
        for _ in range(200):
            if engine.restarts:
                break
            await asyncio.sleep(0.05)
        codes = []
        for socket in sockets:
            try:
                assert (await socket.ask(TYPENAME))["data"]
            except (TypeError, ConnectionError):
                while socket.socket.close_code is None:  # it may lie unread where sending failed first
                    await socket.socket.receive(timeout=20)
                codes.append(socket.socket.close_code)
        assert codes
        assert set(codes) == {1001}
        assert len(codes) < 8
        async with up.socket() as again:
            assert (await again.ask(TYPENAME))["data"]


async def test_the_end_of_the_gateway_is_told_to_clients(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("end")
    (port,) = free_ports(1)
    config = folder / "weft.yaml"
    config.write_text(f"upstreams: []\nserver: {{port: {port}, workers: 1}}\ngateway: {{drain: 1s}}\n")
    settings = load_settings(config)
    write_snapshot(settings, Snapshot(catalog=Catalog(), statuses=()))
    async with aiohttp.ClientSession() as session:
        async with running_gateway(config, settings, port=port):
            url = f"http://127.0.0.1:{port}/graphql"
            socket = await session.ws_connect(url, protocols=["graphql-transport-ws"])
        frame = await socket.receive(timeout=20)
        assert (frame.type, frame.data) == (aiohttp.WSMsgType.CLOSE, 1001)
