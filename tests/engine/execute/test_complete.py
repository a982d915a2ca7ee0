"""Values completed by GraphQL's rules. Most of them are held in ``test_oracle`` and ``tests/cases``."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLFloat, GraphQLInt, GraphQLString

from weft.engine.execute.complete import Completer, complete_leaf
from weft.engine.plan.steps import (
    LeafValue,
    ListValue,
    Member,
    NonNullValue,
    ObjectValue,
    SelectedField,
    Selection,
    ValuePlan,
)
from weft.schemas.errors import UpstreamAnswer, UpstreamTimeout

INT = LeafValue(GraphQLInt)
INT_ = NonNullValue(INT)


def complete(value: ValuePlan, raw: Any) -> tuple[Any, list[tuple[Any, ...]]]:
    """*raw* completed as member ``x`` of a nullable object ``o``; the object, and the paths of the errors."""
    inner = SelectedField("x", Member("x"), value, "O.x", ((1, 1),))
    outer = SelectedField("o", Member("o"), ObjectValue(Selection("O", None, {"O": (inner,)})), "Q.o", ())
    completer = Completer(lambda *_: None, {})
    data = completer._field(outer, {"o": {"x": raw}}, "Q", (), ("u", "u.f"))
    return data, [tuple(error["path"]) for error in completer.errors]


@pytest.mark.parametrize(
    ("value", "raw", "expected", "paths"),
    [
        (INT, 1, {"x": 1}, []),
        (INT, None, {"x": None}, []),
        (INT, "a", {"x": None}, [("o", "x")]),
        (INT_, None, None, [("o", "x")]),
        (ListValue(INT), [1, None, "a"], {"x": [1, None, None]}, [("o", "x", 2)]),
        (ListValue(INT_), [1, None], {"x": None}, [("o", "x", 1)]),
        (ListValue(INT_), [1, "a", "b"], {"x": None}, [("o", "x", 1)]),
        (NonNullValue(ListValue(INT_)), [1, None], None, [("o", "x", 1)]),
        (ListValue(ListValue(INT_)), [[1], [None], None], {"x": [[1], None, None]}, [("o", "x", 1, 0)]),
        (ListValue(NonNullValue(ListValue(INT_))), [[1], [None]], {"x": None}, [("o", "x", 1, 0)]),
        (ListValue(INT), {"a": 1}, {"x": None}, [("o", "x")]),
        (ListValue(INT), "text", {"x": None}, [("o", "x")]),
        (ListValue(INT), UpstreamTimeout("u", "u.f"), {"x": None}, [("o", "x")]),
        (ListValue(INT), [1, UpstreamTimeout("u", "u.f")], {"x": [1, None]}, [("o", "x", 1)]),
    ],
)
def test_null_goes_up_to_the_nearest_nullable_position(
    value: ValuePlan, raw: Any, expected: Any, paths: list[Any]
) -> None:
    assert complete(value, raw) == (expected, paths)


def test_null_in_a_non_null_place_is_the_fault_of_the_function() -> None:
    inner = SelectedField("x", Member("x"), INT_, "O.x", ())
    completer = Completer(lambda *_: None, {})
    assert completer.root(Selection("Q", None, {"Q": (inner,)})) is None
    (error,) = completer.errors
    assert error["message"] == "Cannot return null for non-nullable field O.x."
    assert error["extensions"]["code"] == "UPSTREAM_ANSWER"


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        (GraphQLInt, "no"),
        (GraphQLInt, 2**31),
        (GraphQLInt, {"secret": 1}),
        (GraphQLFloat, "no"),
        (GraphQLString, ["secret"]),
    ],
)
def test_reason_of_a_bad_leaf_does_not_hold_the_value(type_: Any, raw: Any) -> None:
    with pytest.raises(UpstreamAnswer) as raised:
        complete_leaf(LeafValue(type_), raw, ("u", "u.f"))
    assert raised.value.reason.endswith(f"is no {type_.name}")
    assert "secret" not in raised.value.reason
    assert str(2**31) not in raised.value.reason
