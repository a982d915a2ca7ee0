"""The shop's catalog, written by hand: what the readers make of its four services, in small."""

from __future__ import annotations

from typing import Any

from weft.schemas.catalog import (
    Argument,
    Catalog,
    Constraints,
    EnumShape,
    EnumValue,
    Field,
    Function,
    FunctionId,
    GrpcBinding,
    GrpcTarget,
    HttpBinding,
    HttpTarget,
    LambdaBinding,
    LambdaTarget,
    ListOf,
    MapOf,
    ObjectShape,
    Parameter,
    Reference,
    Scalar,
    Upstream,
    UpstreamId,
)

TEXT = Scalar(kind="string")
INT = Scalar(kind="int32")


def field(name: str, type_: Any, *, required: bool = True, **more: Any) -> Field:
    return Field(name=name, type=type_, required=required, **more)


def ref(name: str, **more: Any) -> Reference:
    return Reference(shape=name, **more)  # type: ignore[arg-type]  # a name is a string here


def function(id_: str, binding: Any, result: Any, *arguments: Argument, **more: Any) -> Function:
    upstream, _, name = id_.partition(".")
    return Function(
        id=FunctionId(id_),
        upstream=UpstreamId(upstream),
        name=name,
        binding=binding,
        result=result,
        arguments=arguments,
        **more,
    )


def argument(name: str, type_: Any, *, required: bool = False, **more: Any) -> Argument:
    return Argument(name=name, type=type_, required=required, **more)


def http(method: str, path: str, *query: str) -> HttpBinding:
    return HttpBinding(
        method=method,
        path=path,
        parameters=tuple(Parameter(argument=n, name=n, location="query") for n in query),
    )


PRODUCTS = Upstream(
    id="products",  # type: ignore[arg-type]
    target=HttpTarget(base_url="http://products.test"),
    functions=(
        function(
            "products.list_products",
            http("GET", "/products", "ids", "limit", "search"),
            ListOf(item=ref("Product")),
            argument("search", TEXT),
            argument("limit", Scalar(kind="int32", constraints=Constraints(maximum=200)), default=20),
            argument("ids", ListOf(item=TEXT)),
        ),
        function(
            "products.get_product",
            http("GET", "/products/{product_id}"),
            ref("Product"),
            argument("product_id", TEXT, required=True),
        ),
        function(
            "products.create_product",
            http("POST", "/products"),
            ref("Product"),
            argument("input", ref("Product"), required=True),
            effect="write",
        ),
    ),
    shapes={
        "Product": ObjectShape(  # type: ignore[dict-item]
            name="Product",  # type: ignore[arg-type]
            fields=(
                field("id", TEXT),
                field("name", TEXT),
                field("tags", ListOf(item=TEXT)),
                field("weight_grams", INT, required=False),
                field("category", ref("Category")),
            ),
        ),
        "Category": EnumShape(  # type: ignore[dict-item]
            name="Category",  # type: ignore[arg-type]
            values=(EnumValue(value="home"), EnumValue(value="out-door")),
        ),
    },
)

ORDERS = Upstream(
    id="orders",  # type: ignore[arg-type]
    target=HttpTarget(base_url="http://orders.test"),
    functions=(
        function(
            "orders.listOrders",
            http("GET", "/orders", "limit", "customerId"),
            ListOf(item=ref("Order")),
            argument("limit", INT, default=20),
            argument("customerId", TEXT),
        ),
        function(
            "orders.getOrder",
            http("GET", "/orders/{orderId}"),
            ref("Order"),
            argument("orderId", TEXT, required=True),
        ),
        function(
            "orders.getCustomer",
            http("GET", "/customers/{customerId}"),
            ref("Customer"),
            argument("customerId", TEXT, required=True),
        ),
        function(
            "orders.cancelOrder",
            http("DELETE", "/orders/{orderId}"),
            None,
            argument("orderId", TEXT, required=True),
            effect="write",
        ),
    ),
    shapes={
        "Order": ObjectShape(  # type: ignore[dict-item]
            name="Order",  # type: ignore[arg-type]
            fields=(
                field("id", TEXT),
                field("placedAt", Scalar(kind="date-time")),
                field("customerId", TEXT),
                field("productId", TEXT, required=False),
            ),
        ),
        "Customer": ObjectShape(  # type: ignore[dict-item]
            name="Customer",  # type: ignore[arg-type]
            fields=(field("id", TEXT), field("name", TEXT)),
        ),
    },
)

INVENTORY = Upstream(
    id="inventory",  # type: ignore[arg-type]
    target=GrpcTarget(address="inventory.test:443"),
    functions=(
        function(
            "inventory.InventoryService.GetStock",
            GrpcBinding(service="s.InventoryService", method="GetStock", request="s.Req", response="s.Stock"),
            ref("Stock"),
            argument("productId", TEXT),
        ),
        function(
            "inventory.InventoryService.BatchGetStock",
            GrpcBinding(
                service="s.InventoryService", method="BatchGetStock", request="s.Reqs", response="s.Stocks"
            ),
            ref("BatchGetStockResponse"),
            argument("productIds", ListOf(item=TEXT)),
        ),
        function(
            "inventory.InventoryService.WatchStock",
            GrpcBinding(
                service="s.InventoryService", method="WatchStock", request="s.Req", response="s.Stock"
            ),
            ref("Stock"),
            argument("productId", TEXT),
            streaming="server",
        ),
    ),
    shapes={
        "Stock": ObjectShape(  # type: ignore[dict-item]
            name="Stock",  # type: ignore[arg-type]
            fields=(
                field("productId", TEXT),
                field("available", INT),
                field("warehouse", TEXT),
                field("reserved", MapOf(value=INT)),
            ),
        ),
        "BatchGetStockResponse": ObjectShape(  # type: ignore[dict-item]
            name="BatchGetStockResponse",  # type: ignore[arg-type]
            fields=(field("stocks", ListOf(item=ref("Stock"))),),
        ),
    },
)

PRICING = Upstream(
    id="pricing",  # type: ignore[arg-type]
    target=LambdaTarget(region="eu-west-1"),
    functions=(
        function(
            "pricing.get_prices",
            LambdaBinding(function_name="pricing-get-prices"),
            ref("GetPricesResult"),
            argument("productIds", ListOf(item=TEXT), required=True),
        ),
    ),
    shapes={
        "GetPricesResult": ObjectShape(  # type: ignore[dict-item]
            name="GetPricesResult",  # type: ignore[arg-type]
            fields=(field("prices", ListOf(item=ref("Price"))),),
        ),
        "Price": ObjectShape(  # type: ignore[dict-item]
            name="Price",  # type: ignore[arg-type]
            fields=(
                field("productId", TEXT),
                field("amount", Scalar(kind="float")),
                field("currency", TEXT),
            ),
        ),
    },
)

SHOP = Catalog.of(PRODUCTS, ORDERS, INVENTORY, PRICING)
