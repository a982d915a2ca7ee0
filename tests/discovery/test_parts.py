"""Descriptions of several documents, on real servers and in files; and patches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.document_server import DocumentServer, document, serving, tagged, text
from weft.discovery import Candidate, Detected, Detection, HttpAddress, TryLater, Unchanged
from weft.discovery.detectors.openapi import OpenApiDetector

USER = json.dumps({"User": {"type": "object", "properties": {"name": {"type": "string"}}}})


@pytest.fixture
async def server() -> AsyncIterator[DocumentServer]:
    async with serving() as running:
        yield running


async def detect(
    url: str, memo: Mapping[str, Any] | None = None, *, most: int = 100_000, **address: Any
) -> Detection:
    detector = OpenApiDetector(max_document_bytes=most)
    loop = asyncio.get_running_loop()
    return await detector.detect(
        Candidate(HttpAddress(url, **address), headers={"authorization": "secret"}),
        memo=memo,
        deadline=loop.time() + 20,
    )


def split(reference: str = "shapes/user.json#/User") -> str:
    content = {"application/json": {"schema": {"$ref": reference}}}
    found = document()
    found["paths"] = {"/me": {"get": {"responses": {"200": {"content": content}}}}}
    return json.dumps(found)


def warnings(found: Detection) -> list[str]:
    assert isinstance(found, Detected)
    return [
        f"{w.kind}: {w.reason}"
        for w in found.upstream.warnings
        if w.kind in {"unread-document", "unresolved-ref"}
    ]


async def test_documents_of_the_same_origin_are_read_with_it(server: DocumentServer) -> None:
    server.answers |= {"/openapi.json": text(split()), "/shapes/user.json": text(USER)}
    found = await detect(server.url)
    assert isinstance(found, Detected)
    assert list(found.upstream.shapes) == ["User"]
    assert warnings(found) == []


async def test_a_change_in_another_document_is_seen(server: DocumentServer) -> None:
    server.answers |= {"/openapi.json": tagged(split(), '"1"'), "/shapes/user.json": text(USER)}
    first = await detect(server.url)
    assert isinstance(first, Detected)
    assert isinstance(await detect(server.url, first.memo), Unchanged)
    server.answers["/shapes/user.json"] = text(USER.replace("name", "title"))
    assert isinstance(await detect(server.url, first.memo), Detected)


async def test_another_origin_is_asked_only_where_that_is_allowed_and_gets_no_credentials(
    server: DocumentServer,
) -> None:
    async with serving({"/user.json": text(USER)}) as other:
        server.answers["/openapi.json"] = text(split(f"{other.url}/user.json?key=s3cret#/User"))
        refused = await detect(server.url)
        assert other.asked == []
        assert any("another origin" in warning for warning in warnings(refused))
        assert "s3cret" not in repr(refused)
        allowed = await detect(server.url, references="any")
        assert isinstance(allowed, Detected)
        assert list(allowed.upstream.shapes) == ["User"]
        assert other.headers is not None
        assert "authorization" not in other.headers


async def test_a_document_that_is_missing_costs_what_refers_to_it(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = text(split())
    found = await detect(server.url)
    assert isinstance(found, Detected)
    assert len(found.upstream.functions) == 1
    assert "unread-document: " in warnings(found)[0]
    assert "answers 404" in warnings(found)[0]


async def test_documents_together_are_bounded(server: DocumentServer) -> None:
    server.answers |= {"/openapi.json": text(split()), "/shapes/user.json": text(USER + " " * 1000)}
    assert any("larger than" in warning for warning in warnings(await detect(server.url, most=900)))


async def test_a_file_may_refer_to_files_beside_it_and_to_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "user.yaml").write_text(
        "User:\n  type: object\n  properties: {name: {type: string}}\n"
    )
    file = tmp_path / "api.json"
    file.write_text(split("shapes/user.yaml#/User"))
    found = await detect("http://127.0.0.1:1", openapi=file)
    assert isinstance(found, Detected)
    assert list(found.upstream.shapes) == ["User"]
    file.write_text(split("http://127.0.0.1:1/user.json#/User"))
    assert any(
        "files only" in warning for warning in warnings(await detect("http://127.0.0.1:1", openapi=file))
    )
    file.write_text(split("../../etc/passwd"))
    assert any(
        "does not end in" in warning for warning in warnings(await detect("http://127.0.0.1:1", openapi=file))
    )


async def test_patches_change_the_document_before_it_is_read(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = text(json.dumps(document("Orders", "/a", "/b")))
    patches = ({"paths": {"/b": None}}, [{"op": "add", "path": "/info/title", "value": "Patched"}])
    found = await detect(server.url, patches=patches)
    assert isinstance(found, Detected)
    assert found.upstream.title == "Patched"
    assert len(found.upstream.functions) == 1
    assert isinstance(await detect(server.url, found.memo, patches=patches), Unchanged)
    assert isinstance(await detect(server.url, found.memo), Detected)


async def test_a_patch_that_does_not_fit_says_which_operation(server: DocumentServer) -> None:
    server.answers["/openapi.json"] = text(json.dumps(document()))
    found = await detect(server.url, patches=([{"op": "remove", "path": "/nowhere/at"}],))
    assert isinstance(found, TryLater)
    assert "patch 1, operation 1 (remove /nowhere/at): the document has no such place" in found.reason
