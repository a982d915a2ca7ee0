"""The inventory service of the shop example."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_reflection.v1alpha import reflection_pb2

from tests.support.processes import ROOT, RunningProcess, running_process
from tests.support.protobuf import GrpcApi, compile_protos

pytestmark = pytest.mark.slow

FOLDER = ROOT / "examples/shop/inventory"
API = GrpcApi(
    compile_protos({name: (FOLDER / name).read_text() for name in ("inventory.proto", "health.proto")})
)


class Client:
    """Calls by ``Service.Method``, with JSON values."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def __call__(self, name: str, **arguments: Any) -> Any:
        service, _, method = name.partition(".")
        found = next(m for m in API.methods if m.containing_service.name == service and m.name == method)
        make: Any = self._channel.unary_stream if found.server_streaming else self._channel.unary_unary
        path = f"/{found.containing_service.full_name}/{method}"
        answer = type(API.message(found.output_type.full_name))
        request = API.message(found.input_type.full_name, arguments)
        return make(path, response_deserializer=answer.FromString)(request.SerializeToString(), timeout=5)


@pytest.fixture
async def inventory() -> AsyncIterator[RunningProcess]:
    async with running_process(["examples/shop/inventory/server.py", "--port", "0"]) as process:
        yield process


@pytest.fixture
async def channel(inventory: RunningProcess) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(inventory.address) as opened:
        yield opened


@pytest.fixture
def call(channel: grpc.aio.Channel) -> Client:
    return Client(channel)


async def test_every_product_has_a_stock(call: Client) -> None:
    asked = [f"p-{number}" for number in range(1, 41)]
    answer = await call("InventoryService.BatchGetStock", productIds=asked)
    assert sorted(stock.product_id for stock in answer.stocks) == sorted(asked)


async def test_the_batch_answers_in_its_own_order_without_unknown_ids(call: Client) -> None:
    answer = await call("InventoryService.BatchGetStock", productIds=["p-3", "p-0", "p-20", "p-3"])
    assert [stock.product_id for stock in answer.stocks] == ["p-20", "p-3"]


async def test_an_unknown_product_is_not_found(call: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call("InventoryService.GetStock", productId="p-0")
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


async def test_some_stock_is_replenished_some_discontinued_some_neither(call: Client) -> None:
    found = {
        product: (await call("InventoryService.GetStock", productId=product)).WhichOneof("replenishment")
        for product in ("p-2", "p-13", "p-3")
    }
    assert found == {"p-2": "expected_at", "p-13": "discontinued", "p-3": None}


async def test_a_reservation_is_seen_by_who_watches(call: Client) -> None:
    watching = call("InventoryService.WatchStock", productId="p-2")
    first = await watching.read()
    await call("InventoryService.ReserveStock", productId="p-2", quantity=4, channel="web")
    second = await watching.read()
    watching.cancel()
    assert (first.stock.available, first.difference) == (14, 0)
    assert (second.stock.available, second.difference) == (10, -4)
    assert second.stock.reserved_by_channel["web"] == first.stock.reserved_by_channel["web"] + 4


async def test_more_than_there_is_cannot_be_reserved(call: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call("InventoryService.ReserveStock", productId="p-2", quantity=999)
    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_count_sets_the_stock(call: Client) -> None:
    await call("InventoryService.SetStock", productId="p-2", available=99)
    assert (await call("InventoryService.GetStock", productId="p-2")).available == 99


async def test_each_call_is_printed_and_health_and_reflection_are_not(
    inventory: RunningProcess, channel: grpc.aio.Channel, call: Client
) -> None:
    assert (await call("Health.Check")).status == 1
    reflect: Any = channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    async for answer in reflect([reflection_pb2.ServerReflectionRequest(list_services="")]):
        assert len(answer.list_services_response.service) == 3
    await call("InventoryService.GetStock", productId="p-1")
    await call("InventoryService.BatchGetStock", productIds=["p-1", "p-2"])
    assert await inventory.calls_once(2) == ["GetStock product_id=p-1", "BatchGetStock product_ids=p-1,p-2"]


async def test_it_stops_quickly_while_somebody_watches(inventory: RunningProcess, call: Client) -> None:
    watching = call("InventoryService.WatchStock", productId="p-1")
    await watching.read()
    asked = time.monotonic()
    inventory.process.terminate()
    await asyncio.wait_for(inventory.process.wait(), 3)
    watching.cancel()
    assert time.monotonic() - asked < 3
