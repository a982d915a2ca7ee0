"""Arguments of fields, read from variables as graphql-core reads them."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, VariableValues, get_argument_values, get_variable_values

from tests.support.shop_plans import SCHEMA
from weft.engine.operation import DocumentLimits, parse_operation
from weft.engine.plan import Plan, plan_operation


def fetch_of(text: str, variables: dict[str, Any]) -> tuple[Any, VariableValues]:
    limits = DocumentLimits()
    operation = parse_operation(SCHEMA, text, None, limits)
    values = get_variable_values(SCHEMA, operation.definition.variable_definitions or (), variables)
    assert isinstance(values, VariableValues)
    made = plan_operation(SCHEMA, operation, {}, limits)
    assert isinstance(made, Plan)
    return made.fetches[0].arguments, values


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("query($n: Int) { orders(limit: $n) { id } }", {"n": 5}),
        ("query($n: Int) { orders(limit: $n) { id } }", {"n": None}),
        ("query($n: Int) { orders(limit: $n) { id } }", {}),
        ("query($n: Int = 3) { orders(limit: $n) { id } }", {}),
        ("query($n: Int = 3) { orders(limit: $n) { id } }", {"n": 4}),
        ('query($n: Int) { orders(customerId: "c", limit: $n) { id } }', {"n": 1}),
        ("query($c: String, $n: Int) { orders(customerId: $c, limit: $n) { id } }", {"c": "c1"}),
        ("query($i: String!) { products(ids: [$i]) { id } }", {"i": "p1"}),
        ("query($i: [String!]) { products(ids: $i) { id } }", {"i": ["p1", "p2"]}),
        ("query($i: String!) { product(productId: $i) { id } }", {"i": "p1"}),
        ('query($i: String = "p") { product(productId: $i) { id } }', {}),
        (
            """mutation($n: String!, $c: Category!)
               { createProduct(input: {id: "1", name: $n, tags: [], category: $c}) { id } }""",
            {"n": "N", "c": "OUT_DOOR"},
        ),
        (
            "mutation($p: ProductInput!) { createProduct(input: $p) { id } }",
            {"p": {"id": "1", "name": "n", "tags": [], "category": "home"}},
        ),
    ],
)
def test_they_are_those_of_graphql_core(text: str, variables: dict[str, Any]) -> None:
    arguments, values = fetch_of(text, variables)
    assert arguments.read(values) == get_argument_values(arguments.field, arguments.node, values)


def test_null_for_what_must_not_be_null_is_refused() -> None:
    arguments, values = fetch_of('query($i: String = "p") { product(productId: $i) { id } }', {"i": None})
    with pytest.raises(GraphQLError):
        arguments.read(values)


def test_constants_are_read_once() -> None:
    arguments, values = fetch_of("{ orders(limit: 2) { id } }", {})
    assert arguments.read(values) is arguments.read(values)
