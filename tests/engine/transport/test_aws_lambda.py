"""Calls of Lambda functions, on the local Lambda service and on servers that answer what AWS would."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.aws_answers import answering, aws_error, payload, without_credentials
from tests.support.local_lambda import REGION, LocalLambda, local_lambda
from weft.engine.transport import TransportSettings
from weft.engine.transport.aws_clients import is_loopback
from weft.engine.transport.aws_lambda import LambdaTransport
from weft.schemas.catalog import (
    Function,
    FunctionId,
    Json,
    LambdaBinding,
    LambdaTarget,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamError,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PRICES = {"productIds": ["p-1", "p-2"]}
SETTINGS = TransportSettings()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        yield running


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_credentials(monkeypatch, tmp_path)


def function(
    name: str, *, payload: Literal["arguments", "whole"] = "arguments", qualifier: str = ""
) -> Function:
    return Function(
        id=FunctionId(f"pricing.{name}"),
        upstream=UpstreamId("pricing"),
        name=name,
        binding=LambdaBinding(function_name=name, payload=payload, qualifier=qualifier),
    )


def upstream(endpoint: str) -> Upstream:
    return Upstream(id=UpstreamId("pricing"), target=LambdaTarget(region=REGION, endpoint=endpoint))


async def call(
    endpoint: str,
    called: Function,
    arguments: Mapping[str, Any] | None = None,
    *,
    settings: TransportSettings = SETTINGS,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
) -> Json | UpstreamError:
    async with LambdaTransport(upstream(endpoint), settings) as transport:
        deadline = asyncio.get_running_loop().time() + timeout_s
        return await transport.call(called, arguments or {}, deadline=deadline, headers=headers or {})


async def test_arguments_are_the_payload_and_the_result_is_the_answer(service: LocalLambda) -> None:
    answer = await call(service.url, function("pricing-get-prices"), PRICES)
    assert isinstance(answer, dict)
    assert isinstance(answer["prices"], list)
    assert [price["productId"] for price in answer["prices"] if isinstance(price, dict)] == ["p-2", "p-1"]


async def test_a_whole_payload_is_sent_as_it_is(service: LocalLambda) -> None:
    echo = function("pricing-echo", payload="whole")
    assert await call(service.url, echo, {"payload": [1, "ü", None]}) == [1, "ü", None]


async def test_an_absent_whole_payload_is_an_empty_object(service: LocalLambda) -> None:
    assert await call(service.url, function("pricing-echo", payload="whole")) == {}


async def test_a_version_that_is_not_there_is_not_found(service: LocalLambda) -> None:
    answer = await call(service.url, function("pricing-echo", qualifier="nowhere"))
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == "ResourceNotFound"


async def test_the_qualified_version_is_called(service: LocalLambda) -> None:
    assert await call(service.url, function("pricing-echo", qualifier="$LATEST"), {"a": 1}) == {"a": 1}


async def test_a_raised_exception_is_a_status_that_says_nothing_in_public(service: LocalLambda) -> None:
    answer = await call(service.url, function("pricing-apply-discount"), {"orderId": "o-1", "code": "SECRET"})
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == "Unhandled"
    assert answer.detail == "UnknownDiscountCode: no discount has the code 'SECRET'"
    assert "SECRET" not in answer.public_message


async def test_a_crashed_process_is_a_status(service: LocalLambda) -> None:
    await service.create("crashing", code="import os\ndef handler(event, context): os._exit(3)")
    answer = await call(service.url, function("crashing"))
    assert isinstance(answer, UpstreamStatus)
    assert (answer.status, "Runtime.ExitError" in answer.detail) == ("Unhandled", True)


async def test_an_unknown_function_is_not_found(service: LocalLambda) -> None:
    answer = await call(service.url, function("nobody"))
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == "ResourceNotFound"


async def test_forwarded_headers_reach_the_client_context(service: LocalLambda) -> None:
    await service.create("headers", code="def handler(event, context): return context.client_context.custom")
    answer = await call(
        service.url,
        function("headers"),
        settings=TransportSettings(headers={"X-Team": "shop", "X-Trace": "of the settings"}),
        headers={"x-trace": "of the caller"},
    )
    assert answer == {"x-team": "shop", "x-trace": "of the caller"}


async def test_there_is_no_client_context_without_headers(service: LocalLambda) -> None:
    await service.create("bare", code="def handler(event, context): return context.client_context is None")
    assert await call(service.url, function("bare")) is True


async def test_calls_at_once_share_one_client(service: LocalLambda) -> None:
    async with LambdaTransport(upstream(service.url), SETTINGS) as transport:
        deadline = asyncio.get_running_loop().time() + 10
        echo = function("pricing-echo")
        answers = await asyncio.gather(
            *(transport.call(echo, {"n": n}, deadline=deadline, headers={}) for n in range(20))
        )
    assert answers == [{"n": n} for n in range(20)]


async def test_a_stream_is_one_answer(service: LocalLambda) -> None:
    async with LambdaTransport(upstream(service.url), SETTINGS) as transport:
        stream = transport.stream(function("pricing-echo"), {"a": 1}, headers={})
        assert [item async for item in stream] == [{"a": 1}]


async def test_the_deadline_ends_a_call() -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(never) as url:
        # Long enough for the client to be made, so that it is the answer that is waited for.
        answer = await call(url, function("slow"), timeout_s=1.0)
    assert isinstance(answer, UpstreamTimeout)


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (429, "TooManyRequestsException", "TooManyRequests"),
        (403, "AccessDeniedException", "AccessDenied"),
        (403, "ExpiredTokenException", "AccessDenied"),
        (413, "RequestTooLargeException", "RequestTooLarge"),
        (500, "ServiceException", "Service"),
    ],
)
async def test_a_refusal_of_lambda_is_a_status(status: int, kind: str, word: str) -> None:
    async with answering(aws_error(status, kind, "arn:aws:lambda said no")) as url:
        answer = await call(url, function("refused"))
    assert isinstance(answer, UpstreamStatus)
    assert answer.status == word
    assert "arn:aws" in answer.detail
    assert "arn:aws" not in answer.public_message


async def test_a_throttled_call_is_not_repeated() -> None:
    asked = 0

    async def throttle(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await aws_error(429, "TooManyRequestsException")(request)

    async with answering(throttle) as url:
        await call(url, function("refused"))
    assert asked == 1


async def test_a_call_that_is_given_up_closes_its_connection() -> None:
    arrived, left = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        arrived.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server, asyncio.timeout(10):
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        asked = asyncio.ensure_future(call(url, function("a")))
        await arrived.wait()
        assert not left.is_set()
        asked.cancel()
        await left.wait()
        with pytest.raises(asyncio.CancelledError):
            await asked


async def test_nobody_listening_is_unreachable() -> None:
    assert isinstance(await call("http://127.0.0.1:1", function("a")), UpstreamUnreachable)


async def test_a_connection_that_breaks_is_unreachable() -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with answering(hang_up) as url:
        assert isinstance(await call(url, function("a")), UpstreamUnreachable)


async def test_an_answer_over_the_limit_is_an_error() -> None:
    async with answering(payload(b'"' + b"x" * 2000 + b'"')) as url:
        answer = await call(url, function("a"), settings=TransportSettings(max_body_bytes=2001))
    assert isinstance(answer, UpstreamAnswer)
    assert answer.reason == "the answer is larger than 2001 bytes"


async def test_an_answer_at_the_limit_is_read() -> None:
    async with answering(payload(b'"' + b"x" * 2000 + b'"')) as url:
        answer = await call(url, function("a"), settings=TransportSettings(max_body_bytes=2002))
    assert answer == "x" * 2000


@pytest.mark.parametrize("body", [b"", b"{", b"<html>"])
async def test_what_is_no_json_is_an_error(body: bytes) -> None:
    async with answering(payload(body)) as url:
        assert isinstance(await call(url, function("a")), UpstreamAnswer)


async def test_a_function_error_without_json_is_a_status() -> None:
    async with answering(payload(b"oops", **{"X-Amz-Function-Error": "Handled"})) as url:
        answer = await call(url, function("a"))
    assert isinstance(answer, UpstreamStatus)
    assert (answer.status, answer.detail) == ("Handled", "")


async def test_arguments_that_are_no_json_are_refused() -> None:
    assert isinstance(await call("http://127.0.0.1:1", function("a"), {"x": object()}), BadArguments)


async def test_headers_longer_than_a_client_context_are_refused() -> None:
    answer = await call("http://127.0.0.1:1", function("a"), headers={"x-long": "x" * 4000})
    assert isinstance(answer, BadArguments)


async def test_missing_credentials_are_named_with_the_fix() -> None:
    answer = await call("", function("a"))
    assert isinstance(answer, UpstreamUnreachable)
    assert "AWS_PROFILE" in answer.detail


async def test_only_an_endpoint_on_this_machine_gets_dummy_credentials() -> None:
    answer = await call("http://lambda.invalid:8104", function("a"))
    assert isinstance(answer, UpstreamUnreachable)
    assert "no AWS credentials" in answer.detail


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:8104", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost:8104", True),
        ("http://lambda.localhost", True),
        ("http://localhost.example.com", False),
        ("http://10.0.0.1", False),
        ("", False),
    ],
)
async def test_loopback_is_told_from_the_host(endpoint: str, expected: bool) -> None:
    assert is_loopback(endpoint) is expected


async def test_payloads_are_not_logged(service: LocalLambda, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await call(service.url, function("pricing-apply-discount"), {"orderId": "o-1", "code": "SECRET"})
    await call(service.url, function("pricing-echo"), {"code": "SECRET"})
    assert "SECRET" not in caplog.text


async def test_a_call_outside_of_the_block_is_a_bug() -> None:
    transport = LambdaTransport(upstream("http://127.0.0.1:1"), SETTINGS)
    with pytest.raises(RuntimeError, match="outside"):
        await transport.call(function("a"), {}, deadline=asyncio.get_running_loop().time() + 1, headers={})
