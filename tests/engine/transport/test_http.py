import asyncio
import gzip

import pytest
from aiohttp import web

from tests.engine.transport.http_functions import answering, call, function, parameter, serving, transport_to
from weft.schemas.catalog import Body
from weft.schemas.errors import (
    BadArguments,
    UpstreamAnswer,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "url": str(request.raw_path),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode("latin-1"),
        }
    )


async def test_call_goes_over_the_wire() -> None:
    one = function("/orders/{color}", parameter("path", "simple"), parameter("query", name="q"))
    async with serving(echo, headers={"X-Key": "k"}) as transport:
        answer = await call(transport, one, headers={"traceparent": "t"}, color="../a b", q="x&y")
    assert answer["url"] == "/orders/..%2Fa%20b?q=x%26y"
    assert (answer["headers"]["x-key"], answer["headers"]["traceparent"]) == ("k", "t")
    assert answer["headers"]["accept"] == "application/json"
    assert "content-type" not in answer["headers"]


async def test_body_goes_over_the_wire() -> None:
    one = function(method="POST", body=Body(argument="input"))
    async with serving(echo) as transport:
        answer = await call(transport, one, input={"a": "é"})
    assert (answer["method"], answer["body"]) == ("POST", '{"a":"é"}'.encode().decode("latin-1"))
    assert answer["headers"]["content-type"] == "application/json"


async def test_answer_in_small_pieces_is_put_together() -> None:
    body = OK + b"Content-Length: 13\r\n\r\n" + b'{"a": [1, 2]}'
    async with answering(*(body[at : at + 1] for at in range(len(body)))) as transport:
        assert await call(transport, function()) == {"a": [1, 2]}


async def test_answer_without_length_ends_with_the_connection() -> None:
    async with answering(OK + b"\r\n[1,", b"2]") as transport:
        assert await call(transport, function()) == [1, 2]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200"],
        [OK + b"Content-Length: 100\r\n\r\n[1,"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1,"],
        [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"],
        [b"SSH-2.0-OpenSSH_9\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
        [b"\x00\x01\x02\x03"],
    ],
)
async def test_broken_answer_is_unreachable(pieces: list[bytes]) -> None:
    async with answering(*pieces) as transport:
        found = await call(transport, function())
    assert isinstance(found, UpstreamUnreachable)
    assert found.detail


async def test_nobody_listening_is_unreachable() -> None:
    async with answering() as transport:
        pass
    async with transport_to(transport._base_url) as again:
        found = await call(again, function())
    assert isinstance(found, UpstreamUnreachable)
    assert "127.0.0.1" not in found.public_message


@pytest.mark.parametrize("url", ["", "http://no.such.host.invalid", "http://127.0.0.1:99999", "http://[::1"])
async def test_address_that_leads_nowhere_is_unreachable(url: str) -> None:
    async with transport_to(url) as transport:
        assert isinstance(await call(transport, function()), UpstreamUnreachable)


async def test_deadline_ends_the_wait_for_an_answer() -> None:
    async with answering(b"", gap_s=5) as transport:
        assert isinstance(await call(transport, function(), within_s=0.05), UpstreamTimeout)


async def test_deadline_ends_the_wait_for_the_body() -> None:
    async with answering(OK + b"Content-Length: 9\r\n\r\n[", b"", gap_s=5) as transport:
        assert isinstance(await call(transport, function(), within_s=0.05), UpstreamTimeout)


async def test_cancellation_passes_through() -> None:
    async with answering(b"", gap_s=5) as transport:
        task = asyncio.ensure_future(call(transport, function()))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_status_is_an_error_with_a_detail_for_the_log() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503, text="busy")

    async with serving(handler) as transport:
        found = await call(transport, function())
    assert isinstance(found, UpstreamStatus)
    assert (found.status, found.detail) == ("503", "busy")


async def test_redirect_is_not_followed() -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async with serving(handler) as transport:
        found = await call(transport, function())
    assert isinstance(found, UpstreamStatus)
    assert found.status == "302"


async def test_html_is_an_error() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="<html>secret", content_type="text/html")

    async with serving(handler) as transport:
        found = await call(transport, function())
    assert isinstance(found, UpstreamAnswer)
    assert "secret" not in str(found)


async def test_stated_length_beyond_the_limit_is_an_error() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response("x" * 100)

    async with serving(handler, max_body_bytes=50) as transport:
        found = await call(transport, function())
    assert isinstance(found, UpstreamAnswer)
    assert found.reason == "the answer is larger than 50 bytes"


async def test_unstated_length_beyond_the_limit_is_an_error() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"[1,2,3,4]")
        return response

    async with serving(handler, max_body_bytes=50) as transport:
        assert isinstance(await call(transport, function()), UpstreamAnswer)


async def test_limit_holds_for_what_is_decompressed() -> None:
    async def handler(_: web.Request) -> web.Response:
        body = gzip.compress(b" " * 1_000_000 + b"1")
        return web.Response(
            body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
        )

    async with serving(handler, max_body_bytes=10_000) as transport:
        assert isinstance(await call(transport, function()), UpstreamAnswer)
    async with serving(handler, max_body_bytes=2_000_000) as transport:
        assert await call(transport, function()) == 1


async def test_bad_arguments_make_no_call() -> None:
    calls = []

    async def handler(request: web.Request) -> web.Response:
        calls.append(request)
        return web.json_response(1)

    one = function("/{color}", parameter("path", "simple"))
    async with serving(handler) as transport:
        assert isinstance(await call(transport, one, color=".."), BadArguments)
        assert isinstance(await call(transport, function(), headers={"x-a": "1\r\n"}), BadArguments)
    assert calls == []


async def test_cookies_of_one_answer_are_not_sent_with_the_next_call() -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.json_response(dict(request.cookies))
        response.set_cookie("session", "secret")
        return response

    async with serving(handler) as transport:
        await call(transport, function())
        assert await call(transport, function()) == {}


async def test_many_calls_share_the_limit_of_connections() -> None:
    open_now, most = 0, 0
    three = asyncio.Barrier(3)

    async def handler(_: web.Request) -> web.Response:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await three.wait()
        open_now -= 1
        return web.json_response(1)

    async with serving(handler, max_connections=3) as transport:
        answers = await asyncio.gather(*(call(transport, function()) for _ in range(21)))
    assert answers == [1] * 21
    assert most == 3


async def test_events_come_as_they_are_sent() -> None:
    go_on = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"n": 1}\n\n')
        await go_on.wait()
        await response.write(b"data: tw")
        await response.write(b"o\n\n")
        return response

    found = []
    async with serving(handler) as transport:
        async for item in transport.stream(function(accept=("text/event-stream",)), {}, headers={}):
            found.append(item)
            go_on.set()
    assert found == [{"n": 1}, "two"]


async def test_plain_answer_is_a_stream_of_one() -> None:
    async with serving(echo) as transport:
        found = [item async for item in transport.stream(function(), {}, headers={})]
    assert len(found) == 1


async def test_stream_that_breaks_ends_with_an_error() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: 99\r\n\r\n"
    async with answering(head + b"1\n2\n") as transport:
        found = [item async for item in transport.stream(function(), {}, headers={})]
    assert found[:2] == [1, 2]
    assert isinstance(found[2], UpstreamUnreachable)


async def test_stream_with_an_error_status_is_that_error() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=429)

    async with serving(handler) as transport:
        found = [item async for item in transport.stream(function(), {}, headers={})]
    assert [type(item) for item in found] == [UpstreamStatus]


async def test_item_beyond_the_limit_ends_the_stream() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"1\n" + b"2" * 1000, content_type="application/x-ndjson")

    async with serving(handler, max_body_bytes=100) as transport:
        found = [item async for item in transport.stream(function(), {}, headers={})]
    assert isinstance(found[-1], UpstreamAnswer)


async def test_closing_the_stream_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"1\n")
                await asyncio.sleep(0.005)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with serving(handler) as transport:
        stream = transport.stream(function(), {}, headers={})
        assert await anext(stream) == 1
        await stream.aclose()
        async with asyncio.timeout(2):
            await gone.wait()


async def test_bad_arguments_of_a_stream_are_its_only_item() -> None:
    one = function("/{color}", parameter("path", "simple"))
    async with serving(echo) as transport:
        found = [item async for item in transport.stream(one, {}, headers={})]
    assert [type(item) for item in found] == [BadArguments]
