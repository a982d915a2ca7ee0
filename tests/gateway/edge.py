"""Envoy itself, told by the control plane, between a test's client and a test's upstreams."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tests.support.shop import free_ports
from weft.gateway.control import ControlPlane
from weft.gateway.envoy.binary import find_envoy
from weft.gateway.envoy.bootstrap import ControlAddress, dynamic_bootstrap
from weft.gateway.envoy.process import EnvoyProcess, EnvoySettings
from weft.gateway.limits.budgets import Budgets
from weft.gateway.limits.service import RateLimitServer
from weft.gateway.lower import EdgeSettings, World
from weft.gateway.objects import Object, Origin, read_object
from weft.gateway.publish.ads import AdsPublisher
from weft.schemas.catalog import (
    Argument,
    Body,
    Catalog,
    Function,
    FunctionId,
    HttpBinding,
    HttpTarget,
    Parameter,
    Scalar,
    Upstream,
    UpstreamId,
)

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: weft, listeners: [{name: http, port: PORT, protocol: HTTP}]}
"""


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def objects(text: str, *, port: int = 0) -> tuple[Object, ...]:
    """The objects in *text*, and a Gateway that listens on *port*."""
    found = []
    for number, document in enumerate(
        yaml.load_all(f"{GATEWAY.replace('PORT', str(port))}\n---\n{text}", Loader=_LOADER)
    ):
        if document is not None:
            one = read_object(document, Origin("test.yaml", number))
            assert one is not None
            found.append(one)
    return tuple(found)


def route(path: str, backend: str, *, name: str = "", kind: str = "Function", more: str = "") -> str:
    """An HTTPRoute for a path prefix, or an exact path without one."""
    name = name or path.strip("/").replace("/", "-") or "root"
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  rules:
    - matches: [{{path: {{value: {path}}}}}]
      backendRefs: [{{group: gateway.weft.dev, kind: {kind}, name: {backend}}}]
      {more}
"""


def policy(
    kind: str,
    spec: str,
    *,
    target: str = "{group: gateway.networking.k8s.io, kind: Gateway, name: edge}",
    name: str = "p",
) -> str:
    """A policy of Envoy Gateway; *spec* is in YAML, in braces."""
    return f"""
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec: {{targetRefs: [{target}], {spec.strip()[1:-1]}}}
"""


def get_function(
    name: str, path: str, *parameters: Parameter, method: str = "GET", upstream: str = "shop"
) -> Function:
    """A function of the test's upstream."""
    arguments = tuple(Argument(name=p.argument, type=Scalar(kind="string")) for p in parameters)
    body = None
    if method == "POST":
        body = Body(argument="input")
        arguments = (*arguments, Argument(name="input", type=Scalar(kind="string")))
    return Function(
        id=FunctionId(f"{upstream}.{name}"),
        upstream=UpstreamId(upstream),
        name=name,
        binding=HttpBinding(method=method, path=path, parameters=parameters, body=body),
        arguments=arguments,
        effect="read" if method == "GET" else "write",
        idempotent=method == "GET",
    )


ID = Parameter(argument="id", name="id", location="path", style="simple", explode=False)
QUERY = Parameter(argument="q", name="q", location="query")
TENANT = Parameter(argument="tenant", name="x-tenant", location="header", style="simple")
FUNCTIONS = (
    get_function("get_item", "/items/{id}", ID, QUERY, TENANT),
    get_function("list_items", "/items", QUERY),
    get_function("add_item", "/items", method="POST"),
)


def shop_catalog(url: str, functions: Iterable[Function] = FUNCTIONS) -> Catalog:
    """One upstream, ``shop``, at *url*."""
    upstream = Upstream(id=UpstreamId("shop"), target=HttpTarget(base_url=url), functions=tuple(functions))
    return Catalog.of(upstream)


@dataclass
class Echo:
    """An upstream that answers what it was asked, and as who.

    Attributes:
        name: Of its version.
        status: That it answers with.
        delay_s: Before it answers.
        calls: How many it has had.
    """

    name: str
    url: str = ""
    status: int = 200
    delay_s: float = 0
    calls: int = 0
    seen: list[Mapping[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._socket(request)
        if request.path == "/events":
            return await self._events(request)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if request.path == "/close":
            assert request.transport is not None
            request.transport.abort()
        body = (await request.read()).decode()
        return web.json_response(
            {
                "version": self.name,
                "method": request.method,
                "path": request.rel_url.raw_path,
                "query": dict(request.query),
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": body,
            },
            status=self.status,
            headers={"x-version": self.name},
        )

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["graphql-transport-ws"])
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(f"{self.name}:{message.data}")
        return socket

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(0.1)
        return response


@asynccontextmanager
async def echoes(*names: str) -> AsyncIterator[list[Echo]]:
    """Upstreams that run until the block ends."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            echo = Echo(name)
            echo.url = await stack.enter_async_context(serving(echo.answer))
            found.append(echo)
        yield found


@asynccontextmanager
async def serving(handler: Any, *, path: str = "/{path:.*}") -> AsyncIterator[str]:
    """A server whose every request *handler* answers; its URL."""
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Edge:
    """A running Envoy.

    Attributes:
        world: What it has been told last.
    """

    port: int
    folder: Path
    publisher: AdsPublisher
    envoy: EnvoyProcess
    control: ControlPlane
    session: aiohttp.ClientSession
    world: World
    budgets: Budgets

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def tell(self, text: str | None = None, **changes: Any) -> bool:
        """Objects from *text*, and other changes of the world; whether Envoy has them now."""
        if text is not None:
            changes["objects"] = objects(text, port=self.port)
        self.world = replace(self.world, **changes)
        if not await self.control.refresh():
            raise AssertionError(self.control.problem)
        return await self.publisher.until_acknowledged()

    async def get(self, path: str, *, method: str = "GET", **options: Any) -> Answer:
        async with self.session.request(method, self.url + path, allow_redirects=False, **options) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers.items() if key.lower() == name), None)


@asynccontextmanager
async def running_edge(
    catalog: Catalog,
    text: str = "",
    *,
    engines: tuple[str, ...] = (),
    settings: EdgeSettings | None = None,
    **options: Any,
) -> AsyncIterator[Edge]:
    """Envoy that runs until the block ends."""
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weft-")))
        budgets = Budgets()
        await stack.enter_async_context(RateLimitServer(f"unix:{folder}/limits.sock", budgets))
        publisher = await stack.enter_async_context(AdsPublisher(f"unix:{folder}/xds.sock"))
        settings = replace(
            settings or EdgeSettings(),
            internal=folder / "internal.sock",
            admin=folder / "admin.sock",
            limits_address=f"unix:{folder}/limits.sock",
        )
        world = World(objects(text, port=port), catalog, engines, settings)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=20)
            )
        )
        binary = find_envoy()
        envoy_settings = EnvoySettings(binary, folder, **{"drain_s": 0.2, **options})
        bootstrap = dynamic_bootstrap(
            control=ControlAddress(path=folder / "xds.sock"), admin=envoy_settings.admin_socket, node="edge-1"
        )
        edge: Edge
        control = ControlPlane(
            lambda: edge.world, publisher, envoy=binary, budgets=budgets, status_file=folder / "status.json"
        )
        envoy = EnvoyProcess(envoy_settings, bootstrap)
        edge = Edge(port, folder, publisher, envoy, control, session, world, budgets)
        await control.start()
        await stack.enter_async_context(envoy)
        assert await envoy.admin.until_live(timeout_s=20)
        yield edge
