"""What the configuration says of links and bulk functions, settled with what is found."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import (
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
)
from weft.schemas.catalog import Constraints, Scalar
from weft.schemas.errors import ConfigError
from weft.schemas.links import BulkRule, Key, Link, LinkRule, Weave, weave

OWNER_KEYS = {"customerId": "owner"}
PETS = Catalog.of(
    upstream(
        "pets",
        shape("Pet", "id", "owner", field("friends", TEXTS)),
        shape("Customer", "id"),
        shape("Names", field("found", list_of("Name")), field("other", list_of("Name"))),
        shape("Name", "pet", "text"),
        get("pets.getPet", "/pets/{id}", ref("Pet"), key_argument("id")),
        get("pets.getCustomer", "/customers/{customerId}", ref("Customer"), key_argument("customerId")),
        get("pets.listPets", "/pets", list_of("Pet"), argument("ids", TEXTS)),
        rpc("pets.NamesOf", ref("Names"), argument("pets", TEXTS)),
        rpc("pets.NameOf", ref("Name"), argument("pet", TEXT)),
    )
)


def link_at(woven: Weave, coordinate: str) -> Link:
    (found,) = [link for link in woven.links if f"{link.shape}.{link.field}" == coordinate]
    return found


def refused(**rules: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        weave(PETS, source="weft.yaml", **rules)
    assert caught.value.source == "weft.yaml"
    return caught.value


# -- links


def test_a_configured_link_is_added() -> None:
    rule = LinkRule("Pet.keeper", "pets.getCustomer", OWNER_KEYS)
    link = link_at(weave(PETS, links=[rule], source="weft.yaml"), "Pet.keeper")
    assert link.keys == (Key("customerId", "owner"),)
    assert link.function == "pets.getCustomer"
    assert link.origin == "configured"
    assert link.evidence == "configured in weft.yaml"


def test_a_configured_link_wins_over_the_one_found() -> None:
    rule = LinkRule("Order.customer", "orders.getCustomer", {"customerId": "id"})
    assert link_at(weave(SHOP, links=[rule]), "Order.customer").keys == (Key("customerId", "id"),)


def test_a_configured_link_may_stand_in_the_place_of_a_member() -> None:
    rule = LinkRule("Pet.owner", "pets.getCustomer", OWNER_KEYS)
    assert link_at(weave(PETS, links=[rule]), "Pet.owner").function == "pets.getCustomer"


def test_a_configured_link_silences_the_note_of_what_was_undecided() -> None:
    def crm(name: str) -> Any:
        lookup = get(f"{name}.get", "/customers/{id}", ref("Customer"), key_argument("id"))
        return upstream(name, shape("Customer", "id"), lookup)

    orders = upstream(
        "orders",
        shape("Order", "id", "customer_id"),
        get("orders.get", "/orders/{id}", ref("Order"), key_argument("id")),
    )
    catalog = Catalog.of(orders, crm("one"), crm("two"))
    woven = weave(catalog, links=[LinkRule("Order.customer", "two.get", {"id": "customer_id"})])
    assert woven.notes == ()
    assert link_at(woven, "Order.customer").function == "two.get"


def test_a_configured_link_over_a_list_of_keys_leads_to_a_list() -> None:
    rule = LinkRule("Pet.companions", "pets.getPet", {"id": "friends"})
    assert link_at(weave(PETS, links=[rule]), "Pet.companions").each


def test_a_configured_link_to_a_bulk_function_is_batched() -> None:
    rule = LinkRule("Pet.companions", "pets.listPets", {"ids": "friends"})
    link = link_at(weave(PETS, links=[rule]), "Pet.companions")
    assert link.function is None
    assert link.bulk is not None
    assert link.bulk.key == "id"


def test_a_link_may_take_several_keys() -> None:
    price = get("pets.price", "/price", TEXT, key_argument("pet"), key_argument("for"))
    pets = upstream("pets", *PETS.upstreams[0].functions, *PETS.upstreams[0].shapes.values(), price)
    rule = LinkRule("Pet.price", "pets.price", {"pet": "id", "for": "owner"})
    link = link_at(weave(Catalog.of(pets), links=[rule]), "Pet.price")
    assert link.keys == (Key("pet", "id"), Key("for", "owner"))


def test_a_type_may_be_given_by_its_graphql_name() -> None:
    odd = upstream(
        "odd",
        shape("big.pet", "id", "owner"),
        get("odd.get", "/p/{id}", ref("big.pet"), key_argument("id")),
    )
    woven = weave(Catalog.of(odd), links=[LinkRule("BigPet.self", "odd.get", {"id": "id"})])
    assert [link.shape for link in woven.links] == ["big.pet"]


@pytest.mark.parametrize("coordinate", ["Order.customer", "Order.product"])
def test_a_link_is_switched_off(coordinate: str) -> None:
    woven = weave(SHOP, links=[LinkRule(coordinate, off=True)])
    assert coordinate not in {f"{link.shape}.{link.field}" for link in woven.links}
    assert f"{coordinate}: switched off" in woven.notes


def test_a_rule_about_a_function_that_is_away_is_left_out_with_a_note() -> None:
    woven = weave(PETS, links=[LinkRule("Pet.keeper", "crm.get", {"id": "owner"})])
    assert "links[0]: no function crm.get" in woven.notes


def test_a_rule_about_a_type_that_is_away_is_left_out_with_a_note() -> None:
    woven = weave(PETS, links=[LinkRule("Cat.keeper", "pets.getCustomer", {"customerId": "owner"})])
    assert "links[0]: no type Cat" in woven.notes


def test_a_link_with_an_unknown_argument_is_refused() -> None:
    error = refused(links=[LinkRule("Pet.keeper", "pets.getCustomer", {"id": "owner"})])
    assert error.key == "links[0].keys.id"
    assert error.problem == "pets.getCustomer has no argument id"
    assert error.accepted == "customerId"


def test_a_link_with_an_unknown_member_is_refused() -> None:
    error = refused(links=[LinkRule("Pet.keeper", "pets.getCustomer", {"customerId": "keeper"})])
    assert error.key == "links[0].keys.customerId"
    assert error.problem == "Pet has no member keeper"
    assert error.accepted == "id, owner, friends"


def test_a_link_without_keys_is_refused() -> None:
    error = refused(links=[LinkRule("Pet.keeper", "pets.getCustomer")])
    assert error.key == "links[0].keys"
    assert error.accepted == "keys: {argument: member}"


@pytest.mark.parametrize(
    "rule",
    [
        LinkRule("keeper", "pets.getCustomer", OWNER_KEYS),
        LinkRule("Pet.", "pets.getCustomer", OWNER_KEYS),
        LinkRule("Pet.the keeper", "pets.getCustomer", OWNER_KEYS),
        LinkRule("Pet.__keeper", "pets.getCustomer", OWNER_KEYS),
        LinkRule("Pet.keeper"),
    ],
)
def test_what_is_no_link_is_refused(rule: LinkRule) -> None:
    error = refused(links=[rule])
    assert error.key == "links[0].field"
    assert error.accepted == "field: Type.field, function: upstream.operation, keys: {argument: member}"


# -- bulk functions


def test_a_bulk_function_is_configured() -> None:
    rule = BulkRule("pets.NamesOf", argument="pets", items="found", key="pet", max_keys=5)
    (bulk,) = [b for b in weave(PETS, bulk=[rule]).bulk if b.function == "pets.NamesOf"]
    assert (bulk.argument, bulk.items, bulk.key, bulk.max_keys) == ("pets", ("found",), "pet", 5)
    assert bulk.origin == "configured"


def test_a_configured_bulk_function_replaces_single_calls() -> None:
    woven = weave(
        PETS,
        links=[LinkRule("Pet.name", "pets.NameOf", {"pet": "id"})],
        bulk=[BulkRule("pets.NamesOf", answers="pets.NameOf", argument="pets", items="found", key="pet")],
    )
    link = link_at(woven, "Pet.name")
    assert link.function == "pets.NameOf"
    assert link.bulk is not None
    assert link.bulk.function == "pets.NamesOf"


def test_what_a_rule_leaves_out_is_found() -> None:
    (bulk,) = weave(PETS, bulk=[BulkRule("pets.listPets", max_keys=7)]).bulk
    assert (bulk.argument, bulk.key, bulk.max_keys, bulk.max_key_bytes) == ("ids", "id", 7, 6_000)


def test_a_bulk_function_is_switched_off() -> None:
    woven = weave(SHOP, bulk=[BulkRule("products.list_products", off=True)])
    assert "products.list_products" not in {bulk.function for bulk in woven.bulk}
    assert link_at(woven, "Order.product").bulk is None


def test_a_bulk_rule_about_a_function_that_is_away_is_left_out_with_a_note() -> None:
    assert "bulk[0]: no function crm.list" in weave(PETS, bulk=[BulkRule("crm.list")]).notes


def test_a_bulk_function_without_that_list_argument_is_refused() -> None:
    error = refused(bulk=[BulkRule("pets.listPets", argument="keys")])
    assert error.key == "bulk[0].argument"
    assert error.problem == "pets.listPets has no list argument keys"
    assert error.accepted == "ids"


def test_a_function_without_a_list_argument_is_refused_as_a_bulk_function() -> None:
    error = refused(bulk=[BulkRule("pets.getPet")])
    assert error.problem == "pets.getPet has no list argument"
    assert error.accepted == "a function with a list argument"


def test_a_bulk_function_with_an_unknown_key_is_refused() -> None:
    error = refused(bulk=[BulkRule("pets.listPets", key="name")])
    assert error.key == "bulk[0].key"
    assert error.problem == "items of pets.listPets have no member name"
    assert error.accepted == "id, owner, friends"


def test_a_bulk_function_whose_key_is_not_found_asks_for_it() -> None:
    error = refused(bulk=[BulkRule("pets.NamesOf", items="found")])
    assert error.key == "bulk[0].key"
    assert error.problem == "items of pets.NamesOf have no member that is a key"


def test_items_that_are_not_there_are_refused() -> None:
    error = refused(bulk=[BulkRule("pets.NamesOf", items="list", key="pet")])
    assert error.key == "bulk[0].items"
    assert error.problem == "the answer of pets.NamesOf has no member list"
    assert error.accepted == "found, other"


def test_items_that_are_no_list_of_objects_are_refused() -> None:
    error = refused(bulk=[BulkRule("pets.NamesOf", key="pet")])
    assert error.key == "bulk[0].items"
    assert error.problem == "the answer of pets.NamesOf is no list of objects"


# -- reverse links in bulk

LIMIT = argument("limit", Scalar(kind="int32", constraints=Constraints(maximum=100)), default=20)
OWNERS = Catalog.of(
    upstream(
        "pets",
        shape("Customer", "id"),
        shape("Pet", "id", "customerId"),
        get("pets.getCustomer", "/customers/{customerId}", ref("Customer"), key_argument("customerId")),
        get("pets.petsOf", "/customers/{customerId}/pets", list_of("Pet"), key_argument("customerId")),
        get("pets.listPets", "/pets", list_of("Pet"), argument("customerId", TEXTS), LIMIT),
    )
)


def test_the_most_items_of_a_key_make_a_list_with_a_limit_a_bulk_function() -> None:
    rule = BulkRule("pets.listPets", argument="customerId", many=True, per_key=25)
    link = link_at(weave(OWNERS, bulk=[rule]), "Customer.pets")
    assert link.many
    assert link.bulk is not None
    assert (link.bulk.size_argument, link.bulk.per_key, link.bulk.max_keys) == ("limit", 25, 4)


def test_a_limit_without_the_most_items_of_a_key_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        weave(OWNERS, bulk=[BulkRule("pets.listPets", many=True)])
    assert caught.value.key == "bulk[0].per_key"
    assert caught.value.accepted == "the most items that one key has"


def test_a_bulk_function_stands_in_for_a_function_that_answers_a_list() -> None:
    rule = BulkRule("pets.listPets", answers="pets.petsOf", per_key=1)
    (bulk,) = weave(OWNERS, bulk=[rule]).bulk
    assert bulk.many


def test_one_for_each_key_cannot_stand_in_for_a_list() -> None:
    with pytest.raises(ConfigError) as caught:
        weave(OWNERS, bulk=[BulkRule("pets.listPets", answers="pets.petsOf", many=False)])
    assert caught.value.key == "bulk[0].many"
    assert caught.value.accepted == "true"
