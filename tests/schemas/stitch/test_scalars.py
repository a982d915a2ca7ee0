"""The scalars beside GraphQL's own five."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_const_value

from weft.schemas.catalog import ScalarKind
from weft.schemas.stitch.scalars import BIG_INT, JSON, SCALARS


def read(kind: ScalarKind, value: Any) -> Any:
    return SCALARS[kind].coerce_input_value(value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", "2026-01-31"),
        ("date-time", "2026-01-31T12:00:00Z"),
        ("date-time", "2026-01-31 12:00:00.123456+02:00"),
        ("date-time", "2026-01-31T12:00:60Z"),
        ("time", "12:00:00Z"),
        ("duration", "PT90S"),
        ("duration", "P1Y2M3DT4H5M6.7S"),
        ("duration", "90s"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("uri", "https://example.com/a?b=c"),
        ("uri", "../relative"),
        ("email", "a@b.example"),
        ("ipv4", "10.0.0.1"),
        ("ipv6", "::1"),
        ("byte", "aGk="),
        ("byte", "-_8="),
        ("decimal", "12.50"),
        ("int64", "9007199254740993"),
    ],
)
def test_a_fitting_text_is_kept_to_the_letter(kind: ScalarKind, value: str) -> None:
    assert str(read(kind, value)) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", "2026-02-30"),
        ("date", "31.01.2026"),
        ("date", "20260131"),
        ("date", "2026-W05-6"),
        ("date", 20260131),
        ("date-time", "2026-01-31"),
        ("date-time", "2026-02-30T12:00:00Z"),
        ("time", "25:00:00"),
        ("duration", "P"),
        ("duration", "PT"),
        ("duration", "soon"),
        ("uuid", "123"),
        ("uuid", "{123e4567-e89b-12d3-a456-426614174000}"),
        ("uuid", "123e4567e89b12d3a456426614174000"),
        ("uri", "a b"),
        ("email", "nobody"),
        ("ipv4", "10.0.0.256"),
        ("ipv6", "10.0.0.1"),
        ("byte", "a"),
        ("decimal", "NaN"),
        ("decimal", "a lot"),
        ("decimal", True),
        ("int64", 1.5),
        ("int64", True),
        ("int64", "1e3"),
        ("uuid", None),
        ("uuid", {}),
    ],
)
def test_what_does_not_fit_is_refused_in_words(kind: ScalarKind, value: Any) -> None:
    with pytest.raises(GraphQLError, match=f"{SCALARS[kind].name} takes "):
        read(kind, value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("date", datetime.date(2026, 1, 31), "2026-01-31"),
        ("uuid", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("date", "not a date: an upstream's value is kept", "not a date: an upstream's value is kept"),
        ("decimal", 0.1, "0.1"),
        ("decimal", "1.10", "1.10"),
        ("decimal", decimal.Decimal("1E+2"), "1E+2"),
        ("int64", 2**53 - 1, 2**53 - 1),
        ("int64", 2**53, "9007199254740992"),
        ("int64", -(2**60), str(-(2**60))),
        ("int64", "42", 42),
        ("int64", 42.0, 42),
    ],
)
def test_an_answer_is_written(kind: ScalarKind, value: Any, expected: Any) -> None:
    assert SCALARS[kind].coerce_output_value(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"), [("date", 5), ("int64", 1.5), ("int64", True), ("decimal", True), ("decimal", [])]
)
def test_an_answer_of_another_kind_is_refused(kind: ScalarKind, value: Any) -> None:
    with pytest.raises(GraphQLError):
        SCALARS[kind].coerce_output_value(value)


def test_a_big_integer_is_a_number_or_a_text_in_a_document() -> None:
    literal = BIG_INT.coerce_input_literal
    assert literal is not None
    assert literal(parse_const_value("9007199254740993")) == 9007199254740993
    assert literal(parse_const_value('"9007199254740993"')) == 9007199254740993
    with pytest.raises(GraphQLError):
        literal(parse_const_value("1.5"))


def test_json_takes_any_value() -> None:
    literal = JSON.coerce_input_literal
    assert literal is not None
    assert literal(parse_const_value('{a: [1, 2.5, "x", true, null], b: ENUM}')) == {
        "a": [1, 2.5, "x", True, None],
        "b": "ENUM",
    }


def test_every_kind_of_scalar_has_a_type() -> None:
    kinds = ScalarKind.__args__  # type: ignore[attr-defined]  # a Literal's members
    assert set(SCALARS) == set(kinds)
    assert all(isinstance(scalar, GraphQLScalarType) for scalar in SCALARS.values())
