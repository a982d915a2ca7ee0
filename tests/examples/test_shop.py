"""The shop's query, answered by Weft, against the same answer put together by hand from the services."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import grpc
import pytest

import weft
from examples.shop.demo import WEFT_PORT
from examples.shop.services import HERE, PORTS
from tests.support.shop import QUERY, RunningShop

EXPECTED = HERE / "expected.json"
ROOT = Path(__file__).parents[2]


def get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
        return json.load(response)


def answer_by_hand(shop: RunningShop) -> dict[str, Any]:
    """One call for each key, through each service's own kind of client."""
    sys.path.insert(0, str(HERE / "inventory"))
    protos, services = grpc.protos_and_services("inventory.proto")
    sys.path.remove(str(HERE / "inventory"))
    lambdas = boto3.client(
        "lambda",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{shop.ports['pricing']}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )

    def product(stub: Any, product_id: str) -> dict[str, Any]:
        read = get(shop.ports["products"], f"/products/{product_id}")
        stock = stub.GetStock(protos.GetStockRequest(product_id=product_id))
        payload = json.dumps({"productIds": [product_id]})
        invoked = lambdas.invoke(FunctionName="pricing-get-prices", Payload=payload)
        (price,) = json.loads(invoked["Payload"].read())["prices"]
        return {
            "name": read["name"],
            "tags": read["tags"],
            "stock": {"available": stock.available, "warehouse": protos.Warehouse.Name(stock.warehouse)},
            "price": {"amount": price["amount"], "currency": price["currency"]},
        }

    with grpc.insecure_channel(f"127.0.0.1:{shop.ports['inventory']}") as channel:
        stub = services.InventoryServiceStub(channel)
        orders = [
            {"id": o["id"], "placedAt": o["placedAt"], "product": product(stub, o["productId"])}
            for o in get(shop.ports["orders"], "/orders?limit=50")
        ]
    return {"data": {"orders": orders}}


@pytest.mark.slow
def test_expected_json_is_what_the_services_say(shop: RunningShop) -> None:
    by_hand = answer_by_hand(shop)
    if os.environ.get("WEFT_UPDATE_CASES"):
        EXPECTED.write_text(json.dumps(by_hand, indent=1) + "\n")
    assert by_hand == json.loads(EXPECTED.read_text())
    assert len(by_hand["data"]["orders"]) == 50


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 50, 500])
async def test_four_calls_however_many_orders(shop: RunningShop, limit: int) -> None:
    settings = weft.load_settings(shop.config)
    snapshot = await weft.discover(settings)
    async with weft.stitch(snapshot, settings) as schema:
        with shop.counting() as calls:
            answer = await weft.execute(schema, QUERY.replace("50", str(limit)))
    assert "errors" not in answer
    assert len(answer["data"]["orders"]) == limit
    assert [call.split()[0] for call in calls] == ["products:", "orders:", "inventory:", "pricing:"]
    if limit == 50:
        assert answer == json.loads(EXPECTED.read_text())


def free_offset() -> int:
    """How far the demo's ports are moved so that nobody listens on any of them.

    Below the range from which the kernel gives ports to whoever asks for any.
    """
    for offset in range(random.randrange(2_000, 8_000), 23_000, 17):
        try:
            for port in (WEFT_PORT, *PORTS.values()):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return offset
    raise AssertionError("no free ports")


@pytest.mark.slow
def test_demo_once_exits_with_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.shop.demo", "--once", "--port-offset", str(free_offset())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "right: 50 orders over four upstreams in 4 calls" in done.stdout


@pytest.mark.slow
def test_demo_stops_all_that_it_started() -> None:
    offset = free_offset()
    command = [sys.executable, "-m", "examples.shop.demo", "--port-offset", str(offset)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any(line.startswith("GraphiQL: ") for line in demo.stdout)
        demo.terminate()
        demo.stdout.read()  # until all who hold it are gone
        demo.wait(20)
    for port in (WEFT_PORT, *PORTS.values()):
        with socket.socket() as one:
            assert one.connect_ex(("127.0.0.1", port + offset)) != 0
