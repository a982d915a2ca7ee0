"""What the HTTP transport makes of the client: heads of calls, answers left as bytes, proxies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.transport.http1.clients import soon
from tests.engine.transport.http_functions import call, function, parameter, transport_to
from tests.support.raw_http import Answer, RawServer, Script, answer, in_order, raw_server
from weft.engine.transport.base import Fetched
from weft.engine.transport.http import HttpTransport
from weft.engine.transport.http1 import Origin
from weft.engine.transport.http1.head import decode_head
from weft.engine.transport.http_request import build_request, merge_headers
from weft.engine.transport.proxies import proxy_for
from weft.schemas.catalog import Body, Function
from weft.schemas.errors import BadArguments, UpstreamAnswer, UpstreamStatus, UpstreamUnreachable

JSON = b"Content-Type: application/json; charset=utf-8"


@asynccontextmanager
async def answered(
    answers: Answer, path: str = "", **settings: Any
) -> AsyncIterator[tuple[HttpTransport, RawServer]]:
    async with (
        raw_server(answers) as server,
        transport_to(f"http://127.0.0.1:{server.port}{path}", **settings) as transport,
    ):
        yield transport, server


async def fetch(transport: HttpTransport, one: Function, headers: Any = None, **arguments: Any) -> Any:
    return await transport.fetch(one, arguments, deadline=soon(), headers=headers or {})


def sent_headers(request: bytes) -> dict[str, str]:
    return {name.lower(): value for name, value in decode_head(request)[2]}


# Answers left as bytes.


@pytest.mark.parametrize("status", [b"200 OK", b"201 Created", b"206 Partial"])
async def test_json_is_fetched_as_bytes(status: bytes) -> None:
    async with answered(in_order(answer(b'{"a": 1}', JSON, b"X-A: b", status=status))) as (transport, _):
        found = await fetch(transport, function())
        assert isinstance(found, Fetched)
        assert found.body == b'{"a": 1}'
        assert (b"x-a", b"b") in found.headers
        assert await call(transport, function()) == {"a": 1}


async def test_byte_order_mark_is_taken_off() -> None:
    async with answered(in_order(answer(b"\xef\xbb\xbf1", JSON))) as (transport, _):
        found = await fetch(transport, function())
    assert isinstance(found, Fetched)
    assert found.body == b"1"


async def test_bytes_that_are_no_json_are_an_error_only_when_they_are_decoded() -> None:
    async with answered(in_order(answer(b"{", JSON))) as (transport, _):
        assert isinstance(await fetch(transport, function()), Fetched)
        assert isinstance(await call(transport, function()), UpstreamAnswer)


@pytest.mark.parametrize(
    ("sent", "one", "expected"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", function(), None),
        (answer(b"x", JSON, status=b"205 Reset"), function(), None),
        (answer(b"1", JSON), function(result=None), None),
        (answer(b"1", b"Content-Type: text/plain"), function(), 1),
        (answer(b"hi", b"Content-Type: text/plain"), function(accept=("text/plain",)), "hi"),
        (answer(b"1", JSON), function(accept=("image/png",)), "MQ=="),
        (
            answer(b"1\n2", b"Content-Type: application/x-ndjson"),
            function(accept=("application/x-ndjson",)),
            [1, 2],
        ),
    ],
)
async def test_other_answers_are_what_a_call_gives(sent: bytes, one: Function, expected: Any) -> None:
    async with answered(in_order(sent)) as (transport, _):
        assert await fetch(transport, one) == expected
        assert await call(transport, one) == expected


async def test_error_status_is_an_error() -> None:
    async with answered(in_order(answer(b"{}", JSON, status=b"500 No"))) as (transport, _):
        assert isinstance(await fetch(transport, function()), UpstreamStatus)


async def test_error_status_with_too_large_a_body_is_that_status() -> None:
    async with answered(in_order(answer(b"x" * 99, status=b"502 Bad")), max_body_bytes=9) as (transport, _):
        found = await fetch(transport, function())
    assert isinstance(found, UpstreamStatus)
    assert found.status == "502"


async def test_idempotent_functions_are_called_again_on_a_new_connection() -> None:
    ok, lost = Script(answer(b"1", JSON)), Script(b"", then="close")
    repeatable = msgspec.structs.replace(function(), idempotent=True)
    async with answered(in_order(ok, lost, ok, lost)) as (transport, server):
        assert [await call(transport, repeatable) for _ in range(2)] == [1, 1]
        assert isinstance(await call(transport, function()), UpstreamUnreachable)
    assert len(server.requests) == 4


# Heads.


async def test_headers_of_every_call() -> None:
    async with answered(in_order(answer(b"1", JSON))) as (transport, server):
        await call(transport, function(accept=()))
        await call(transport, function(method="POST"))
        await call(transport, function(method="POST", body=Body(argument="input")), input="é")
        address = f"127.0.0.1:{server.port}"
    assert server.requests[0].startswith(b"GET /orders HTTP/1.1\r\n")
    defaults = {"host": address, "user-agent": "weft", "accept": "*/*", "accept-encoding": "identity"}
    assert sent_headers(server.requests[0]) == defaults
    assert sent_headers(server.requests[1]) == {
        **defaults,
        "accept": "application/json",
        "content-length": "0",
    }
    assert server.requests[2].endswith(b'Content-Length: 4\r\n\r\n"\xc3\xa9"')


async def test_compressed_answers_are_asked_for_where_that_is_set() -> None:
    async with answered(in_order(answer(b"1", JSON)), accept_compressed=True) as (transport, server):
        await call(transport, function())
    assert sent_headers(server.requests[0])["accept-encoding"].startswith("gzip, deflate")


async def test_name_and_password_of_the_url_are_sent_unless_the_settings_say_otherwise() -> None:
    async with raw_server(in_order(answer(b"1", JSON))) as server:
        url = f"http://me:p%40ss@127.0.0.1:{server.port}"
        async with transport_to(url) as transport:
            await call(transport, function())
        async with transport_to(url, headers={"authorization": "Bearer b"}) as transport:
            await call(transport, function())
    assert [sent_headers(r)["authorization"] for r in server.requests] == ["Basic bWU6cEBzcw==", "Bearer b"]
    assert "me" not in sent_headers(server.requests[0])["host"]


@pytest.mark.parametrize(
    ("path", "target"),
    [("/v1", "/v1/orders"), ("/é x", "/%C3%A9%20x/orders"), ("#f", "/"), ("?k=v", "/?k=v/orders")],
)
async def test_path_of_the_server_stands_before_the_functions(path: str, target: str) -> None:
    async with answered(in_order(answer(b"1", JSON)), path) as (transport, server):
        assert await call(transport, function()) == 1
    assert server.requests[0].split(b" ")[1].decode() == target


async def test_headers_of_the_connection_are_nobody_elses() -> None:
    hostile = {"Content-Length": "99", "Transfer-Encoding": "chunked", "Connection": "upgrade", "X-Ok": "1"}
    one = function("/", parameter("header", "simple", name="content-length"))
    async with answered(in_order(answer(b"1", JSON)), headers=hostile) as (transport, server):
        assert await call(transport, function(), headers=hostile) == 1
        assert await transport.call(one, {"content-length": "5"}, deadline=soon(), headers={}) == 1
    for request in server.requests:
        assert not {"content-length", "transfer-encoding", "connection"} & set(sent_headers(request))
        assert sent_headers(request)["x-ok"] == "1"


@pytest.mark.parametrize(
    "headers", [{"x-a": "a\nb"}, {"x-a": "b\r\n"}, {"x a": "b"}, {"x-a": "\ud800"}, {"x-a": "\0"}]
)
async def test_header_that_cannot_be_sent_makes_no_call(headers: dict[str, str]) -> None:
    async with answered(in_order(answer(b"1", JSON))) as (transport, server):
        for _ in range(2):
            assert isinstance(await call(transport, function(), headers=headers), BadArguments)
    assert server.requests == []


NAMES = st.sampled_from(
    ["X-A", "x-a", "x-b", "Accept", "host", "authorization", "user-agent", "Content-Type", "te"]
)
VALUES = st.text("ab \té", max_size=5)
GIVEN = st.dictionaries(NAMES, VALUES, max_size=4)
FUNCTIONS = st.sampled_from(
    [
        function(),
        function("/o/{color}", parameter("path", "simple"), parameter("query", name="q")),
        function("/", parameter("header", "simple", name="X-A"), parameter("cookie", name="c")),
        function(method="POST", body=Body(argument="input")),
        function(method="POST", body=Body(argument="input", media_type="multipart/form-data")),
        function(server="http://other.example/base"),
    ]
)
ARGUMENTS: dict[str, Any] = {"color": "a b/c", "q": [1, 2], "X-A": "v", "c": 1, "input": {"a": 1}}


@given(FUNCTIONS, GIVEN, st.lists(GIVEN, min_size=1, max_size=3), st.booleans())
def test_head_says_what_merging_the_headers_of_each_call_says(
    one: Function, settings: dict[str, str], calls: list[dict[str, str]], full: bool
) -> None:
    async def check() -> None:
        base = "http://up.example/v1"
        async with transport_to(base, headers=settings) as transport:
            prepared = transport._prepare(one)
            for forwarded in calls:
                arguments = ARGUMENTS if full else {"color": "red"}
                made, body = prepared.write(arguments, forwarded)
                request = build_request(one, arguments, base)
                assert len(body) == len(request.body or b"")  # multipart bodies differ in their boundary
                method, target, lines = decode_head(made)
                assert (method, request.url.endswith(target)) == (request.method, True)
                merged = merge_headers(request, settings=settings, forwarded=forwarded, base_url=base)
                wanted = {name.lower(): value for name, value in merged.items() if name != "te"}
                said = {name.lower(): value for name, value in lines}
                assert len(said) == len(lines)
                added = {"host", "user-agent", "accept", "accept-encoding", "content-length"}
                assert {name: said[name] for name in wanted} == wanted
                assert set(said) - set(wanted) <= added

    asyncio.run(check())


# Proxies.


def name_proxies(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


PROXIES = {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "q:2", "NO_PROXY": "in.example, .corp.example"}


@pytest.mark.parametrize(
    ("scheme", "host", "proxy"),
    [
        ("http", "up.example", "http://p:1"),
        ("https", "up.example", "http://q:2"),
        ("http", "in.example", ""),
        ("https", "a.corp.example", ""),
        ("http", "127.0.0.1", ""),
        ("http", "::1", ""),
        ("http", "localhost", ""),
    ],
)
def test_environment_says_which_origins_have_a_proxy(
    monkeypatch: pytest.MonkeyPatch, scheme: Any, host: str, proxy: str
) -> None:
    name_proxies(monkeypatch, **PROXIES)
    assert proxy_for(Origin(scheme, host, 80)) == proxy


def test_without_variables_there_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    name_proxies(monkeypatch)
    assert proxy_for(Origin("http", "up.example", 80)) == ""


async def test_calls_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = answer(b"1\n2\n", b"Content-Type: application/x-ndjson")
    async with raw_server(
        in_order(answer(b"[1]", JSON), lines, answer(b"x" * 99), Script(b"", then="close"))
    ) as server:
        name_proxies(monkeypatch, http_proxy=f"http://me:secret@127.0.0.1:{server.port}")
        async with transport_to("http://up.example/v1", max_body_bytes=50) as transport:
            found = await fetch(transport, function(), headers={"traceparent": "t"})
            streamed = [item async for item in transport.stream(function(), {}, headers={})]
            large = await call(transport, function())
            lost = await call(transport, function())
    assert isinstance(found, Fetched)
    assert found.body == b"[1]"
    assert streamed == [1, 2]
    assert isinstance(large, UpstreamAnswer)
    assert isinstance(lost, UpstreamUnreachable)
    assert server.requests[0].startswith(b"GET http://up.example/v1/orders HTTP/1.1\r\n")
    headers = sent_headers(server.requests[0])
    assert (headers["host"], headers["traceparent"], headers["user-agent"]) == ("up.example", "t", "weft")
    assert headers["accept-encoding"] == "identity"
    assert headers["proxy-authorization"].startswith("Basic ")
