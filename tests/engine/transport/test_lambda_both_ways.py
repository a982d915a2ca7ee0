"""Calls of functions that AWS's runtime runs, straight and through Envoy: both ways give the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway.edge import running_edge
from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.engine.transport import Transport, TransportSettings
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.engine.transport.lambda_gateway import GatewayLambdaTransport
from weft.engine.transport.lambda_requests import MAX_EVENT_BYTES, MAX_PAYLOAD_BYTES
from weft.schemas.catalog import (
    Catalog,
    Function,
    FunctionId,
    Invocation,
    LambdaBinding,
    LambdaTarget,
    Scalar,
    Type,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import BadArguments, LambdaStatus, UpstreamTimeout

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
CODE = """
import os, time

def handler(event, context):
    return event

def version(event, context):
    return os.environ["AWS_LAMBDA_FUNCTION_VERSION"]

def caller(event, context):
    client = context.client_context
    return {"custom": client and client.custom, "trace": os.environ.get("_X_AMZN_TRACE_ID")}

def failing(event, context):
    raise ValueError("the secret is 42")

def sleeping(event, context):
    time.sleep(60)

def large(event, context):
    return "x" * 6300000

def writing(event, context):
    client = context.client_context
    print("written", event["text"], "without a context" if client is None else client.custom, flush=True)
"""
HANDLERS = ("version", "caller", "failing", "sleeping", "large", "writing")
STREAMS = {
    "lines": """
        for number in range(event["count"]):
            yield b'{"number": %d}\\n' % number
    """,
    "halves": """
        yield b'{"numb'
        yield b'er": 1}\\n{"number": 2}\\nnot json\\n{"number": '
        yield b'3}'
    """,
    "values": """
        yield b'{"a": 1}'
        yield b'[2]'
    """,
    "words": """
        text = "Gr\\u00fc\\u00dfe".encode()
        yield text[:3]
        yield text[3:]
        yield b", you"
    """,
    "crashing": """
        yield b'{"number": 1}\\n'
        import time
        time.sleep(0.2)
        os._exit(3)
    """,
    "endless": """
        while True:
            yield b'{"a": "' + b"x" * 1000 + b'"}\\n'
    """,
    "page": """
        yield b'{"statusCode":200,"headers":{"Content-Type":"text/event-stream"}}' + bytes(8)
        yield b'data: {"number": 1}\\n\\ndata: {"num'
        yield b'ber": 2}\\n\\n'
    """,
    "refusing": """
        yield b'{"statusCode":404}'
        yield bytes(8)
        yield b"no such page"
    """,
}


def function(
    name: str,
    invocation: Invocation = "request",
    *,
    called: str = "",
    qualifier: str = "",
    result: Type | None = None,
) -> Function:
    called = called or name
    return Function(
        id=FunctionId(f"pricing.{name}"),
        upstream=UpstreamId("pricing"),
        name=name,
        binding=LambdaBinding(
            function_name=called,
            qualifier=qualifier,
            arn=f"arn:aws:lambda:{REGION}:123456789012:function:{called}",
            invocation=invocation,
        ),
        result=result,
        streaming="server" if invocation == "stream" else "none",
    )


FUNCTIONS = {
    one.name: one
    for one in (
        *(function(name) for name in ("echo", "nobody", "throttled", *HANDLERS)),
        function("first", called="version", qualifier="1"),
        function("live", called="version", qualifier="live"),
        function("event", "event", called="writing"),
        function("whole", "stream", called="echo"),
        function("throttled_stream", "stream", called="throttled"),
        function("failing_stream", "stream", called="failing"),
        *(
            function(name, "stream", result=Scalar(kind="string") if name == "words" else None)
            for name in STREAMS
        ),
    )
}


@dataclass
class Way:
    """A way to the functions."""

    transport: Transport
    service: LocalLambda
    gateway: str
    upstream: Upstream

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 20.0,
    ) -> Any:
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await self.transport.call(
            FUNCTIONS[name], arguments or {}, deadline=deadline, headers=headers or {}
        )

    async def stream(self, name: str, arguments: Mapping[str, Any] | None = None) -> list[Any]:
        async with asyncio.timeout(20):
            return [
                item async for item in self.transport.stream(FUNCTIONS[name], arguments or {}, headers={})
            ]


@pytest.fixture(scope="module")
def credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(credentials: None) -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        await running.create("echo", code=CODE)
        await running.create("throttled", code=CODE)
        for name in HANDLERS:
            await running.create(name, code=CODE, handler=f"app.{name}", timeout_s=1)
        for name, handler in STREAMS.items():
            await running.create_streaming(name, handler)
        async with running.client() as functions:
            await functions.publish_version(FunctionName="version")
            await functions.create_alias(FunctionName="version", Name="live", FunctionVersion="1")
            await functions.put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(service: LocalLambda) -> AsyncIterator[str]:
    """Socket of an Envoy under the calls."""
    async with running_edge(Catalog.of(upstream_of(service))) as edge:
        yield str(edge.folder / "internal.sock")


def upstream_of(service: LocalLambda) -> Upstream:
    target = LambdaTarget(region=REGION, endpoint=service.url)
    return Upstream(id=UpstreamId("pricing"), target=target, functions=tuple(FUNCTIONS.values()))


@pytest_asyncio.fixture(params=["straight", "through Envoy"], loop_scope="module")
async def way(request: pytest.FixtureRequest, service: LocalLambda, gateway: str) -> AsyncIterator[Way]:
    socket = gateway if request.param == "through Envoy" else ""
    upstream = upstream_of(service)
    settings = TransportSettings(gateway=socket, headers={"X-Team": "shop", "X-Tenant": "of the settings"})
    made: Any = GatewayLambdaTransport if socket else LambdaTransport
    async with made(upstream, settings) as transport:
        yield Way(transport, service, socket, upstream)


async def test_arguments_are_the_payload_and_the_result_is_the_answer(way: Way) -> None:
    assert await way.call("echo", {"a": [1, "ü", None]}) == {"a": [1, "ü", None]}


async def test_the_version_and_the_alias_are_called(way: Way) -> None:
    assert [await way.call(name) for name in ("version", "first", "live")] == ["$LATEST", "1", "1"]


async def test_a_function_gets_to_know_its_caller(way: Way) -> None:
    answer = await way.call("caller", headers={**TRACE, "x-tenant": "of the caller"})
    assert answer["custom"] == {"x-team": "shop", "x-tenant": "of the caller", **TRACE}
    expected = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1"
    assert answer["trace"] == expected


async def test_the_callers_own_trace_id_of_aws_is_passed_on(way: Way) -> None:
    own = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    answer = await way.call("caller", headers={**TRACE, "x-amzn-trace-id": own})
    assert answer["trace"] == own
    assert "x-amzn-trace-id" not in answer["custom"]


async def test_a_raised_exception_says_nothing_in_public(way: Way) -> None:
    answer = await way.call("failing")
    assert isinstance(answer, LambdaStatus)
    assert (answer.code, answer.status) == ("UPSTREAM_STATUS", "Unhandled")
    assert answer.detail == "ValueError: the secret is 42"
    assert "42" not in answer.public_message
    assert (answer.passes, answer.is_outage) == (False, True)


async def test_the_functions_own_time_limit_is_told_from_the_callers(way: Way) -> None:
    answer = await way.call("sleeping")
    assert isinstance(answer, LambdaStatus)
    assert (answer.code, answer.status) == ("UPSTREAM_TIMEOUT", "FunctionTimedOut")
    assert answer.public_message == "pricing.sleeping: the function has reached its own time limit"
    assert isinstance(await way.call("sleeping", timeout_s=0.3), UpstreamTimeout)


async def test_a_throttled_call_says_so_and_when_to_come_again(way: Way) -> None:
    answer = await way.call("throttled")
    assert isinstance(answer, LambdaStatus)
    assert (answer.code, answer.status) == ("UPSTREAM_THROTTLED", "TooManyRequests")
    assert (answer.passes, answer.retry_after_s) == (True, 1.0)


async def test_a_function_that_is_not_there_is_not_found(way: Way) -> None:
    answer = await way.call("nobody")
    assert isinstance(answer, LambdaStatus)
    assert (answer.status, answer.passes) == ("ResourceNotFound", False)


async def test_an_answer_over_lambdas_limit_is_told_as_such(way: Way) -> None:
    answer = await way.call("large")
    assert isinstance(answer, LambdaStatus)
    assert answer.status == "ResponseSizeTooLarge"
    assert "larger than Lambda lets through" in answer.public_message


@pytest.mark.parametrize(
    ("name", "most", "more"),
    [("echo", MAX_PAYLOAD_BYTES, ""), ("event", MAX_EVENT_BYTES, " in an event")],
)
async def test_a_payload_over_the_limit_is_not_sent(way: Way, name: str, most: int, more: str) -> None:
    before = len(way.service.process.calls)
    answer = await way.call(name, {"a": "x" * (most - 7)})
    assert isinstance(answer, BadArguments)
    assert answer.reason == f"the payload has {most + 1:,} bytes; Lambda takes at most {most:,}{more}"
    await way.call("echo")
    assert (await way.service.process.calls_once(before + 1))[before:] == ["echo"]


async def test_a_payload_at_the_limit_is_sent(way: Way) -> None:
    text = "x" * (MAX_PAYLOAD_BYTES - 8)
    assert await way.call("echo", {"a": text}) == {"a": text}


async def test_an_event_is_answered_when_lambda_has_it(way: Way) -> None:
    text = "through" if way.gateway else "straight"
    answer = await way.call("event", {"text": text}, headers=TRACE)
    assert answer["accepted"] is True
    assert len(answer["requestId"]) == 36
    await way.service.process.line_once(f"written {text} without a context")


async def test_each_line_of_a_stream_is_an_item(way: Way) -> None:
    assert await way.stream("lines", {"count": 3}) == [{"number": number} for number in range(3)]
    assert await way.stream("lines", {"count": 0}) == []


async def test_lines_are_put_together_again(way: Way) -> None:
    assert await way.stream("halves") == [{"number": 1}, {"number": 2}, "not json", {"number": 3}]


async def test_a_chunk_that_is_a_value_is_an_item(way: Way) -> None:
    assert await way.stream("values") == [{"a": 1}, [2]]


async def test_text_comes_as_it_is_written(way: Way) -> None:
    items = await way.stream("words")
    assert items == ["Gr", "üße", ", you"]


async def test_server_sent_events_are_read_as_such(way: Way) -> None:
    assert await way.stream("page") == [{"number": 1}, {"number": 2}]


async def test_an_error_status_that_a_function_writes_is_one(way: Way) -> None:
    (error,) = await way.stream("refusing")
    assert isinstance(error, LambdaStatus)
    assert error.status == "404"


async def test_a_crash_amid_a_stream_is_its_last_item(way: Way) -> None:
    first, error = await way.stream("crashing")
    assert first == {"number": 1}
    assert isinstance(error, LambdaStatus)
    assert error.status == "Unhandled"
    assert "exit status 3" in error.detail


async def test_a_function_that_does_not_stream_gives_one_item(way: Way) -> None:
    assert await way.stream("whole", {"a": 1}) == [{"a": 1}]


async def test_a_failure_before_the_first_byte_is_the_only_item(way: Way) -> None:
    (error,) = await way.stream("failing_stream")
    assert isinstance(error, LambdaStatus)
    assert "42" in error.detail
    assert "42" not in error.public_message


async def test_a_stream_that_lambda_refuses_is_an_error(way: Way) -> None:
    (error,) = await way.stream("throttled_stream")
    assert isinstance(error, LambdaStatus)
    assert error.code == "UPSTREAM_THROTTLED"


async def test_who_leaves_a_stream_ends_the_call(way: Way) -> None:
    line = "call endless was left"
    before = way.service.process.lines.count(line)
    items = way.transport.stream(FUNCTIONS["endless"], {}, headers={})
    async with asyncio.timeout(10), contextlib.aclosing(items):  # type: ignore[type-var]  # it is a generator
        assert await anext(items) == {"a": "x" * 1000}
    await way.service.process.line_once(line, before + 1)
