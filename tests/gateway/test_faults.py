"""Faults under load, with Envoy: how many requests fail, and none where another endpoint could serve."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from tests.gateway.edge import Edge, policy, route, running_edge, shop_catalog
from tests.support.processes import running_process
from tests.support.shop import free_ports
from weft.app.discovering import write_snapshot
from weft.app.fleet import joining_bootstrap
from weft.app.gateway import Running, running_gateway
from weft.gateway.child import Child
from weft.gateway.envoy.binary import find_envoy
from weft.gateway.envoy.process import EnvoyProcess, EnvoySettings
from weft.schemas.catalog import Snapshot
from weft.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]


@dataclass
class Endpoint:
    """One server of an upstream, which can be killed, and started again on its port.

    Attributes:
        fault: What it does in place of an answer.
        calls: How many it has had, and broke off.
    """

    name: str
    port: int
    fault: Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]] | None = None
    calls: Counter[str] = field(default_factory=Counter)
    _runner: web.ServerRunner | None = None

    async def start(self) -> None:
        server = web.Server(self._answer, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def kill(self) -> None:
        """As if the process died: connections break, and nobody listens."""
        assert self._runner is not None
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls[request.method] += 1
        if self.fault is not None:
            answer = await self.fault(request)
            if answer is not None:
                return answer
        body = [{"id": "1", "version": self.name}] if request.path == "/items" else {"id": "1"}
        return web.json_response(body, headers={"x-version": self.name})


async def answers_500(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=500)


async def answers_503(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=503)


async def closes(request: web.BaseRequest) -> None:
    assert request.transport is not None
    request.transport.abort()


async def is_slow(_: web.BaseRequest) -> None:
    await asyncio.sleep(3)


@dataclass
class Load:
    """Requests one after the other over several connections, until the block ends.

    Attributes:
        found: How many ended how: a status, or ``broken``.
        longest_s: What the slowest took.
    """

    url: str
    method: str = "GET"
    body: Any = None
    workers: int = 8
    found: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0
    last: str = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        over = asyncio.Event()
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(timeout=timeout) as session:

            async def work() -> None:
                loop = asyncio.get_running_loop()
                while not over.is_set():
                    began = loop.time()
                    try:
                        async with session.request(self.method, self.url, json=self.body) as answer:
                            text = await answer.text()
                            if answer.status != 200:
                                self.last = text
                            failed = answer.status == 200 and '"errors"' in text
                            self.found["field" if failed else str(answer.status)] += 1
                    except (aiohttp.ClientError, TimeoutError):
                        self.found["broken"] += 1
                    self.longest_s = max(self.longest_s, loop.time() - began)

            async with asyncio.TaskGroup() as group:
                for _ in range(self.workers):
                    group.create_task(work())
                try:
                    yield self
                finally:
                    over.set()

    async def until(self, count: int) -> None:
        """Wait until so many more have been answered."""
        most = self.found.total() + count
        async with asyncio.timeout(60):
            while self.found.total() < most:  # noqa: ASYNC110 - counted by several tasks
                await asyncio.sleep(0.01)

    @property
    def failed(self) -> int:
        return self.found.total() - self.found["200"]


def pair(*endpoints: Endpoint) -> str:
    ports = ", ".join(f"{{ip: {{address: 127.0.0.1, port: {one.port}}}}}" for one in endpoints)
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoints() -> AsyncIterator[list[Endpoint]]:
    found = [Endpoint(name, port) for name, port in zip("ab", free_ports(2), strict=True)]
    for one in found:
        await one.start()
    yield found
    for one in found:
        await one.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(endpoints: list[Endpoint]) -> AsyncIterator[Edge]:
    catalog = shop_catalog(f"http://127.0.0.1:{endpoints[0].port}")
    async with running_edge(catalog, route("/all", "shop.list_items")) as one:
        yield one


READS = policy("BackendTrafficPolicy", "{retry: {numRetries: 2, retryOn: {triggers: [5xx, reset]}}}")


@pytest.mark.parametrize("fault", [answers_500, answers_503, closes])
async def test_reads_do_not_fail_while_one_of_two_endpoints_does(
    edge: Edge, endpoints: list[Endpoint], fault: Any
) -> None:
    assert await edge.tell(pair(*endpoints) + READS)
    load = Load(f"{edge.url}/pair")
    async with load.running():
        await load.until(50)
        endpoints[0].fault = fault
        await load.until(400)
        endpoints[0].fault = None
        await load.until(50)
    assert load.failed == 0, (load.found, load.last)


async def test_reads_do_not_fail_while_an_endpoint_is_killed_and_comes_back(
    edge: Edge, endpoints: list[Endpoint]
) -> None:
    assert await edge.tell(pair(*endpoints) + READS)
    load = Load(f"{edge.url}/pair")
    async with load.running():
        for _ in range(2):
            await load.until(100)
            await endpoints[0].kill()
            await load.until(200)
            await endpoints[0].start()
    assert load.failed == 0, (load.found, load.last)


async def test_writes_are_never_made_twice_and_fail_only_where_they_were_begun(
    edge: Edge, endpoints: list[Endpoint]
) -> None:
    assert await edge.tell(pair(*endpoints))
    for one in endpoints:
        one.calls.clear()
    load = Load(f"{edge.url}/pair", method="POST", body={})
    async with load.running():
        await load.until(100)
        await endpoints[0].kill()
        await load.until(200)
        await endpoints[0].start()
        await load.until(50)
    begun = sum(one.calls["POST"] for one in endpoints)
    assert begun <= load.found.total()
    assert load.failed <= load.workers, load.found  # those that were under way


async def test_a_slow_endpoint_costs_no_more_than_one_try(edge: Edge, endpoints: list[Endpoint]) -> None:
    rule = "{retry: {numRetries: 2, perRetry: {timeout: 200ms}, retryOn: {triggers: [5xx, reset]}}}"
    assert await edge.tell(pair(*endpoints) + policy("BackendTrafficPolicy", rule))
    endpoints[0].fault = is_slow
    load = Load(f"{edge.url}/pair")
    async with load.running():
        await load.until(200)
    endpoints[0].fault = None
    assert load.failed == 0, (load.found, load.last)
    assert load.longest_s < 2.5


# -- an engine behind


CONFIG = """
upstreams: [{name: shop, url: "http://127.0.0.1:%d", retries: off}]
server: {port: %d, workers: 3}
gateway: {expose: ["*"], drain: 1s, traffic: {shop: {timeout: {http: {requestTimeout: 2s}}}}}
"""


@dataclass
class Up:
    running: Running
    url: str
    upstream: Endpoint


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    folder = tmp_path_factory.mktemp("faults")
    port, upstream_port = free_ports(2)
    upstream = Endpoint("a", upstream_port)
    await upstream.start()
    config = folder / "weft.yaml"
    config.write_text(CONFIG % (upstream_port, port))
    settings = load_settings(config)
    catalog = shop_catalog(f"http://127.0.0.1:{upstream_port}")
    write_snapshot(settings, Snapshot(catalog=catalog, statuses=()))
    async with running_gateway(config, settings, port=port) as running:
        yield Up(running, f"http://127.0.0.1:{port}", upstream)
    await upstream.kill()


def query(up: Up, text: str = "{ items }", *, method: str = "POST") -> Load:
    if method == "POST":
        return Load(f"{up.url}/graphql", method="POST", body={"query": text})
    return Load(str(URL(f"{up.url}/graphql").with_query(query=text)))


@pytest.mark.parametrize("fault", [answers_500, closes, is_slow])
async def test_a_failing_upstream_costs_its_field_and_the_answer_comes(up: Up, fault: Any) -> None:
    load = query(up)
    async with load.running():
        await load.until(30)
        assert load.failed == 0
        up.upstream.fault = fault
        await load.until(20)
        up.upstream.fault = None
        before = 0
        for _ in range(50):
            before = load.failed
            await load.until(20)
            if load.failed == before:
                break
        assert load.failed == before
    assert set(load.found) == {"200", "field"}  # never an error of HTTP: only the field is null
    assert load.longest_s < 10


async def test_an_upstream_that_dies_comes_back_by_itself(up: Up) -> None:
    load = query(up)
    async with load.running():
        await load.until(30)
        await up.upstream.kill()
        await load.until(30)
        assert load.found["field"] >= 10
        await up.upstream.start()
        before = 0
        for _ in range(100):
            before = load.failed
            await load.until(20)
            if load.failed == before:
                break
        assert load.failed == before
    assert set(load.found) == {"200", "field"}


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(("method", "most"), [("GET", 0), ("POST", 16)])
async def test_engines_that_are_killed_one_after_the_other_are_replaced(
    up: Up, method: str, most: int
) -> None:
    load = query(up, "{ __typename }", method=method)
    async with load.running():
        for engine in up.running.engines:
            await load.until(100)
            before = engine.restarts
            for worker in workers_of(engine.pid):
                os.kill(worker, signal.SIGKILL)
            await until_restarted(up, engine, before)
        await load.until(100)
    # What a killed worker may have begun over POST may be a mutation: one of each client's, and one more over a
    # connection of which Envoy does not know yet that it is dead.
    assert load.failed <= most * len(up.running.engines), (load.found, load.last)


async def test_engines_that_are_stopped_in_order_fail_nothing(up: Up) -> None:
    load = query(up, "{ items }")
    async with load.running():
        for engine in up.running.engines:
            await load.until(100)
            before = engine.restarts
            os.kill(engine.pid, signal.SIGTERM)
            await until_restarted(up, engine, before)
        await load.until(100)
    assert load.failed == 0, (load.found, load.last)


async def until_restarted(up: Up, engine: Child, before: int) -> None:
    path = up.running.places.folder / f"{engine.name}.sock"
    async with asyncio.timeout(30):
        while engine.restarts == before:  # noqa: ASYNC110 - a child process says nothing
            await asyncio.sleep(0.02)
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(str(path))
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
    await asyncio.sleep(0.3)  # Envoy looks every quarter of a second


# -- the control plane killed

FLEET = """
upstreams: [{name: shop, url: "http://127.0.0.1:%d"}]
gateway: {port: %d, expose: ["*"], engines: ["http://127.0.0.1:1"], control: {port: %d}}
"""


async def test_envoys_go_on_without_the_control_plane_and_follow_the_next(
    tmp_path: Path, endpoints: list[Endpoint]
) -> None:
    port, control_port = free_ports(2)
    config = tmp_path / "weft.yaml"
    config.write_text(FLEET % (endpoints[0].port, port, control_port))
    settings = load_settings(config)
    catalog = shop_catalog(f"http://127.0.0.1:{endpoints[0].port}")
    write_snapshot(settings, Snapshot(catalog=catalog, statuses=()))
    bootstrap = joining_bootstrap(settings, node="edge-1")
    envoy_settings = EnvoySettings(find_envoy(), tmp_path, drain_s=0.2)
    bootstrap["admin"] = {"address": {"pipe": {"path": str(envoy_settings.admin_socket)}}}
    load = Load(f"http://127.0.0.1:{port}/shop/items")
    command = ["-m", "weft", "gateway", "-c", str(config)]
    ready = "Envoys are served at"
    async with contextlib.AsyncExitStack() as stack:
        plane = await stack.enter_async_context(running_process(command, ready=ready))
        envoy = await stack.enter_async_context(EnvoyProcess(envoy_settings, bootstrap))
        assert await envoy.admin.until_live(timeout_s=20)
        async with load.running():
            await load.until(100)
            plane.process.kill()
            await plane.process.wait()
            await load.until(300)
            # One that is started later tells Envoy what has changed meanwhile.
            config.write_text(config.read_text().replace('expose: ["*"]', 'expose: ["shop.list_items"]'))
            await stack.enter_async_context(running_process(command, ready=ready))
            await until_gone(f"http://127.0.0.1:{port}/shop/items/1")
            await load.until(100)
    assert load.failed == 0, (load.found, load.last)


async def until_gone(url: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as answer:
                if answer.status == 404:
                    return
            await asyncio.sleep(0.05)
