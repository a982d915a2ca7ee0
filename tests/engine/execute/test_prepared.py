"""Documents compiled once, kept in a bounded cache."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from graphql import VariableValues

from tests.support.shop_catalog import SHOP
from weft.engine.execute.prepared import Prepared, Preparer
from weft.engine.operation import DocumentLimits
from weft.engine.operation.document import OperationErrors
from weft.engine.plan import Plan
from weft.schemas.errors import OperationError
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

CASES: Final = Path(__file__).parents[2] / "cases"
SCHEMA = stitch(SHOP, weave(SHOP)).schema


def preparer(**more: Any) -> Preparer:
    return Preparer(SCHEMA, DocumentLimits(), **more)


def plan_of(made: Preparer, prepared: Prepared, **variables: Any) -> Plan:
    values: VariableValues = made.variables(prepared, variables)
    plan = made.plan(prepared, values)
    assert isinstance(plan, Plan)
    return plan


def test_document_is_prepared_once() -> None:
    made = preparer()
    assert made.prepare("{ orders { id } }", None) is made.prepare("{ orders { id } }", None)


def test_operations_of_one_document_are_told_apart() -> None:
    made = preparer()
    text = "query A { orders { id } } query B { products { id } }"
    assert made.prepare(text, "A").operation.name == "A"
    assert made.prepare(text, "B").operation.name == "B"


def test_document_that_is_not_valid_is_not_kept() -> None:
    made = preparer()
    with pytest.raises(OperationErrors):
        made.prepare("{ nothing }", None)
    assert not len(made._kept)


def test_least_recently_used_document_goes_first() -> None:
    made = preparer(max_cache_bytes=1)
    made._kept.max_bytes = 2 * _cost_of(made, "{ a: orders { id } }")
    first = made.prepare("{ a: orders { id } }", None)
    second = made.prepare("{ b: orders { id } }", None)
    assert made.prepare("{ a: orders { id } }", None) is first
    made.prepare("{ c: orders { id } }", None)
    assert made.prepare("{ a: orders { id } }", None) is first
    assert made.prepare("{ b: orders { id } }", None) is not second


def _cost_of(made: Preparer, text: str) -> int:
    """What *text* adds to the cache."""
    before = made._kept.bytes
    made.prepare(text, None)
    return made._kept.bytes - before


def test_cache_does_not_grow_beyond_its_bound() -> None:
    made = preparer(max_cache_bytes=100_000)
    for n in range(300):
        made.prepare(f"{{ a{n}: orders {{ id }} }}", None)
    assert made._kept.bytes <= 100_000
    assert 0 < len(made._kept) < 300


def _taken(make: Callable[[Preparer], object]) -> float:
    """Bytes that a preparer really holds once *make* has used it."""
    keep = []
    gc.collect()
    tracemalloc.start()
    try:
        for _ in range(5):
            keep.append(preparer())
            make(keep[-1])
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / 5
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["four_upstreams", "cycle", "fragments", "nested_links", "skip_and_include"])
def test_bytes_are_about_what_it_takes(case: str) -> None:
    text = (CASES / case / "operation.graphql").read_text()
    variables = {"yes": True} if case == "skip_and_include" else {}

    def use(made: Preparer) -> None:
        prepared = made.prepare(text, None)
        plan = plan_of(made, prepared, **variables)
        made.compiled(prepared, plan)
        compiled = made.compiled(prepared, plan)
        assert compiled is not None
        assert compiled.lenient is None or compiled.lenient.source

    use(made := preparer())  # what is made once a process does not count
    assert 0.6 < made._kept.bytes / _taken(use) < 1.7


@pytest.mark.slow
def test_bytes_of_documents_of_one_shape_are_about_what_they_take() -> None:
    def use(made: Preparer) -> None:
        for number in range(300):
            made.prepare(f'{{ orders(limit: {number}, customerId: "c-{number}") {{ id }} }}', None)

    use(made := preparer())
    assert 0.6 < made._kept.bytes / _taken(use) < 1.7


def test_compiled_plan_counts_in_the_cache() -> None:
    made = preparer()
    prepared = made.prepare("{ orders { id } }", None)
    plan = plan_of(made, prepared)
    interpreted = made._kept.bytes
    assert made.compiled(prepared, plan) is None
    assert made._kept.bytes == interpreted
    assert made.compiled(prepared, plan) is not None
    assert made._kept.bytes > interpreted


def test_plans_count_in_the_cache_until_their_document_is_let_go() -> None:
    made = preparer()
    text = "query($p: Boolean!) { orders { id @include(if: $p) placedAt } }"
    prepared = made.prepare(text, None)
    unplanned = made._kept.bytes
    plan_of(made, prepared, p=True)
    one_plan = made._kept.bytes - unplanned
    plan_of(made, prepared, p=False)
    assert made._kept.bytes == unplanned + 2 * one_plan
    made._kept.max_bytes = 1
    made.prepare("{ orders { id } }", None)
    kept = made._kept.bytes
    prepared.template.plans.clear()
    plan_of(made, prepared, p=True)
    assert made._kept.bytes == kept


def test_plan_is_made_once_for_each_choice_of_the_condition_variables() -> None:
    made = preparer()
    prepared = made.prepare("query($p: Boolean!) { orders { id product @include(if: $p) { name } } }", None)
    with_products = plan_of(made, prepared, p=True)
    without = plan_of(made, prepared, p=False)
    assert [fetch.function.id for fetch in with_products.fetches] == [
        "orders.listOrders",
        "products.get_product",
    ]
    assert [fetch.function.id for fetch in without.fetches] == ["orders.listOrders"]
    assert plan_of(made, prepared, p=True) is with_products


def test_other_variables_share_a_plan() -> None:
    made = preparer()
    prepared = made.prepare("query($n: Int) { orders(limit: $n) { id } }", None)
    assert plan_of(made, prepared, n=1) is plan_of(made, prepared, n=2)


def test_number_of_kept_plans_is_bounded() -> None:
    made = preparer()
    names = [f"v{n}" for n in range(8)]
    definitions = ", ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: id @include(if: ${name})" for name in names)
    prepared = made.prepare(f"query({definitions}) {{ orders {{ id {fields} }} }}", None)
    for n in range(100):
        plan_of(made, prepared, **{name: bool(n >> bit & 1) for bit, name in enumerate(names)})
    assert len(prepared.template.plans) == 64


def test_condition_variable_that_is_null_is_a_request_error() -> None:
    made = preparer()
    prepared = made.prepare("query($p: Boolean = true) { orders { id @skip(if: $p) } }", None)
    with pytest.raises(OperationError, match=r"\$p"):
        plan_of(made, prepared, p=None)


def test_variables_that_do_not_fit_are_reported_together() -> None:
    made = preparer()
    prepared = made.prepare(
        "query($a: Int, $b: Int) { a: orders(limit: $a) { id } b: orders(limit: $b) { id } }", None
    )
    with pytest.raises(OperationErrors) as raised:
        made.variables(prepared, {"a": "x", "b": "y"})
    assert [error.code for error in raised.value.errors] == ["BAD_USER_INPUT"] * 2
