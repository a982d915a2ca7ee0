"""Names of one notation turned into names of another."""

from __future__ import annotations

import pytest
from graphql import assert_enum_value_name, assert_name
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.schemas.names import (
    camel_case,
    enum_value_name,
    field_name,
    is_name,
    plural,
    singular,
    type_name,
    unique,
    upstream_name,
    words,
)


@given(st.text())
def test_every_text_gives_a_legal_field_name(text: str) -> None:
    assert is_name(field_name(text))
    assert_name(field_name(text))


@given(st.text())
def test_every_text_gives_a_legal_type_name(text: str) -> None:
    assert is_name(type_name(text))
    assert_name(type_name(text))


@given(st.text())
def test_every_text_gives_a_legal_enum_value(text: str) -> None:
    assert is_name(enum_value_name(text))
    assert_enum_value_name(enum_value_name(text))


@given(st.text())
def test_every_text_gives_a_legal_upstream_id(text: str) -> None:
    name = upstream_name(text)
    assert name[0].isascii()
    assert name[0].islower()
    assert name.replace("_", "").isalnum()
    assert name == name.lower()


@settings(max_examples=20)
@given(st.from_regex(r"[a-z]{1,5}([A-Z][a-z]{1,5}){0,3}", fullmatch=True))
def test_a_camel_case_name_is_kept(text: str) -> None:
    assert field_name(text) == text


@given(st.text(), st.sets(st.text(max_size=3)))
def test_a_unique_name_is_not_taken(name: str, taken: set[str]) -> None:
    assert unique(name, taken) not in taken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getHTTPUser_by-id", ["get", "http", "user", "by", "id"]),
        ("OrderID", ["order", "id"]),
        ("café_au_lait", ["cafe", "au", "lait"]),
        ("oauth2Token", ["oauth2", "token"]),
        ("", []),
        ("日本", []),
    ],
)
def test_a_name_falls_into_its_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order_id", "orderId"),
        ("OrderId", "orderId"),
        ("order-id", "orderId"),
        ("2fa_code", "_2faCode"),
        ("_links", "_links"),
        ("__typename", "_typename"),
        ("$ref", "ref"),
        ("@", "_40"),
        ("_", "_"),
        ("", "_"),
    ],
)
def test_a_wire_name_becomes_a_field_name(text: str, expected: str) -> None:
    assert field_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Order", "Order"),
        ("HTTPError", "HTTPError"),
        ("order", "Order"),
        ("com.acme.Order", "ComAcmeOrder"),
        ("order-item", "OrderItem"),
        ("Order_Item", "OrderItem"),
        ("3DModel", "_3DModel"),
        ("日本", "Type65e5672c"),
    ],
)
def test_a_shape_name_becomes_a_type_name(text: str, expected: str) -> None:
    assert type_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("home", "home"),
        ("IN_STOCK", "IN_STOCK"),
        ("out-door", "OUT_DOOR"),
        ("true", "TRUE"),
        ("null", "NULL"),
        ("", "EMPTY"),
        ("1", "_1"),
        ("-1", "MINUS_1"),
        ("+", "VALUE_2B"),
        ("__x", "X"),
    ],
)
def test_a_wire_value_becomes_an_enum_value(text: str, expected: str) -> None:
    assert enum_value_name(text) == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("order", "orders"),
        ("category", "categories"),
        ("day", "days"),
        ("box", "boxes"),
        ("bus", "buses"),
        ("class", "classes"),
        ("branch", "branches"),
        ("dish", "dishes"),
        ("address", "addresses"),
        ("status", "statuses"),
        ("person", "people"),
        ("child", "children"),
        ("analysis", "analyses"),
        ("index", "indices"),
        ("house", "houses"),
        ("price", "prices"),
        ("cache", "caches"),
        ("size", "sizes"),
        ("response", "responses"),
        ("movie", "movies"),
        ("tie", "ties"),
        ("key", "keys"),
    ],
)
def test_singular_and_plural_belong_together(one: str, many: str) -> None:
    assert plural(one) == many
    assert singular(many) == one
    assert singular(one) == one


@pytest.mark.parametrize("noun", ["series", "species", "news", "data", "media", "stock"])
def test_some_nouns_have_one_form(noun: str) -> None:
    assert plural(noun) == noun
    assert singular(noun) == noun


def test_words_that_every_title_has_are_dropped_from_an_upstream_id() -> None:
    assert upstream_name("The Orders API Service") == "orders"
    assert upstream_name("API") == "api"
    assert upstream_name("3scale") == "u_3scale"
    assert upstream_name("") == "upstream"


def test_camel_case_of_nothing_is_nothing() -> None:
    assert camel_case("--") == ""
