"""Headers, paths, queries and bodies that are changed on the way; spans and trace context."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from tests.gateway.edge import Echo, Edge, echoes, policy, route, running_edge, serving, shop_catalog
from weft.gateway.lower import EdgeSettings
from weft.gateway.lower.world import Tracing

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo() -> AsyncIterator[Echo]:
    async with echoes("v1") as (one,):
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(echo: Echo) -> AsyncIterator[Edge]:
    async with running_edge(shop_catalog(echo.url), route("/all", "shop.list_items")) as one:
        yield one


def filtered(filters: str, *, backend: str = "shop", kind: str = "Upstream", path: str = "/x") -> str:
    return route(path, backend, kind=kind, more=f"filters: [{filters}]")


def own(spec: str) -> str:
    return f"""
---
apiVersion: gateway.weft.dev/v1alpha1
kind: Transformation
metadata: {{name: t}}
spec: {spec}
""" + filtered("{type: ExtensionRef, extensionRef: {group: gateway.weft.dev, kind: Transformation, name: t}}")


async def test_headers_and_queries_are_made_from_templates(edge: Edge) -> None:
    assert await edge.tell(
        own("""
      {request: {headers: {set: [{name: x-tenant, value: "t-%REQ(x-org)%"}], remove: [x-secret]},
                 query: {set: [{name: v, value: "2"}], remove: [debug]}},
       response: {headers: {set: [{name: x-answered-by, value: weft}], remove: [x-version]}}}""")
    )
    answer = await edge.get("/x?debug=1&q=3", headers={"x-org": "o1", "x-secret": "s"})
    assert (answer.json["headers"]["x-tenant"], answer.json["query"]) == ("t-o1", {"q": "3", "v": "2"})
    assert "x-secret" not in answer.json["headers"]
    assert (answer.header("x-answered-by"), answer.header("x-version")) == ("weft", None)


async def test_a_path_is_made_from_a_template(edge: Edge) -> None:
    assert await edge.tell(own('{request: {path: "/by/%REQ(x-org)%"}}'))
    assert (await edge.get("/x/y", headers={"x-org": "o1"})).json["path"] == "/by/o1"


async def test_a_request_body_is_made_from_the_one_that_came(edge: Edge) -> None:
    assert await edge.tell(own('{request: {body: {json: {id: "%REQUEST_BODY(user:id)%", fixed: 1}}}}'))
    answer = await edge.get("/x", method="POST", json={"user": {"id": "u1"}, "other": 2})
    assert json.loads(answer.json["body"]) == {"id": "u1", "fixed": 1}


async def test_a_response_body_is_laid_over(edge: Edge) -> None:
    assert await edge.tell(
        own('{response: {body: {json: {seen: "%RESPONSE_BODY(method)%", version: v9}, merge: true}}}')
    )
    answer = (await edge.get("/x")).json
    assert (answer["seen"], answer["version"], answer["method"]) == ("GET", "v9", "GET")


async def test_the_gateway_apis_own_filters(edge: Edge) -> None:
    filters = """{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}},
      {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "100%"}], remove: [b]}},
      {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: c, value: "1"}]}}"""
    assert await edge.tell(filtered(filters))
    answer = await edge.get("/x/y", headers={"b": "1"})
    assert (answer.json["path"], answer.json["headers"]["a"], answer.header("c")) == ("/new/y", "100%", "1")
    assert "b" not in answer.json["headers"]


async def test_redirects_and_answers_without_a_backend(edge: Edge) -> None:
    direct = """
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: teapot}
spec: {directResponse: {statusCode: 418, contentType: text/plain, body: {type: Inline, inline: short and stout}}}
"""
    answered = filtered(
        "{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: teapot}}",
        path="/tea",
    )
    moved = filtered(
        "{type: RequestRedirect, requestRedirect: {hostname: new.example, statusCode: 301}}", path="/old"
    )
    assert await edge.tell(direct + answered + moved)
    answer = await edge.get("/tea")
    assert (answer.status, answer.text, answer.header("content-type")) == (
        418,
        "short and stout",
        "text/plain",
    )
    answer = await edge.get("/old/x")
    assert (answer.status, (answer.header("location") or "").split(":")[0:2]) == (
        301,
        ["http", "//new.example/old/x"],
    )


async def test_a_credential_is_put_in_for_the_backend(edge: Edge) -> None:
    text = """
---
apiVersion: v1
kind: Secret
metadata: {name: c}
stringData: {credential: "Bearer abc%"}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {name: put}
spec: {credentialInjection: {overwrite: true, credential: {valueRef: {name: c}}}}
"""
    assert await edge.tell(
        text
        + filtered(
            "{type: ExtensionRef, extensionRef: {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: put}}"
        )
    )
    assert (await edge.get("/x", headers={"authorization": "mine"})).json["headers"][
        "authorization"
    ] == "Bearer abc%"


async def test_a_script_of_the_users_own_and_an_external_processor(edge: Edge) -> None:
    script = policy(
        "EnvoyExtensionPolicy",
        '{lua: [{type: Inline, inline: \'function envoy_on_request(h) h:headers():add("x-lua", "yes") end\'}]}',
    )
    assert await edge.tell(
        filtered("{type: RequestHeaderModifier, requestHeaderModifier: {remove: [b]}}") + script
    )
    assert (await edge.get("/x")).json["headers"]["x-lua"] == "yes"


async def test_hosts_are_told_apart(edge: Edge) -> None:
    text = route("/x", "shop", kind="Upstream").replace(
        "spec:\n", "spec:\n  hostnames: [a.example, '*.b.example']\n"
    )
    assert await edge.tell(text)
    statuses = [
        (await edge.get("/x", headers={"host": host})).status
        for host in ("a.example", "q.b.example", "c.example")
    ]
    assert statuses == [200, 200, 404]


async def test_spans_are_sent_and_the_context_goes_on(echo: Echo) -> None:
    sent: list[bytes] = []

    async def collect(request: web.Request) -> web.Response:
        sent.append(await request.read())
        return web.Response()

    async with serving(collect) as url:
        settings = EdgeSettings(tracing=Tracing(url))
        async with running_edge(
            shop_catalog(echo.url), route("/all", "shop.list_items"), settings=settings
        ) as edge:
            parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            answer = await edge.get("/all", headers={"traceparent": parent})
            context = answer.json["headers"]["traceparent"]
            assert context.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
            assert context != parent
            for _ in range(100):
                if sent:
                    break
                await asyncio.sleep(0.1)
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # type: ignore[attr-defined]  # made at run time
        ExportTraceServiceRequest,  # pyright: ignore[reportAttributeAccessIssue]
    )

    batches = [batch for data in sent for batch in ExportTraceServiceRequest.FromString(data).resource_spans]
    # An older name of `scope_spans`, which has the same number.
    spans = [
        span for batch in batches for scope in batch.instrumentation_library_spans for span in scope.spans
    ]
    assert {span.trace_id.hex() for span in spans} == {"0af7651916cd43dd8448eb211c80319c"}
    tags = {tag.key: tag.value.string_value for span in spans for tag in span.attributes}
    assert tags["weft.function"] == "shop.list_items"
