"""Strawberry types and resolvers, merged into the generated schema."""

import datetime
import enum
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest
import strawberry
from graphql import GraphQLObjectType
from strawberry.permission import BasePermission

from tests.support.memory import MemoryTransport
from tests.support.shop_catalog import SHOP
from tests.support.shop_memory import shop_transports
from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.schemas.catalog import Catalog
from weft.schemas.errors import StitchConflict
from weft.schemas.links import weave
from weft.schemas.stitch import Stitched, stitch


def merged(**roots: Any) -> Stitched:
    return stitch(SHOP, weave(SHOP), handwritten=strawberry.Schema(**roots))


async def execute(
    document: str, *, variables: dict[str, Any] | None = None, **roots: Any
) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """The response, and the calls that were made for it."""
    transports: dict[Any, MemoryTransport] = shop_transports()
    async with Engine(merged(**roots), transports) as engine:
        response = await engine.execute(GraphQLRequest(query=document, variables=variables or {}))
    calls = [call for transport in transports.values() for call in transport.calls]
    return msgspec.json.decode(response.body), calls


@strawberry.type
class Hello:
    @strawberry.field
    def hello(self) -> str:
        return "world"


# -- new fields and types


async def test_a_field_of_query_is_added() -> None:
    answer, _ = await execute("{ hello products { id } }", query=Hello)
    assert answer == {"data": {"hello": "world", "products": [{"id": "p-1"}, {"id": "p-2"}, {"id": "p-3"}]}}


async def test_a_query_type_of_another_name_is_merged_too() -> None:
    @strawberry.type(name="Root")
    class Root:
        hello: str = "world"

    made = merged(query=Root)
    assert "Root" not in made.schema.type_map
    assert made.schema.query_type is not None
    assert "hello" in made.schema.query_type.fields


async def test_a_mutation_is_added() -> None:
    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def rename(self, name: str) -> str:
            return name.upper()

    answer, _ = await execute('mutation { rename(name: "x") }', query=Hello, mutation=Mutation)
    assert answer == {"data": {"rename": "X"}}


async def test_a_subscription_is_added() -> None:
    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def count(self, to: int) -> AsyncIterator[int]:
            for number in range(to):
                yield number

    async with Engine(merged(query=Hello, subscription=Subscription), shop_transports()) as engine:
        request = GraphQLRequest(query="subscription { count(to: 2) }", variables={})
        events = [msgspec.json.decode(event.body) async for event in engine.subscribe(request)]
    assert events == [{"data": {"count": 0}}, {"data": {"count": 1}}]


async def test_types_of_every_kind_are_added() -> None:
    @strawberry.enum
    class Size(enum.Enum):
        SMALL = "s"
        LARGE = "l"

    @strawberry.interface
    class Node:
        id: strawberry.ID

    @strawberry.type
    class Box(Node):
        size: Size

    @strawberry.type
    class Bag:
        volume: int

    @strawberry.input
    class Wish:
        size: Size = Size.SMALL
        at: datetime.date | None = None

    @strawberry.type
    class Query:
        @strawberry.field
        def pack(self, wish: Wish) -> Annotated[Box | Bag, strawberry.union("Pack")]:
            assert wish.at is None or isinstance(wish.at, datetime.date)
            return Box(id=strawberry.ID("b"), size=wish.size) if wish.at else Bag(volume=2)

        @strawberry.field
        def node(self) -> Node:
            return Box(id=strawberry.ID("n"), size=Size.SMALL)

    answer, _ = await execute(
        """{
          a: pack(wish: {}) { ...P }
          b: pack(wish: {size: LARGE, at: "2026-01-31"}) { ...P }
          node { id __typename }
        }
        fragment P on Pack { ... on Box { id size } ... on Bag { volume } }""",
        query=Query,
    )
    assert answer == {
        "data": {
            "a": {"volume": 2},
            "b": {"id": "b", "size": "LARGE"},
            "node": {"id": "n", "__typename": "Box"},
        }
    }


async def test_a_date_argument_arrives_as_a_date() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def year(self, at: datetime.datetime, also: list[datetime.datetime] | None = None) -> int:
            return at.year + len(also or [])

    answer, _ = await execute(
        '{ year(at: "2026-01-31T12:00:00Z", also: ["2026-01-31T12:00:00Z"]) }', query=Query
    )
    assert answer == {"data": {"year": 2027}}


# -- extra fields on generated types


async def test_a_field_of_a_generated_type_reads_the_upstreams_members() -> None:
    @strawberry.type
    class Product:
        name: str
        weight_grams: int | None

        @strawberry.field
        def label(self, unit: str = "g") -> str:
            return f"{self.name} {self.weight_grams}{unit}"

    answer, _ = await execute(
        '{ products(limit: 2) { label stock { available } } product(productId: "p-3") { label(unit: "kg") } }',
        query=Hello,
        types=[Product],
    )
    assert answer == {
        "data": {
            "products": [
                {"label": "Lamp 900g", "stock": {"available": 3}},
                {"label": "Tent 2400g", "stock": {"available": 3}},
            ],
            "product": {"label": "Mug Nonekg"},
        }
    }


async def test_an_extra_field_may_be_async_and_take_info_and_a_date() -> None:
    @strawberry.type
    class Order:
        placed_at: datetime.datetime

        @strawberry.field
        async def age(self, info: strawberry.Info[Any, Any], at: datetime.datetime) -> str:
            return f"{info.field_name} {(at - self.placed_at).days}"

    answer, _ = await execute(
        "query($at: DateTime!) { orders { age(at: $at) } }",
        variables={"at": "2026-02-03T12:00:00Z"},
        query=Hello,
        types=[Order],
    )
    assert answer == {"data": {"orders": [{"age": "age 3"}, {"age": "age 2"}]}}


async def test_a_permission_holds_on_an_extra_field() -> None:
    class Never(BasePermission):
        message = "not for you"

        def has_permission(self, source: Any, info: Any, **kwargs: Any) -> bool:
            return False

    @strawberry.type
    class Product:
        name: str

        @strawberry.field(permission_classes=[Never])  # type: ignore[untyped-decorator]  # Strawberry's
        def secret(self) -> str | None:
            return self.name

    answer, _ = await execute('{ product(productId: "p-1") { name secret } }', query=Hello, types=[Product])
    assert answer["data"] == {"product": {"name": "Lamp", "secret": None}}
    assert answer["errors"][0]["path"] == ["product", "secret"]


# -- instances of generated types


@strawberry.type
class Product:
    id: str
    name: str | None = None
    category: str | None = strawberry.UNSET

    @strawberry.field
    def twin(self) -> "Product":
        return Product(id="p-2")


@strawberry.type
class Featuring:
    @strawberry.field
    def featured(self) -> Product:
        return Product(id="p-1")

    @strawberry.field
    def shelf(self) -> list[Product]:
        return [Product(id="p-1"), Product(id="p-2", name="My tent"), Product(id="p-1")]

    @strawberry.field
    def gone(self) -> Product | None:
        return Product(id="p-404")

    @strawberry.field
    def keyless(self) -> Product | None:
        return Product(id=None)  # type: ignore[arg-type]  # what a resolver may get wrong


async def test_what_an_instance_holds_is_not_loaded() -> None:
    answer, calls = await execute("{ shelf { id } }", query=Featuring)
    assert answer == {"data": {"shelf": [{"id": "p-1"}, {"id": "p-2"}, {"id": "p-1"}]}}
    assert calls == []


async def test_what_an_instance_does_not_hold_is_loaded_once() -> None:
    answer, calls = await execute("{ featured { id name weightGrams category tags } }", query=Featuring)
    assert answer == {
        "data": {
            "featured": {"id": "p-1", "name": "Lamp", "weightGrams": 900, "category": "home", "tags": []}
        }
    }
    assert calls == [("products.list_products", {"ids": ["p-1"], "limit": 1})]


async def test_instances_are_loaded_together() -> None:
    answer, calls = await execute("{ shelf { name weightGrams } }", query=Featuring)
    assert answer["data"]["shelf"] == [
        {"name": "Lamp", "weightGrams": 900},
        {"name": "My tent", "weightGrams": 2400},
        {"name": "Lamp", "weightGrams": 900},
    ]
    assert calls == [("products.list_products", {"ids": ["p-1", "p-2"], "limit": 2})]


async def test_a_link_from_an_instance_needs_no_more_than_its_key() -> None:
    answer, calls = await execute("{ shelf { stock { available reserved { key value } } } }", query=Featuring)
    assert answer["data"]["shelf"][0] == {"stock": {"available": 3, "reserved": [{"key": "web", "value": 1}]}}
    assert [name for name, _ in calls] == ["inventory.InventoryService.BatchGetStock"]


async def test_an_extra_field_may_return_an_instance() -> None:
    answer, calls = await execute("{ products(limit: 1) { name twin { name } } }", query=Featuring)
    assert answer == {"data": {"products": [{"name": "Lamp", "twin": {"name": "Tent"}}]}}
    assert len(calls) == 2


async def test_an_instance_of_what_is_not_there_has_no_members() -> None:
    answer, _ = await execute("{ gone { id weightGrams } }", query=Featuring)
    assert answer == {"data": {"gone": {"id": "p-404", "weightGrams": None}}}
    answer, _ = await execute("{ gone { name } }", query=Featuring)
    assert answer["data"] == {"gone": None}
    assert answer["errors"][0]["path"] == ["gone", "name"]


async def test_an_instance_without_its_key_is_not_loaded() -> None:
    answer, calls = await execute("{ keyless { weightGrams } }", query=Featuring)
    assert answer == {"data": {"keyless": {"weightGrams": None}}}
    assert calls == []


# -- conflicts


def conflict(*types: Any, query: Any = Hello) -> StitchConflict:
    with pytest.raises(StitchConflict) as caught:
        merged(query=query, types=types)
    return caught.value


def test_a_root_field_that_is_generated_too_is_a_conflict() -> None:
    @strawberry.type
    class Query:
        products: str = "mine"

    error = conflict(query=Query)
    assert error.coordinate == "Query.products"
    assert error.sources == ("generated", "hand-written")
    assert str(error) == "Query.products: both define the field (generated, hand-written)"


def test_a_resolver_for_a_generated_member_is_a_conflict() -> None:
    @strawberry.type(name="Product")
    class Other:
        @strawberry.field
        def name(self) -> str:
            return ""

    assert conflict(Other).coordinate == "Product.name"


def test_reading_a_member_that_is_not_there_is_a_conflict() -> None:
    @strawberry.type(name="Product")
    class Other:
        colour: str

        @strawberry.field
        def label(self) -> str:
            return self.colour

    assert conflict(Other).coordinate == "Product.colour"


def test_an_input_called_like_a_generated_type_is_a_conflict() -> None:
    @strawberry.input(name="Product")
    class Other:
        id: str

    @strawberry.type
    class Query:
        @strawberry.field
        def x(self, one: Other) -> str:
            return one.id

    assert conflict(query=Query).coordinate == "Product"


def test_an_enum_called_like_a_generated_one_is_a_conflict() -> None:
    @strawberry.enum(name="Category")
    class Other(enum.Enum):
        HOME = "home"

    @strawberry.type
    class Query:
        @strawberry.field
        def x(self) -> Other:
            return Other.HOME

    assert conflict(query=Query).coordinate == "Category"


def test_an_interface_on_a_generated_type_holds() -> None:
    @strawberry.interface
    class Named:
        name: str

    @strawberry.type(name="Product")
    class Other(Named):
        id: str

    made = merged(query=Hello, types=[Other])
    product = made.schema.type_map["Product"]
    assert isinstance(product, GraphQLObjectType)
    assert [interface.name for interface in product.interfaces] == ["Named"]


def test_a_handwritten_schema_alone_is_served_too() -> None:
    made = stitch(Catalog(), weave(Catalog()), handwritten=strawberry.Schema(query=Hello))
    assert made.schema.query_type is not None
    assert "hello" in made.schema.query_type.fields
