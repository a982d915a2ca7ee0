"""The target of plain calls, held against the general way to write a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.transport.http_functions import function, parameter
from weft.engine.transport.http_bodies import Unwritable
from weft.engine.transport.http_request import _build
from weft.engine.transport.http_target import compile_target
from weft.schemas.catalog import Body, HttpBinding, Parameter

BASE = "http://up.example"
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6))
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=4), st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
)
TEXTS = st.one_of(
    st.text("ab.-_~/%. é&=", max_size=4), st.integers(0, 99), st.lists(st.integers(), max_size=3)
)


def binding(path: str, *parameters: Parameter) -> HttpBinding:
    found = function(path, *parameters).binding
    assert isinstance(found, HttpBinding)
    return found


def general(one: HttpBinding, arguments: dict[str, Any]) -> str | None:
    try:
        return _build(one, arguments, BASE).url.removeprefix(BASE)
    except Unwritable:
        return None


PLAIN = [
    binding("/orders"),
    binding("/orders/"),
    binding("/orders", parameter("query", name="a"), parameter("query", explode=False, name="b c")),
    binding("/o/{a}", parameter("path", "simple", False, name="a")),
    binding(
        "/o/{a}/x{b}y", parameter("path", "simple", False, name="a"), parameter("path", "simple", name="b")
    ),
    binding("/o/{a}", parameter("path", "simple", False, name="a"), parameter("query", name="b")),
]


@given(st.sampled_from(PLAIN), st.dictionaries(st.sampled_from(["a", "b c", "b"]), st.one_of(VALUES, TEXTS)))
def test_a_plain_call_is_written_as_any_other(one: HttpBinding, arguments: dict[str, Any]) -> None:
    write = compile_target(one, "")
    assert write is not None
    try:
        "".join(str(value) for value in arguments.values()).encode()
    except UnicodeEncodeError:
        return  # half a character is refused by both, in words of their own
    target = write(arguments)
    assert target in {None, general(one, arguments)}


@pytest.mark.parametrize("one", PLAIN)
def test_ordinary_arguments_are_plain(one: HttpBinding) -> None:
    write = compile_target(one, "/v1")
    assert write is not None
    for arguments in ({"a": 1, "b": 7, "b c": True}, {"a": "x-1", "b": "y", "b c": ["k", "l m"]}):
        assert write(arguments) == f"/v1{general(one, arguments)}"


def test_a_segment_of_dots_is_left_to_the_general_way() -> None:
    write = compile_target(PLAIN[3], "")
    assert write is not None
    assert write({"a": ".."}) is None
    assert write({"a": ""}) is None
    assert write({}) is None


@pytest.mark.parametrize(
    "one",
    [
        binding("/o", parameter("header", "simple")),
        binding("/o", parameter("cookie")),
        binding("/o", parameter("query", "deepObject")),
        binding("/o", parameter("query", allow_reserved=True)),
        binding("/o", parameter("query", content_type="application/json")),
        binding("/o{color}", parameter("path", "matrix")),
        binding("/o/{color}"),
        binding("/o?x=1", parameter("query")),
        function("/o", method="POST", body=Body(argument="input")).binding,
    ],
)
def test_what_is_not_plain_is_left_to_the_general_way(one: HttpBinding) -> None:
    assert compile_target(one, "") is None
