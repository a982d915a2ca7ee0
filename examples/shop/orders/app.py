"""The shop's orders: an aiohttp service with a Swagger 2.0 document that is kept by hand."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

DOCUMENT = Path(__file__).with_name("swagger.yaml")
STATUSES = ("pending", "paid", "shipped", "delivered", "cancelled")
CITIES = (("Utrecht", "3511", "NL"), ("Ghent", "9000", "BE"), ("Lyon", "69001", "FR"), ("Graz", "8010", "AT"))
FIRST_NAMES = ("Ada", "Bo", "Chidi", "Dana", "Emil")
LAST_NAMES = ("Novak", "Okafor", "Peeters", "Quist", "Rossi")

Json = dict[str, Any]


def make_address(number: int) -> Json:
    city, postal_code, country = CITIES[number % len(CITIES)]
    return {"street": f"Canal {number}", "city": city, "postalCode": postal_code, "country": country}


def make_customer(number: int) -> Json:
    first = FIRST_NAMES[(number - 1) % 5]
    last = LAST_NAMES[(number - 1) // 5 % 5]
    return {
        "id": f"c-{number}",
        "name": f"{first} {last}",
        "email": f"{first}.{last}@example.com".lower(),
        "memberSince": (date(2020, 1, 1) + timedelta(days=37 * number)).isoformat(),
    }


def make_order(number: int) -> Json:
    placed = datetime(2025, 6, 1, tzinfo=UTC) - timedelta(hours=number)
    return {
        "id": f"o-{number}",
        "placedAt": placed.isoformat().replace("+00:00", "Z"),
        "status": STATUSES[number % len(STATUSES)],
        "customerId": f"c-{(number * 7) % 25 + 1}",
        "productId": f"p-{(number * 11) % 40 + 1}",
        "quantity": number % 4 + 1,
        "shippingAddress": make_address(number % 25 + 1),
        "note": "Leave it with the neighbours" if number % 10 == 0 else None,
    }


CUSTOMERS = {customer["id"]: customer for customer in map(make_customer, range(1, 26))}
ORDERS = {order["id"]: order for order in map(make_order, range(1, 501))}

routes = web.RouteTableDef()


def problem(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)


@web.middleware
async def log_call(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.path != "/swagger.yaml" and request.match_info.http_exception is None:
        print(f"call {request.method} {request.path_qs}", flush=True)
    return await handler(request)


@routes.get("/swagger.yaml")
async def document(_request: web.Request) -> web.Response:
    return web.Response(text=DOCUMENT.read_text(), content_type="application/yaml")


@routes.get("/orders")
async def list_orders(request: web.Request) -> web.Response:
    limit = request.query.get("limit", "20")
    status = request.query.get("status")
    customer_id = request.query.get("customerId")
    if not limit.isdigit() or not 1 <= int(limit) <= 500:
        return problem(400, "limit must be from 1 to 500")
    if status is not None and status not in STATUSES:
        return problem(400, f"status must be one of {', '.join(STATUSES)}")
    found = [
        order
        for order in ORDERS.values()
        if (status is None or order["status"] == status)
        and (customer_id is None or order["customerId"] == customer_id)
    ]
    return web.json_response(found[: int(limit)])


@routes.get("/orders/{orderId}")
async def get_order(request: web.Request) -> web.Response:
    order = ORDERS.get(request.match_info["orderId"])
    return web.json_response(order) if order else problem(404, "no such order")


@routes.post("/orders")
async def create_order(request: web.Request) -> web.Response:
    try:
        new = await request.json()
        order = {
            "id": f"o-{len(ORDERS) + 1}",
            "placedAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "status": "pending",
            "customerId": new["customerId"],
            "productId": new["productId"],
            "quantity": int(new["quantity"]),
            "shippingAddress": new["shippingAddress"],
            "note": new.get("note"),
        }
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        return problem(400, f"not an order: {error}")
    if order["customerId"] not in CUSTOMERS:
        return problem(400, "no such customer")
    ORDERS[order["id"]] = order
    return web.json_response(order, status=201)


@routes.get("/customers")
async def list_customers(_request: web.Request) -> web.Response:
    return web.json_response(list(CUSTOMERS.values()))


@routes.get("/customers/{customerId}")
async def get_customer(request: web.Request) -> web.Response:
    customer = CUSTOMERS.get(request.match_info["customerId"])
    return web.json_response(customer) if customer else problem(404, "no such customer")


def make_app() -> web.Application:
    app = web.Application(middlewares=[log_call])
    app.add_routes(routes)
    return app


async def serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(make_app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    for address in runner.addresses:
        print(f"ready on {address[0]}:{address[1]}", flush=True)
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8102)
    options = parser.parse_args()
    asyncio.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
