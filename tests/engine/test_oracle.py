"""The engine held against graphql-core, on random operations over random data.

A longer search: ``HYPOTHESIS_PROFILE=thorough pytest tests/engine/test_oracle.py --timeout 3600``.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from graphql import ExecutionResult, VariableValues, execute, get_variable_values, parse, validate
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.support.generate import (
    SHOP_TEXTS,
    Draw,
    RandomOperation,
    catalogs,
    operations,
    shop_worlds,
)
from tests.support.memory import Answer, MemoryTransport
from tests.support.oracle import Oracle, Problem, nulled, problems, same
from tests.support.shop_catalog import SHOP
from weft.engine.errors import format_error
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.execute.resolvers import RUNNING, Running
from weft.engine.execute.run import Result, run_plan
from weft.engine.operation import DocumentLimits, GraphQLRequest
from weft.engine.passes import PASSES, Pass, improve
from weft.engine.plan import Plan, plan_operation
from weft.schemas.catalog import Catalog
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

SLOW_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "quick", max_examples=150, deadline=None, suppress_health_check=SLOW_CHECKS, derandomize=True
)
settings.register_profile("thorough", max_examples=20_000, deadline=None, suppress_health_check=SLOW_CHECKS)
# Finds quickly and does not shrink: to look at a failure before the long wait for a small one.
settings.register_profile(
    "hasty",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=SLOW_CHECKS,
    phases=[Phase.explicit, Phase.generate],
)
SETTINGS = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

SUBSETS = [subset for size in range(len(PASSES) + 1) for subset in itertools.combinations(PASSES, size)]

LOOP = asyncio.Runner()


@pytest.fixture(scope="module", autouse=True)
def loop() -> Iterator[None]:
    """One event loop for all examples."""
    with LOOP:
        yield


class Ways:
    """The ways in which an operation over one catalog can be executed."""

    def __init__(self, catalog: Catalog) -> None:
        woven = weave(catalog)
        stitched = stitch(catalog, woven)
        self.schema = stitched.schema
        self._transport = MemoryTransport({})
        self._transport.as_bytes = True  # as compiled plans take it
        transports = dict.fromkeys(catalog.upstreams_by_id, self._transport)
        bounds = EngineSettings(max_calls=100_000)
        self._engine = Engine(stitched, transports, bounds)
        self._oracle = Oracle(stitch(catalog, woven), {})

    def answer(self, answers: Mapping[str, Answer]) -> None:
        """Let the functions answer these."""
        self._transport.answers = answers
        self._oracle.answers = answers

    def by_engine(self, operation: RandomOperation) -> tuple[Any, list[Problem]]:
        """The engine's answer."""
        request = GraphQLRequest(operation.text, operation.variables)
        response = msgspec.json.decode(LOOP.run(self._engine.execute(request)).body)
        assume("data" in response)  # else it is not valid: the writer of operations is not perfect
        return response["data"], problems(response.get("errors", ()))

    def by_plan(self, operation: RandomOperation, passes: tuple[Pass, ...]) -> tuple[Any, list[Problem]]:
        """The answer of a plan made with *passes*."""
        prepared = self._engine._preparer.prepare_alone(operation.text, None).operation
        variables = get_variable_values(
            self.schema, prepared.definition.variable_definitions or (), dict(operation.variables)
        )
        assert isinstance(variables, VariableValues)
        conditions = {name: variables.coerced[name] for name in prepared.condition_variables}
        plan = plan_operation(self.schema, prepared, conditions, DocumentLimits())
        assert isinstance(plan, Plan)

        async def run() -> Result:
            return await run_plan(improve(plan, passes), variables, self._engine.calls({}))

        result = LOOP.run(run())
        return result.data, problems(result.errors)

    def by_resolvers(self, operation: RandomOperation) -> tuple[Any, list[Problem]]:
        """The answer of graphql-core with our resolvers."""

        async def run() -> ExecutionResult:
            RUNNING.set(Running(self._engine.calls({})))
            outcome = execute(
                self._engine.executable, parse(operation.text), variable_values=dict(operation.variables)
            )
            return outcome if isinstance(outcome, ExecutionResult) else await outcome

        result = LOOP.run(run())
        return result.data, problems(format_error(error) for error in result.errors or ())

    def by_reference(self, operation: RandomOperation) -> tuple[Any, list[Problem]]:
        """The answer of graphql-core with plain resolvers."""
        return self._oracle.execute(operation.text, operation.variables)


def agree_on(ways: Ways, operation: RandomOperation) -> None:
    """Every way gives the reference's answer."""
    interpreted = ways.by_engine(operation)
    compiled = ways.by_engine(operation)  # a plan is compiled when it is run for the second time
    expected, expected_errors = ways.by_reference(operation)
    for data, errors in (interpreted, compiled, *(ways.by_plan(operation, passes) for passes in SUBSETS)):
        assert data == expected
        # Both complete depth first, in the order of the fields, and leave the object or list in which a null
        # stands in a non-null place: so not only the nulls are equal, but also what was met on the way.
        assert same(errors, expected_errors)

    resolved, resolved_errors = ways.by_resolvers(operation)
    assert resolved == expected
    # Its resolvers wait, so siblings of a null are completed too, in another order: one more error, or
    # another, may be met below the same null (GraphQL specification, "Handling Execution Errors": siblings
    # may be cancelled). What was nulled must be the same.
    assert nulled(expected, resolved_errors) == nulled(expected, expected_errors)


SHOP_WAYS = Ways(SHOP)


def shop_cases(
    wrong_percent: int, operation_type: str = "query"
) -> st.SearchStrategy[tuple[RandomOperation, dict[str, Answer]]]:
    return st.tuples(
        operations(SHOP_WAYS.schema, SHOP_TEXTS, operation_type=operation_type),
        shop_worlds(wrong_percent=wrong_percent),
    )


@given(shop_cases(0))
@settings(SETTINGS)
@pytest.mark.slow
def test_shop_over_right_data(case: tuple[RandomOperation, dict[str, Answer]]) -> None:
    operation, answers = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation)


@given(shop_cases(6))
@settings(SETTINGS)
@pytest.mark.slow
def test_shop_over_wrong_data(case: tuple[RandomOperation, dict[str, Answer]]) -> None:
    operation, answers = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation)


@given(shop_cases(0, "mutation"))
@settings(SETTINGS, max_examples=max(SETTINGS.max_examples // 5, 1))
@pytest.mark.slow
def test_shop_mutations(case: tuple[RandomOperation, dict[str, Answer]]) -> None:
    operation, answers = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation)


@st.composite
def catalog_cases(draw: Draw, wrong_percent: int) -> tuple[Ways, RandomOperation]:
    made = draw(catalogs(wrong_percent=wrong_percent))
    ways = Ways(made.catalog)
    ways.answer(made.answers)
    return ways, draw(operations(ways.schema, ("1", "2", "9")))


@given(catalog_cases(0))
@settings(SETTINGS)
@pytest.mark.slow
def test_random_catalogs_over_right_data(case: tuple[Ways, RandomOperation]) -> None:
    ways, operation = case
    agree_on(ways, operation)


@given(catalog_cases(4))
@settings(SETTINGS)
@pytest.mark.slow
def test_random_catalogs_over_wrong_data(case: tuple[Ways, RandomOperation]) -> None:
    ways, operation = case
    agree_on(ways, operation)


@given(operations(SHOP_WAYS.schema, SHOP_TEXTS))
@settings(SETTINGS, max_examples=30)
def test_random_operations_are_valid(operation: RandomOperation) -> None:
    """One that is not is passed over in the other tests, so few may be."""
    errors = validate(SHOP_WAYS.schema, parse(operation.text))
    assert not errors or all("conflict" in error.message for error in errors)
