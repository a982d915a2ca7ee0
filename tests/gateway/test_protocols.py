"""HTTP/1.1 and HTTP/2 on both sides, the order of routes, many routes, versions of Lambda functions."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.gateway.edge import Echo, Edge, echoes, get_function, route, running_edge, shop_catalog
from tests.gateway.test_attachment import http_route
from tests.gateway.test_canaries import canary
from weft.schemas.catalog import (
    Argument,
    Catalog,
    Function,
    FunctionId,
    LambdaBinding,
    LambdaTarget,
    Parameter,
    Scalar,
    Upstream,
    UpstreamId,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SHOP = "backendRefs: [{group: gateway.weft.dev, kind: Upstream, name: shop}]"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(echo: Echo) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(echo.url), route("/all", "shop.list_items")) as one:
        yield one


async def curl(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "--max-time", "10", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_both_sides_speak_both_versions_of_http(edge: Edge) -> None:
    """Each request goes through Envoy twice: the second time as its own upstream, by HTTP/1.1 or HTTP/2."""
    text = route(
        "/all",
        "shop.list_items",
        more="filters: [{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: Transformation, name: said}}]",
    )
    text += """
---
apiVersion: gateway.weft.dev/v1alpha1
kind: Transformation
metadata: {name: said}
spec: {response: {headers: {set: [{name: x-came-by, value: "%PROTOCOL%"}]}}}
"""
    for name, protocols in (("one", ""), ("two", ", appProtocols: [gateway.envoyproxy.io/h2c]")):
        text += f"""
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: {edge.port}}}}}]{protocols}}}
"""
        rewrite = "filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /all}}}]"
        text += http_route(
            name,
            f"{{rules: [{{matches: [{{path: {{value: /{name}}}}}], {rewrite}, backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {name}}}]}}]}}",
        )
    assert await edge.tell(text)
    for option, downstream in (("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")):
        for name, upstream in (("one", "HTTP/1.1"), ("two", "HTTP/2")):
            said = await curl(
                option, "-o", os.devnull, "-w", "%{http_version} %header{x-came-by}", f"{edge.url}/{name}"
            )
            assert said == f"{downstream} {upstream}"


async def test_the_route_that_says_most_wins(edge: Edge) -> None:
    """Exact paths, then longer ones, then a method, then more headers, then more parameters, then the first."""
    matches = {
        "any": "{path: {value: /}}",
        "short": "{path: {value: /a}}",
        "long": "{path: {value: /a/b}}",
        "method": "{path: {value: /a/b}, method: DELETE}",
        "header": "{path: {value: /a/b}, headers: [{name: x-a, value: '1'}]}",
        "headers": "{path: {value: /a/b}, headers: [{name: x-a, value: '1'}, {name: x-b, value: '1'}]}",
        "query": "{path: {value: /a/b}, queryParams: [{name: q, value: '1'}]}",
        "exact": "{path: {type: Exact, value: /a/b}, method: PUT}",
        "second": "{path: {value: /a/b}, queryParams: [{name: q, value: '1'}]}",
    }
    text = "".join(
        http_route(
            name,
            f"{{rules: [{{matches: [{match}], filters: [{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-route, value: {name}}}]}}}}], {SHOP}}}]}}",
        )
        for name, match in matches.items()
    )
    assert await edge.tell(text)
    one, two = {"x-a": "1"}, {"x-a": "1", "x-b": "1"}
    expected = [
        ("GET", "/b", {}, "any"),
        ("GET", "/ab", {}, "any"),
        ("GET", "/a", {}, "short"),
        ("GET", "/a/c", {}, "short"),
        ("GET", "/a/bc", {}, "short"),
        ("GET", "/a/b", {}, "long"),
        ("GET", "/a/b/c?q=2", {}, "long"),
        ("DELETE", "/a/b?q=1", two, "method"),
        ("GET", "/a/b?q=1", one, "header"),
        ("GET", "/a/b?q=1", two, "headers"),
        ("GET", "/a/b?q=1", {}, "query"),
        ("PUT", "/a/b?q=1", two, "exact"),
        ("PUT", "/a/b/c", {}, "long"),
    ]
    for method, path, headers, name in expected:
        answer = await edge.get(path, method=method, headers=headers)
        assert answer.header("x-route") == name, (method, path, headers)


def many_functions(count: int) -> list[Function]:
    parameter = Parameter(argument="id", name="id", location="path", style="simple", explode=False)
    return [
        get_function(f"get_{number}", f"/group{number % 40}/things{number}/{{id}}", parameter)
        for number in range(count)
    ]


async def test_thousands_of_routes_are_taken_at_once_and_the_last_is_as_near_as_the_first(echo: Echo) -> None:
    count = 3000
    functions = many_functions(count)
    rules = [
        f"{{matches: [{{path: {{type: RegularExpression, value: '/shop/group{n % 40}/things{n}/(?P<id>[^/]+)'}}, method: GET}}], "
        f"backendRefs: [{{group: gateway.weft.dev, kind: Function, name: shop.get_{n}}}]}}"
        for n in range(count)
    ]
    text = http_route("many", f"{{rules: [{', '.join(rules)}]}}")
    async with running_edge(shop_catalog(echo.url, functions)) as edge:
        began = time.perf_counter()
        assert await edge.tell(text)
        told_s = time.perf_counter() - began
        for number in (0, 1, count // 2, count - 1):
            answer = await edge.get(f"/shop/group{number % 40}/things{number}/x")
            assert answer.json["path"] == f"/group{number % 40}/things{number}/x"
        assert (await edge.get("/shop/group1/things2/x")).status == 404
        times = {
            number: min([await _timed(edge, f"/shop/group{number % 40}/things{number}/x") for _ in range(30)])
            for number in (0, count - 1)
        }
        assert told_s < 30
        # In a list the last of three thousand patterns was some two milliseconds behind the first.
        assert abs(times[count - 1] - times[0]) < 0.0008


async def _timed(edge: Edge, path: str) -> float:
    began = time.perf_counter()
    await edge.get(path)
    return time.perf_counter() - began


def called(path: str) -> str:
    """The qualifier of the function that Lambda's API was asked to invoke."""
    found = re.fullmatch(
        r"/2015-03-31/functions/arn:aws:lambda:eu-west-1:0{12}:function:quote:(\w+)/invocations", path
    )
    assert found is not None, path
    return found[1]


async def test_a_lambda_functions_versions_are_called_by_their_qualifiers(echo: Echo) -> None:
    quote = Function(
        id=FunctionId("pricing.quote"),
        upstream=UpstreamId("pricing"),
        name="quote",
        binding=LambdaBinding(function_name="quote", qualifier="live"),
        arguments=(Argument(name="id", type=Scalar(kind="string")),),
        effect="read",
    )
    target = LambdaTarget(region="eu-west-1", endpoint=echo.url)
    upstream = Upstream(id=UpstreamId("pricing"), target=target, functions=(quote,))
    body = "versions: {next: {qualifier: '7'}}, weights: {next: 30}, matches: [{version: next, header: {name: x-next, value: 'yes'}}]"
    own = canary(body, target="{kind: Upstream, group: gateway.weft.dev, name: pricing}", name="pricing")
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    async with running_edge(
        Catalog.of(upstream),
        route("/quote", "pricing.quote") + own,
        environment={**os.environ, **credentials},
    ) as edge:
        found: Counter[str] = Counter()
        for _ in range(200):
            answer = (await edge.get("/quote", method="POST", json={"id": "a"})).json
            assert (answer["method"], answer["body"]) == ("POST", '{"id": "a"}')
            assert answer["headers"]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=local/")
            found[called(answer["path"])] += 1
        assert set(found) == {"live", "7"}
        assert 30 <= found["7"] <= 90
        shown = {one["route"]: one["weights"] for one in edge.control.status()["routes"]}
        assert shown["HTTPRoute/quote/0"] == {"pricing:live": 70, "pricing:7": 30}
        answer = (await edge.get("/quote", method="POST", json={}, headers={"x-next": "yes"})).json
        assert called(answer["path"]) == "7"


async def test_requests_under_way_end_before_envoy_does(echo: Echo) -> None:
    catalog, text = shop_catalog(echo.url), route("/all", "shop.list_items")
    echo.delay_s = 0.5
    try:
        async with aiohttp.ClientSession() as session:  # it outlives Envoy
            async with running_edge(catalog, text, drain_s=5) as edge:
                before = echo.calls
                asking = asyncio.create_task(_status(session, f"{edge.url}/all"))
                while echo.calls == before:  # noqa: ASYNC110 - the upstream counts in this loop
                    await asyncio.sleep(0.01)
            assert await asking == 200
    finally:
        echo.delay_s = 0


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status
