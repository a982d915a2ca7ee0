"""Field masks from selections, as servers get them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.support.protobuf import GrpcApi, compile_proto, running_grpc
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.passes import PASSES, fill_field_masks
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.grpc import ReadOptions, read_descriptors
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

DESCRIPTORS = compile_proto("""
syntax = "proto3";
package shop;
import "google/protobuf/field_mask.proto";
import "google/protobuf/timestamp.proto";
service Shop {
  rpc GetProduct(GetProductRequest) returns (Product);
  rpc ListProducts(ListProductsRequest) returns (ListProductsResponse);
  rpc BatchGetMakers(BatchGetMakersRequest) returns (BatchGetMakersResponse);
  rpc UpdateProduct(UpdateProductRequest) returns (Product);
  rpc WatchProducts(ListProductsRequest) returns (stream ListProductsResponse);
}
message GetProductRequest { string product_id = 1; google.protobuf.FieldMask read_mask = 2; }
message ListProductsRequest { int32 page_size = 1; string page_token = 2; google.protobuf.FieldMask read_mask = 3; }
message ListProductsResponse { repeated Product products = 1; string next_page_token = 2; }
message BatchGetMakersRequest { repeated string maker_ids = 1; google.protobuf.FieldMask field_mask = 2; }
message BatchGetMakersResponse { repeated Maker makers = 1; }
message UpdateProductRequest { Product product = 1; google.protobuf.FieldMask update_mask = 2; }
message Product {
  string product_id = 1; string display_name = 2; Price list_price = 3; string maker_id = 4;
  repeated Price old_prices = 5; map<string, Price> by_land = 6; google.protobuf.Timestamp made_at = 7;
  oneof kind { Food food = 8; Toy toy = 9; } string odd = 10 [json_name = "Odd_1"];
}
message Price { int32 amount = 1; string currency_code = 2; }
message Food { int32 days = 1; }
message Toy { int32 age = 1; }
message Maker { string maker_id = 1; string name = 2; string land = 3; }
""")


class Shop:
    def __init__(self, engine: Engine, requests: list[tuple[str, list[str]]]) -> None:
        self.engine = engine
        self.requests = requests

    async def masks(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, str]:
        """The masks that arrived, by method; the answer was right in any case."""
        self.requests.clear()
        response = await self.engine.execute(GraphQLRequest(query, variables or {}, None))
        assert "errors" not in msgspec.json.decode(response.body, type=dict[str, Any])
        return {method: ",".join(paths) for method, paths in self.requests}


@contextlib.asynccontextmanager
async def shop(*, passes: Any = PASSES, **options: Any) -> AsyncIterator[Shop]:
    requests: list[tuple[str, list[str]]] = []

    async def product(request: Any, _: Any) -> Any:
        requests.append(("GetProduct", list(request.read_mask.paths)))
        return {"productId": "p", "makerId": "m", "food": {"days": 1}}

    async def products(request: Any, _: Any) -> Any:
        requests.append(("ListProducts", list(request.read_mask.paths)))
        return {"products": [{"productId": "p", "makerId": "m"}]}

    async def makers(request: Any, _: Any) -> Any:
        requests.append(("BatchGetMakers", list(request.field_mask.paths)))
        return {"makers": [{"makerId": one, "name": "n"} for one in request.maker_ids]}

    async def update(request: Any, _: Any) -> Any:
        requests.append(("UpdateProduct", list(request.update_mask.paths)))
        return request.product

    handlers = {
        "GetProduct": product,
        "ListProducts": products,
        "BatchGetMakers": makers,
        "UpdateProduct": update,
    }
    api = GrpcApi(DESCRIPTORS, {f"Shop.{name}": one for name, one in handlers.items()})
    async with running_grpc(api) as address:
        upstream = read_descriptors(
            DESCRIPTORS,
            ["shop.Shop"],
            upstream=UpstreamId("shop"),
            address=address,
            tls=False,
            options=ReadOptions(**options),
        )
        catalog = Catalog.of(upstream)
        stitched = stitch(catalog, weave(catalog))
        transport = GrpcTransport(upstream, TransportSettings())
        engine = Engine(stitched, {upstream.id: transport}, EngineSettings(share=False), passes=passes)
        async with engine:
            yield Shop(engine, requests)


@pytest.mark.parametrize(
    ("query", "mask"),
    [
        ("{ product { displayName } }", "display_name"),
        ("{ product { a: displayName b: displayName __typename } }", "display_name"),
        ("{ product { listPrice { amount } productId } }", "list_price.amount,product_id"),
        ("{ product { listPrice { __typename } } }", "list_price"),
        ("{ product { oldPrices { amount } madeAt } }", "made_at,old_prices"),
        ("{ product { byLand { key value { amount } } } }", "by_land"),
        ("{ product { __typename } }", ""),
        ("{ product { kind { ... on Food { days } } } }", ""),
        ("{ product { odd1 productId } }", ""),
        ('{ product(readMask: "productId") { displayName } }', "product_id"),
    ],
)
async def test_a_request_asks_for_what_is_selected(query: str, mask: str) -> None:
    async with shop() as running:
        for _ in range(3):
            assert await running.masks(query) == {"GetProduct": mask}


async def test_a_variable_for_the_mask_is_left_alone() -> None:
    async with shop() as running:
        query = "query($m: String) { product(readMask: $m) { displayName } }"
        assert await running.masks(query, {"m": "makerId"}) == {"GetProduct": "maker_id"}
        assert await running.masks(query) == {"GetProduct": ""}


async def test_other_arguments_may_be_variables() -> None:
    async with shop() as running:
        query = "query($id: String) { product(productId: $id) { displayName } }"
        for _ in range(3):
            assert await running.masks(query, {"id": "x"}) == {"GetProduct": "display_name"}


async def test_the_mask_of_a_list_speaks_of_its_items_and_links_have_their_keys() -> None:
    async with shop() as running:
        query = "{ products(pageSize: 5) { nextPageToken products { displayName maker { name } } } }"
        for _ in range(3):
            assert await running.masks(query) == {
                "ListProducts": "display_name,maker_id",
                "BatchGetMakers": "maker_id,name",
            }


async def test_masks_of_writes_are_not_filled() -> None:
    async with shop() as running:
        assert await running.masks("mutation { updateProduct { displayName } }") == {"UpdateProduct": ""}


@pytest.mark.parametrize(
    "how", [{"field_masks": False}, {"passes": tuple(one for one in PASSES if one is not fill_field_masks)}]
)
async def test_it_can_be_switched_off(how: dict[str, Any]) -> None:
    async with shop(**how) as running:
        assert await running.masks("{ product { displayName } }") == {"GetProduct": ""}


async def test_the_plan_shows_the_mask() -> None:
    async with shop() as running:
        assert 'readMask: "displayName"' in running.engine.explain("{ product { displayName } }")


async def test_documents_of_one_shape_have_the_mask_too() -> None:
    async with shop() as running:
        for name in ("a", "b", "c", "d"):
            query = f'{{ product(productId: "{name}") {{ displayName }} }}'
            assert await running.masks(query) == {"GetProduct": "display_name"}


async def test_documents_of_one_shape_keep_the_masks_that_they_give() -> None:
    async with shop() as running:
        for name in ("productId", "makerId", "productId"):
            mask = "product_id" if name == "productId" else "maker_id"
            query = f'{{ product(readMask: "{name}") {{ displayName }} }}'
            assert await running.masks(query) == {"GetProduct": mask}
