"""Traces that go on from clients to functions, figures and logs by function: with the engine in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.gateway.collector import Collector, Span, running_collector
from tests.gateway.edge import Echo, echoes, policy, route, running_edge, shop_catalog
from tests.gateway.test_security import jwks
from tests.support.shop import free_ports, start_shop
from weft.app.discovering import discover, write_snapshot
from weft.app.gateway import running_gateway
from weft.gateway.lower import EdgeSettings
from weft.gateway.lower.world import Tracing
from weft.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
CONFIG = """
server: {port: PORT, workers: 1}
gateway:
  expose: ["products.*"]
  metrics_port: METRICS
  access_log: ACCESS
  tracing: {url: COLLECTOR, percent: 0}
  apiKeys: {clients: {mobile: key-of-mobile-client}, for: ["products.get_product"]}
  canaries: {products: {versions: {v2: "V2"}, weights: {v2: 100}}}
"""


@dataclass
class Watched:
    """A gateway, and all that watches it."""

    url: str
    metrics: str
    log: Path
    config: Path
    session: aiohttp.ClientSession
    v2: Echo
    collector: Collector

    async def ask(self, query: str, **headers: str) -> Any:
        async with self.session.post(f"{self.url}/graphql", json={"query": query}, headers=headers) as answer:
            return await answer.json()

    async def figures(self) -> str:
        async with self.session.get(self.metrics) as answer:
            return await answer.text()

    async def logged(self, request_id: str, count: int) -> list[dict[str, Any]]:
        """The lines of one request; Envoy writes them at times."""
        async with asyncio.timeout(20):
            while True:
                lines = [json.loads(line) for line in self.log.read_text().splitlines()]
                found = [line for line in lines if line["request_id"] == request_id]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    port, metrics = free_ports(2)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("AWS_ACCESS_KEY_ID", "local")
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("AWS_SECRET_ACCESS_KEY", "local")
        shop = stack.enter_context(start_shop(folder))
        (v2,) = await stack.enter_async_context(echoes("v2"))
        collector = await stack.enter_async_context(running_collector())
        text = re.sub(r"server: .*\n", "", shop.config.read_text()) + CONFIG
        places = {
            "PORT": port,
            "METRICS": metrics,
            "ACCESS": folder / "access.log",
            "V2": v2.url,
            "COLLECTOR": collector.url,
        }
        for name, value in places.items():
            text = text.replace(name, str(value))
        shop.config.write_text(text)
        settings = load_settings(shop.config)
        write_snapshot(settings, await discover(settings))
        await stack.enter_async_context(running_gateway(shop.config, settings, port=port))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url, figures = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{metrics}/metrics"
        yield Watched(url, figures, folder / "access.log", shop.config, session, v2, collector)


def chain(spans: list[Span]) -> list[str]:
    """Services of the spans of the test's trace, from the client's side."""
    by_parent = {span.parent: span for span in spans if span.trace == TRACE}
    found, at = [], "b7ad6b7169203331"
    while at in by_parent:
        span = by_parent[at]
        found.append(span.service)
        at = span.id
    return found


async def test_a_clients_trace_goes_through_the_engine_to_the_function(watched: Watched) -> None:
    watched.v2.seen.clear()
    await watched.ask('{ product(productId: "p-1") { id } }', traceparent=PARENT, tracestate="a=b")
    (headers,) = watched.v2.seen
    version, trace, parent, sampled = headers["traceparent"].split("-")
    assert (version, trace, sampled) == ("00", TRACE, "01")
    await watched.collector.until(lambda: len(chain(watched.collector.spans)) >= 4)
    # In front of the engine and under it, each with a span for what it sends on.
    assert chain(watched.collector.spans) == ["weft-edge", "weft-edge", "weft-internal", "weft-internal"]
    spans = {span.id: span for span in watched.collector.spans}
    assert spans[parent].tags["weft.function"] == "products.get_product"
    assert headers["tracestate"] == "a=b"


async def test_nothing_is_traced_that_nobody_asked_for(watched: Watched) -> None:
    watched.v2.seen.clear()
    await watched.ask('{ product(productId: "p-2") { id } }')
    (headers,) = watched.v2.seen
    assert headers["traceparent"].endswith("-00")
    trace = headers["traceparent"].split("-")[1]
    await watched.ask('{ product(productId: "p-3") { id } }', traceparent=PARENT.replace("0af7", "0af8"))
    await watched.collector.until(
        lambda: any(span.trace.startswith("0af8") for span in watched.collector.spans)
    )
    assert trace not in {span.trace for span in watched.collector.spans}


async def test_spans_go_over_grpc_too() -> None:
    async with echoes("v1") as (echo,), running_collector() as collector:
        settings = EdgeSettings(tracing=Tracing(collector.grpc_url))
        text = route("/all", "shop.list_items")
        async with running_edge(shop_catalog(echo.url), text, settings=settings) as edge:
            headers = (await edge.get("/all", headers={"traceparent": PARENT})).json["headers"]
            assert headers["traceparent"].split("-")[1] == TRACE
            await collector.until(lambda: len(chain(collector.spans)) >= 2)


async def test_one_id_stands_in_each_line_of_the_log(watched: Watched) -> None:
    query = '{ product(productId: "p-4") { id } }'
    async with watched.session.post(f"{watched.url}/graphql", json={"query": query}) as answer:
        request_id = answer.headers["x-request-id"]
    lines = await watched.logged(request_id, 2)
    assert [line["function"] for line in lines] == ["products.get_product", "graphql"]
    assert {line["status"] for line in lines} == {200}
    assert [line["attempts"] for line in lines] == [1, 1]


async def test_errors_and_times_are_told_by_function_under_graphql_too(watched: Watched) -> None:
    def count(text: str, listener: str, code: str) -> int:
        pattern = rf'envoy_vhost_route_upstream_rq\{{[^}}]*envoy_response_code="{code}"[^}}]*envoy_route="products/get_product"[^}}]*\}} (\d+)'
        lines = [line for line in text.splitlines() if f'envoy_virtual_host="{listener}"' in line]
        return sum(int(found) for line in lines for found in re.findall(pattern, line))

    before = await watched.figures()
    watched.v2.status = 500
    try:
        await watched.ask('{ product(productId: "p-5") { id } }')
    finally:
        watched.v2.status = 200
    await watched.ask('{ product(productId: "p-6") { id } }')
    after = await watched.figures()
    for code in ("200", "500"):
        assert count(after, "products", code) > count(before, "products", code), after
    assert 'envoy_vhost_route_upstream_rq_time_bucket{envoy_virtual_host="products"' in after


async def test_the_figures_of_the_page_are_those_of_envoy() -> None:
    page = (Path(__file__).parents[2] / "docs/gateway/observability.md").read_text()
    names = set(re.findall(r"`(envoy_\w+)", page)) - {"envoy_route", "envoy_virtual_host"}
    rules = "[{limit: {requests: %d, unit: Day}}]"
    traffic = policy(
        "BackendTrafficPolicy",
        f"{{rateLimit: {{local: {{rules: {rules % 2}}}, global: {{rules: {rules % 1}}}}}}}",
    )
    security = policy("SecurityPolicy", "{authorization: {defaultAction: Deny}}")
    tokens = policy(
        "SecurityPolicy",
        f"{{jwt: {{providers: [{{name: a, localJWKS: {{inline: '{jwks('a')}'}}}}]}}}}",
        target="{group: gateway.networking.k8s.io, kind: HTTPRoute, name: tokens}",
    ).replace("name: p}", "name: tokens}")
    async with echoes("v1") as (echo,):
        limited = route("/limited", "shop.list_items") + policy(
            "SecurityPolicy",
            "{}",
            target="{group: gateway.networking.k8s.io, kind: HTTPRoute, name: limited}",
        ).replace("name: p}", "name: open}")
        text = route("/all", "shop.list_items") + route("/tokens", "shop.list_items") + limited
        async with running_edge(shop_catalog(echo.url), text + traffic + security + tokens) as edge:
            for path in ("/limited", "/limited", "/limited", "/all", "/tokens"):
                await edge.get(path)
            known = (await edge.envoy.admin.ask("/stats/prometheus"))[1]
    assert len(names) > 12
    assert [
        name for name in sorted(names) if not re.search(rf"^{name}(_bucket)?[{{ ]", known, re.MULTILINE)
    ] == []


async def test_the_clients_secrets_stay_out_of_all_that_watches(watched: Watched) -> None:
    """Keys, tokens and queries: in no log, no figure, no span, no status, and nothing that is rendered."""
    headers = {
        "x-api-key": "key-of-mobile-client",
        "authorization": "Bearer token-of-ann",
        "traceparent": PARENT,
    }
    async with watched.session.get(
        f"{watched.url}/products/products/p-1?key=query-of-ann", headers=headers
    ) as answer:
        assert answer.status == 200
        request_id = answer.headers["x-request-id"]
    await watched.logged(request_id, 1)
    await watched.collector.until(
        lambda: any("/products/products/p-1" in repr(span) for span in watched.collector.spans)
    )
    shown = [
        watched.log.read_text(),
        await watched.figures(),
        repr(watched.collector.spans),
    ]
    status = (watched.config.parent / ".weft/gateway/status.json").read_text()
    for arguments in (["gateway", "render"], ["status", "--json"], ["status"], ["gateway", "check"]):
        done = await asyncio.to_thread(weft, watched, *arguments)
        assert done.returncode == 0, done.stderr
        shown += [done.stdout, done.stderr]
    for text in (*shown, status):
        for secret in ("key-of-mobile-client", "token-of-ann", "query-of-ann"):
            assert secret not in text


async def test_what_is_rendered_to_a_file_runs_and_is_private(watched: Watched) -> None:
    from weft.gateway.envoy.binary import find_envoy

    file = watched.config.parent / "envoy.json"
    done = await asyncio.to_thread(weft, watched, "gateway", "render", "--output", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert "key-of-mobile-client" in file.read_text()
    checking = await asyncio.create_subprocess_exec(
        find_envoy(), "--mode", "validate", "-c", file, "--log-level", "error", stderr=subprocess.PIPE
    )
    _, said = await checking.communicate()
    assert checking.returncode == 0, said


def weft(watched: Watched, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments, "-c", str(watched.config)],
        cwd=watched.config.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
