"""The shop's inventory: a gRPC service, written as a team would that has never heard of Weft."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_reflection.v1alpha import reflection

# Compiled at start by grpcio-tools, so that no generated code has to be kept in step with the .proto files.
pb: Any
services: Any
pb, services = grpc.protos_and_services("inventory.proto")
health_pb: Any
health_services: Any
health_pb, health_services = grpc.protos_and_services("health.proto")

EPOCH = datetime(2024, 3, 1, 6, 0, tzinfo=UTC)


def timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def make_stock(number: int) -> Any:
    stock = pb.Stock(
        product_id=f"p-{number}",
        available=0 if number % 9 == 0 else number * 7 % 50,
        warehouse=1 + number % 3,
        reserved_by_channel={"web": number % 4, "store": number % 3},
        counted_at=timestamp(EPOCH + timedelta(hours=number)),
    )
    if number % 13 == 0:
        stock.discontinued = True
    elif number % 2 == 0:
        stock.expected_at.CopyFrom(timestamp(EPOCH + timedelta(days=30 + number)))
    return stock


class Inventory:
    def __init__(self) -> None:
        self.stocks = {f"p-{number}": make_stock(number) for number in range(1, 41)}
        self.watchers: dict[str, set[asyncio.Queue[Any]]] = {}

    async def find(self, product_id: str, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        if product_id not in self.stocks:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no product {product_id}")
        return self.stocks[product_id]

    def publish(self, stock: Any, difference: int) -> None:
        change = pb.StockChange(stock=stock, difference=difference)
        for queue in self.watchers.get(stock.product_id, ()):
            queue.put_nowait(change)

    async def GetStock(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        print(f"call GetStock product_id={request.product_id}", flush=True)
        return await self.find(request.product_id, context)

    async def BatchGetStock(self, request: Any, _: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        print(f"call BatchGetStock product_ids={','.join(request.product_ids)}", flush=True)
        known = {product_id for product_id in request.product_ids if product_id in self.stocks}
        # As the database's index has them: p-1, p-10, p-11, …, p-2.
        return pb.BatchGetStockResponse(stocks=[self.stocks[product_id] for product_id in sorted(known)])

    async def WatchStock(  # noqa: N802
        self, request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[Any]:
        print(f"call WatchStock product_id={request.product_id}", flush=True)
        stock = await self.find(request.product_id, context)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        watchers = self.watchers.setdefault(request.product_id, set())
        watchers.add(queue)
        try:
            yield pb.StockChange(stock=stock)
            while True:
                yield await queue.get()
        finally:
            watchers.discard(queue)

    async def SetStock(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        print(f"call SetStock product_id={request.product_id} available={request.available}", flush=True)
        stock = await self.find(request.product_id, context)
        if request.available < 0:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "available must not be negative")
        difference = request.available - stock.available
        stock.available = request.available
        self.publish(stock, difference)
        return stock

    async def ReserveStock(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        print(f"call ReserveStock product_id={request.product_id} quantity={request.quantity}", flush=True)
        stock = await self.find(request.product_id, context)
        if not 0 < request.quantity <= stock.available:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{stock.available} are available")
        stock.available -= request.quantity
        stock.reserved_by_channel[request.channel or "web"] += request.quantity
        self.publish(stock, -request.quantity)
        return stock


class Health:
    async def Check(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:  # noqa: N802
        if request.service not in {"", INVENTORY}:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_pb.HealthCheckResponse(status=health_pb.HealthCheckResponse.SERVING)


INVENTORY = pb.DESCRIPTOR.services_by_name["InventoryService"].full_name
HEALTH = health_pb.DESCRIPTOR.services_by_name["Health"].full_name


async def serve(host: str, port: int) -> None:
    server = grpc.aio.server()
    services.add_InventoryServiceServicer_to_server(Inventory(), server)
    health_services.add_HealthServicer_to_server(Health(), server)
    reflection.enable_server_reflection((INVENTORY, HEALTH, reflection.SERVICE_NAME), server)
    port = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    print(f"ready on {host}:{port}", flush=True)

    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await stopped.wait()
    await server.stop(grace=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8103)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
