"""The shop's product catalogue: a FastAPI service, written as a team would that has never heard of Weft."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field


class Category(StrEnum):
    KITCHEN = "kitchen"
    GARDEN = "garden"
    OFFICE = "office"
    OUTDOOR = "outdoor"


class Dimensions(BaseModel):
    width_cm: float
    height_cm: float
    depth_cm: float
    weight_kg: float | None = None


class NewProduct(BaseModel):
    name: str = Field(min_length=1, max_length=120)
    description: str | None = None
    tags: list[str] = []
    category: Category
    dimensions: Dimensions


class Product(NewProduct):
    id: str
    created_at: datetime
    discontinued: bool = False


class PricePoint(BaseModel):
    valid_from: datetime
    amount_cents: int
    currency: str = "EUR"


NOUNS = ("Kettle", "Trowel", "Stapler", "Lantern", "Skillet", "Hose", "Lamp", "Tent", "Whisk", "Planter")
ADJECTIVES = ("Copper", "Folding", "Quiet", "Heavy")
EPOCH = datetime(2024, 1, 1, 9, 0, tzinfo=UTC)


def make_product(number: int) -> Product:
    noun = NOUNS[(number - 1) % len(NOUNS)]
    adjective = ADJECTIVES[(number - 1) // len(NOUNS) % len(ADJECTIVES)]
    return Product(
        id=f"p-{number}",
        name=f"{adjective} {noun}",
        description=None if number % 5 == 0 else f"A {adjective.lower()} {noun.lower()} that lasts.",
        tags=[tag for tag, every in (("new", 4), ("sale", 3), ("gift", 7)) if number % every == 0],
        category=list(Category)[(number - 1) % len(Category)],
        dimensions=Dimensions(
            width_cm=10 + number,
            height_cm=5 + number / 2,
            depth_cm=8.5,
            weight_kg=None if number % 6 == 0 else number / 10,
        ),
        created_at=EPOCH + timedelta(days=number),
        discontinued=number % 13 == 0,
    )


def make_price_history(number: int) -> list[PricePoint]:
    return [
        PricePoint(
            valid_from=EPOCH + timedelta(days=number + 90 * step), amount_cents=500 + 35 * number + 20 * step
        )
        for step in range(1 + number % 4)
    ]


PRODUCTS = {product.id: product for product in map(make_product, range(1, 41))}
PRICES = {f"p-{number}": make_price_history(number) for number in range(1, 41)}

app = FastAPI(title="Products API", version="1.4.0")


@app.middleware("http")
async def log_call(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if request.url.path != app.openapi_url:
        query = f"?{request.url.query}" if request.url.query else ""
        print(f"call {request.method} {request.url.path}{query}", flush=True)
    return await call_next(request)


@app.get("/products", tags=["products"])
async def list_products(
    search: str | None = None,
    category: Category | None = None,
    ids: Annotated[list[str] | None, Query(description="Fetch these products only.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[Product]:
    """List products, or fetch several by id."""
    found = [
        product
        for product in PRODUCTS.values()
        if (ids is None or product.id in ids)
        and (category is None or product.category == category)
        and (search is None or search.lower() in product.name.lower())
    ]
    return found[offset : offset + limit]


@app.get("/products/{product_id}", tags=["products"], responses={404: {"description": "No such product"}})
async def get_product(product_id: str) -> Product:
    """Fetch one product."""
    if product_id not in PRODUCTS:
        raise HTTPException(404, f"there is no product {product_id}")
    return PRODUCTS[product_id]


@app.post("/products", tags=["products"], status_code=201)
async def create_product(product: NewProduct) -> Product:
    """Add a product."""
    created = Product(
        **product.model_dump(),
        id=f"p-{len(PRODUCTS) + 1}",
        created_at=EPOCH + timedelta(days=len(PRODUCTS) + 1),
    )
    PRODUCTS[created.id] = created
    PRICES[created.id] = []
    return created


@app.get("/products/{product_id}/price-history", tags=["prices"])
async def get_price_history(product_id: str) -> list[PricePoint]:
    """What a product has cost, oldest first."""
    if product_id not in PRICES:
        raise HTTPException(404, f"there is no product {product_id}")
    return PRICES[product_id]


class Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port = listening.getsockname()[:2]
                print(f"ready on {host}:{port}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8101)
    options = parser.parse_args()
    config = uvicorn.Config(
        app, host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=1
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(config).serve())


if __name__ == "__main__":
    main()
