"""Calls over gRPC that are repeated, or not, at a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
import pytest
from google.rpc import error_details_pb2, status_pb2

from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.grpc import read_descriptors
from weft.schemas.links import Weave
from weft.schemas.stitch import stitch

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package shop;
service Shop {
  rpc GetOrder(Key) returns (Order);
  rpc PlaceOrder(Key) returns (Order);
  rpc SetOrder(Key) returns (Order) { option idempotency_level = IDEMPOTENT; }
  rpc ListenOrders(Key) returns (stream Order) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message Key { string id = 1; }
message Order { string id = 1; }
""")
READ, WRITE, SET = "{ order { id } }", "mutation { placeOrder { id } }", "mutation { setOrder { id } }"
LIST = "{ listenOrders { id } }"

Failure = tuple[grpc.StatusCode, float | None]
"""The status, and for how many seconds ``google.rpc.RetryInfo`` asks to wait, if it does."""

UNAVAILABLE: Failure = (grpc.StatusCode.UNAVAILABLE, None)


@dataclass
class Shop:
    """A server that fails as told, once for each failure, and then answers.

    Attributes:
        tried: Loop time of every call, and how many seconds it had left.
    """

    failures: list[Failure]
    tried: list[tuple[float, float]] = field(default_factory=list)

    async def call(self, _: Any, context: Any) -> Any:
        self.tried.append((asyncio.get_running_loop().time(), context.time_remaining()))
        if self.failures:
            code, wait_s = self.failures.pop(0)
            trailers: Any = ()
            if wait_s is not None:
                status = status_pb2.Status(code=code.value[0])
                retry = error_details_pb2.RetryInfo()
                retry.retry_delay.FromMilliseconds(int(wait_s * 1000))
                status.details.add().Pack(retry)
                trailers = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(code, "not now", trailing_metadata=trailers)
        return {"id": "o"}

    async def stream(self, request: Any, context: Any) -> AsyncIterator[Any]:
        yield await self.call(request, context)


@contextlib.asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[Engine]:
    handlers: Any = {f"Shop.{name}Order": shop.call for name in ("Get", "Place", "Set")}
    api = GrpcApi(DESCRIPTORS, handlers | {"Shop.ListenOrders": shop.stream})
    async with running_grpc(api) as address:
        upstream = read_descriptors(
            DESCRIPTORS, ["shop.Shop"], upstream=UpstreamId("shop"), address=address, tls=False
        )
        stitched = stitch(Catalog.of(upstream), Weave((), ()))
        transport = GrpcTransport(upstream, TransportSettings())
        async with Engine(stitched, {upstream.id: transport}, EngineSettings(timeout_s=5)) as engine:
            yield engine


async def ask(engine: Engine, query: str, *, within_s: float = 5.0) -> str:
    """``ok``, or the code of the one error."""
    deadline = asyncio.get_running_loop().time() + within_s
    response = await engine.execute(GraphQLRequest(query, {}, None), deadline=deadline)
    body = msgspec.json.decode(response.body)
    return body["errors"][0]["extensions"]["code"] if "errors" in body else "ok"


@pytest.mark.parametrize("failure", [UNAVAILABLE, (grpc.StatusCode.RESOURCE_EXHAUSTED, 0.01)], ids=str)
@pytest.mark.parametrize("query", [READ, SET, LIST])
async def test_what_passes_is_tried_again_where_it_may_be(query: str, failure: Failure) -> None:
    shop = Shop([failure])
    async with running(shop) as engine:
        assert await ask(engine, query) == "ok"
    assert len(shop.tried) == 2


@pytest.mark.parametrize("failure", [UNAVAILABLE, (grpc.StatusCode.UNAVAILABLE, 0.01)], ids=str)
async def test_a_write_is_never_sent_twice(failure: Failure) -> None:
    shop = Shop([failure])
    async with running(shop) as engine:
        assert await ask(engine, WRITE) in {"UNAVAILABLE", "UPSTREAM_UNREACHABLE"}
    assert len(shop.tried) == 1


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "INTERNAL", "NOT_FOUND", "ABORTED"])
async def test_a_status_that_says_nothing_of_a_retry_stands(code: str) -> None:
    shop = Shop([(grpc.StatusCode[code], None)])
    async with running(shop) as engine:
        assert await ask(engine, READ) == code
    assert len(shop.tried) == 1


async def test_as_long_as_the_server_asks_is_waited() -> None:
    shop = Shop([(grpc.StatusCode.UNAVAILABLE, 0.08)])
    async with running(shop) as engine:
        assert await ask(engine, READ) == "ok"
    (first, _), (second, _) = shop.tried
    assert second - first >= 0.08


async def test_a_retry_that_the_server_wants_after_the_deadline_is_not_made() -> None:
    shop = Shop([(grpc.StatusCode.UNAVAILABLE, 60.0)])
    async with running(shop) as engine:
        async with asyncio.timeout(4):  # it is not waited for
            assert await ask(engine, READ) == "UNAVAILABLE"
    assert len(shop.tried) == 1


@pytest.mark.slow
async def test_all_tries_have_one_deadline_and_the_server_sees_it() -> None:
    shop = Shop([(grpc.StatusCode.UNAVAILABLE, 0.3)])
    async with running(shop) as engine:
        assert await ask(engine, READ) == "ok"
    (_, first), (_, second) = shop.tried
    assert first <= 5.0
    assert second <= first - 0.2  # gRPC's C core rounds what it says of seconds to tenths, upwards
