"""Names that are kept."""

from __future__ import annotations

import pytest

from weft.schemas.errors import DocumentError
from weft.schemas.stitch import NameBook, decode_lock, encode_lock


def test_the_first_free_candidate_is_given() -> None:
    book = NameBook()
    assert book.name("types", "a/Order", "Order", "AOrder") == "Order"
    assert book.name("types", "b/Order", "Order", "BOrder") == "BOrder"


def test_a_thing_keeps_its_name() -> None:
    book = NameBook()
    assert book.name("types", "a/Order", "Order") == book.name("types", "a/Order", "Other") == "Order"


def test_without_a_free_candidate_names_are_numbered() -> None:
    book = NameBook()
    assert [book.name("types", str(index), "Order") for index in range(3)] == ["Order", "Order2", "Order3"]


def test_scopes_do_not_see_each_other() -> None:
    book = NameBook()
    assert book.name("Query", "f", "order") == book.name("Mutation", "f", "order") == "order"


def test_a_reserved_name_is_not_given() -> None:
    book = NameBook()
    book.reserve("types", "Query")
    assert book.name("types", "a/Query", "Query", "AQuery") == "AQuery"


def test_a_locked_name_is_given_again() -> None:
    book = NameBook({"types b/Order": "Order"})
    assert book.name("types", "a/Order", "Order", "AOrder") == "AOrder"
    assert book.name("types", "b/Order", "Order", "BOrder") == "Order"


def test_a_locked_name_is_kept_for_what_is_away() -> None:
    book = NameBook({"types away/Order": "Order"})
    book.name("types", "a/Order", "Order", "AOrder")
    assert book.entries == {"types a/Order": "AOrder", "types away/Order": "Order"}


def test_a_lock_file_comes_back_as_it_was() -> None:
    entries = {"Query orders.listOrders": "orders", "types a/Order": "Order"}
    assert decode_lock(encode_lock(entries)) == entries


def test_a_lock_file_has_one_line_for_each_name() -> None:
    lines = encode_lock({"types a/Order": "Order", "types b/Order": "BOrder"}).decode().splitlines()
    assert '  "types a/Order": "Order",' in lines
    assert '  "types b/Order": "BOrder"' in lines


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": 2, "names": {}}', b"<<<<<<< HEAD"])
def test_what_is_no_lock_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"not a lock file: .*; delete it to give names anew"):
        decode_lock(data)
