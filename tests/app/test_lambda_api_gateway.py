"""Functions behind API Gateway, called by their events: an application of FastAPI, which Mangum runs on Lambda."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI

from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.app.discovering import discover
from weft.app.serving import make_engine
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CODE = """
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Query
from mangum import Mangum
from pydantic import BaseModel


class Order(BaseModel):
    id: str
    tags: list[str]
    note: str | None = None
    agent: str | None = None


app = FastAPI()


@app.get("/orders/{order_id}", operation_id="get_order")
def get_order(
    order_id: str,
    tag: Annotated[list[str], Query()] = [],
    x_agent: Annotated[str | None, Header()] = None,
) -> Order:
    if order_id == "none":
        raise HTTPException(404, "no such order")
    return Order(id=order_id, tags=tag, agent=x_agent)


@app.post("/orders", operation_id="create_order", status_code=201)
def create_order(order: Order) -> Order:
    return order


@app.delete("/orders/{order_id}", operation_id="delete_order", status_code=204)
def delete_order(order_id: str) -> None:
    return None


handler = Mangum(app, lifespan="off")
"""
ACCOUNT = "123456789012"


def export(name: str, version: str) -> dict[str, Any]:
    """The application's own document, as API Gateway would export it."""
    namespace: dict[str, Any] = {}
    exec(CODE, namespace)
    app = namespace["app"]
    assert isinstance(app, FastAPI)
    document = app.openapi()
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    for item in document["paths"].values():
        for operation in item.values():
            operation["x-amazon-apigateway-integration"] = {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
                "payloadFormatVersion": version,
            }
    return document


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        await running.create("orders-api", code=CODE, timeout_s=20)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1.0", "2.0"])
async def engine(
    request: pytest.FixtureRequest, service: LocalLambda, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "api.json").write_text(json.dumps(export("orders-api", request.param)))
    entry = {
        "name": "orders",
        "lambda": {
            "region": REGION,
            "endpoint": service.url,
            "functions": "orders-*",
            "apis": ["api.json"],
        },
        "forward": ["x-agent"],
    }
    settings = Settings.from_mapping({"upstreams": [entry]}, folder)
    snapshot = await discover(settings)
    (upstream,) = snapshot.catalog.upstreams
    assert [(f.name, f.types_from) for f in upstream.functions] == [
        (name, "API Gateway api.json") for name in ("create_order", "delete_order", "get_order")
    ]
    async with make_engine(snapshot, settings) as made:
        yield made


async def ask(engine: Engine, query: str, headers: dict[str, str] | None = None) -> Any:
    response = await engine.execute(GraphQLRequest(query), headers=headers or {})
    return json.loads(response.body)


async def test_the_path_reaches_the_application_as_it_was_meant(engine: Engine) -> None:
    answer = await ask(engine, '{ order(orderId: "a b+ü?#") { id } }')
    assert answer == {"data": {"order": {"id": "a b+ü?#"}}}


async def test_repeated_parameters_stay_several(engine: Engine) -> None:
    answer = await ask(engine, '{ order(orderId: "1", tag: ["x", "z&"]) { tags } }')
    assert answer == {"data": {"order": {"tags": ["x", "z&"]}}}


async def test_forwarded_headers_are_headers_of_the_event(engine: Engine) -> None:
    answer = await ask(engine, '{ order(orderId: "1") { agent } }', {"x-agent": "me"})
    assert answer == {"data": {"order": {"agent": "me"}}}


async def test_a_body_is_sent_and_the_answer_s_is_the_result(engine: Engine) -> None:
    answer = await ask(engine, 'mutation { createOrder(input: {id: "7", tags: []}) { id note } }')
    assert answer == {"data": {"createOrder": {"id": "7", "note": None}}}


async def test_an_answer_without_a_body_is_one(engine: Engine) -> None:
    answer = await ask(engine, 'mutation { deleteOrder(orderId: "7") }')
    assert answer == {"data": {"deleteOrder": True}}


async def test_an_error_status_is_the_field_s_error(engine: Engine) -> None:
    answer = await ask(engine, '{ order(orderId: "none") { id } }')
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["status"]) == ("UPSTREAM_STATUS", 404)
