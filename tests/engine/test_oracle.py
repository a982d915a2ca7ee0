"""The engine held against graphql-core, on random operations over random data.

A longer search: ``HYPOTHESIS_PROFILE=thorough pytest tests/engine/test_oracle.py --timeout 3600``.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

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
from weft.engine.codegen import compile_plan
from weft.engine.errors import format_error
from weft.engine.execute.engine import CallSettings, Engine, EngineSettings
from weft.engine.execute.fast import execute_plan
from weft.engine.execute.resolvers import RUNNING, Running
from weft.engine.execute.retries import RetryRule
from weft.engine.execute.run import Execution, Result
from weft.engine.operation import DocumentLimits, GraphQLRequest
from weft.engine.passes import PASSES, Pass, improve
from weft.engine.plan import Plan, plan_operation
from weft.schemas.catalog import Catalog, FunctionId
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

    def __init__(self, catalog: Catalog, namespaces: Collection[str] = ()) -> None:
        woven = weave(catalog)
        stitched = stitch(catalog, woven, namespaces=namespaces)
        self.schema = stitched.schema
        self._transport = MemoryTransport({})
        self._transport.as_bytes = True  # as compiled plans take it
        transports = dict.fromkeys(catalog.upstreams_by_id, self._transport)
        # Every call is made once and for itself: the ways are compared by their calls too.
        once = CallSettings(share=False, retries=RetryRule(attempts=0))
        bounds = EngineSettings(
            max_calls=100_000, share=False, cache_bytes=0, calls=dict.fromkeys(transports, once)
        )
        self._engine = Engine(stitched, transports, bounds)
        self._oracle = Oracle(stitch(catalog, woven, namespaces=namespaces), {})
        self._functions = catalog.functions

    def answer(self, answers: Mapping[str, Answer], *, late: random.Random | None = None) -> None:
        """Let the functions answer these, with *late* after some turns of the loop."""
        self._transport.answers = answers
        self._transport.waits = (lambda: late.randrange(4)) if late else None
        self._oracle.answers = answers

    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls since this was asked last."""
        calls, self._transport.calls = self._transport.calls, []
        return calls

    def writes(self, calls: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
        """Those of *calls* that are writes."""
        return [call for call in calls if self._functions[FunctionId(call[0])].effect == "write"]

    def by_engine(self, operation: RandomOperation) -> tuple[Any, list[Problem]]:
        """The engine's answer."""
        request = GraphQLRequest(operation.text, operation.variables)
        response = msgspec.json.decode(LOOP.run(self._engine.execute(request)).body)
        assume("data" in response)  # else it is not valid: the writer of operations is not perfect
        return response["data"], problems(response.get("errors", ()))

    def plan(self, operation: RandomOperation, passes: tuple[Pass, ...]) -> tuple[Plan, VariableValues]:
        """A plan made with *passes*."""
        prepared = self._engine._preparer.prepare_alone(operation.text, None).operation
        variables = get_variable_values(
            self.schema, prepared.definition.variable_definitions or (), dict(operation.variables)
        )
        assert isinstance(variables, VariableValues)
        conditions = {name: variables.coerced[name] for name in prepared.condition_variables}
        plan = plan_operation(self.schema, prepared, conditions, DocumentLimits())
        assert isinstance(plan, Plan)
        return improve(plan, passes), variables

    def by_interpreter(self, plan: Plan, variables: VariableValues) -> tuple[Any, list[Problem]]:
        """The answer of the interpreted plan."""

        async def run() -> Result:
            return await Execution(plan, variables, self._engine.calls({})).run()

        result = LOOP.run(run())
        return result.data, problems(result.errors)

    def by_compiler(self, plan: Plan, variables: VariableValues) -> tuple[Any, list[Problem], bool]:
        """The answer of the compiled plan, and whether it did without the interpreter."""

        async def run() -> bytes | Result:
            return await execute_plan(plan, compile_plan(plan), variables, self._engine.calls({}))

        result = LOOP.run(run())
        if isinstance(result, bytes):
            return msgspec.json.decode(result)["data"], [], True
        return result.data, problems(result.errors), False

    def by_resolvers(self, operation: RandomOperation) -> tuple[Any, list[Problem]]:
        """The answer of graphql-core with our resolvers."""

        async def run() -> ExecutionResult:
            RUNNING.set(Running(self._engine.calls({})))
            outcome = execute(
                self._engine.executable, parse(operation.text), variable_values=dict(operation.variables)
            )
            result = outcome if isinstance(outcome, ExecutionResult) else await outcome
            # Batches that a null has made needless run on; their calls are not the next example's.
            if rest := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(rest)
            return result

        result = LOOP.run(run())
        return result.data, problems(format_error(error) for error in result.errors or ())

    def by_reference(self, operation: RandomOperation) -> tuple[Any, list[Problem], list[Any]]:
        """The answer of graphql-core with plain resolvers, and its writes."""
        return *self._oracle.execute(operation.text, operation.variables), self._oracle.writes


def asked(calls: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Each function, and each key or other argument that it was called with."""
    for function, arguments in calls:
        rest = {name: value for name, value in arguments.items() if name != "limit"}
        keys = next((value for value in rest.values() if isinstance(value, list)), [None])
        yield from ((function, repr(rest if key is None else key)) for key in keys)


def in_order(data: Any) -> bytes:
    """*data* as it is sent: the order of an object's members counts too."""
    return msgspec.json.encode(data)


def agree_on(ways: Ways, operation: RandomOperation, passes: tuple[Pass, ...]) -> bool:
    """Every way gives the reference's answer; whether the compiled one did without the interpreter."""
    ways.calls()
    data, errors = ways.by_engine(operation)
    expected, expected_errors, expected_writes = ways.by_reference(operation)
    assert in_order(data) == in_order(expected)
    # Both complete depth first, in the order of the fields, and leave the object or list in which a null
    # stands in a non-null place: so not only the nulls are equal, but also what was met on the way.
    assert same(errors, expected_errors)
    calls = ways.calls()
    assert ways.writes(calls) == expected_writes

    plan, variables = ways.plan(operation, passes)
    data, errors = ways.by_interpreter(plan, variables)
    assert in_order(data) == in_order(expected)
    assert same(errors, expected_errors)
    calls = ways.calls()
    assert ways.writes(calls) == expected_writes
    data, errors, compiled = ways.by_compiler(plan, variables)
    assert in_order(data) == in_order(expected)
    assert same(errors, expected_errors)
    compiled_calls = ways.calls()
    assert ways.writes(compiled_calls) == expected_writes
    # Also if the compiled way was left in the middle, no call is made again. (Which of several fetches asks for
    # a key that they share is a matter of time, so calls are compared key by key.)
    assert Counter(asked(compiled_calls)) == Counter(asked(calls))

    resolved, resolved_errors = ways.by_resolvers(operation)
    assert resolved == expected
    # Its resolvers wait, so siblings of a null are completed too, in another order: one more error, or
    # another, may be met below the same null (GraphQL specification, "Handling Execution Errors": siblings
    # may be cancelled). What was nulled must be the same.
    assert nulled(expected, resolved_errors) == nulled(expected, expected_errors)
    return compiled


SHOP_WAYS = Ways(SHOP)


def shop_cases(
    wrong_percent: int, operation_type: str = "query"
) -> st.SearchStrategy[tuple[RandomOperation, dict[str, Answer], tuple[Pass, ...]]]:
    return st.tuples(
        operations(SHOP_WAYS.schema, SHOP_TEXTS, operation_type=operation_type),
        shop_worlds(wrong_percent=wrong_percent),
        st.sampled_from(SUBSETS),
    )


ShopCase: TypeAlias = tuple[RandomOperation, dict[str, Answer], tuple[Pass, ...]]


@given(shop_cases(0))
@settings(SETTINGS)
@pytest.mark.slow
def test_shop_over_right_data(case: ShopCase) -> None:
    operation, answers, passes = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation, passes)


@given(shop_cases(6))
@settings(SETTINGS)
@pytest.mark.slow
def test_shop_over_wrong_data(case: ShopCase) -> None:
    operation, answers, passes = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation, passes)


@given(shop_cases(0, "mutation"))
@settings(SETTINGS, max_examples=max(SETTINGS.max_examples // 5, 1))
@pytest.mark.slow
def test_shop_mutations(case: ShopCase) -> None:
    operation, answers, passes = case
    SHOP_WAYS.answer(answers)
    agree_on(SHOP_WAYS, operation, passes)


CatalogCase: TypeAlias = tuple[Ways, RandomOperation, tuple[Pass, ...]]


@st.composite
def catalog_cases(draw: Draw, wrong_percent: int, *, late: bool = False) -> CatalogCase:
    made = draw(catalogs(wrong_percent=wrong_percent))
    ways = Ways(made.catalog, made.namespaces)
    ways.answer(made.answers, late=random.Random(draw(st.integers(0, 2**32 - 1))) if late else None)
    kinds = ["query", "query", "mutation"] if ways.schema.mutation_type else ["query"]
    kind = draw(st.sampled_from(kinds))
    operation = draw(operations(ways.schema, ("1", "2", "9"), operation_type=kind))
    return ways, operation, draw(st.sampled_from(SUBSETS))


@given(catalog_cases(0))
@settings(SETTINGS)
@pytest.mark.slow
def test_random_catalogs_over_right_data(case: CatalogCase) -> None:
    agree_on(*case)


@given(catalog_cases(4))
@settings(SETTINGS)
@pytest.mark.slow
def test_random_catalogs_over_wrong_data(case: CatalogCase) -> None:
    agree_on(*case)


@given(catalog_cases(1, late=True))
@settings(SETTINGS)
@pytest.mark.slow
def test_random_catalogs_whose_answers_come_at_any_time(case: CatalogCase) -> None:
    agree_on(*case)


@given(operations(SHOP_WAYS.schema, SHOP_TEXTS))
@settings(SETTINGS, max_examples=30)
def test_random_operations_are_valid(operation: RandomOperation) -> None:
    """One that is not is passed over in the other tests, so few may be."""
    errors = validate(SHOP_WAYS.schema, parse(operation.text))
    assert not errors or all("conflict" in error.message for error in errors)
