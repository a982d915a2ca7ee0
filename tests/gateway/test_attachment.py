"""Listeners, hosts and Gateways: which routes are where; sessions; what one backend alone gets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.engine.transport.http1.certificates import make_authority
from tests.gateway.edge import Echo, Edge, echoes, objects, route, running_edge, shop_catalog
from tests.support.shop import free_ports
from weft.gateway.lower import EdgeSettings, World, lower
from weft.gateway.objects import ObjectProblems

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def versions() -> AsyncIterator[list[Echo]]:
    async with echoes("v1", "v2") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(versions: list[Echo]) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(versions[0].url), route("/all", "shop.list_items")) as one:
        yield one


def backend(name: str, url: str) -> str:
    return f"""
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {url.rpartition(":")[2]}}}}}]}}
"""


def http_route(name: str, spec: str, namespace: str = "default") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: {namespace}}}
spec: {spec}
"""


def to(name: str) -> str:
    return f"backendRefs: [{{group: gateway.weft.dev, kind: Upstream, name: {name}}}]"


def gateway(name: str, listeners: str, namespace: str = "default") -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{gatewayClassName: weft, listeners: [{listeners}]}}
"""


async def status(edge: Edge, port: int, path: str, host: str = "localhost") -> int:
    url = f"http://127.0.0.1:{port}{path}"
    async with edge.session.get(url, headers={"host": host}) as answer:
        return answer.status


async def test_a_route_is_at_the_listener_that_it_names_alone(edge: Edge) -> None:
    first, second = free_ports(2)
    text = gateway(
        "own",
        f"{{name: a, port: {first}, protocol: HTTP}}, {{name: b, port: {second}, protocol: HTTP}}",
    )
    text += http_route("one", f"{{parentRefs: [{{name: own, sectionName: a}}], rules: [{{{to('shop')}}}]}}")
    text += http_route(
        "two",
        f"{{parentRefs: [{{name: own, port: {second}}}], rules: [{{matches: [{{path: {{value: /b}}}}], {to('shop')}}}]}}",
    )
    assert await edge.tell(text)
    found = [await status(edge, port, path) for port in (first, second) for path in ("/b", "/c")]
    assert found == [200, 200, 200, 404]
    assert (await edge.get("/b")).status == 404  # the other Gateway's listener


async def test_listeners_of_one_port_are_told_apart_by_their_hosts(edge: Edge) -> None:
    (port,) = free_ports(1)
    listeners = ", ".join(
        f"{{name: {name}, port: {port}, protocol: HTTP, hostname: '{host}'}}"
        for name, host in (("a", "a.example"), ("b", "*.b.example"))
    )
    text = gateway("own", listeners)
    text += http_route("a", f"{{parentRefs: [{{name: own, sectionName: a}}], rules: [{{{to('shop')}}}]}}")
    text += http_route(
        "b",
        f"{{parentRefs: [{{name: own, sectionName: b}}], hostnames: ['x.b.example', 'c.example'], rules: [{{{to('shop')}}}]}}",
    )
    assert await edge.tell(text)
    hosts = ("a.example", "x.b.example", "y.b.example", "c.example")
    assert [await status(edge, port, "/", host) for host in hosts] == [200, 200, 404, 404]


async def test_a_path_that_every_host_knows_is_known_at_a_host_of_its_own(edge: Edge) -> None:
    text = http_route(
        "own",
        f"{{hostnames: [shop.example], rules: [{{matches: [{{path: {{value: /own}}}}], {to('shop')}}}]}}",
    )
    text += http_route("all", f"{{rules: [{{matches: [{{path: {{value: /all}}}}], {to('shop')}}}]}}")
    assert await edge.tell(text)
    found = [
        await status(edge, edge.port, path, host)
        for host in ("shop.example", "other.example")
        for path in ("/own", "/all")
    ]
    assert found == [200, 200, 404, 200]


async def test_certificates_are_chosen_by_the_name_in_the_handshake(edge: Edge, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listeners, secrets = [], ""
    trust = ssl.create_default_context()
    for host in ("a.example", "b.example"):
        name = host[0]
        (tmp_path / name).mkdir()
        made = make_authority(tmp_path / name, host)
        trust.load_verify_locations(made.ca_file)
        pair = json.dumps({"tls.crt": made.ca_file.read_text(), "tls.key": made.chain_file.read_text()})
        secrets += (
            f"\n---\n{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}, stringData: {pair}}}\n"
        )
        listeners.append(
            f"{{name: {name}, port: {port}, protocol: HTTPS, hostname: {host}, tls: {{certificateRefs: [{{name: {name}}}]}}}}"
        )
    text = gateway("own", ", ".join(listeners)) + secrets
    text += http_route("all", f"{{parentRefs: [{{name: own}}], rules: [{{{to('shop')}}}]}}")
    assert await edge.tell(text)
    for host in ("a.example", "b.example"):
        url = f"https://127.0.0.1:{port}/x"
        async with edge.session.get(url, ssl=trust, server_hostname=host, headers={"host": host}) as answer:
            assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await edge.session.get(url, ssl=trust, server_hostname="c.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (http_route("r", f"{{parentRefs: [{{name: gone}}], rules: [{{{to('shop')}}}]}}"), r"HTTPRoute/r spec.parentRefs\[0\].name: there is no Gateway 'gone'; accepted: edge"),
        (http_route("r", f"{{parentRefs: [{{name: edge, sectionName: x}}], rules: [{{{to('shop')}}}]}}"), r"Gateway edge has no such listener"),
        (http_route("r", f"{{parentRefs: [{{name: edge, namespace: default}}], rules: [{{{to('shop')}}}]}}", "other"), r"takes no HTTPRoute of namespace other"),
        (http_route("r", f"{{parentRefs: [{{kind: Service, name: edge}}], rules: [{{{to('shop')}}}]}}"), r"spec.parentRefs\[0\].kind: Service is nothing that a route belongs to"),
        (gateway("g", "{name: a, port: 99, hostname: a.example}") + http_route("r", f"{{parentRefs: [{{name: g}}], hostnames: [b.example], rules: [{{{to('shop')}}}]}}"), r"spec.hostnames: none of them is a host of its listeners"),
        (gateway("g", "{name: a, port: 99}, {name: b, port: 99}"), r"Gateway/g spec.listeners.b: port 99 is listened on twice"),
        (gateway("g", "{name: a, port: 1, protocol: HTTP}"), r"port 1 is HTTP of Gateway/edge http already"),
        (http_route("r", "{rules: [{backendRefs: [{name: a, port: 1, filters: [{type: URLRewrite, urlRewrite: {}}]}]}]}"), r"a backend's filter of type URLRewrite is not done here"),
        (http_route("r", f"{{rules: [{{{to('shop')}}}, {{{to('shp')}}}]}}"), r"HTTPRoute/r spec.rules\[1\].backendRefs\[0\]: there is no upstream 'shp'"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ObjectProblems, match=said):
        lower(World(objects(text, port=1), shop_catalog("http://127.0.0.1:1"), (), EdgeSettings()))


async def test_headers_of_one_backend_alone(edge: Edge, versions: list[Echo]) -> None:
    def reference(name: str, number: int) -> str:
        header = f"{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-to, value: '{number}'}}]}}}}"
        return f"{{group: gateway.envoyproxy.io, kind: Backend, name: {name}, filters: [{header}]}}"

    text = "".join(backend(f"b{number}", versions[number].url) for number in (0, 1))
    text += http_route("both", f"{{rules: [{{backendRefs: [{reference('b0', 0)}, {reference('b1', 1)}]}}]}}")
    assert await edge.tell(text)
    seen = set()
    for _ in range(40):
        answer = (await edge.get("/x")).json
        seen.add((answer["version"], answer["headers"]["x-to"]))
    assert seen == {("v1", "0"), ("v2", "1")}


@pytest.mark.parametrize("kind", ["Cookie", "Header"])
async def test_a_client_stays_with_the_endpoint_that_answered_first(
    edge: Edge, versions: list[Echo], kind: str
) -> None:
    endpoints = ", ".join(
        f"{{ip: {{address: 127.0.0.1, port: {one.url.rpartition(':')[2]}}}}}" for one in versions
    )
    text = f"""
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: both}}
spec: {{endpoints: [{endpoints}]}}
"""
    text += http_route(
        "s",
        f"{{rules: [{{sessionPersistence: {{sessionName: sid, type: {kind}}}, backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: both}}]}}]}}",
    )
    assert await edge.tell(text)
    seen = set()
    for _ in range(12):
        first = await edge.get("/x")
        if kind == "Cookie":
            headers = {"cookie": (first.header("set-cookie") or "").partition(";")[0]}
        else:
            headers = {"sid": first.header("sid") or ""}
        found = {(await edge.get("/x", headers=headers)).json["version"] for _ in range(6)}
        assert found == {first.json["version"]}
        seen |= found
    assert seen == {"v1", "v2"}


async def test_one_try_is_bounded_by_itself(edge: Edge, versions: list[Echo]) -> None:
    text = http_route(
        "t", f"{{rules: [{{timeouts: {{request: 10s, backendRequest: 100ms}}, {to('shop')}}}]}}"
    )
    assert await edge.tell(text)
    versions[0].delay_s = 2
    try:
        async with asyncio.timeout(1.5):
            assert (await edge.get("/x", method="POST")).status == 504
    finally:
        versions[0].delay_s = 0
