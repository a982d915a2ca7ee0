"""Lambda functions as fields: results, events and streams, from the configuration to the answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.app.discovering import discover
from weft.app.serving import make_engine
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CODE = """
import json, time

def handler(event, context):
    client = context.client_context
    print("called", json.dumps(event), flush=True)
    time.sleep(event.get("seconds", 0))
    return {"tenant": client.custom.get("x-tenant"), "team": client.custom.get("x-team")}
"""
MANIFEST = {
    "team-get-caller": {
        "inputSchema": {"type": "object", "properties": {"seconds": {"type": "number"}}},
        "outputSchema": {
            "type": "object",
            "properties": {"tenant": {"type": "string"}, "team": {"type": "string"}},
        },
    },
    "team-send-mail": {
        "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
        "invocation": "event",
    },
    "team-watch-numbers": {
        "inputSchema": {"type": "object", "properties": {"count": {"type": "integer"}}},
        "outputSchema": {
            "type": "object",
            "properties": {"number": {"type": "integer"}, "square": {"type": "integer"}},
            "required": ["number"],
        },
        "invocation": "stream",
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        await running.create("team-get-caller", "team-send-mail", "team-list-throttled", code=CODE)
        await running.create_streaming(
            "team-watch-numbers",
            """
            for number in range(event["count"]):
                yield json.dumps({"number": number, "square": number ** 2}).encode() + b"\\n"
            yield b'{"square": 1}\\n'
            """,
        )
        async with running.client() as functions:
            await functions.put_function_concurrency(
                FunctionName="team-list-throttled", ReservedConcurrentExecutions=0
            )
        yield running


@asynccontextmanager
async def serving(service: LocalLambda, folder: Path, **sections: Any) -> AsyncIterator[Engine]:
    """An engine for the functions of the team; its log is empty."""
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    entry = {
        "name": "team",
        "lambda": {
            "region": REGION,
            "endpoint": service.url,
            "functions": "team-*",
            "manifest": "manifest.json",
        },
        "headers": {"X-Team": "shop"},
        "forward": ["x-tenant"],
        **sections.pop("entry", {}),
    }
    settings = Settings.from_mapping({"upstreams": [entry], **sections}, folder)
    snapshot = await discover(settings)
    async with make_engine(snapshot, settings) as engine:
        yield engine


async def ask(engine: Engine, query: str, headers: Mapping[str, str] | None = None) -> Any:
    response = await engine.execute(GraphQLRequest(query), headers=headers or {})
    return json.loads(response.body)


async def test_an_event_is_a_mutation_that_answers_that_it_was_taken(
    service: LocalLambda, tmp_path: Path
) -> None:
    async with serving(service, tmp_path) as engine:
        query = 'mutation { sendMail(to: "a@b.test") { accepted requestId } }'
        answer = await ask(engine, query)
        taken = answer["data"]["sendMail"]
        assert taken["accepted"] is True
        assert len(taken["requestId"]) == 36
        assert "type AcceptedEvent" in engine.sdl


async def test_a_stream_is_a_subscription(service: LocalLambda, tmp_path: Path) -> None:
    async with serving(service, tmp_path) as engine:
        request = GraphQLRequest("subscription { watchNumbers(count: 2) { number square } }")
        async with asyncio.timeout(10), aclosing(engine.subscribe(request)) as responses:
            found = [json.loads(response.body) async for response in responses]
    assert [one["data"] and one["data"]["watchNumbers"] for one in found] == [
        {"number": 0, "square": 0},
        {"number": 1, "square": 1},
        None,
    ]
    assert found[2]["errors"][0]["path"] == ["watchNumbers", "number"]


async def test_the_configuration_says_how_a_function_is_invoked(service: LocalLambda, tmp_path: Path) -> None:
    rules = {"team.get_caller": {"invocation": "event"}, "team.send_mail": {"invocation": "request"}}
    async with serving(service, tmp_path, functions=rules) as engine:
        answer = await ask(engine, "mutation { getCaller { accepted } }")
        assert answer == {"data": {"getCaller": {"accepted": True}}}
        answer = await ask(engine, 'mutation { sendMail(to: "x") }', {"x-tenant": "t"})
        assert answer == {"data": {"sendMail": {"tenant": "t", "team": "shop"}}}


async def test_callers_share_a_call_only_if_the_function_sees_the_same_of_them(
    service: LocalLambda, tmp_path: Path
) -> None:
    line = 'called {"seconds":0.2}'.replace(":", ": ")
    before = service.process.lines.count(line)
    async with serving(service, tmp_path, entry={"cache": {"max_age": "1m"}}) as engine:
        query = "{ caller(seconds: 0.2) { tenant team } }"
        tenants = ["a", "a", "b", "a"]
        asked = [ask(engine, query, {"x-tenant": tenant}) for tenant in tenants]
        answers = [answer["data"]["caller"] for answer in await asyncio.gather(*asked)]
        # What is kept is told apart in the same way.
        kept = [await ask(engine, query, {"x-tenant": tenant}) for tenant in tenants]
        assert answers == [one["data"]["caller"] for one in kept]
    assert answers == [{"tenant": tenant, "team": "shop"} for tenant in tenants]
    await service.process.line_once(line, before + 2)
    assert service.process.lines.count(line) == before + 2


async def test_a_throttled_read_is_repeated_within_its_deadline(service: LocalLambda, tmp_path: Path) -> None:
    async with serving(service, tmp_path, entry={"timeout": "5s"}) as engine:

        async def let_go() -> None:
            # It asks to be left alone for a second: the second try finds the way free.
            await asyncio.sleep(0.3)
            async with service.client() as functions:
                await functions.delete_function_concurrency(FunctionName="team-list-throttled")

        asked = ask(engine, "{ throttled }", {"x-tenant": "t"})
        answer, _ = await asyncio.gather(asked, let_go())
        assert answer == {"data": {"throttled": {"tenant": "t", "team": "shop"}}}
    async with service.client() as functions:
        await functions.put_function_concurrency(
            FunctionName="team-list-throttled", ReservedConcurrentExecutions=0
        )


async def test_throttling_that_lasts_has_a_code_of_its_own(service: LocalLambda, tmp_path: Path) -> None:
    async with serving(service, tmp_path, entry={"timeout": "0.8s"}) as engine:
        answer = await ask(engine, "{ throttled }")
    (error,) = answer["errors"]
    assert error["message"] == "team.list_throttled: the function is called more often than it may be"
    assert error["extensions"] == {
        "code": "UPSTREAM_THROTTLED",
        "status": "TooManyRequests",
        "upstream": "team",
        "function": "team.list_throttled",
    }
