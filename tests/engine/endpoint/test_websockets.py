"""GraphQL over WebSocket, `graphql-transport-ws`, over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import Application, EndpointSettings, running
from weft.engine.endpoint.settings import WebSocketSettings
from weft.engine.endpoint.sockets import Sockets, is_welcome
from weft.engine.operation.request import GraphQLRequest, Response

PROTOCOL = "graphql-transport-ws"
TICKS = {"query": "subscription {ticks(until: 3)}"}
SILENCE = {"query": "subscription {silence}"}
NEVER = {"query": "{never}"}


class Peer:
    """A client's end of a socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, type_: str, **members: Any) -> None:
        await self.socket.send_json({"type": type_, **members})

    async def receive(self) -> Any:
        frame = await self.socket.receive(timeout=10)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        return json.loads(frame.data)

    async def closed(self) -> tuple[int | None, str]:
        """The code and the reason of the close; nothing else comes before."""
        frame = await self.socket.receive(timeout=10)
        assert frame.type is aiohttp.WSMsgType.CLOSE, frame
        return self.socket.close_code, frame.extra or ""

    async def begin(self, payload: dict[str, Any] | None = None) -> Peer:
        await self.send("connection_init", **({} if payload is None else {"payload": payload}))
        assert await self.receive() == {"type": "connection_ack"}
        return self


class Served:
    """Sockets that are served."""

    def __init__(self, sockets: Sockets, http: aiohttp.ClientSession, url: str) -> None:
        self.sockets = sockets
        self.http = http
        self.url = url

    @contextlib.asynccontextmanager
    async def socket(self, protocols: tuple[str, ...] = (PROTOCOL,), **options: Any) -> AsyncIterator[Peer]:
        async with self.http.ws_connect(self.sockets.url, protocols=protocols, **options) as socket:
            yield Peer(socket)


Serve = Callable[..., contextlib.AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(engine: CoreEngine) -> Serve:
    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        yield engine

    @contextlib.asynccontextmanager
    async def serve(
        settings: WebSocketSettings | None = None, *, timeout_s: float = 30, **options: Any
    ) -> AsyncIterator[Served]:
        endpoint = EndpointSettings(timeout_s=timeout_s)
        sockets = Sockets(settings or WebSocketSettings(), endpoint, **options)
        application = Application(lifespan, endpoint, sockets=sockets)
        async with running(application) as url, aiohttp.ClientSession() as http:
            yield Served(sockets, http, url)

    return serve


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[Served]:
    async with serve() as one:
        yield one


async def test_a_subscription_sends_each_response_then_completes(served: Served) -> None:
    async with served.socket() as client:
        await client.begin()
        assert client.socket.protocol == PROTOCOL
        await client.send("subscribe", id="a", payload=TICKS)
        assert [await client.receive() for _ in range(4)] == [
            *({"id": "a", "type": "next", "payload": {"data": {"ticks": tick}}} for tick in range(3)),
            {"id": "a", "type": "complete"},
        ]


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ({"query": "query Q($n: String!) {hello(name: $n)} query R {hello}", "operationName": "Q",
          "variables": {"n": "Ann"}}, {"hello": "hello Ann"}),
        ({"query": "mutation {count}", "operationName": None, "variables": None}, {"count": 1}),
    ],
)  # fmt: skip
async def test_a_query_or_mutation_is_one_next_then_complete(
    served: Served, payload: dict[str, Any], data: dict[str, Any]
) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload=payload)
        assert await client.receive() == {"id": "1", "type": "next", "payload": {"data": data}}
        assert await client.receive() == {"id": "1", "type": "complete"}


async def test_errors_beside_data_are_in_next_and_request_errors_alone_are_an_error(served: Served) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload={"query": "{hello broken}"})
        message = await client.receive()
        assert (message["type"], message["payload"]["errors"][0]["path"]) == ("next", ["broken"])
        assert (await client.receive())["type"] == "complete"
        await client.send("subscribe", id="2", payload={"query": "{unknown}"})
        message = await client.receive()
        assert (message["id"], message["type"]) == ("2", "error")
        assert "unknown" in message["payload"][0]["message"]
        # No complete follows, and the id is free.
        await client.send("subscribe", id="2", payload={"query": "{hello}"})
        assert (await client.receive())["type"] == "next"


async def test_operations_run_side_by_side_and_complete_cancels_one(
    served: Served, engine: CoreEngine
) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="s", payload=SILENCE)
        await engine.started.wait()
        await client.send("subscribe", id="q", payload={"query": "{hello}"})
        assert [(await client.receive())["id"] for _ in range(2)] == ["q", "q"]
        assert not engine.cancelled.is_set()
        await client.send("complete", id="s")
        await asyncio.wait_for(engine.cancelled.wait(), 10)
        await client.send("subscribe", id="s", payload=TICKS)
        assert (await client.receive())["payload"] == {"data": {"ticks": 0}}


async def test_a_socket_that_closes_cancels_everything(served: Served, engine: CoreEngine) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="s", payload=NEVER)
        await engine.started.wait()
    await asyncio.wait_for(engine.cancelled.wait(), 10)


async def test_ping_is_answered_with_its_payload_before_and_after_init(served: Served) -> None:
    async with served.socket() as client:
        await client.send("ping", payload={"n": 1})
        assert await client.receive() == {"type": "pong", "payload": {"n": 1}}
        await client.begin()
        await client.send("pong")
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 4400, "JSON"),
        ('{"type": "start"}', 4400, "start"),
        ('{"type": "subscribe", "id": "1", "payload": {}}', 4400, "query"),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{hello}"}}', 4400, "id"),
        ('{"type": "ping", "payload": 3}', 4400, "payload"),
        ("[" * 20_000, 4400, ""),
        ('{"type": "connection_init"}', 4429, "Too many initialisation requests"),
    ],
)  # fmt: skip
async def test_a_wrong_message_closes_the_socket(served: Served, text: str, code: int, words: str) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.socket.send_str(text)
        found, reason = await client.closed()
        assert found == code
        assert words in reason


async def test_a_binary_message_closes_the_socket(served: Served) -> None:
    async with served.socket() as client:
        await client.socket.send_bytes(b'{"type": "connection_init"}')
        assert (await client.closed())[0] == 4400


async def test_an_id_that_is_in_use_closes_the_socket(served: Served) -> None:
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="a", payload=SILENCE)
        await client.send("subscribe", id="a", payload=SILENCE)
        assert await client.closed() == (4409, "Subscriber for a already exists")


async def test_an_operation_before_the_acknowledgement_closes_the_socket(served: Served) -> None:
    async with served.socket() as client:
        await client.send("subscribe", id="a", payload=TICKS)
        assert await client.closed() == (4401, "Unauthorized")


async def test_who_does_not_begin_in_time_is_closed(serve: Serve) -> None:
    async with serve(WebSocketSettings(init_timeout_s=0.05)) as served, served.socket() as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("protocols", [("graphql-ws",), ("soap",), ()])
async def test_another_subprotocol_is_refused_in_words(served: Served, protocols: tuple[str, ...]) -> None:
    async with served.socket(protocols) as client:
        code, reason = await client.closed()
        assert code == 4406
        assert PROTOCOL in reason


async def test_of_several_subprotocols_ours_is_chosen(served: Served) -> None:
    async with served.socket(("graphql-ws", PROTOCOL)) as client:
        await client.begin()
        assert client.socket.protocol == PROTOCOL


async def test_headers_of_the_upgrade_are_the_operations_headers(serve: Serve, engine: CoreEngine) -> None:
    settings = WebSocketSettings(init_headers=("authorization", "x-tenant"))
    async with serve(settings) as served:
        payload = {"Authorization": "other", "headers": {"X-Tenant": "t"}, "x-weft-user": "root"}
        async with served.socket(headers={"Authorization": "mine", "X-One": "1"}) as client:
            await client.begin(payload)
            await client.send("subscribe", id="1", payload={"query": "{hello}"})
            await client.receive()
    headers = engine.seen["headers"]
    assert {name: headers.get(name) for name in ("authorization", "x-one", "x-tenant", "x-weft-user")} == {
        "authorization": "mine", "x-one": "1", "x-tenant": "t", "x-weft-user": None,
    }  # fmt: skip


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", 3, "x" * 9000])
async def test_what_cannot_be_a_header_closes_the_socket(serve: Serve, value: object) -> None:
    settings = WebSocketSettings(init_headers=("authorization",))
    async with serve(settings) as served, served.socket() as client:
        await client.send("connection_init", payload={"authorization": value})
        code, reason = await client.closed()
        assert code == 4400
        assert "authorization" in reason


async def test_a_token_that_expires_closes_the_socket(serve: Serve) -> None:
    async with serve(expiry=lambda headers: time.time() + 0.05) as served, served.socket() as client:
        await client.begin()
        code, reason = await client.closed()
        assert code == 4403
        assert "expired" in reason


async def test_operations_under_way_are_bounded(serve: Serve) -> None:
    async with serve(WebSocketSettings(max_operations=1)) as served, served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload=SILENCE)
        await client.send("subscribe", id="2", payload=TICKS)
        message = await client.receive()
        assert (message["id"], message["type"]) == ("2", "error")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        await client.send("complete", id="1")
        await client.send("subscribe", id="2", payload=TICKS)
        assert (await client.receive())["type"] == "next"


async def test_a_message_that_is_too_large_closes_the_socket(serve: Serve) -> None:
    async with serve(WebSocketSettings(max_message_bytes=1000)) as served, served.socket() as client:
        await client.begin()
        await client.send("ping", payload={"a": "x" * 1000})
        assert (await client.closed())[0] == 1009


async def test_sockets_are_bounded(serve: Serve) -> None:
    async with serve(WebSocketSettings(max_connections=1)) as served, served.socket() as client:
        await client.begin()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with served.socket():
                pass
        assert caught.value.status == 503
        assert caught.value.headers is not None
        assert caught.value.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("origin", "origins", "welcome"),
    [
        (None, (), True),
        ("https://shop.example", (), True),
        ("https://SHOP.example", (), True),
        ("https://evil.example", (), False),
        ("https://shop.example:8443", (), False),
        ("null", (), False),
        ("https://app.example", ("https://app.example",), True),
        ("https://evil.example", ("*",), True),
    ],
)
def test_a_page_of_another_origin_is_not_welcome(
    origin: str | None, origins: tuple[str, ...], welcome: bool
) -> None:
    assert is_welcome(origin, "shop.example", origins) is welcome


async def test_an_unwelcome_origin_is_refused_before_the_upgrade(served: Served) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with served.socket(origin="https://evil.example"):
            pass
    assert caught.value.status == 403


async def test_a_silent_socket_is_pinged_and_one_that_is_dead_is_closed(
    serve: Serve, engine: CoreEngine
) -> None:
    async with serve(WebSocketSettings(ping_s=0.1)) as served, served.socket(autoping=False) as client:
        await client.begin()
        await client.send("subscribe", id="s", payload=SILENCE)
        frame = await client.socket.receive(timeout=10)
        assert frame.type is aiohttp.WSMsgType.PING
        await asyncio.wait_for(engine.cancelled.wait(), 10)  # no pong came


async def test_plain_requests_are_answered_in_words(served: Served) -> None:
    url = served.sockets.url.replace("ws:", "http:")
    async with served.http.get(url) as answer:
        assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
        assert PROTOCOL in (await answer.json())["errors"][0]["message"]
    async with served.http.get(url.replace("/graphql", "/other")) as answer:
        assert answer.status == 404
    async with served.http.get(url.replace("/graphql", "/readyz")) as answer:
        assert answer.status == 200


async def test_the_port_of_plain_requests_says_where_sockets_go(served: Served) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with served.http.ws_connect(f"{served.url}/graphql", protocols=(PROTOCOL,)):
            pass
    assert caught.value.status == 400
    headers = {"connection": "upgrade", "upgrade": "websocket"}
    async with served.http.get(f"{served.url}/graphql", headers=headers) as answer:
        assert "server.websockets" in (await answer.json())["errors"][0]["message"]


async def test_an_exception_is_an_error_without_its_text(served: Served, engine: CoreEngine) -> None:
    engine.raises = RuntimeError("the password is swordfish")
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload={"query": "{hello}"})
        message = await client.receive()
        assert message["type"] == "error"
        assert "internal error" in str(message)
        assert "swordfish" not in str(message)


async def test_an_engine_that_misses_its_deadline_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.engine.endpoint.connection.GRACE_S", 0.0)
    async with serve(timeout_s=0.1) as served, served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload=NEVER)
        message = await client.receive()
        assert message["payload"][0]["extensions"]["code"] == "TIMEOUT"


async def test_an_engine_without_schema_says_so(served: Served, engine: CoreEngine) -> None:
    engine.ready = False
    async with served.socket() as client:
        await client.begin()
        await client.send("subscribe", id="1", payload=TICKS)
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "NOT_READY"


class Paced(CoreEngine):
    """Sends large responses, and counts them."""

    sent = 0

    async def subscribe(
        self, request: GraphQLRequest, *, headers: Mapping[str, str]
    ) -> AsyncGenerator[Response, None]:
        body = json.dumps({"data": {"ticks": "x" * 100_000}}).encode()
        for _ in range(2000):
            self.sent += 1
            yield Response(body)
            await asyncio.sleep(0)


async def test_a_client_that_reads_slowly_slows_its_subscription() -> None:
    engine = Paced()

    @contextlib.asynccontextmanager
    async def lifespan() -> AsyncIterator[CoreEngine]:
        yield engine

    sockets = Sockets(WebSocketSettings(), EndpointSettings())
    async with running(Application(lifespan, sockets=sockets)):
        port = int(sockets.url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.write(
            b"GET /graphql HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        )
        for text in (b'{"type":"connection_init"}', b'{"type":"subscribe","id":"1","payload":%b}'
                     % json.dumps(TICKS).encode()):  # fmt: skip
            writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        seen = -1
        while engine.sent != seen:  # until nothing moves any more
            seen = engine.sent
            await asyncio.sleep(0.3)
        assert 0 < seen < 1000
        await reader.readexactly(20_000_000)  # and on it goes
        assert engine.sent > seen
        writer.close()


async def test_the_end_waits_for_queries_and_tells_clients_to_go(serve: Serve, engine: CoreEngine) -> None:
    async with serve() as served, served.socket() as idle, served.socket() as busy:
        await idle.begin()
        await busy.begin()
        await idle.send("subscribe", id="s", payload=SILENCE)
        await engine.started.wait()
        engine.started.clear()
        await busy.send("subscribe", id="q", payload={"query": "{never}"})
        await engine.started.wait()
        served.sockets.drain()
        # A subscription has no end that could be waited for.
        assert await idle.closed() == (1001, "Going away")
        # What has not begun is not begun any more.
        await busy.send("subscribe", id="late", payload={"query": "mutation {count}"})
        await busy.send("ping")
        assert await busy.receive() == {"type": "pong"}
        assert engine.counter == 0
        await busy.send("complete", id="q")
        assert await busy.closed() == (1001, "Going away")


async def test_an_independent_client_queries_and_subscribes(served: Served) -> None:
    transport = WebsocketsTransport(
        url=served.sockets.url, subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL]
    )
    async with Client(transport=transport) as session:
        assert await session.execute(gql("{hello}")) == {"hello": "hello world"}
        found = [result["ticks"] async for result in session.subscribe(gql(TICKS["query"]))]
        assert found == [0, 1, 2]
        assert await session.execute(gql("mutation {count}")) == {"count": 1}
