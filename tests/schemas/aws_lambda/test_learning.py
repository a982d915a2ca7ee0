"""Schemas from samples."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from weft.schemas.aws_lambda.learned_file import decode_learned, encode_learned
from weft.schemas.aws_lambda.learning import Learned, learn, merge, schema_of
from weft.schemas.errors import DocumentError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "1", "2"]), inner),
    max_leaves=12,
)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_every_sample_is_of_the_type_that_was_learned(samples: list[Any]) -> None:
    schema = schema_of(samples[0])
    for sample in samples[1:]:
        schema = merge(schema, schema_of(sample))
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(sample) for sample in samples)


@given(VALUES, VALUES, VALUES)
def test_the_order_of_samples_changes_nothing_that_counts(one: Any, two: Any, three: Any) -> None:
    first = merge(merge(schema_of(one), schema_of(two)), schema_of(three))
    other = merge(merge(schema_of(three), schema_of(one)), schema_of(two))
    for value in (one, two, three):
        assert Draft202012Validator(first).is_valid(value)
        assert Draft202012Validator(other).is_valid(value)


@pytest.mark.parametrize(
    ("samples", "schema"),
    [
        ([1], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([1, 2**40], {"type": "integer", "format": "int64"}),
        ([1, None], {"type": ["integer", "null"]}),
        ([None, None], {"type": "null"}),
        ([1, "a"], {}),
        ([True], {"type": "boolean"}),
        (["2026-01-02", "2026-01-03"], {"type": "string", "format": "date"}),
        (["2026-01-02", "soon"], {"type": "string"}),
        ([[]], {"type": "array"}),
        ([[], [1, None]], {"type": "array", "items": {"type": ["integer", "null"]}}),
        (
            [{"a": 1}, {"b": "x"}],
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}},
        ),
        ([{"17": 1, "18": 2.5}], {"type": "object", "additionalProperties": {"type": "number"}}),
    ],
)
def test_samples_make_a_schema(samples: list[Any], schema: dict[str, Any]) -> None:
    found = schema_of(samples[0])
    for sample in samples[1:]:
        found = merge(found, schema_of(sample))
    assert found == schema


def test_no_value_is_kept() -> None:
    learned = learn({"password": "hunter2"}, ["hunter3"])
    assert b"hunter" not in encode_learned({"lambda:eu-west-1": {"login": learned}})


def test_the_file_is_read_as_it_was_written() -> None:
    learned = {"lambda:eu-west-1": {"a": learn({"x": 1}, None, learn({}, 2))}}
    assert learned["lambda:eu-west-1"]["a"].samples == 2
    assert decode_learned(encode_learned(learned), source="weft.learned.json") == learned


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"version": 2}', b'{"version": 1, "functions": {"a": {"b": {}}}}']
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"weft\.learned\.json"):
        decode_learned(data, source="weft.learned.json")


def test_what_was_learned_is_a_description() -> None:
    schema = Learned(1, {"type": "object"}, {"type": "string"}).schema
    assert (schema.input_schema, schema.output_schema) == ({"type": "object"}, {"type": "string"})
