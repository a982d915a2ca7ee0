"""Inputs of an OpenAPI upstream, from a GraphQL request to the bytes on the wire."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.links import weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.stitch import stitch

MONEY = "123456789012345678901234567890.123456789"
ORDER = {
    "type": "object",
    "required": ["quantity"],
    "properties": {
        "quantity": {"type": "integer", "minimum": 1, "maximum": 9},
        "code": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3},
        "tags": {
            "type": "array",
            "items": {"type": "string", "minLength": 2},
            "maxItems": 2,
            "uniqueItems": True,
        },
        "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
        "labels": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "price": {"type": "number", "format": "decimal"},
        "price_text": {"type": "string", "format": "decimal"},
        "big": {"type": "integer", "format": "uint64"},
        "secret": {"type": "string", "format": "password"},
        "pay": {
            "oneOf": [{"$ref": "#/components/schemas/Card"}, {"$ref": "#/components/schemas/Cash"}],
            "discriminator": {"propertyName": "kind", "mapping": {"card": "Card", "cash": "Cash"}},
        },
    },
}
DOCUMENT = {
    "openapi": "3.0.3",
    "paths": {
        "/orders": {
            "post": {
                "operationId": "make",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}},
            },
            "get": {
                "operationId": "find",
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}},
            },
        }
    },
    "components": {
        "schemas": {
            "Order": ORDER,
            "Card": {"type": "object", "required": ["number"], "properties": {"number": {"type": "string"}, "kind": {"type": "string"}}},
            "Cash": {"type": "object", "properties": {"coins": {"type": "integer"}, "kind": {"type": "string"}}},
        }
    },
}  # fmt: skip


@asynccontextmanager
async def orders(answer: str = "{}", *, compiled: bool = True) -> AsyncIterator[tuple[Engine, list[str]]]:
    """An engine over a real server that answers *answer*, and the bodies that it was sent."""
    bodies: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response(text=answer, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/orders", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        document = parse_document(msgspec.json.encode(DOCUMENT), source="test")
        upstream = read_openapi(
            document, upstream=UpstreamId("shop"), document_url="", base_url=f"http://{host}:{port}"
        )
        catalog = Catalog.of(upstream)
        transport = HttpTransport(upstream, TransportSettings())
        settings = EngineSettings(compiled=compiled)
        async with Engine(stitch(catalog, weave(catalog)), {upstream.id: transport}, settings) as engine:
            yield engine, bodies
    finally:
        await runner.cleanup()


async def ask(engine: Engine, query: str, **variables: Any) -> dict[str, Any]:
    request = GraphQLRequest(query, variables=variables)
    response = await engine.execute(request, headers={}, allow=frozenset({"query", "mutation"}))
    found: dict[str, Any] = json.loads(response.body)
    return found


@pytest.mark.parametrize(
    ("given", "argument", "problem"),
    [
        ("quantity: 0", "input.quantity", "must be at least 1"),
        ("quantity: 10", "input.quantity", "must be at most 9"),
        ('quantity: 1, code: "abc"', "input.code", "must match ^[A-Z]{3}$"),
        ('quantity: 1, tags: ["aa", "bb", "cc"]', "input.tags", "must have at most 2 items"),
        ('quantity: 1, tags: ["aa", "aa"]', "input.tags", "must have no item twice"),
        ('quantity: 1, tags: ["aa", "b"]', "input.tags[1]", "must have at least 2 characters"),
        (
            "quantity: 1, lines: [{quantity: 1}, {quantity: 0}]",
            "input.lines[1].quantity",
            "must be at least 1",
        ),
        ('quantity: 1, labels: [{key: "a", value: -1}]', "input.labels[0].value", "must be at least 0"),
        (
            'quantity: 1, labels: [{key: "a", value: 1}, {key: "a", value: 2}]',
            "input.labels[1].key",
            "stands there twice",
        ),
    ],
)
async def test_a_broken_constraint_is_an_error_at_the_argument_and_no_call(
    given: str, argument: str, problem: str
) -> None:
    async with orders() as (engine, bodies):
        found = await ask(engine, f"mutation {{ make(input: {{{given}}}) {{ quantity }} }}")
        assert found["data"] == {"make": None}
        (error,) = found["errors"]
        assert error["message"] == f"Argument '{argument}' {problem}."
        assert error["path"] == ["make"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["extensions"]["argument"] == argument
        assert bodies == []


@pytest.mark.parametrize("compiled", [True, False])
async def test_variables_are_held_to_constraints_each_time(compiled: bool) -> None:
    async with orders('{"quantity": 1}', compiled=compiled) as (engine, bodies):
        query = "query ($limit: Int) { find(limit: $limit) { quantity } }"
        for _ in range(4):
            assert (await ask(engine, query, limit=100))["data"] == {"find": {"quantity": 1}}
            refused = await ask(engine, query, limit=101)
            assert refused["errors"][0]["message"] == "Argument 'limit' must be at most 100."
        assert len(bodies) == 4


async def test_entries_become_an_object_and_a_one_of_what_is_in_it() -> None:
    async with orders() as (engine, bodies):
        query = "mutation ($input: OrderInput!) { make(input: $input) { quantity } }"
        given = {
            "quantity": 1,
            "labels": [{"key": "a", "value": 1}, {"key": "b", "value": 2}],
            "pay": {"card": {"number": "4242"}},
        }
        await ask(engine, query, input=given)
        await ask(engine, query, input=given)
        for body in bodies:
            assert json.loads(body) == {
                "quantity": 1,
                "labels": {"a": 1, "b": 2},
                "pay": {"kind": "card", "number": "4242"},
            }


async def test_two_fields_may_use_one_variable() -> None:
    async with orders() as (engine, bodies):
        query = (
            "mutation ($i: OrderInput!) { a: make(input: $i) { quantity } b: make(input: $i) { quantity } }"
        )
        await ask(engine, query, i={"quantity": 1, "labels": [{"key": "a", "value": 1}]})
        assert [json.loads(body)["labels"] for body in bodies] == [{"a": 1}, {"a": 1}]


async def test_one_of_takes_exactly_one() -> None:
    async with orders() as (engine, bodies):
        query = 'mutation { make(input: {quantity: 1, pay: {card: {number: "1"}, cash: {}}}) { quantity } }'
        assert "errors" in await ask(engine, query)
        assert bodies == []


@pytest.mark.parametrize("compiled", [True, False])
async def test_no_digit_of_a_number_is_lost(compiled: bool) -> None:
    answer = f'{{"price": {MONEY}, "price_text": "{MONEY}", "big": 18446744073709551615, "quantity": 1}}'
    async with orders(answer, compiled=compiled) as (engine, bodies):
        query = "query { find { price priceText big quantity } }"
        for _ in range(3):
            found = await ask(engine, query)
            assert found == {
                "data": {
                    "find": {"price": MONEY, "priceText": MONEY, "big": "18446744073709551615", "quantity": 1}
                }
            }
        given = f'quantity: 1, price: {MONEY}, priceText: "{MONEY}", big: 18446744073709551615'
        await ask(engine, f"mutation {{ make(input: {{{given}}}) {{ price }} }}")
        assert bodies[-1] == (
            f'{{"quantity":1,"price":{MONEY},"price_text":"{MONEY}","big":18446744073709551615}}'
        )


async def test_a_password_is_in_no_error() -> None:
    async with orders() as (engine, _):
        query = "mutation ($input: OrderInput!) { make(input: $input) { quantity } }"
        for bad in (
            {"secret": "hunter2"},
            {"secret": "hunter2", "quantity": "hunter2-is-fine-here"},
            {"secret": {"deep": "hunter2"}, "quantity": 1},
            {"secret": ["hunter2"], "quantity": 1, "lines": [{"secret": "hunter2"}]},
            "hunter2",
        ):
            found = await ask(engine, query, input=bad)
            said = " ".join(error["message"] for error in found["errors"]).replace("hunter2-is-fine-here", "")
            assert found["errors"]
            assert "hunter2" not in said
        literal = 'mutation { make(input: {secret: "hunter2", nothing: 1}) { quantity } }'
        assert "hunter2" not in json.dumps(await ask(engine, literal))
