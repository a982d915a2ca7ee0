"""Upstreams that are slow, fail, break off, or are gone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.gateway.edge import Echo, Edge, echoes, policy, route, running_edge, shop_catalog
from tests.support.shop import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROUTES = route("/all", "shop.list_items") + route("/add", "shop.add_item")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def versions() -> AsyncIterator[list[Echo]]:
    async with echoes("a", "b") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(versions: list[Echo]) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(versions[0].url), ROUTES) as one:
        yield one


@pytest.fixture(autouse=True)
def healed(versions: list[Echo]) -> None:
    for version in versions:
        version.status, version.delay_s, version.calls = 200, 0, 0


def traffic(spec: str) -> str:
    return policy("BackendTrafficPolicy", spec)


def pair(*urls: str) -> str:
    """A backend with several endpoints, at /pair."""
    ports = ", ".join(f"{{ip: {{address: 127.0.0.1, port: {url.rpartition(':')[2]}}}}}" for url in urls)
    return f"""
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: pair}}
spec: {{endpoints: [{ports}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: pair}}
spec:
  rules:
    - matches: [{{path: {{value: /pair}}}}]
      backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: pair}}]
"""


async def ask(edge: Edge, path: str, count: int, *, method: str = "GET") -> Counter[str]:
    found: Counter[str] = Counter()
    waiting = iter(range(count))

    async def worker() -> None:
        for _ in waiting:
            answer = await edge.get(path, method=method)
            found[answer.header("x-version") or str(answer.status)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(worker())
    return found


async def test_a_request_ends_with_its_time_out(edge: Edge, versions: list[Echo]) -> None:
    assert await edge.tell(
        ROUTES + traffic("{timeout: {http: {requestTimeout: 200ms}}, retry: {numRetries: 0}}")
    )
    versions[0].delay_s = 2
    began = time.monotonic()
    answer = await edge.get("/all")
    assert (answer.status, answer.json["errors"][0]["extensions"]["code"]) == (504, "response_timeout")
    assert time.monotonic() - began < 1.5


async def test_reads_that_fail_are_tried_again_and_writes_are_not(edge: Edge, versions: list[Echo]) -> None:
    assert await edge.tell(ROUTES)
    versions[0].status = 503
    assert (await edge.get("/all")).status == 503
    assert versions[0].calls == 3
    versions[0].calls = 0
    assert (await edge.get("/add", method="POST", data=b"{}")).status == 503
    assert versions[0].calls == 1


async def test_a_read_whose_connection_breaks_is_tried_again(edge: Edge, versions: list[Echo]) -> None:
    assert await edge.tell(ROUTES + route("/close", "shop", kind="Upstream") + pair(versions[0].url))
    assert (await edge.get("/close")).status == 503


async def test_a_slow_try_is_hedged_with_another(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic("{hedge: {perTryTimeout: 100ms}, retry: {numRetries: 1}}")
    assert await edge.tell(ROUTES + pair(versions[0].url, versions[1].url) + rule)
    versions[0].delay_s = 2
    began = time.monotonic()
    found = await ask(edge, "/pair", 8)
    assert found == {"b": 8}
    assert time.monotonic() - began < 1.9


async def test_no_request_fails_while_another_endpoint_can_answer(edge: Edge, versions: list[Echo]) -> None:
    (dead,) = free_ports(1)
    assert await edge.tell(ROUTES + pair(f"http://127.0.0.1:{dead}", versions[1].url))
    assert await ask(edge, "/pair", 200) == {"b": 200}


async def test_an_endpoint_that_fails_is_left_out(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic(
        "{retry: {numRetries: 0}, healthCheck: {passive: {consecutive5XxErrors: 3, baseEjectionTime: 30s, maxEjectionPercent: 50}, panicThreshold: 10}}"
    )
    assert await edge.tell(ROUTES + pair(versions[0].url, versions[1].url) + rule)
    versions[0].status = 500
    await ask(edge, "/pair", 40)
    versions[0].calls = 0
    found = await ask(edge, "/pair", 40)
    assert found == {"b": 40}
    assert versions[0].calls == 0


async def test_endpoints_are_asked_how_they_are(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic(
        "{retry: {numRetries: 0}, healthCheck: {active: {type: HTTP, interval: 100ms, timeout: 100ms, unhealthyThreshold: 1, http: {path: /health}}, panicThreshold: 0}}"
    )
    versions[0].status = 500
    assert await edge.tell(ROUTES + pair(versions[0].url, versions[1].url) + rule)
    await asyncio.sleep(0.5)
    assert await ask(edge, "/pair", 20) == {"b": 20}
    versions[0].status = 200
    await asyncio.sleep(0.5)
    assert set(await ask(edge, "/pair", 40)) == {"a", "b"}


async def test_a_panic_threshold_of_zero_answers_rather_than_ask_the_sick(
    edge: Edge, versions: list[Echo]
) -> None:
    checks = "healthCheck: {active: {type: HTTP, interval: 100ms, timeout: 100ms, unhealthyThreshold: 1, http: {path: /health}}, panicThreshold: %d}"
    versions[0].status = 500
    assert await edge.tell(
        ROUTES + pair(versions[0].url) + traffic("{retry: {numRetries: 0}, " + checks % 0 + "}")
    )
    await asyncio.sleep(0.3)
    answer = await edge.get("/pair")
    assert (answer.status, answer.json["errors"][0]["extensions"]["code"]) == (503, "no_healthy_upstream")
    assert await edge.tell(
        ROUTES + pair(versions[0].url) + traffic("{retry: {numRetries: 0}, " + checks % 50 + "}")
    )
    await asyncio.sleep(0.3)
    assert (await edge.get("/pair")).status == 500


async def test_what_is_too_much_at_once_is_refused_at_once(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic(
        "{circuitBreaker: {maxParallelRequests: 2, maxPendingRequests: 1}, retry: {numRetries: 0}}"
    )
    assert await edge.tell(ROUTES + pair(versions[0].url) + rule)
    versions[0].delay_s = 0.3
    found = await ask(edge, "/pair", 8)
    assert found["503"] >= 4
    assert found["a"] >= 1


async def test_retries_are_a_share_of_what_is_under_way(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic(
        "{circuitBreaker: {retryBudget: {percent: 10, minConcurrency: 1}}, retry: {numRetries: 5, retryOn: {triggers: [5xx]}}}"
    )
    assert await edge.tell(ROUTES + pair(versions[0].url) + rule)
    versions[0].status, versions[0].delay_s = 500, 0.05
    await ask(edge, "/pair", 40)
    # Without a budget each of the 40 would be tried 6 times.
    assert versions[0].calls < 150


async def test_faults_on_purpose(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic("{faultInjection: {abort: {httpStatus: 418, percentage: 100}}}")
    assert await edge.tell(ROUTES + rule)
    assert (await edge.get("/all")).status == 418
    assert await edge.tell(ROUTES + traffic("{faultInjection: {delay: {fixedDelay: 300ms}}}"))
    began = time.monotonic()
    assert (await edge.get("/all")).status == 200
    assert time.monotonic() - began >= 0.29  # Envoy's clock stands still within one turn of its loop


async def test_large_bodies_are_refused_and_answers_compressed(edge: Edge, versions: list[Echo]) -> None:
    rule = traffic("{requestBuffer: {limit: 1Ki}, compression: [{type: Gzip}, {type: Brotli}]}")
    assert await edge.tell(ROUTES + rule)
    assert (await edge.get("/add", method="POST", data=b"x" * 2000)).status == 413
    async with edge.session.get(
        f"{edge.url}/all?q={'x' * 600}", headers={"accept-encoding": "gzip"}
    ) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert (await answer.json())["version"] == "a"
