"""WeftSchema under Strawberry's own views, extensions and test clients."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import fastapi
import pytest
import strawberry
import uvicorn
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from graphql import GraphQLError
from strawberry.aiohttp.test.client import GraphQLTestClient
from strawberry.aiohttp.views import GraphQLView
from strawberry.asgi import GraphQL
from strawberry.extensions import MaskErrors, SchemaExtension
from strawberry.fastapi import GraphQLRouter

from tests.support.shop_catalog import SHOP
from tests.support.shop_memory import shop_transports
from weft.engine.execute import fast
from weft.engine.execute.engine import CallSettings, Engine, EngineSettings
from weft.engine.execute.schema import WeftSchema
from weft.schemas.catalog import UpstreamId
from weft.schemas.errors import UpstreamTimeout
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

PRODUCTS = UpstreamId("products")
GENERATED = '{ product(productId: "p-1") { name stock { available } } }'
GENERATED_DATA = {"product": {"name": "Lamp", "stock": {"available": 3}}}


@strawberry.type
class Product:
    id: str
    name: str

    @strawberry.field
    def shout(self) -> str:
        return self.name.upper()


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, info: strawberry.Info[Any, Any]) -> str:
        return f"hello {info.context['request'].headers.get('x-name', 'world')}"

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("a secret")


class CountOperations(SchemaExtension):
    """Counts what is executed."""

    count = 0

    async def on_operation(self) -> AsyncIterator[None]:
        type(self).count += 1
        yield

    def get_results(self) -> dict[str, Any]:
        return {"operations": type(self).count}


class UpperCase(SchemaExtension):
    """Changes every text that a field answers."""

    async def resolve(
        self, _next: Callable[..., Any], root: Any, info: Any, *args: Any, **kwargs: Any
    ) -> Any:
        value = _next(root, info, *args, **kwargs)
        if hasattr(value, "__await__"):
            value = await value
        return value.upper() if isinstance(value, str) else value


def shop(*extensions: type[SchemaExtension]) -> WeftSchema:
    handwritten = strawberry.Schema(query=Query, types=[Product])
    stitched = stitch(SHOP, weave(SHOP), handwritten=handwritten)
    settings = EngineSettings(calls={PRODUCTS: CallSettings(forward=("authorization",))})
    engine = Engine(stitched, shop_transports(), settings)
    return WeftSchema(engine, handwritten=handwritten, extensions=extensions)


def transport_of(schema: WeftSchema, upstream: UpstreamId = PRODUCTS) -> Any:
    return schema.engine._transports[upstream]


@contextlib.asynccontextmanager
async def aiohttp_client(schema: WeftSchema) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    app.router.add_route("*", "/graphql", GraphQLView(schema=schema))
    async with schema, TestClient(TestServer(app)) as client:
        yield client


@contextlib.asynccontextmanager
async def uvicorn_client(app: Any, schema: WeftSchema) -> AsyncIterator[aiohttp.ClientSession]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    async with schema:
        serving = asyncio.create_task(server.serve())
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        try:
            async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
                yield session
        finally:
            server.should_exit = True
            await serving


async def post(client: Any, query: str, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
    async with client.post("/graphql", json={"query": query, **more}, headers=headers) as response:
        assert response.status == 200
        return await response.json()


async def test_operation_that_comes_again_is_compiled_and_answers_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[bool] = []
    run = fast.FastExecution.run

    async def noted(self: fast.FastExecution) -> bytes | None:
        body = await run(self)
        ran.append(body is not None)
        return body

    monkeypatch.setattr(fast.FastExecution, "run", noted)
    async with shop() as schema:
        results = [await schema.execute(GENERATED) for _ in range(3)]

    assert ran == [True, True]
    for result in results:
        assert result.data == GENERATED_DATA
        assert result.errors is None


# -- Strawberry's views


@contextlib.asynccontextmanager
async def served(view: str, schema: WeftSchema) -> AsyncIterator[Any]:
    if view == "aiohttp":
        async with aiohttp_client(schema) as client:
            yield client
    elif view == "asgi":
        async with uvicorn_client(GraphQL(schema), schema) as session:
            yield session
    else:
        app = fastapi.FastAPI()
        app.include_router(GraphQLRouter(schema), prefix="/graphql")
        async with uvicorn_client(app, schema) as session:
            yield session


@pytest.mark.slow
@pytest.mark.parametrize("view", ["aiohttp", "asgi", "fastapi"])
async def test_a_view_serves_generated_and_handwritten_fields(view: str) -> None:
    async with served(view, shop()) as client:
        assert await post(client, GENERATED) == {"data": GENERATED_DATA}
        assert (await post(client, "{ hello }", headers={"x-name": "Ada"}))["data"] == {"hello": "hello Ada"}
        both = await post(client, "{ hello products(limit: 2) { shout category } }")
        assert both["data"] == {
            "hello": "hello world",
            "products": [
                {"shout": "LAMP", "category": "home"},
                {"shout": "TENT", "category": "OUT_DOOR"},
            ],
        }


@pytest.mark.slow
@pytest.mark.parametrize("view", ["aiohttp", "asgi", "fastapi"])
@pytest.mark.parametrize("query", ["{ products { id } }", "{ hello products { id } }"])
async def test_headers_reach_the_upstreams_that_get_them(view: str, query: str) -> None:
    schema = shop()
    async with served(view, schema) as client:
        await post(client, query, headers={"Authorization": "Bearer x", "Cookie": "s=1"})
        await post(client, "{ orders { id } }", headers={"Authorization": "Bearer x"})
    assert transport_of(schema).headers == [{"authorization": "Bearer x"}]
    assert transport_of(schema, UpstreamId("orders")).headers == [{}]


@pytest.mark.slow
@pytest.mark.parametrize("view", ["aiohttp", "asgi", "fastapi"])
async def test_a_view_serves_introspection(view: str) -> None:
    async with served(view, shop()) as client:
        answer = await post(client, '{ __type(name: "Product") { fields { name } } }')
    names = [field["name"] for field in answer["data"]["__type"]["fields"]]
    assert names == ["id", "name", "tags", "weightGrams", "category", "price", "stock", "shout"]


# -- errors


@pytest.mark.parametrize("extra", ["", "hello"])
async def test_an_upstreams_error_has_its_place_and_code(extra: str) -> None:
    schema = shop()
    transport_of(schema).answers["products.get_product"] = lambda product_id: UpstreamTimeout(
        "products", "products.get_product"
    )
    query = "{ " + extra + '\n  lamp: product(productId: "p-1") { name } orders(limit: 1) { id } }'
    async with aiohttp_client(schema) as client:
        answer = await post(client, query)
    assert answer["data"]["lamp"] is None
    assert answer["data"]["orders"] == [{"id": "o-1"}]
    (error,) = answer["errors"]
    assert error["message"] == "products.get_product: no answer within the time limit"
    assert error["path"] == ["lamp"]
    assert error["locations"] == [{"line": 2, "column": 3}]
    assert error["extensions"] == {
        "code": "UPSTREAM_TIMEOUT",
        "upstream": "products",
        "function": "products.get_product",
    }


async def test_a_document_that_is_not_valid_is_answered_as_strawberry_does() -> None:
    async with aiohttp_client(shop()) as client:
        answer = await post(client, "{ product { nothing } }")
    assert answer["data"] is None
    assert "Cannot query field 'nothing'" in answer["errors"][0]["message"]


async def test_variables_that_do_not_fit_are_refused() -> None:
    async with aiohttp_client(shop()) as client:
        query = "query($id: String!) { product(productId: $id) { name } }"
        assert "errors" in await post(client, query, variables={})
        answer = await post(client, query, variables={"id": "p-1"})
    assert answer["data"] == {"product": {"name": "Lamp"}}


async def test_the_operation_is_chosen_by_its_name() -> None:
    query = 'query A { orders { id } } query B { product(productId: "p-1") { name } }'
    async with aiohttp_client(shop()) as client:
        answer = await post(client, query, operationName="B")
    assert answer["data"] == {"product": {"name": "Lamp"}}


async def test_mutations_are_served() -> None:
    async with aiohttp_client(shop()) as client:
        answer = await post(client, 'mutation { cancelOrder(orderId: "o-1") }')
    assert answer["data"] == {"cancelOrder": True}


# -- extensions


async def test_an_extension_sees_every_operation() -> None:
    CountOperations.count = 0
    async with aiohttp_client(shop(CountOperations)) as client:
        await post(client, GENERATED)
        await post(client, "{ hello }")
        answer = await post(client, "{ hello products { id } }")
    assert answer["extensions"] == {"operations": 3}


async def test_an_extension_that_resolves_fields_sees_generated_ones() -> None:
    async with aiohttp_client(shop(UpperCase)) as client:
        answer = await post(client, '{ hello product(productId: "p-1") { name stock { warehouse } } }')
        generated = await post(client, '{ product(productId: "p-1") { name } }')
    assert answer["data"]["product"] == {"name": "LAMP", "stock": {"warehouse": "W1"}}
    assert answer["data"]["hello"] == "HELLO WORLD"
    assert generated["data"] == {"product": {"name": "LAMP"}}


async def test_errors_are_masked_by_an_extension() -> None:
    class Mask(MaskErrors):
        def __init__(self, **_: Any) -> None:
            def is_ours(error: GraphQLError) -> bool:
                return "code" not in (error.extensions or {})

            super().__init__(should_mask_error=is_ours, error_message="something went wrong")

    schema = shop(Mask)
    transport_of(schema).answers["products.get_product"] = lambda product_id: UpstreamTimeout(
        "products", "products.get_product"
    )
    async with aiohttp_client(schema) as client:
        answer = await post(client, '{ broken product(productId: "p-1") { name } }')
    messages = {error["path"][0]: error["message"] for error in answer["errors"]}
    assert messages == {
        "broken": "something went wrong",
        "product": "products.get_product: no answer within the time limit",
    }


# -- test clients, and execution without a view


async def test_strawberrys_test_client_reads_the_answers() -> None:
    async with aiohttp_client(shop()) as client:
        result = await GraphQLTestClient(client, url="/graphql").query(GENERATED)
    assert result.data == GENERATED_DATA
    assert result.errors is None


async def test_the_schema_executes_without_a_view() -> None:
    async with shop() as schema:
        result = await schema.execute(GENERATED)
        both = await schema.execute("{ hello }", context_value={"request": None})
    assert result.data == GENERATED_DATA
    assert both.errors is not None


def test_introspection_needs_no_event_loop_of_its_own() -> None:
    async def build() -> WeftSchema:
        return shop()

    schema = asyncio.run(build())
    assert "type Product {" in schema.as_str()
    assert str(schema) == schema.as_str()


async def test_an_operation_of_the_strawberry_schema_may_be_introspected() -> None:
    async with shop() as schema:
        assert "Product" in {type_["name"] for type_ in schema.introspect()["__schema"]["types"]}


# -- subscriptions


async def test_a_stream_is_served_over_graphql_transport_ws() -> None:
    schema = shop()
    query = 'subscription { watchStock(productId: "p-1") { available warehouse } }'
    async with (
        aiohttp_client(schema) as client,
        client.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as socket,
    ):
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query}})
        messages = [await socket.receive_json() for _ in range(3)]
    assert [message["type"] for message in messages] == ["next", "next", "complete"]
    assert messages[0]["payload"]["data"] == {"watchStock": {"available": 3, "warehouse": "W1"}}


async def test_queries_are_served_over_graphql_transport_ws() -> None:
    async with (
        aiohttp_client(shop()) as client,
        client.ws_connect("/graphql", protocols=["graphql-transport-ws"]) as socket,
    ):
        await socket.send_json({"type": "connection_init"})
        await socket.receive_json()
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": GENERATED}})
        message = await socket.receive_json()
    assert message["payload"]["data"] == GENERATED_DATA
