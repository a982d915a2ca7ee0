"""The rules by which links and bulk functions are found, one by one."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import (
    INT,
    TEXT,
    TEXTS,
    Catalog,
    argument,
    field,
    get,
    key_argument,
    list_of,
    ref,
    rpc,
    shape,
    upstream,
    write,
)
from weft.schemas.catalog import Constraints, Function, JsonType, ListOf, Scalar, Upstream
from weft.schemas.links import BulkFunction, Link, weave

ORDER = shape("Order", "id", "customerId")
CUSTOMER = shape("Customer", "id", "name")
GET_ORDER = get("shop.getOrder", "/orders/{orderId}", ref("Order"), key_argument("orderId"))
GET_CUSTOMER = get("shop.getCustomer", "/customers/{customerId}", ref("Customer"), key_argument("customerId"))


def links_of(*upstreams: Upstream) -> dict[str, Link]:
    """Links by upstream and coordinate."""
    found = weave(Catalog.of(*upstreams)).links
    return {f"{link.upstream}:{link.shape}.{link.field}": link for link in found}


def targets(*upstreams: Upstream) -> dict[str, str]:
    """What each link leads to."""
    return {at: link.target for at, link in links_of(*upstreams).items()}


def bulk_of(*parts: Any) -> BulkFunction | None:
    """The bulk function of an upstream with at most one."""
    found = weave(Catalog.of(upstream("shop", *parts))).bulk
    return found[0] if found else None


# -- foreign keys


def test_a_foreign_key_leads_to_what_it_is_named_after() -> None:
    found = links_of(upstream("shop", ORDER, CUSTOMER, GET_ORDER, GET_CUSTOMER))
    link = found["shop:Order.customer"]
    assert link.function == "shop.getCustomer"
    assert [(key.argument, key.member) for key in link.keys] == [("customerId", "customerId")]
    assert not link.many
    assert not link.each


def test_a_foreign_key_leads_to_another_upstream() -> None:
    orders = upstream("orders", ORDER, get("orders.getOrder", "/o/{id}", ref("Order"), key_argument("id")))
    crm = upstream(
        "crm",
        CUSTOMER,
        get("crm.getCustomer", "/c/{customerId}", ref("Customer"), key_argument("customerId")),
    )
    assert targets(orders, crm)["orders:Order.customer"] == "crm.getCustomer"


def test_a_list_of_keys_leads_to_a_list() -> None:
    cart = shape("Cart", "id", field("productIds", TEXTS))
    shop = upstream(
        "shop",
        cart,
        shape("Product", "id"),
        get("shop.getCart", "/carts/{id}", ref("Cart"), key_argument("id")),
        get("shop.getProduct", "/products/{id}", ref("Product"), key_argument("id")),
    )
    link = links_of(shop)["shop:Cart.products"]
    assert link.each
    assert link.keys[0].member == "productIds"


def test_the_tail_of_a_subject_is_enough() -> None:
    order = shape("Order", "id", "shipping_customer_id")
    assert targets(upstream("shop", order, CUSTOMER, GET_ORDER, GET_CUSTOMER)) == {
        "shop:Order.shippingCustomer": "shop.getCustomer"
    }


def test_the_longest_tail_wins() -> None:
    order = shape("Order", "id", "shipping_address_id")
    shop = upstream(
        "shop",
        order,
        GET_ORDER,
        shape("Address", "id"),
        shape("ShippingAddress", "id"),
        get("shop.getAddress", "/addresses/{id}", ref("Address"), key_argument("id")),
        get("shop.getShipping", "/shipping-addresses/{id}", ref("ShippingAddress"), key_argument("id")),
    )
    assert targets(shop)["shop:Order.shippingAddress"] == "shop.getShipping"


def test_another_upstream_is_trusted_with_one_word_left_out_and_no_more() -> None:
    node = shape("Node", "id")
    docker = upstream("docker", node, get("docker.node", "/nodes/{id}", ref("Node"), key_argument("id")))
    volume = shape("Volume", "id", "broker_node_id", "kafka_broker_node_id")
    kafka = upstream("kafka", volume, get("kafka.vol", "/volumes/{id}", ref("Volume"), key_argument("id")))
    assert list(targets(docker, kafka)) == ["kafka:Volume.brokerNode"]


def test_the_id_of_another_companys_system_is_no_key() -> None:
    order = shape("Order", "id", "external_customer_id")
    assert targets(upstream("shop", order, CUSTOMER, GET_ORDER, GET_CUSTOMER)) == {}


def test_the_word_key_alone_names_nothing() -> None:
    subkey = shape("Subkey", "id", "primary_key_id")
    shop = upstream(
        "shop",
        subkey,
        shape("Key", "id"),
        get("shop.getSubkey", "/subkeys/{id}", ref("Subkey"), key_argument("id")),
        get("shop.getKey", "/keys/{key_id}", ref("Key"), key_argument("key_id")),
    )
    assert targets(shop) == {}


def test_a_sku_is_not_looked_up_as_an_id() -> None:
    order = shape("Order", "id", "product_sku")
    by_id = get("shop.getProduct", "/products/{id}", ref("Product"), key_argument("id"))
    by_sku = get("shop.getProductBySku", "/product-of/{sku}", ref("Product"), key_argument("sku"))
    parts = (order, shape("Product", "id", "sku"), GET_ORDER)
    assert "shop:Order.product" not in targets(upstream("shop", *parts, by_id))
    assert targets(upstream("shop", *parts, by_id, by_sku))["shop:Order.product"] == "shop.getProductBySku"


def test_an_api_key_is_no_key_of_an_api() -> None:
    app = shape("App", "id", "api_key")
    shop = upstream(
        "shop",
        app,
        shape("Api", "id"),
        get("shop.getApp", "/apps/{id}", ref("App"), key_argument("id")),
        get("shop.getApi", "/apis/{id}", ref("Api"), key_argument("id")),
    )
    assert targets(shop) == {}


def test_an_object_is_not_linked_to_itself() -> None:
    order = shape("Order", "order_id", "total")
    get_order = get("shop.getOrder", "/orders/{order_id}", ref("Order"), key_argument("order_id"))
    assert targets(upstream("shop", order, get_order)) == {}


def test_an_object_that_is_only_sent_has_no_links() -> None:
    draft = shape("Draft", "customerId")
    shop = upstream(
        "shop",
        draft,
        CUSTOMER,
        GET_CUSTOMER,
        write("shop.order", "/orders", None, key_argument("input", ref("Draft"))),
    )
    assert targets(shop) == {}


def test_a_member_that_is_only_sent_is_no_key() -> None:
    order = shape("Order", "id", field("customerId", TEXT, write_only=True))
    assert targets(upstream("shop", order, CUSTOMER, GET_ORDER, GET_CUSTOMER)) == {}


@pytest.mark.parametrize("type_", [INT, Scalar(kind="boolean"), JsonType(), ref("Customer")])
def test_keys_of_kinds_that_do_not_fit_are_no_link(type_: Any) -> None:
    order = shape("Order", "id", field("customerId", type_))
    assert "shop:Order.customer" not in targets(upstream("shop", order, CUSTOMER, GET_ORDER, GET_CUSTOMER))


def test_whole_numbers_of_different_widths_fit() -> None:
    order = shape("Order", "id", field("customerId", Scalar(kind="int64")))
    get_customer = get(
        "shop.getCustomer", "/c/{customerId}", ref("Customer"), key_argument("customerId", INT)
    )
    assert "shop:Order.customer" in targets(upstream("shop", order, CUSTOMER, GET_ORDER, get_customer))


def test_a_member_of_the_same_name_is_kept_and_noted() -> None:
    order = shape("Order", "id", "customerId", "customer")
    woven = weave(Catalog.of(upstream("shop", order, CUSTOMER, GET_ORDER, GET_CUSTOMER)))
    assert woven.links == ()
    assert woven.notes == (
        "Order.customer: not linked to shop.getCustomer, for the type has a field of that name",
    )


# -- what is a lookup


def test_a_write_is_no_lookup() -> None:
    post = write("shop.touchCustomer", "/customers/{customerId}", ref("Customer"), key_argument("customerId"))
    assert targets(upstream("shop", ORDER, CUSTOMER, GET_ORDER, post)) == {}


def test_a_stream_is_no_lookup() -> None:
    watch = rpc("shop.WatchCustomer", ref("Customer"), argument("customerId", TEXT), streaming="server")
    assert targets(upstream("shop", ORDER, CUSTOMER, GET_ORDER, watch)) == {}


def test_a_function_that_needs_more_than_the_key_is_no_lookup() -> None:
    two = get(
        "shop.getCustomer",
        "/tenants/{tenantId}/customers/{customerId}",
        ref("Customer"),
        key_argument("tenantId"),
        key_argument("customerId"),
    )
    assert targets(upstream("shop", ORDER, CUSTOMER, GET_ORDER, two)) == {}


def test_a_lone_key_of_a_method_is_the_key() -> None:
    method = rpc("shop.GetCustomer", ref("Customer"), argument("customerId", TEXT), argument("locale", TEXT))
    shop = upstream("shop", ORDER, CUSTOMER, GET_ORDER, method)
    assert targets(shop)["shop:Order.customer"] == "shop.GetCustomer"


def test_a_part_of_a_user_is_not_looked_up_by_its_own_id() -> None:
    """``/users/{id}/address`` takes the id of a user."""
    shop = upstream(
        "shop",
        shape("User", "id"),
        shape("Address", "id"),
        shape("Order", "id", "address_id"),
        GET_ORDER,
        get("shop.getUser", "/users/{id}", ref("User"), key_argument("id")),
        get("shop.getUserAddress", "/users/{id}/address", ref("Address"), key_argument("id")),
    )
    assert targets(shop) == {"shop:User.address": "shop.getUserAddress"}


def test_another_user_found_by_a_user_is_not_the_user() -> None:
    """``/users/{user_id}/manager`` answers a user, and not the one of the key."""
    shop = upstream(
        "shop",
        shape("User", "id"),
        shape("Order", "id", "user_id"),
        GET_ORDER,
        get("shop.getUser", "/users/{user_id}", ref("User"), key_argument("user_id")),
        get("shop.getBoss", "/users/{user_id}/manager", ref("User"), key_argument("user_id")),
    )
    assert targets(shop) == {"shop:Order.user": "shop.getUser", "shop:User.manager": "shop.getBoss"}


def test_a_method_that_answers_another_user_is_not_the_lookup_of_users() -> None:
    shop = upstream(
        "shop",
        shape("User", "id"),
        shape("Order", "id", "user_id"),
        rpc("shop.GetOrder", ref("Order"), argument("id", TEXT)),
        rpc("shop.GetManager", ref("User"), argument("user_id", TEXT)),
        rpc("shop.GetUser", ref("User"), argument("user_id", TEXT)),
    )
    assert targets(shop) == {"shop:Order.user": "shop.GetUser", "shop:User.manager": "shop.GetManager"}


def test_what_another_upstream_knows_of_a_product_is_not_the_product() -> None:
    """Inventory answers ``/products/{id}`` with a stock: the key is a product's all the same."""
    stock = upstream(
        "stock", shape("Stock", "id"), get("stock.read", "/products/{id}", ref("Stock"), key_argument("id"))
    )
    shop = upstream(
        "shop",
        shape("Product", "id", "stock_id"),
        get("shop.getProduct", "/products/{id}", ref("Product"), key_argument("id")),
    )
    assert targets(stock, shop) == {"shop:Product.stock": "stock.read"}


def test_a_wrapped_name_stands_for_the_entity() -> None:
    detail = shape("CustomerDetailResponse", "id")
    shop = upstream(
        "shop",
        ORDER,
        detail,
        GET_ORDER,
        get("shop.c", "/customers/{id}", ref("CustomerDetailResponse"), key_argument("id")),
    )
    assert targets(shop) == {"shop:Order.customer": "shop.c"}


# -- own keys


def shop_with(*parts: Any) -> Upstream:
    return upstream(
        "shop",
        shape("Product", "id"),
        get("shop.getProduct", "/products/{id}", ref("Product"), key_argument("id")),
        *parts,
    )


def test_what_others_know_by_a_products_key_is_a_field_of_the_product() -> None:
    stock = upstream(
        "stock", shape("Stock", "productId"), rpc("stock.GetStock", ref("Stock"), argument("productId", TEXT))
    )
    link = links_of(shop_with(), stock)["shop:Product.stock"]
    assert [(key.argument, key.member) for key in link.keys] == [("productId", "id")]


def test_the_rest_of_the_path_names_the_field() -> None:
    history = get(
        "shop.readHistory", "/products/{id}/price-history", list_of("PricePoint"), key_argument("id")
    )
    link = links_of(shop_with(shape("PricePoint", "at"), history))["shop:Product.priceHistory"]
    assert link.many


def test_a_list_filtered_by_its_owner_is_a_field_of_the_owner() -> None:
    orders = get("shop.listOrders", "/orders", list_of("Order"), argument("customerId", TEXT))
    link = links_of(upstream("shop", ORDER, CUSTOMER, GET_CUSTOMER, orders))["shop:Customer.orders"]
    assert link.many
    assert [(key.argument, key.member) for key in link.keys] == [("customerId", "id")]


def test_a_filtered_page_is_a_field_in_the_plural() -> None:
    page = shape("OrderPage", field("items", list_of("Order")), "next")
    orders = get("shop.listOrders", "/orders", ref("OrderPage"), argument("customerId", TEXT))
    link = links_of(upstream("shop", ORDER, CUSTOMER, page, GET_CUSTOMER, orders))["shop:Customer.orders"]
    assert not link.many


def test_a_filter_by_what_the_items_do_not_carry_is_no_link() -> None:
    orders = get("shop.listOrders", "/orders", list_of("Order"), argument("customerId", TEXT))
    bare = shape("Order", "id")
    assert targets(upstream("shop", bare, CUSTOMER, GET_CUSTOMER, orders)) == {}


def test_an_optional_id_of_an_unrelated_function_is_no_link() -> None:
    search = get("shop.search", "/search", ref("SearchResult"), argument("productId", TEXT))
    assert targets(shop_with(shape("SearchResult", "took"), search)) == {}


def test_a_list_of_products_filtered_by_product_is_no_field_of_a_product() -> None:
    listing = get("shop.list", "/products", list_of("Product"), argument("productId", TEXT))
    assert targets(shop_with(listing)) == {}


def test_an_object_that_nobody_answers_by_key_has_no_own_key() -> None:
    stock = upstream(
        "stock", shape("Stock", "productId"), rpc("stock.GetStock", ref("Stock"), argument("productId", TEXT))
    )
    hits = upstream("hits", shape("Product", "id"), get("hits.search", "/hits", list_of("Product")))
    assert targets(stock, hits) == {}


def test_a_tenant_of_every_service_gets_a_field_from_each() -> None:
    tenants = upstream(
        "tenants",
        shape("Tenant", "id"),
        get("tenants.read", "/tenants/{tenant_id}", ref("Tenant"), key_argument("tenant_id")),
    )
    services = [
        upstream(
            name,
            shape("Thing", "id", "tenant_id"),
            get(f"{name}.list_{name}", f"/{name}", list_of("Thing"), argument("tenant_id", TEXT)),
        )
        for name in ("invoices", "reports")
    ]
    assert targets(tenants, *services) == {
        "invoices:Thing.tenant": "tenants.read",
        "reports:Thing.tenant": "tenants.read",
        "tenants:Tenant.invoices": "invoices.list_invoices",
        "tenants:Tenant.reports": "reports.list_reports",
    }


# -- the same entity in two upstreams


def customers_of(name: str, **more: Any) -> Upstream:
    lookup = get(f"{name}.get", "/customers/{id}", ref("Customer"), key_argument("id"), **more)
    return upstream(name, CUSTOMER, lookup)


def orders_with(*parts: Any) -> Upstream:
    return upstream(
        "orders", ORDER, get("orders.get", "/orders/{id}", ref("Order"), key_argument("id")), *parts
    )


def test_the_upstreams_own_function_wins() -> None:
    own = get("orders.zCustomer", "/customers/{id}", ref("Customer"), key_argument("id"))
    found = targets(orders_with(CUSTOMER, own), customers_of("customers"))
    assert found["orders:Order.customer"] == "orders.zCustomer"


def test_a_deprecated_function_loses() -> None:
    own = get("orders.customer", "/customers/{id}", ref("Customer"), key_argument("id"), deprecated="")
    found = targets(orders_with(CUSTOMER, own), customers_of("crm"))
    assert found["orders:Order.customer"] == "crm.get"


def test_the_upstream_that_is_named_after_the_entity_wins() -> None:
    found = targets(orders_with(), customers_of("billing"), customers_of("customers"))
    assert found["orders:Order.customer"] == "customers.get"


def test_two_foreign_upstreams_with_one_entity_are_no_link_but_a_note() -> None:
    catalog = Catalog.of(orders_with(), customers_of("billing"), customers_of("crm"))
    woven = weave(catalog)
    assert woven.links == ()
    assert woven.notes == (
        "Order.customer: not linked, for billing.get and crm.get answer the same key; say which under links",
    )


def test_what_is_known_of_an_entity_is_a_field_of_it_in_each_upstream() -> None:
    points = upstream(
        "loyalty",
        shape("Points", "customerId"),
        get("loyalty.points", "/customers/{customerId}/points", ref("Points"), key_argument("customerId")),
    )
    found = targets(points, customers_of("billing"), customers_of("crm"))
    assert found == {
        "billing:Customer.points": "loyalty.points",
        "crm:Customer.points": "loyalty.points",
    }


def test_two_functions_for_one_field_leave_a_note() -> None:
    services = [
        upstream(
            name,
            shape("Settings", "theme"),
            get(
                f"{name}.read",
                "/customers/{customer_id}/settings",
                ref("Settings"),
                key_argument("customer_id"),
            ),
        )
        for name in ("mail", "chat")
    ]
    woven = weave(Catalog.of(customers_of("crm"), *services))
    assert [link.target for link in woven.links] == ["chat.read"]
    assert woven.notes == ("Customer.settings: linked to chat.read, and not to mail.read",)


def test_upstreams_kept_apart_are_not_linked() -> None:
    catalog = Catalog.of(orders_with(), customers_of("stripe"))
    assert [link.target for link in weave(catalog).links] == ["stripe.get"]
    assert weave(catalog, apart=("stripe",)).links == ()
    assert weave(catalog, apart=("orders",)).links == ()


# -- bulk functions

PRODUCT = shape("Product", "id", "sku")


def test_a_list_of_ids_makes_a_bulk_function() -> None:
    found = bulk_of(PRODUCT, get("shop.list", "/products", list_of("Product"), argument("ids", TEXTS)))
    assert found is not None
    assert (found.argument, found.items, found.key) == ("ids", (), "id")


def test_a_list_of_ids_of_another_makes_a_bulk_function() -> None:
    price = shape("Price", "product_id", "amount")
    found = bulk_of(
        price, get("shop.prices", "/prices", list_of("Price"), key_argument("product_ids", TEXTS))
    )
    assert found is not None
    assert (found.argument, found.key) == ("product_ids", "product_id")


def test_items_may_be_wrapped() -> None:
    answer = shape("Answer", field("products", list_of("Product")), "cursor")
    found = bulk_of(PRODUCT, answer, rpc("shop.BatchGet", ref("Answer"), argument("ids", TEXTS)))
    assert found is not None
    assert found.items == ("products",)


def test_an_object_with_an_id_of_its_own_wraps_nothing() -> None:
    cart = shape("Cart", "id", field("products", list_of("Product")))
    assert bulk_of(PRODUCT, cart, rpc("shop.FindCart", ref("Cart"), argument("ids", TEXTS))) is None


def test_an_answer_with_two_lists_is_ambiguous() -> None:
    answer = shape("Answer", field("found", list_of("Product")), field("similar", list_of("Product")))
    assert bulk_of(PRODUCT, answer, rpc("shop.BatchGet", ref("Answer"), argument("ids", TEXTS))) is None


def test_items_without_the_key_cannot_be_put_back() -> None:
    name = shape("Name", "text")
    assert bulk_of(name, get("shop.names", "/names", list_of("Name"), key_argument("ids", TEXTS))) is None


def test_items_with_a_key_of_another_kind_cannot_be_put_back() -> None:
    numbered = shape("Product", field("id", INT))
    listing = get("shop.list", "/products", list_of("Product"), argument("ids", TEXTS))
    assert bulk_of(numbered, listing) is None


def test_items_are_put_back_by_the_word_that_was_asked_with() -> None:
    product = shape("Product", "id", "uuid")
    found = bulk_of(product, get("shop.list", "/products", list_of("Product"), argument("uuids", TEXTS)))
    assert found is not None
    assert found.key == "uuid"


def test_a_function_that_needs_more_than_the_keys_is_no_bulk_function() -> None:
    listing = get(
        "shop.list", "/p", list_of("Product"), key_argument("ids", TEXTS), key_argument("region", TEXT)
    )
    assert bulk_of(PRODUCT, listing) is None


def test_a_write_is_no_bulk_function() -> None:
    assert bulk_of(PRODUCT, write("shop.touch", "/t", list_of("Product"), key_argument("ids", TEXTS))) is None


def test_the_size_of_the_answer_is_asked_for_and_bounds_the_keys() -> None:
    limit = argument("limit", Scalar(kind="int32", constraints=Constraints(maximum=50)), default=20)
    listing = get("shop.list", "/products", list_of("Product"), argument("ids", TEXTS), limit)
    found = bulk_of(PRODUCT, listing)
    assert found is not None
    assert (found.size_argument, found.max_keys) == ("limit", 50)


def test_the_most_items_of_the_list_bound_the_keys() -> None:
    ids = ListOf(item=TEXT, constraints=Constraints(max_items=100))
    found = bulk_of(PRODUCT, get("shop.list", "/products", list_of("Product"), argument("ids", ids)))
    assert found is not None
    assert found.max_keys == 100


def test_keys_in_a_url_are_bounded_in_bytes() -> None:
    in_url = bulk_of(PRODUCT, get("shop.list", "/products", list_of("Product"), argument("ids", TEXTS)))
    in_message = bulk_of(PRODUCT, rpc("shop.BatchGet", list_of("Product"), argument("ids", TEXTS)))
    assert in_url is not None
    assert in_url.max_key_bytes == 6_000
    assert in_message is not None
    assert in_message.max_key_bytes is None


def test_a_bulk_function_stands_in_for_the_single_one() -> None:
    listing = get("shop.list", "/products", list_of("Product"), argument("ids", TEXTS))
    line = shape("Line", "id", "product_id")
    get_line = get("shop.getLine", "/lines/{id}", ref("Line"), key_argument("id"))
    link = links_of(shop_with(listing, line, get_line))["shop:Line.product"]
    assert link.function == "shop.getProduct"
    assert link.bulk is not None
    assert link.bulk.function == "shop.list"


def test_a_bulk_function_alone_is_enough() -> None:
    prices = shape("Price", "productId", "amount")
    listing = get("shop.get_prices", "/prices", list_of("Price"), key_argument("productIds", TEXTS))
    link = links_of(shop_with(prices, listing))["shop:Product.price"]
    assert link.function is None
    assert not link.many


# -- all of them


def test_the_shops_links() -> None:
    found = {f"{link.shape}.{link.field}": link.target for link in weave(SHOP).links}
    assert found == {
        "Customer.orders": "orders.listOrders",
        "Order.customer": "orders.getCustomer",
        "Order.product": "products.get_product",
        "Price.product": "products.get_product",
        "Product.price": "pricing.get_prices",
        "Product.stock": "inventory.InventoryService.GetStock",
        "Stock.product": "products.get_product",
    }


def test_the_evidence_names_members_and_functions() -> None:
    evidence = {f"{link.shape}.{link.field}": link.evidence for link in weave(SHOP).links}
    assert evidence["Order.product"] == (
        "Order.productId is named after Product; products.get_product takes product_id; "
        "products.list_products takes many as ids"
    )
    assert evidence["Product.price"] == (
        "Product.id is the key of Product; pricing.get_prices takes many as productIds"
    )
    assert {bulk.function: bulk.evidence for bulk in weave(SHOP).bulk} == {
        "inventory.InventoryService.BatchGetStock": (
            "argument productIds takes a list, and stocks[] carry productId"
        ),
        "pricing.get_prices": "argument productIds takes a list, and prices[] carry productId",
        "products.list_products": "argument ids takes a list, and its items carry id",
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_upstreams_functions_and_shapes_says_nothing(seed: int) -> None:
    shuffle = random.Random(seed)

    def shuffled(one: Upstream) -> Upstream:
        functions: list[Function] = shuffle.sample(one.functions, len(one.functions))
        names = shuffle.sample(sorted(one.shapes), len(one.shapes))
        shapes = [one.shapes[name] for name in names]
        return upstream(one.id, *functions, *shapes)

    upstreams = shuffle.sample(SHOP.upstreams, len(SHOP.upstreams))
    assert weave(Catalog.of(*(shuffled(one) for one in upstreams))) == weave(SHOP)


def test_each_entity_can_be_completed_by_its_key() -> None:
    found = {f"{e.upstream}/{e.shape}": (e.keys[0].member, e.target) for e in weave(SHOP).entities}
    assert found == {
        "orders/Customer": ("id", "orders.getCustomer"),
        "orders/Order": ("id", "orders.getOrder"),
        "products/Product": ("id", "products.get_product"),
    }


def test_a_shape_without_a_word_in_its_name_does_no_harm() -> None:
    odd = shape("__", "id")
    shop = shop_with(odd, get("shop.get", "/x/{productId}", ref("__"), key_argument("productId")))
    assert targets(shop) == {"shop:Product.result": "shop.get"}


@pytest.mark.slow
def test_thousands_of_functions_are_woven_in_a_moment() -> None:
    """Twice the functions take about twice the time, not four times: it was 0.02 s for 869 functions."""
    services = [
        upstream(
            f"service{index}",
            *(
                part
                for at in range(30)
                for part in (
                    shape(f"Entity{index}x{at}", "id", "user_id", f"entity{index}x{(at + 1) % 30}_id"),
                    get(
                        f"service{index}.get{at}",
                        f"/e{at}/{{id}}",
                        ref(f"Entity{index}x{at}"),
                        key_argument("id"),
                    ),
                    get(
                        f"service{index}.list{at}",
                        f"/e{at}",
                        list_of(f"Entity{index}x{at}"),
                        argument("user_id", TEXT),
                        argument("ids", TEXTS),
                    ),
                )
            ),
        )
        for index in range(100)
    ]
    woven = weave(Catalog.of(*services))
    assert len(woven.links) == 3_000
    assert len(woven.bulk) == 3_000


# -- reverse links in bulk

OWNED = shape("Order", "id", "customer_id")
OF_CUSTOMERS = argument("customer_id", TEXTS)


def customers_with_orders(*more: Any, result: Any = None, shapes: Any = ()) -> dict[str, Any]:
    listing = get("shop.listOrders", "/orders", result or list_of("Order"), OF_CUSTOMERS, *more)
    return links_of(customers_of("crm"), upstream("shop", OWNED, *shapes, listing))


def test_a_list_filtered_by_several_owners_answers_many_of_each() -> None:
    link = customers_with_orders()["crm:Customer.orders"]
    assert link.many
    assert link.function is None
    assert link.bulk is not None
    assert (link.bulk.argument, link.bulk.key, link.bulk.many) == ("customer_id", "customer_id", True)


def test_items_without_a_key_of_their_own_are_one_for_each_key() -> None:
    price = shape("Price", "customer_id", "amount")
    listing = get("shop.prices", "/prices", list_of("Price"), OF_CUSTOMERS)
    link = links_of(customers_of("crm"), upstream("shop", price, listing))["crm:Customer.price"]
    assert not link.many


@pytest.mark.parametrize(
    "name", ["limit", "page_size", "first", "per_page", "page", "offset", "cursor", "pageToken", "after"]
)
def test_a_list_that_may_be_cut_is_followed_one_key_at_a_time(name: str) -> None:
    link = customers_with_orders(argument(name, INT))["crm:Customer.orders"]
    assert link.bulk is None
    assert link.function == "shop.listOrders"
    assert link.many


@pytest.mark.parametrize("member", ["next_page_token", "total", "hasMore", "cursor", "meta"])
def test_a_page_is_followed_one_key_at_a_time(member: str) -> None:
    page = shape("OrderPage", field("orders", list_of("Order")), member)
    link = customers_with_orders(result=ref("OrderPage"), shapes=(page,))["crm:Customer.orders"]
    assert link.bulk is None
    assert not link.many  # the page is answered as it is


def test_a_wrapped_list_that_says_nothing_of_pages_is_answered_in_bulk() -> None:
    answer = shape("Orders", field("orders", list_of("Order")))
    link = customers_with_orders(result=ref("Orders"), shapes=(answer,))["crm:Customer.orders"]
    assert link.bulk is not None
    assert link.bulk.items == ("orders",)
    assert link.bulk.many


def test_a_list_with_a_most_of_items_is_followed_one_key_at_a_time() -> None:
    bounded = msgspec.structs.replace(list_of("Order"), constraints=Constraints(max_items=100))
    assert customers_with_orders(result=bounded)["crm:Customer.orders"].bulk is None


def test_other_arguments_do_no_harm() -> None:
    link = customers_with_orders(argument("status", TEXT))["crm:Customer.orders"]
    assert link.bulk is not None
