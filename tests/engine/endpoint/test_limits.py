"""Limits of the endpoint, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.engine.endpoint.conftest import Serve
from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import EndpointSettings, operations

SMALL = EndpointSettings(max_body_bytes=100)
JSON = {"content-type": "application/json"}


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def send_raw(
    http: aiohttp.ClientSession, text: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = http._base_url
    assert url is not None
    assert url.host is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(text)
    await writer.drain()
    return reader, writer


async def test_an_announced_body_over_the_limit_is_413(serve: Serve) -> None:
    async with serve(SMALL) as http, http.post("/graphql", data=b" " * 101, headers=JSON) as answer:
        assert answer.status == 413
        assert (await answer.json())["errors"][0]["message"] == "the body is larger than 100 bytes"


async def test_a_connection_with_an_unread_body_is_said_to_end(serve: Serve) -> None:
    async with serve(SMALL) as http:
        async with http.post("/graphql", data=b" " * 100_000, headers=JSON) as answer:
            assert answer.status == 413
            assert answer.headers["connection"] == "close"
        async with http.post("/graphql", json={"query": "{hello}"}) as answer:
            assert answer.status == 200


async def test_an_endless_body_is_413_at_the_limit(serve: Serve) -> None:
    body = in_chunks(b'{"query":"{hello}"}', *[b" " * 50] * 10)
    async with serve(SMALL) as http, http.post("/graphql", data=body, headers=JSON) as answer:
        assert answer.status == 413


async def test_a_body_of_the_very_size_is_read(serve: Serve) -> None:
    body = b'{"query":"{hello}"}'.ljust(100)
    async with serve(SMALL) as http, http.post("/graphql", data=body, headers=JSON) as answer:
        assert answer.status == 200


async def test_a_body_in_chunks_is_put_together(http: aiohttp.ClientSession) -> None:
    body = in_chunks(b'{"query":', b'"{hello}"', b"}")
    async with http.post("/graphql", data=body, headers=JSON) as answer:
        assert (await answer.json())["data"] == {"hello": "hello world"}


async def test_a_body_that_does_not_arrive_is_408(serve: Serve) -> None:
    async with serve(EndpointSettings(body_timeout_s=0.05)) as http:
        head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{"
        reader, writer = await send_raw(http, head)
        assert b"408" in await reader.readline()
        writer.close()


async def test_a_body_that_breaks_off_is_not_run(serve: Serve, engine: CoreEngine) -> None:
    async with serve() as http:
        head = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
        _, writer = await send_raw(http, head + b'{"query":"mutation {count}"}')
        writer.close()
        await writer.wait_closed()
        async with http.post("/graphql", json={"query": "{hello}"}) as answer:
            assert answer.status == 200
    assert engine.counter == 0


async def test_the_time_limit_reaches_the_engine(serve: Serve, engine: CoreEngine) -> None:
    async with serve(EndpointSettings(timeout_s=7)) as http, http.post("/graphql", json={"query": "{hello}"}):
        assert 6 < engine.seen["time_left_s"] <= 7


async def test_the_gateway_can_shorten_the_time_limit(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    headers = {"x-envoy-expected-rq-timeout-ms": "2000"}
    async with http.post("/graphql", json={"query": "{hello}"}, headers=headers):
        assert 1 < engine.seen["time_left_s"] <= 2


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_an_engine_that_misses_its_deadline_is_given_up(
    serve: Serve, engine: CoreEngine, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr(operations, "GRACE_S", 0.01)
    async with (
        serve(EndpointSettings(timeout_s=0.01)) as http,
        http.post("/graphql", json={"query": "{never}"}, headers={"accept": accept}) as answer,
    ):
        assert answer.status == 504
        assert answer.content_type == accept
    assert engine.cancelled.is_set()


async def test_a_client_that_goes_away_cancels_its_operation(
    http: aiohttp.ClientSession, engine: CoreEngine
) -> None:
    asking = asyncio.create_task(http.post("/graphql", json={"query": "{never}"}).__aenter__())
    await engine.started.wait()
    asking.cancel()
    await asyncio.wait_for(engine.cancelled.wait(), 5)


async def test_an_unexpected_exception_is_500_with_an_id_that_is_in_the_log(
    http: aiohttp.ClientSession, engine: CoreEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.raises = RuntimeError("the password is swordfish")
    headers = {"x-request-id": "r-1"}
    async with http.post("/graphql", json={"query": "{hello}"}, headers=headers) as answer:
        assert answer.status == 500
        text = await answer.text()
    assert "swordfish" not in text
    message = (await answer.json())["errors"][0]["message"]
    records = {record.getMessage(): record for record in caplog.records if record.levelno >= logging.WARNING}
    error_id = records["unexpected exception"].__dict__["error_id"]
    assert message == f"internal error {error_id}"
    assert records["operation failed"].__dict__["request_id"] == "r-1"


async def test_an_exception_is_logged_once_with_its_trace(
    http: aiohttp.ClientSession, engine: CoreEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.raises = RuntimeError("boom")
    async with http.post("/graphql", json={"query": "{hello}"}):
        pass
    assert len([record for record in caplog.records if record.exc_info]) == 1


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example"])
async def test_without_origins_in_the_settings_no_page_may_read(
    http: aiohttp.ClientSession, origin: str
) -> None:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    async with http.options("/graphql", headers=headers) as answer:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_page_of_an_allowed_origin_may_read_answers_and_errors(
    serve: Serve, engine: CoreEngine
) -> None:
    headers = {"origin": "https://shop.example"}
    async with serve(EndpointSettings(cors_origins=("https://shop.example",))) as http:
        for engine.raises in (None, RuntimeError()):
            async with http.post("/graphql", json={"query": "{hello}"}, headers=headers) as answer:
                assert answer.headers["access-control-allow-origin"] == "https://shop.example"


async def test_a_preflight_of_an_allowed_origin_is_answered(serve: Serve) -> None:
    headers = {
        "origin": "https://shop.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    async with (
        serve(EndpointSettings(cors_origins=("https://shop.example",))) as http,
        http.options("/graphql", headers=headers) as answer,
    ):
        assert answer.status == 204
        assert answer.headers["access-control-allow-headers"] == "content-type"
