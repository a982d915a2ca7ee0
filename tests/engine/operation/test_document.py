"""Text to a parsed, validated operation."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, get_introspection_query

from weft.engine.operation import DocumentLimits, Operation, parse_operation
from weft.engine.operation.document import OperationErrors
from weft.engine.plan import HandWritten, plan_operation
from weft.schemas.errors import OperationError

SCHEMA: GraphQLSchema = build_schema("type Query { a: Query, b(x: Int): String }")


def parse(text: str, name: str | None = None, **limits: Any) -> Operation:
    return parse_operation(SCHEMA, text, name, DocumentLimits(**limits))


def errors_of(text: str, name: str | None = None, **limits: Any) -> list[OperationError]:
    with pytest.raises(OperationErrors) as raised:
        parse(text, name, **limits)
    return raised.value.errors


def test_syntax_error_says_where() -> None:
    (error,) = errors_of("{\n  b(\n}")
    assert error.code == "GRAPHQL_PARSE_FAILED"
    assert error.locations == ((3, 1),)


def test_validation_errors_are_reported_together() -> None:
    errors = errors_of("{ c d }")
    assert [error.code for error in errors] == ["GRAPHQL_VALIDATION_FAILED"] * 2
    assert [error.locations for error in errors] == [((1, 3),), ((1, 5),)]


def test_number_of_reported_errors_is_bounded() -> None:
    assert len(errors_of("{ c d e f g h }", max_errors=2)) == 3  # and that there are more


def test_document_with_too_many_tokens_is_refused() -> None:
    (error,) = errors_of("{ " + "b " * 50 + "}", max_tokens=20)
    assert error.code == "GRAPHQL_PARSE_FAILED"
    assert "20" in str(error)


def test_document_nested_too_deeply_to_parse_is_refused() -> None:
    (error,) = errors_of("{ a " * 7_000 + "{ b }" + "}" * 7_000, max_tokens=30_000)
    assert error.code == "GRAPHQL_PARSE_FAILED"


def test_long_chain_of_fragments_is_refused() -> None:
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(2_000))
    assert errors_of(f"{{ ...F0 }} {chain} fragment F2000 on Query {{ b }}", max_tokens=30_000)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("query A { b } query B { b }", None, "several operations"),
        ("query A { b } query B { b }", "C", "no operation named 'C'"),
        ("{ b }", "A", "no operation named 'A'"),
        ("fragment F on Query { b }", None, ""),
    ],
)
def test_operation_that_cannot_be_chosen_is_an_error(text: str, name: str | None, message: str) -> None:
    assert message in str(errors_of(text, name)[0])


def test_named_operation_is_chosen() -> None:
    operation = parse("query A { b } query B { a { b } }", "B")
    assert operation.name == "B"
    assert operation.type == "query"


def test_only_operation_needs_no_name() -> None:
    assert parse("{ b }").name is None


def test_condition_variables_are_those_of_skip_and_include() -> None:
    operation = parse(
        "query($z: Boolean!, $a: Boolean!, $x: Int) { b(x: $x) @skip(if: $z) ...F } "
        "fragment F on Query { c: b @include(if: $a) }"
    )
    assert operation.condition_variables == ("a", "z")


class TestPlanLimits:
    """Bounds that need fragments expanded; the fields of this schema are not generated ones."""

    def code(self, text: str, **limits: Any) -> str:
        operation = parse(text)
        with pytest.raises(OperationError) as raised:
            plan_operation(SCHEMA, operation, {}, DocumentLimits(**limits))
        return raised.value.code

    def test_deep_operation_of_hand_written_fields_is_refused(self) -> None:
        assert self.code("{ a { a { a { b } } } }", max_depth=3) == "OPERATION_TOO_DEEP"

    def test_what_tools_ask_of_a_schema_is_within_the_limits(self) -> None:
        limits = DocumentLimits()
        operation = parse(get_introspection_query(input_value_deprecation=True, type_depth=9))
        assert isinstance(plan_operation(SCHEMA, operation, {}, limits), HandWritten)

    def test_fragments_count_where_they_are_spread(self) -> None:
        fragments = " ".join(
            f"fragment F{n} on Query {{ x: a {{ ...F{n + 1} }} y: a {{ ...F{n + 1} }} }}" for n in range(12)
        )
        text = f"{{ ...F0 }} {fragments} fragment F12 on Query {{ b }}"
        assert self.code(text, max_fields=1_000, max_depth=50) == "OPERATION_TOO_LARGE"
