"""The OpenAPI detector, on real servers."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.support.document_server import (
    Answer,
    DocumentServer,
    described,
    document,
    endless,
    serving,
    tagged,
    text,
)
from weft.discovery import (
    Candidate,
    Detected,
    Detection,
    GrpcAddress,
    HttpAddress,
    NotThisKind,
    TryLater,
    Unchanged,
)
from weft.discovery.detectors.documents import retry_after_s, user_agent
from weft.discovery.detectors.openapi import WELL_KNOWN, OpenApiDetector, places
from weft.schemas.catalog import HttpTarget

HTML = text("<!DOCTYPE html><html></html>", kind="text/html")


@pytest.fixture
async def server() -> AsyncIterator[DocumentServer]:
    async with serving() as running:
        yield running


async def detect(
    url: str,
    *,
    openapi: str | Path | None = None,
    name: str | None = None,
    headers: Mapping[str, str] | None = None,
    memo: Mapping[str, Any] | None = None,
    timeout_s: float = 20,
) -> Detection:
    candidate = Candidate(HttpAddress(url, openapi=openapi), name=name, headers=headers or {})
    deadline = asyncio.get_running_loop().time() + timeout_s
    return await OpenApiDetector().detect(candidate, memo=memo, deadline=deadline)


async def detected(url: str, **more: Any) -> Detected:
    found = await detect(url, **more)
    assert isinstance(found, Detected), found
    return found


async def later(url: str, **more: Any) -> TryLater:
    found = await detect(url, **more)
    assert isinstance(found, TryLater), found
    return found


def base_url(found: Detected) -> str:
    assert isinstance(found.upstream.target, HttpTarget)
    return found.upstream.target.base_url


# Where a document is found


@pytest.mark.parametrize("path", WELL_KNOWN)
async def test_a_document_is_found_at_every_well_known_place(server: DocumentServer, path: str) -> None:
    server.answers[path] = described("Orders API")
    found = await detected(server.url)
    assert found.upstream.id == "orders"
    assert found.memo["url"] == server.url + path


async def test_of_two_documents_the_one_at_the_better_place_counts(server: DocumentServer) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return await described("Better")(request)

    better, worse = WELL_KNOWN[1], WELL_KNOWN[2]
    server.answers |= {better: slowly, worse: described("Worse")}
    assert (await detected(server.url)).upstream.title == "Better"


async def test_one_request_is_enough_where_most_frameworks_have_it(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described()
    await detected(server.url)
    assert server.asked == ["/openapi.json"]


async def test_never_more_than_four_requests_are_under_way(server: DocumentServer) -> None:
    under_way, most = 0, 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        return web.Response(status=404)

    server.answers["*"] = counted
    await detect(server.url)
    assert most == 4


async def test_places_under_the_given_path_come_before_the_root(server: DocumentServer) -> None:
    server.answers |= {"/shop/openapi.json": described("Shop"), "/openapi.json": described("Root")}
    found = await detected(f"{server.url}/shop")
    assert (found.upstream.title, base_url(found)) == ("Shop", f"{server.url}/shop")


async def test_the_root_is_tried_where_the_given_path_has_nothing(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described("Root")
    assert (await detected(f"{server.url}/shop")).upstream.title == "Root"


async def test_the_given_url_may_be_the_document_itself(server: DocumentServer) -> None:
    server.answers["/docs/orders.json"] = described()
    found = await detected(f"{server.url}/docs/orders.json")
    assert base_url(found) == server.url
    assert server.asked == ["/docs/orders.json"]


def test_places_are_told_once_each() -> None:
    found = places("http://a/openapi.json")
    assert len(found) == len(set(found)) == len(WELL_KNOWN)


async def test_yaml_is_read(server: DocumentServer) -> None:
    server.answers["/openapi.yaml"] = text(yaml.safe_dump(document()), kind="application/yaml")
    assert [f.id for f in (await detected(server.url)).upstream.functions] == ["orders.get_orders"]


async def test_a_compressed_document_is_read(server: DocumentServer) -> None:
    body = gzip.compress(json.dumps(document()).encode())
    server.answers["/openapi.json"] = text(body, Content_Encoding="gzip")
    assert [f.id for f in (await detected(server.url)).upstream.functions] == ["orders.get_orders"]


async def test_a_given_path_on_the_server_is_the_only_one_asked(server: DocumentServer) -> None:
    server.answers["/internal/spec"] = described()
    await detected(server.url, openapi="/internal/spec")
    assert server.asked == ["/internal/spec"]


async def test_a_given_url_may_be_on_another_server(server: DocumentServer) -> None:
    async with serving({"/orders.json": described()}) as other:
        found = await detected(server.url, openapi=f"{other.url}/orders.json")
    assert base_url(found) == server.url


async def test_a_file_is_read_for_the_given_server(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(yaml.safe_dump(document("Orders API", "/a", servers=[{"url": "/v2"}])))
    found = await detected("http://127.0.0.1:1", openapi=file)
    assert base_url(found) == "http://127.0.0.1:1/v2"


async def test_a_file_that_did_not_change_is_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_text(json.dumps(document()))
    first = await detected("http://127.0.0.1:1", openapi=file)
    assert await detect("http://127.0.0.1:1", openapi=file, memo=first.memo) == Unchanged()


async def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    found = await later("http://127.0.0.1:1", openapi=tmp_path / "absent.json")
    assert found.reason.endswith(
        "cannot be read: No such file or directory; a path on the server begins with `/`"
    )


async def test_the_configured_name_is_the_upstreams_id(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described("Orders API")
    assert (await detected(server.url, name="mine")).upstream.id == "mine"


# What is asked again


async def test_the_last_good_place_is_asked_first_and_304_is_unchanged(server: DocumentServer) -> None:
    server.answers["/api-docs"] = tagged(json.dumps(document()), '"1"')
    first = await detected(server.url)
    server.asked.clear()
    assert await detect(server.url, memo=first.memo) == Unchanged()
    assert server.asked == ["/api-docs"]


async def test_the_same_content_is_unchanged_without_an_entity_tag(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described()
    first = await detected(server.url)
    assert await detect(server.url, memo=first.memo) == Unchanged()


async def test_the_date_of_the_document_is_sent_back(server: DocumentServer) -> None:
    date = "Tue, 24 Nov 2026 00:00:00 GMT"
    server.answers["/openapi.json"] = text(json.dumps(document()), Last_Modified=date)
    first = await detected(server.url)
    await detect(server.url, memo=first.memo)
    assert server.headers is not None
    assert server.headers["If-Modified-Since"] == date


async def test_a_changed_document_is_read_again(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = tagged(json.dumps(document()), '"1"')
    first = await detected(server.url)
    server.answers["/openapi.json"] = tagged(json.dumps(document("Orders API", "/a", "/b")), '"2"')
    assert len((await detected(server.url, memo=first.memo)).upstream.functions) == 2


async def test_a_document_that_moved_is_found_and_its_place_remembered(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described()
    first = await detected(server.url)
    server.answers = {"/v3/api-docs": described(), "*": HTML}
    second = await detected(server.url, memo=first.memo)
    assert second.memo["url"] == f"{server.url}/v3/api-docs"


async def test_another_configured_place_voids_the_memo(server: DocumentServer) -> None:
    server.answers |= {"/openapi.json": described("One"), "/two": described("Two")}
    first = await detected(server.url)
    assert (await detected(server.url, openapi="/two", memo=first.memo)).upstream.title == "Two"


async def test_a_known_document_that_broke_is_to_be_tried_later(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = described()
    first = await detected(server.url)
    server.answers["/openapi.json"] = text('{"openapi": "3.1')
    assert "broken JSON" in (await later(server.url, memo=first.memo)).reason


# Manners


async def test_probes_say_who_they_are(server: DocumentServer) -> None:
    await detect(server.url)
    assert server.headers is not None
    assert server.headers["User-Agent"] == user_agent()
    assert user_agent().startswith("weft/")
    assert user_agent().endswith(" (discovery)")


async def test_headers_are_sent_to_the_candidate(server: DocumentServer) -> None:
    await detect(server.url, headers={"authorization": "Bearer x"})
    assert server.headers is not None
    assert server.headers["Authorization"] == "Bearer x"


async def test_headers_are_not_sent_to_another_origin(server: DocumentServer) -> None:
    async with serving({"/orders.json": described()}) as other:
        await detected(server.url, openapi=f"{other.url}/orders.json", headers={"authorization": "Bearer x"})
        assert other.headers is not None
        assert "Authorization" not in other.headers


async def test_a_redirect_within_the_origin_is_followed(server: DocumentServer) -> None:
    server.answers |= {
        "/openapi.json": text("", status=302, Location="/spec.json"),
        "/spec.json": described(),
    }
    assert (await detected(server.url)).memo["url"] == f"{server.url}/spec.json"


async def test_a_redirect_to_another_origin_is_refused(server: DocumentServer) -> None:
    async with serving({"/openapi.json": described()}) as other:
        server.answers["/openapi.json"] = text("", status=307, Location=f"{other.url}/openapi.json")
        found = await later(server.url)
        assert "redirects to another origin" in found.reason
        assert other.asked == []


async def test_a_circle_of_redirects_ends(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = text("", status=302, Location="/openapi.json")
    assert (await later(server.url)).reason == "/openapi.json: redirects more than 3 times"
    assert server.asked.count("/openapi.json") == 4


async def test_retry_after_is_handed_on_and_nothing_more_is_asked(server: DocumentServer) -> None:
    server.answers["*"] = text("", status=429, Retry_After="120")
    assert await later(server.url) == TryLater("answers 429", retry_after_s=120.0)
    assert len(server.asked) == 1


def test_retry_after_may_be_a_date() -> None:
    assert retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now=10.0) == 50.0
    assert retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now=99.0) == 0.0
    assert retry_after_s("soon") is None


# What is no document


async def test_a_server_without_a_document_is_not_this_kind(server: DocumentServer) -> None:
    found = await detect(server.url)
    assert found == NotThisKind(f"no OpenAPI document at {len(WELL_KNOWN)} well-known places")
    assert sorted(server.asked) == sorted(WELL_KNOWN)


@pytest.mark.parametrize("answer", [HTML, text("\n<!doctype HTML><html>", kind="application/json")])
async def test_html_is_no_document(server: DocumentServer, answer: Answer) -> None:
    server.answers["*"] = answer
    assert await detect(server.url) == NotThisKind("answers HTML, not an OpenAPI document")


async def test_html_at_a_given_place_is_to_be_tried_later(server: DocumentServer) -> None:
    server.answers["/spec"] = HTML
    assert await later(server.url, openapi="/spec") == TryLater("answers HTML, not an OpenAPI document")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_document_behind_credentials_asks_for_headers(server: DocumentServer, status: int) -> None:
    server.answers["*"] = text("", status=status)
    found = await later(server.url, openapi="/spec")
    assert found.reason == f"the document needs credentials ({status}): give `headers`"


async def test_a_broken_document_says_where_it_was(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = text('{"openapi": ')
    assert (await later(server.url)).reason.startswith("/openapi.json: not an OpenAPI document: broken JSON")


async def test_other_json_at_a_well_known_place_does_not_hide_the_document(server: DocumentServer) -> None:
    server.answers |= {"/openapi.json": text("{}"), "/v3/api-docs": described()}
    assert (await detected(server.url)).memo["url"].endswith("/v3/api-docs")


@pytest.mark.slow
async def test_a_document_of_200_mb_is_refused_early(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = endless(b" " * 1024 * 1024, 200)
    begun = time.perf_counter()
    found = await later(server.url, openapi="/openapi.json")
    assert found.reason == "the document is larger than 32 MiB"
    assert time.perf_counter() - begun < 2


@pytest.mark.slow
async def test_a_small_answer_that_unpacks_to_40_mb_is_refused(server: DocumentServer) -> None:
    body = gzip.compress(b" " * 40 * 1024 * 1024, compresslevel=1)
    server.answers["/openapi.json"] = text(body, Content_Encoding="gzip")
    found = await later(server.url, openapi="/openapi.json")
    assert found.reason == "the document is larger than 32 MiB"


async def test_a_stated_length_over_the_limit_is_refused_unread(server: DocumentServer) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(2**30)})
        await response.prepare(request)
        await asyncio.sleep(30)
        return response

    server.answers["/openapi.json"] = answer
    assert (await later(server.url, openapi="/openapi.json")).reason == "the document is larger than 32 MiB"


async def test_a_loop_of_references_is_read(server: DocumentServer) -> None:
    loop = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    body = document("Orders API", "/a", components={"schemas": loop})
    content = body["paths"]["/a"]["get"]["responses"]["200"]["content"]
    content["application/json"]["schema"] = {"$ref": "#/components/schemas/A"}
    server.answers["/openapi.json"] = text(json.dumps(body))
    assert len((await detected(server.url)).upstream.functions) == 1


async def test_breaches_of_openapis_rules_are_warnings(server: DocumentServer) -> None:
    body = document()
    del body["paths"]["/orders"]["get"]["responses"]["200"]["description"]
    server.answers["/openapi.json"] = text(json.dumps(body))
    assert (await detected(server.url)).upstream.warnings


# What is no server


async def test_a_hanging_server_costs_no_more_than_the_time_limit(server: DocumentServer) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    server.answers["*"] = hang
    begun = time.perf_counter()
    assert await later(server.url, timeout_s=0.2) == TryLater("no answer within the time limit")
    assert time.perf_counter() - begun < 1


async def test_a_refused_connection_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert await later(f"http://127.0.0.1:{taken.getsockname()[1]}") == TryLater("connection refused")


async def test_a_host_that_does_not_exist_says_so() -> None:
    found = await later("http://no-such-host.invalid")
    assert found.reason == "the host name cannot be resolved"


@pytest.mark.parametrize("said", [b"", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"])
async def test_what_does_not_speak_http_1_is_not_this_kind(said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        assert isinstance(await detect(f"http://127.0.0.1:{port}"), NotThisKind)


async def test_http_to_a_server_that_wants_tls_is_no_bug(server: DocumentServer) -> None:
    assert (await later(server.url.replace("http", "https"))).reason == "the server does not speak TLS"


async def test_an_address_that_is_no_http_server_is_not_this_kind() -> None:
    found = await OpenApiDetector().detect(Candidate(GrpcAddress("a:1")), memo=None, deadline=0)
    assert isinstance(found, NotThisKind)


async def test_a_url_that_is_none_is_no_bug() -> None:
    assert isinstance(await detect("http://[broken"), TryLater)
