"""Keys in the form in which functions take them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.shop_catalog import argument
from weft.engine.plan.keys import BadKey, as_text, as_whole_number, converter_for
from weft.schemas.catalog import ListOf, Scalar


@pytest.mark.parametrize(("value", "key"), [("a", "a"), ("", ""), (7, "7"), (-1, "-1")])
def test_text_and_whole_numbers_are_text_keys(value: Any, key: str) -> None:
    assert as_text(value) == key


@pytest.mark.parametrize("value", [True, 1.0, None, [], {}])
def test_nothing_else_is_a_text_key(value: Any) -> None:
    with pytest.raises(BadKey):
        as_text(value)


@pytest.mark.parametrize(("value", "key"), [(7, 7), ("7", 7), ("-7", -7), (7.0, 7), ("007", 7)])
def test_whole_numbers_and_text_that_holds_one_are_whole_number_keys(value: Any, key: int) -> None:
    assert as_whole_number(value) == key


@pytest.mark.parametrize(
    "value", [True, 7.5, "seven", "", " 7 ", "1_0", "\u0667", "9" * 5_000, float("inf"), None, []]
)
def test_nothing_else_is_a_whole_number_key(value: Any) -> None:
    with pytest.raises(BadKey):
        as_whole_number(value)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint64"])
def test_argument_decides_how_a_key_is_written(kind: Any) -> None:
    assert converter_for(argument("id", Scalar(kind=kind)))("7") == 7
    assert converter_for(argument("ids", ListOf(item=Scalar(kind=kind))))("7") == 7
    assert converter_for(argument("id", Scalar(kind="string")))(7) == "7"
    assert converter_for(None)(7) == "7"
