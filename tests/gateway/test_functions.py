"""Routes to functions: paths, methods, parameters, bodies, upgrades, streams."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.edge import Echo, Edge, echoes, policy, route, running_edge, shop_catalog

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CALL = """
---
apiVersion: gateway.weft.dev/v1alpha1
kind: FunctionCall
metadata: {name: NAME}
spec: {arguments: ARGUMENTS}
"""


def call(name: str, arguments: str) -> str:
    return CALL.replace("NAME", name).replace("ARGUMENTS", arguments)


def regex_route(name: str, regex: str, function: str, *, method: str = "", filter_: str = "") -> str:
    more = (
        f"filters: [{{type: ExtensionRef, extensionRef: {{group: gateway.weft.dev, kind: FunctionCall, name: {filter_}}}}}]"
        if filter_
        else ""
    )
    condition = f", method: {method}" if method else ""
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  rules:
    - matches: [{{path: {{type: RegularExpression, value: '{regex}'}}{condition}}}]
      backendRefs: [{{group: gateway.weft.dev, kind: Function, name: {function}}}]
      {more}
"""


ROUTES = (
    regex_route("item", "/v1/things/(?P<id>[^/]+)", "shop.get_item", method="GET")
    + regex_route("nested", "/v2/(?P<tenant>[^/]+)/things/(?P<id>[^/]+)", "shop.get_item")
    + route(
        "/q",
        "shop.get_item",
        more="filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: FunctionCall, name: q}}]",
    )
    + call("q", "{id: query.item, q: header.x-query, tenant: cookie.tenant}")
    + route(
        "/b",
        "shop.get_item",
        more="filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: FunctionCall, name: b}}]",
    )
    + call("b", '{id: body.item.id, q: "=fixed text"}')
    + route(
        "/add",
        "shop.add_item",
        more="filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: FunctionCall, name: add}}]",
    )
    + call("add", "{input: body.data}")
    + route("/all", "shop.list_items")
    + route("/", "shop", kind="Upstream", name="rest", more="name: rest")
    + """
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: sockets}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: rest}]
  httpUpgrade: [{type: websocket}]
"""
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(echo: Echo) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(echo.url), ROUTES) as one:
        yield one


async def test_a_captured_part_of_the_path_becomes_the_operations_path(edge: Edge) -> None:
    answer = (await edge.get("/v1/things/a%20b?q=x")).json
    assert (answer["method"], answer["path"], answer["query"]) == ("GET", "/items/a%20b", {"q": "x"})


async def test_the_call_that_a_route_writes_chooses_no_other_route(echo: Echo) -> None:
    """There is no route for the function's own path, and another one's policies are not asked for."""
    more = "filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: FunctionCall, name: q}}]"
    text = route("/q", "shop.get_item", more=more) + call("q", "{id: query.item}")
    text += route("/post", "shop.add_item", kind="Function")
    script = "function envoy_on_request(h) h:headers():replace(':path', '/q?item=8') end"
    text += policy(
        "EnvoyExtensionPolicy",
        f'{{lua: [{{type: Inline, inline: "{script}"}}]}}',
        target="{group: gateway.networking.k8s.io, kind: HTTPRoute, name: post}",
    )
    async with running_edge(shop_catalog(echo.url), text) as edge:
        assert (await edge.get("/q?item=7")).json["path"] == "/items/7"
        answer = (await edge.get("/post", method="PUT", data=b"{}")).json
        assert (answer["method"], answer["path"]) == ("POST", "/items")


async def test_the_upstream_is_named_in_host(edge: Edge, echo: Echo) -> None:
    answer = (await edge.get("/v1/things/1")).json
    assert answer["headers"]["host"] == echo.url.removeprefix("http://")


async def test_a_capture_fills_a_header_too(edge: Edge) -> None:
    answer = (await edge.get("/v2/acme/things/7", method="POST", data=b"x")).json
    assert (answer["method"], answer["path"]) == ("GET", "/items/7")
    assert answer["headers"]["x-tenant"] == "acme"


async def test_arguments_come_from_query_header_and_cookie(edge: Edge) -> None:
    headers = {"x-query": "two words", "cookie": "a=b; tenant=acme"}
    answer = (await edge.get("/q?item=4%2F5&other=1", headers=headers)).json
    assert (answer["path"], answer["query"]) == ("/items/4%2F5", {"q": "two words"})
    assert answer["headers"]["x-tenant"] == "acme"


async def test_an_argument_that_the_path_needs_and_is_absent_is_a_bad_request(edge: Edge, echo: Echo) -> None:
    before = echo.calls
    answer = await edge.get("/q")
    assert (answer.status, answer.json["errors"][0]["message"]) == (400, "id is missing")
    assert echo.calls == before


async def test_arguments_come_from_members_of_the_body_and_constants(edge: Edge) -> None:
    answer = (await edge.get("/b", method="POST", json={"x": [{"item": 1}, "}"], "item": {"id": "9/9"}})).json
    assert (answer["method"], answer["path"], answer["query"]) == ("GET", "/items/9%2F9", {"q": "fixed text"})


async def test_a_member_of_the_body_becomes_the_body(edge: Edge) -> None:
    answer = (
        await edge.get("/add", method="PUT", data=b'{"a": 1, "data": {"name": "\\"x\\"", "l": [1]}}')
    ).json
    assert (answer["method"], answer["path"], answer["body"]) == (
        "POST",
        "/items",
        '{"name": "\\"x\\"", "l": [1]}',
    )


async def test_an_upstream_keeps_the_clients_path(edge: Edge) -> None:
    answer = (await edge.get("/any/where?x=1", method="DELETE")).json
    assert (answer["method"], answer["path"], answer["query"]) == ("DELETE", "/any/where", {"x": "1"})


async def test_a_websocket_is_upgraded_and_keeps_its_subprotocol(edge: Edge) -> None:
    async with edge.session.ws_connect(f"{edge.url}/socket", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_str("hello")
        assert (await socket.receive_str(), socket.protocol) == ("v1:hello", "graphql-transport-ws")


async def test_events_are_not_buffered(edge: Edge) -> None:
    began, arrived = time.monotonic(), []
    async with edge.session.get(f"{edge.url}/events") as answer:
        arrived += [time.monotonic() - began async for line in answer.content if line.startswith(b"data:")]
    # Sent 0.1 s apart: a buffer would let them all come with the last one.
    assert len(arrived) == 3
    assert arrived[2] - arrived[0] > 0.15


async def test_what_clients_say_in_weft_headers_reaches_nobody(edge: Edge) -> None:
    answer = (await edge.get("/all", headers={"x-weft-claims": "e30", "x-weft-client": "root"})).json
    assert not [name for name in answer["headers"] if name.startswith("x-weft-")]
