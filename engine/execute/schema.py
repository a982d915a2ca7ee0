"""The engine as a Strawberry schema.

Strawberry's views, extensions and test clients take it as they take any other. Operations of generated
fields only run as plans; all others are executed by graphql-core, with the same calls in batches.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, Self, cast

import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType, SourceLocation, print_schema
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

from ...schemas.errors import OperationError
from ..numbers import decode_exactly
from ..plan import HandWritten, Plan
from .engine import Engine
from .fast import execute_plan
from .prepared import Prepared
from .resolvers import RUNNING, Running


@strawberry.type(name="Query")
class _NoQuery:
    """Stands where there is no hand-written schema; it is not part of the served one."""

    weft: bool = True


class WeftSchema(strawberry.Schema):
    """A stitched schema that fulfils Strawberry's schema interface.

    Attributes:
        engine: Executes it. The schema is its async context manager.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        handwritten: strawberry.Schema | None = None,
        extensions: Iterable[type[SchemaExtension]] = (),
    ) -> None:
        """Serve *engine*'s schema to Strawberry.

        Args:
            engine: Made from a schema stitched with the same *handwritten*.
            handwritten: Its configuration, scalars and extensions are kept.
            extensions: Strawberry extensions beside those of *handwritten*.
        """
        base = handwritten or strawberry.Schema(query=_NoQuery)
        vars(self).update(copy.copy(vars(base)))
        self.engine = engine
        self.extensions = (*base.extensions, *extensions)
        self.execution_context_class = PlanExecutor
        self._schema = engine.executable
        self._schema.extensions[GraphQLCoreConverter.DEFINITION_BACKREF] = self
        self._schema._strawberry_schema = self  # type: ignore[attr-defined]  # noqa: SLF001 - as Strawberry does it

    async def __aenter__(self) -> Self:
        """Open the connections to the upstreams."""
        await self.engine.__aenter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        """Close them."""
        await self.engine.__aexit__(*details)

    def as_str(self) -> str:
        """The schema in the schema definition language."""
        return print_schema(self._schema)

    __str__ = as_str


class PlanExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, which lets the engine run what it can plan."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        if self.operation.operation is OperationType.SUBSCRIPTION:
            # The field's source stream is opened before execute_operation runs for its first event.
            RUNNING.set(Running(self._engine.calls(headers_of(self.context_value))))

    @property
    def _engine(self) -> Engine:
        return cast("WeftSchema", self.schema._strawberry_schema).engine  # type: ignore[attr-defined]  # noqa: SLF001

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation: as a plan where all of it is generated."""
        engine = self._engine
        prepared, plan = self._plan(engine)
        calls = engine.calls(headers_of(self.context_value))
        if isinstance(plan, Plan):
            assert prepared is not None
            return self._run_plan(prepared, plan, calls)
        if plan.coordinate.startswith("Query.__"):
            # Introspection alone needs no call: Strawberry's execute_sync must be able to answer it.
            RUNNING.set(Running(calls))
            return super().execute_operation(serially)
        return self._run_resolvers(super().execute_operation, serially, Running(calls))

    def _plan(self, engine: Engine) -> tuple[Prepared | None, Plan | HandWritten]:
        if self.operation.operation is OperationType.SUBSCRIPTION:
            return None, HandWritten("Subscription")
        if self.middleware_manager is not None and self.middleware_manager.middlewares:
            return None, HandWritten("extensions that resolve fields")
        location = self.operation.loc
        if location is None:
            return None, HandWritten("a document without a source")
        name = self.operation.name.value if self.operation.name else None
        try:
            prepared = engine.prepare(location.source.body, name)
            return prepared, engine.plan(prepared, self.variable_values)
        except OperationError as error:
            raise GraphQLError(str(error), extensions={"code": error.code}) from error

    async def _run_plan(self, prepared: Prepared, plan: Plan, calls: Any) -> ExecutionResult:
        variables = prepared.with_literals(self.variable_values)
        outcome = await execute_plan(plan, self._engine.compiled(prepared, plan), variables, calls)
        if isinstance(outcome, bytes):  # Strawberry wants objects, and writes them itself
            response = cast("dict[str, Any]", decode_exactly(outcome))
            return ExecutionResult(response["data"])
        prepared.relocate(outcome.errors)
        return ExecutionResult(outcome.data, [_as_graphql_error(error) for error in outcome.errors] or None)

    async def _run_resolvers(self, execute: Any, serially: bool | None, running: Running) -> Any:
        token = RUNNING.set(running)
        try:
            outcome = execute(serially)
            return await outcome if isinstance(outcome, Awaitable) else outcome
        finally:
            RUNNING.reset(token)


def headers_of(context: Any) -> dict[str, str]:
    """The request's headers from a context as Strawberry's views make it; names in lower case."""
    request = context.get("request") if isinstance(context, Mapping) else getattr(context, "request", None)
    headers = getattr(request, "headers", None)
    return {name.lower(): value for name, value in headers.items()} if headers is not None else {}


def _as_graphql_error(error: Mapping[str, Any]) -> GraphQLError:
    made = GraphQLError(error["message"], path=error.get("path"), extensions=error.get("extensions"))
    made.locations = [SourceLocation(at["line"], at["column"]) for at in error.get("locations", ())] or None
    return made
