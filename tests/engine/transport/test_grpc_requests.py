"""Makers of request messages against json_format."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.transport.test_grpc_json import API, messages
from weft.engine.transport.grpc_requests import NotPlain, Requests

ALL = API.pool.FindMessageTypeByName("zoo.All")
REQUESTS = Requests()

wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(sorted(f.json_name for f in ALL.fields)) | st.text(max_size=2), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def made(value: Any) -> Any:
    """The message, or ``None`` where it is left to json_format."""
    try:
        return REQUESTS.make(ALL, value)
    except (NotPlain, TypeError, ValueError):
        return None


def parsed(value: Any) -> Any:
    """The message as json_format makes it, or ``None`` where it refuses."""
    try:
        return json_format.ParseDict(value, GetMessageClass(ALL)(), descriptor_pool=API.pool)
    except Exception:  # noqa: BLE001 - json_format lets through what it did not think of
        return None


@pytest.mark.slow
@settings(deadline=None)
@given(messages | st.dictionaries(st.sampled_from(sorted(f.json_name for f in ALL.fields)), wild, max_size=3))
def test_what_is_made_is_what_json_format_makes(value: dict[str, Any]) -> None:
    found = made(value)
    if found is not None:
        if value.get("values") is None:  # json_format stumbles over null for a list of Value
            value.pop("values", None)
        expected = parsed(value)
        assert expected is not None
        assert found == expected or "nan" in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"d": 1, "f": 0.5, "i32": -1, "u32": 2**32 - 1, "b": False, "snakeCase": "", "by": "AP8"},
        {"kind": "SOME", "kinds": ["NONE", "ALL"], "floats": [1, 2.5]},
        {"all": {}, "list": [{}, {"i32": 1}], "inner": {"n": 1}},
        {"byBool": {"true": "AA=="}, "byNumber": {"-3": {"i32": 3}, "4": {}}, "byName": {"a": "b"}},
        {"third": {"first": "x"}},
        {"second": "NONE"},
        {
            "at": "2024-02-29T12:00:00.25Z",
            "lasts": "1.5s",
            "wrapped": "AA==",
            "times": ["1970-01-01T00:00:00Z"],
        },
        {"from": "x", "class": "y", "bytesList": ["", "_-8="]},
        {"i32": None, "all": None, "list": None},
    ],
)
def test_usual_values_are_made_without_json_format(value: dict[str, Any]) -> None:
    found = made(value)
    assert found is not None
    assert found.SerializeToString(deterministic=True) == parsed(value).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "value",
    [
        {"i32": 2**31},
        {"i32": True},
        {"i32": "7"},
        {"f": 1e39},
        {"snakeCase": 7},
        {"snakeCase": "\ud800"},
        {"snake_case": "by its other name"},
        {"first": "x", "second": "NONE"},
        {"list": {}},
        {"list": [None]},
        {"kind": "NOBODY"},
        {"any": {"a": 1}},
        {"values": [None]},
        {"at": "yesterday"},
        {"byNumber": {"x": {}}},
        {"nobody": 1},
    ],
)
def test_unusual_values_are_left_to_json_format(value: dict[str, Any]) -> None:
    assert made(value) is None
