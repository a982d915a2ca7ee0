"""Links by resource names, over a gRPC server whose batches fail as a whole (AIP-231)."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import msgspec
import pytest

from tests.support.protobuf import GrpcApi, compile_protos, running_grpc
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, Upstream, UpstreamId
from weft.schemas.grpc import read_descriptors
from weft.schemas.links import BulkRule, weave
from weft.schemas.stitch import stitch

RESOURCE = """
syntax = "proto3";
package google.api;
import "google/protobuf/descriptor.proto";
extend google.protobuf.FieldOptions { ResourceReference resource_reference = 1055; }
extend google.protobuf.MessageOptions { ResourceDescriptor resource = 1053; }
message ResourceDescriptor { string type = 1; repeated string pattern = 2; string name_field = 3; }
message ResourceReference { string type = 1; string child_type = 2; }
"""
LIBRARY = """
syntax = "proto3";
package library;
import "google/api/resource.proto";
service Library {
  rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);
  rpc GetAuthor(GetAuthorRequest) returns (Author);
  rpc BatchGetAuthors(BatchGetAuthorsRequest) returns (BatchGetAuthorsResponse);
}
message ListBooksRequest {}
message ListBooksResponse { repeated Book books = 1; }
message Book {
  option (google.api.resource) = { type: "library/Book" pattern: "books/{book}" };
  string name = 1;
  string author = 2 [(google.api.resource_reference).type = "library/Author"];
  repeated string reader_names = 3 [(google.api.resource_reference).type = "library/Author"];
}
message Author {
  option (google.api.resource) = { type: "library/Author" pattern: "authors/{author}" };
  string name = 1;
  string display_name = 2;
}
message GetAuthorRequest { string name = 1 [(google.api.resource_reference).type = "library/Author"]; }
message BatchGetAuthorsRequest {
  repeated string names = 1 [(google.api.resource_reference).type = "library/Author"];
}
message BatchGetAuthorsResponse { repeated Author authors = 1; }
"""
DESCRIPTORS = compile_protos({"google/api/resource.proto": RESOURCE, "library.proto": LIBRARY})
QUERY = "{ books { books { name authorResource { displayName } readers { displayName } } } }"


def upstream_at(address: str, descriptors: bytes = DESCRIPTORS) -> Upstream:
    return read_descriptors(
        descriptors, ["library.Library"], upstream=UpstreamId("library"), address=address, tls=False
    )


@contextlib.asynccontextmanager
async def library(known: set[str], calls: list[tuple[str, ...]], **how: Any) -> AsyncIterator[Engine]:
    async def books(_: Any, __: Any) -> Any:
        return {
            "books": [
                {"name": "books/1", "author": "authors/a", "readerNames": ["authors/b", "authors/a"]},
                {"name": "books/2", "author": "authors/b"},
            ]
        }

    async def batch(request: Any, context: Any) -> Any:
        calls.append(tuple(request.names))
        if not known.issuperset(request.names):
            await context.abort(grpc.StatusCode.NOT_FOUND, "one of them is gone")
        return {"authors": [{"name": name, "displayName": name[-1]} for name in reversed(request.names)]}

    async def get(request: Any, _: Any) -> Any:
        calls.append((request.name,))
        return {"name": request.name, "displayName": request.name[-1]}

    handlers = {"ListBooks": books, "BatchGetAuthors": batch, "GetAuthor": get}
    api = GrpcApi(DESCRIPTORS, {f"Library.{name}": one for name, one in handlers.items()})
    async with running_grpc(api) as address:
        upstream = upstream_at(address)
        catalog = Catalog.of(upstream)
        stitched = stitch(catalog, weave(catalog, **how))
        transport = GrpcTransport(upstream, TransportSettings())
        async with Engine(stitched, {upstream.id: transport}, EngineSettings(share=False)) as engine:
            yield engine


async def run(engine: Engine) -> dict[str, Any]:
    response = await engine.execute(GraphQLRequest(QUERY, {}, None))
    return msgspec.json.decode(response.body, type=dict[str, Any])


def answer(a: Any, b: Any) -> dict[str, Any]:
    books = [
        {"name": "books/1", "authorResource": a, "readers": [b, a]},
        {"name": "books/2", "authorResource": b, "readers": []},
    ]
    return {"data": {"books": {"books": books}}}


async def test_names_of_resources_lead_to_them_in_one_call() -> None:
    calls: list[tuple[str, ...]] = []
    async with library({"authors/a", "authors/b"}, calls) as engine:
        for _ in range(3):
            calls.clear()
            assert await run(engine) == answer({"displayName": "a"}, {"displayName": "b"})
            assert calls == [("authors/a", "authors/b")]


async def test_a_batch_that_fails_for_one_name_is_asked_name_by_name() -> None:
    calls: list[tuple[str, ...]] = []
    async with library({"authors/a"}, calls) as engine:
        for _ in range(3):
            calls.clear()
            assert await run(engine) == answer({"displayName": "a"}, None)
            assert sorted(calls) == [("authors/a",), ("authors/a", "authors/b"), ("authors/b",)]


async def test_without_the_bulk_function_each_name_has_a_call() -> None:
    calls: list[tuple[str, ...]] = []
    rule = BulkRule(function="library.Library.BatchGetAuthors", off=True)
    async with library(set(), calls, bulk=[rule]) as engine:
        assert await run(engine) == answer({"displayName": "a"}, {"displayName": "b"})
        assert sorted(calls) == [("authors/a",), ("authors/b",)]


@pytest.mark.parametrize("gone", [r" \[\(google[^]]*\]", r"option \(google[^;]*;"])
def test_methods_say_what_resources_are_where_options_do_not(gone: str) -> None:
    text = re.sub(gone, "", LIBRARY)
    assert text != LIBRARY
    descriptors = compile_protos({"google/api/resource.proto": RESOURCE, "library.proto": text})
    upstream = upstream_at("a:1", descriptors)
    catalog = Catalog.of(upstream)
    (bulk,) = weave(catalog).bulk
    assert (bulk.function, bulk.argument, bulk.items, bulk.key, bulk.atomic) == (
        "library.Library.BatchGetAuthors",
        "names",
        ("authors",),
        "name",
        True,
    )
