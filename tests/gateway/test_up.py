"""``weft up`` with Envoy in front: GraphQL, functions of each kind, canaries under fields, faults."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio

from tests.gateway.up import ROOT, SECRET, Up, running_up, weft
from tests.support.shop import QUERY
from weft.schemas.catalog import GrpcTarget, UpstreamId

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

CONFIG = """
server: {port: PORT, workers: 2}
auth:
  rules:
    - {fields: ["Customer.*"], claims: {scope: [customers]}}
cost: {max: 500}
gateway:
  expose: ["*"]
  metrics_port: METRICS
  access_log: ACCESS
  jwt: {issuer: https://id.example, jwks: jwks.json, optional: true}
  canaries:
    products:
      versions: {v2: "V2"}
      matches: [{version: v2, header: {x-canary: v2}}]
  limits:
    - {requests: 300, per: day, cost: true, by: header.x-budget, for: [graphql]}
  routes:
    - {path: "/v1/stock/{productId}", function: inventory.InventoryService.GetStock, method: GET}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    async with running_up(tmp_path_factory.mktemp("up"), CONFIG) as one:
        yield one


def token(**claims: Any) -> dict[str, str]:
    return {
        "authorization": "Bearer "
        + jwt.encode({"iss": "https://id.example", **claims}, SECRET, headers={"kid": "k"})
    }


async def test_a_query_over_four_upstreams_is_answered_through_envoy(up: Up) -> None:
    answer = await up.ask(QUERY)
    assert answer.status == 200
    assert "errors" not in answer.json
    assert len(answer.json["data"]["orders"]) == 50


async def test_an_operation_of_each_kind_has_a_route_of_its_own(up: Up) -> None:
    product = (await up.request("/products/products/p-1")).json
    assert product["id"] == "p-1"
    prices = await up.request("/pricing/get_prices", method="POST", json={"productIds": ["p-1"]})
    assert [price["productId"] for price in prices.json["prices"]] == ["p-1"]
    stock = await up.request(
        "/shop.inventory.v1.InventoryService/GetStock", method="POST", json={"productId": "p-1"}
    )
    assert stock.json["productId"] == "p-1"
    assert (await up.request("/v1/stock/p-1")).json == stock.json


async def test_errors_of_a_grpc_method_are_statuses_of_http(up: Up) -> None:
    assert (await up.request("/v1/stock/no-such")).status == 404


async def test_a_payload_for_lambda_may_be_large(up: Up) -> None:
    ids = [f"p-{number}" for number in range(50_000)]  # half a megabyte
    prices = await up.request("/pricing/get_prices", method="POST", json={"productIds": ids})
    assert prices.status == 200
    assert len(prices.json["prices"]) > 1


async def test_what_a_lambda_function_fails_with_stays_inside(up: Up) -> None:
    answer = await up.request("/pricing/get_prices", method="POST", json={"productIds": 5})
    assert (answer.status, answer.json) == (502, {"error": "the function failed"})


async def test_grpc_goes_straight_through(up: Up) -> None:
    import grpc.aio
    from google.protobuf.message_factory import GetMessageClass

    from weft.discovery import load_snapshot
    from weft.engine.transport.grpc_messages import build_pool

    catalog = load_snapshot(up.settings.discovery.snapshot).catalog
    target = catalog.upstreams_by_id[UpstreamId("inventory")].target
    assert isinstance(target, GrpcTarget)
    pool = build_pool(target.descriptors, source="inventory")
    ask_type: Any = GetMessageClass(pool.FindMessageTypeByName("shop.inventory.v1.GetStockRequest"))
    stock_type: Any = GetMessageClass(pool.FindMessageTypeByName("shop.inventory.v1.Stock"))
    async with grpc.aio.insecure_channel(up.url.removeprefix("http://")) as channel:
        call = channel.unary_unary(
            "/shop.inventory.v1.InventoryService/GetStock",
            request_serializer=ask_type.SerializeToString,
            response_deserializer=stock_type.FromString,
        )
        answer = await call(ask_type(product_id="p-1"))
        assert answer.product_id == "p-1"
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(ask_type(product_id="no-such"))
        assert failed.value.code() is grpc.StatusCode.NOT_FOUND
    message = ask_type(product_id="p-1").SerializeToString()
    frame = base64.b64encode(b"\0" + struct.pack(">I", len(message)) + message)
    headers = {"content-type": "application/grpc-web-text", "accept": "application/grpc-web-text"}
    web = await up.request(
        "/shop.inventory.v1.InventoryService/GetStock", method="POST", data=frame, headers=headers
    )
    data = base64.b64decode(web.text[: len(web.text) // 4 * 4].split("=")[0] + "==", validate=False)
    assert stock_type.FromString(data[5 : 5 + struct.unpack(">I", data[1:5])[0]]).product_id == "p-1"


async def test_a_subscription_comes_event_by_event(up: Up) -> None:
    query = 'subscription { watchStock(productId: "p-1") { product { id } available } }'
    sdl = (await up.request("/schema.graphql")).text
    name = re.search(r"type Subscription \{\s+(?:\"\"\".*?\"\"\"\s+)?(\w+)\(", sdl, re.DOTALL)
    assert name is not None
    query = f'subscription {{ {name[1]}(productId: "p-1") {{ __typename }} }}'
    headers = {"accept": "text/event-stream"}
    async with (
        asyncio.timeout(20),
        up.session.post(f"{up.url}/graphql", json={"query": query}, headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.content:
            if line.startswith(b"data:"):
                assert b"data" in line
                break


async def test_a_stream_of_a_grpc_method_comes_message_by_message(up: Up) -> None:
    """Transcoded to JSON: each message is there before the stream ends, which it does when its client leaves."""
    path = "/shop.inventory.v1.InventoryService/WatchStock"
    async with (
        asyncio.timeout(20),
        up.session.post(f"{up.url}{path}", json={"productId": "p-1"}) as answer,
    ):
        assert answer.status == 200
        text = b""
        while b"available" not in text:
            text += await answer.content.readany()
        assert text.startswith(b"[{")


async def test_claims_open_fields_and_nobody_else_sets_them(up: Up) -> None:
    query = "{ orders(limit: 1) { customer { name } } }"
    refused = (await up.ask(query)).json["errors"][0]["extensions"]["code"]
    assert refused == "UNAUTHENTICATED"
    forged = base64.urlsafe_b64encode(b'{"scope":"customers"}').decode().rstrip("=")
    assert (await up.ask(query, {"x-weft-claims": forged})).json["errors"][0]["extensions"][
        "code"
    ] == "UNAUTHENTICATED"
    assert (await up.ask(query, token(scope="orders"))).json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "errors" not in (await up.ask(query, token(scope="orders customers"))).json
    assert (await up.ask(query, {"authorization": "Bearer x.y.z"})).status == 401


async def test_graphql_is_limited_by_what_it_costs(up: Up) -> None:
    query = "{ " + " ".join(f'a{n}: product(productId: "b-{n}") {{ id }}' for n in range(100)) + " }"
    statuses = []
    for _ in range(5):
        answer = await up.ask(query, {"x-budget": "one"})
        statuses.append(answer.status)
        await asyncio.sleep(0.1)
    cost = int((await up.ask(query, {"x-budget": "two"})).header("x-weft-cost") or 0)
    assert cost >= 100
    expected = -(-300 // cost)
    assert statuses == [200] * expected + [429] * (5 - expected)
    assert (await up.ask("{ products { id } }", {"x-budget": "three"})).status == 200


async def test_a_header_of_the_client_chooses_the_version_under_a_field(up: Up) -> None:
    before = up.v2.calls
    for number in range(10):
        await up.ask(f'{{ product(productId: "q-{number}") {{ id }} }}', {"x-canary": "v2"})
    assert up.v2.calls - before == 10


async def test_a_share_for_no_version_is_refused(up: Up) -> None:
    done = await asyncio.to_thread(weft, up, "canary", "set", "products", "v9=10")
    assert done.returncode == 2
    assert "there is no version 'v9'; there are stable, v2" in done.stderr


async def test_the_status_shows_routes_weights_health_and_what_was_taken(up: Up) -> None:
    assert (await asyncio.to_thread(weft, up, "canary", "set", "products", "v2=10")).returncode == 0
    done = await asyncio.to_thread(weft, up, "status", "--json")
    status = json.loads(done.stdout)
    assert (status["running"], status["envoy"], status["problem"]) == (True, "LIVE", "")
    (node,) = status["nodes"]
    assert (node["connected"], node["version"]) == (True, status["version"])
    routes = {route["route"]: route for route in status["routes"]}
    assert routes["internal/products.get_product"]["weights"] == {"products": 90, "products@v2": 10}
    engines = [one for one in status["endpoints"] if one["cluster"] == "engine"]
    assert [one["health"] for one in engines] == ["healthy", "healthy"]
    table = (await asyncio.to_thread(weft, up, "status")).stdout
    assert "products.get_product" in table
    assert "products@v2 10 %" in table


async def test_figures_are_told_by_function(up: Up) -> None:
    await up.request("/products/products/p-1")
    text = ""
    for _ in range(150):  # Envoy adds times up every five seconds
        async with up.session.get(up.metrics) as answer:
            text = await answer.text()
        if "envoy_vhost_route_upstream_rq_time_bucket" in text:
            break
        await asyncio.sleep(0.1)
    found = re.findall(
        r'envoy_vhost_route_upstream_rq\{[^}]*envoy_route="products/get_product"\} (\d+)', text
    )
    assert sum(map(int, found)) >= 1
    assert "envoy_vhost_route_upstream_rq_time_bucket" in text
    async with up.session.get(up.metrics.replace("/metrics", "/config_dump")) as answer:
        assert answer.status == 404
    async with up.session.get(f"{up.metrics}/control") as answer:
        assert "weft_gateway_envoy_current" in await answer.text()


async def test_the_access_log_names_functions_and_no_queries(up: Up) -> None:
    await up.request("/products/products/p-1?token=secret")
    path = up.shop.config.parent / "access.log"
    found: list[dict[str, Any]] = []
    for _ in range(100):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found = [line for line in lines if line["function"] == "products.get_product"]
        if found:
            break
        await asyncio.sleep(0.1)
    assert found[-1]["status"] == 200
    assert "secret" not in path.read_text()


async def test_a_change_of_the_configuration_that_is_wrong_changes_nothing(up: Up) -> None:
    good = up.shop.config.read_text()
    status: dict[str, Any] = {}
    up.shop.config.write_text(good.replace("function: inventory.", "function: inventry."))
    try:
        for _ in range(100):
            status = (
                json.loads((await asyncio.to_thread(weft, up, "status", "--json")).stdout)
                if up.running.control.problem
                else {}
            )
            if status.get("problem"):
                break
            await asyncio.sleep(0.1)
        assert "did you mean inventory.InventoryService.GetStock?" in status["problem"]
        assert (await up.request("/v1/stock/p-1")).status == 200
    finally:
        up.shop.config.write_text(good)


def children(pid: int) -> list[int]:
    """The processes that *pid* started."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and "Z" not in stat.read_text().split()[2]


async def test_an_engine_that_is_killed_is_replaced_and_others_answer(up: Up) -> None:
    over = asyncio.Event()
    statuses: Counter[int] = Counter()

    async def load() -> None:
        while not over.is_set():
            try:
                statuses[(await up.ask("{ orders(limit: 1) { id } }")).status] += 1
            except aiohttp.ClientError:
                statuses[0] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(load())
        await asyncio.sleep(0.5)
        engine = up.running.engines[0]
        for pid in children(engine.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in range(300):
            if engine.restarts:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        over.set()
    assert engine.restarts >= 1
    # What the worker had begun may hold a mutation: it is not sent to another one.
    assert statuses[200] >= 50
    assert sum(statuses.values()) - statuses[200] <= 4


async def test_the_control_planes_end_is_envoys_too(up: Up) -> None:
    script = (
        "import os, sys, asyncio\n"
        "from weft.gateway.child import Child\n"
        "async def main():\n"
        "    async with Child(['/bin/sleep', '60'], name='sleep') as child:\n"
        "        print(child.pid, flush=True)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    pid = int(done.stdout)
    for _ in range(50):
        if not is_running(pid):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("the child goes on")
