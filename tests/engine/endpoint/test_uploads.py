"""Requests with files.

The names of the cases are those of the GraphQL multipart request specification's examples.
"""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.engine.endpoint.conftest import Serve
from tests.engine.endpoint.core_engine import CoreEngine
from weft.engine.endpoint import EndpointSettings
from weft.engine.endpoint.requests import HttpProblem
from weft.engine.endpoint.uploads import MAX_PLACES, parse_upload
from weft.engine.operation.request import GraphQLRequest
from weft.schemas.catalog import UploadedFile

PREFLIGHT = {"graphql-require-preflight": "1"}


def form(*parts: tuple[str, bytes, str], end: bytes = b"--x--\r\n") -> bytes:
    """Parts of a name, a content and further parameters of their disposition."""
    written = b""
    for name, content, more in parts:
        written += (
            f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return written + end


def parsed(
    operations: Any, places: Any, *files: tuple[str, bytes, str], max_files: int = 10
) -> GraphQLRequest | HttpProblem:
    body = form(
        ("operations", json.dumps(operations).encode(), ""), ("map", json.dumps(places).encode(), ""), *files
    )
    return parse_upload("multipart/form-data; boundary=x", body, max_files=max_files)


def test_single_file() -> None:
    request = parsed(
        {"query": "q", "variables": {"file": None}},
        {"0": ["variables.file"]},
        ("0", b"alpha\r\n\x00", '; filename="a.txt"\r\nContent-Type: text/plain'),
    )
    assert isinstance(request, GraphQLRequest)
    file = request.variables["file"]
    assert isinstance(file, UploadedFile)
    assert (bytes(file), file.filename, file.content_type) == (b"alpha\r\n\x00", "a.txt", "text/plain")


def test_file_list_and_one_file_in_two_places() -> None:
    request = parsed(
        {"query": "q", "operationName": "o", "variables": {"files": [None, None], "in": {"one": None}}},
        {"0": ["variables.files.0", "variables.in.one"], "1": ["variables.files.1"]},
        ("0", b"a", ""),
        ("1", b"b", '; filename="C:\\dir\\b.txt"'),
    )
    assert request == GraphQLRequest("q", {"files": [b"a", b"b"], "in": {"one": b"a"}}, "o")
    assert isinstance(request, GraphQLRequest)
    assert request.variables["files"][1].filename == "b.txt"


def test_request_without_files_is_a_request() -> None:
    assert parsed({"query": "q"}, {}) == GraphQLRequest("q")


@pytest.mark.parametrize(
    ("operations", "places", "files", "told"),
    [
        ([{"query": "q"}], {}, [], "batches"),
        ({"variables": {}}, {}, [], "`query` is missing"),
        ({"query": "q", "variables": {"f": None}}, {"0": ["variables.f"]}, [], "not in the form"),
        ({"query": "q"}, {}, [("0", b"", "")], "no place in `map`"),
        ({"query": "q", "variables": {"f": 1}}, {"0": ["variables.f"]}, [("0", b"", "")], "null must stand"),
        ({"query": "q", "variables": {}}, {"0": ["variables.f"]}, [("0", b"", "")], "leads nowhere"),
        (
            {"query": "q", "variables": {"f": []}},
            {"0": ["variables.f.-1"]},
            [("0", b"", "")],
            "leads nowhere",
        ),
        (
            {"query": "q", "variables": {"f": []}},
            {"0": ["variables.f.99999999999"]},
            [("0", b"", "")],
            "leads nowhere",
        ),
        ({"query": "q"}, {"0": ["query"]}, [("0", b"", "")], "must lead into"),
        ({"query": "q"}, {"0": "variables.f"}, [("0", b"", "")], "`map` must be"),
        ({"query": "q"}, {"0": ["variables.f"] * (MAX_PLACES + 1)}, [("0", b"", "")], "more than 100 places"),
        ({"query": "q"}, {"0": ["variables" + ".f" * 50]}, [("0", b"", "")], "must lead into"),
        ({"query": "q"}, {}, [("0", b"", ""), ("0", b"", "")], "there twice"),
        ({"query": "q"}, {}, [("1", b"", ""), ("2", b"", ""), ("3", b"", "")], "more than 2 files"),
        ({"query": "q"}, {}, [("", b"", "\r\nA: b" * 9)], "not well-formed"),
    ],
)
def test_form_that_is_not_well_formed_is_refused(operations: Any, places: Any, files: Any, told: str) -> None:
    problem = parsed(operations, places, *files, max_files=2)
    assert isinstance(problem, HttpProblem)
    assert problem.status == 400
    assert told in problem.message


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", form(("operations", b"{}", ""))),
        ("multipart/form-data; boundary=y", form(("operations", b"{}", ""))),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", form(("operations", b"{}", ""), end=b"")),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n{}\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", form(("map", b"{}", ""))),
    ],
)
def test_body_that_is_no_such_form_is_refused(content_type: str, body: bytes) -> None:
    problem = parse_upload(content_type, body, max_files=2)
    assert isinstance(problem, HttpProblem)
    assert problem.status == 400


def upload(content: bytes = b"a", query: str = "{ hello }") -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("operations", json.dumps({"query": query, "variables": {"f": None}}))
    data.add_field("map", json.dumps({"0": ["variables.f"]}))
    data.add_field("0", content, filename="a.txt", content_type="text/plain")
    return data


async def test_files_reach_the_engine(serve: Serve, engine: CoreEngine) -> None:
    async with serve() as http, http.post("/graphql", data=upload(), headers=PREFLIGHT) as answer:
        assert (await answer.json())["data"] == {"hello": "hello world"} or answer.status == 200
    assert engine.seen["request"].variables == {"f": b"a"}


async def test_form_of_another_site_is_refused(serve: Serve, engine: CoreEngine) -> None:
    async with serve() as http, http.post("/graphql", data=upload()) as answer:
        assert answer.status == 403
        assert (await answer.json())["errors"][0]["extensions"] == {"code": "CSRF"}
    assert not engine.seen


async def test_files_over_the_limit_are_413_and_none_are_taken_where_it_is_0(serve: Serve) -> None:
    for most, content, status in ((100, b"a" * 200, 413), (0, b"a", 415)):
        async with (
            serve(EndpointSettings(max_upload_bytes=most)) as http,
            http.post("/graphql", data=upload(content), headers=PREFLIGHT) as answer,
        ):
            assert answer.status == status
