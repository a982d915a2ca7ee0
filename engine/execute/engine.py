"""The engine: a request in, a response out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
from graphql import ExecutionResult, VariableValues, execute, subscribe

from ...schemas.catalog import UpstreamId
from ...schemas.catalog.files import encode_file
from ...schemas.errors import OperationError, UpstreamError, WeftError
from ...schemas.sdl import print_sdl
from ...schemas.stitch import Stitched
from ..codegen import Compiled
from ..errors import format_error
from ..operation import DocumentLimits, GraphQLRequest, Operation, Response
from ..operation.document import OperationErrors
from ..passes import PASSES, Pass
from ..plan import HandWritten, Plan, explain
from ..transport import Transport
from .calls import Calls, UpstreamCaller
from .fast import FastExecution, Recording
from .prepared import Prepared, Preparer
from .resolvers import RUNNING, Running, attach_resolvers
from .run import Execution, Result, run_plan
from .sharing import InFlight

_EXPECTED_TIMEOUT: Final = "x-envoy-expected-rq-timeout-ms"
_MOST_FORWARDED: Final = 10_000
"""Sets of upstreams whose forwarded headers are remembered."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How one upstream is called by operations.

    Attributes:
        forward: Names, in lower case, of the caller's headers that are passed on.
        timeout_s: For one call.
        max_concurrency: Calls under way at once.
    """

    forward: tuple[str, ...] = ()
    timeout_s: float = 30.0
    max_concurrency: int = 64


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Bounds of the engine.

    Attributes:
        timeout_s: For one operation that brings no deadline of its own.
        max_calls: Upstream calls of one operation.
        compiled: Whether plans are compiled; off, all are interpreted.
        share: Whether equal queries under way share one execution.
        calls: By upstream; others have the defaults of ``CallSettings``.
    """

    timeout_s: float = 30.0
    max_calls: int = 1_000
    compiled: bool = True
    share: bool = True
    limits: DocumentLimits = field(default_factory=DocumentLimits)
    calls: Mapping[UpstreamId, CallSettings] = field(default_factory=dict)


class Engine:
    """Executes operations against one stitched schema.

    It is an async context manager that owns its transports: when the block ends their sockets are gone.
    """

    def __init__(
        self,
        stitched: Stitched,
        transports: Mapping[UpstreamId, Transport],
        settings: EngineSettings | None = None,
        *,
        passes: tuple[Pass, ...] = PASSES,
    ) -> None:
        """Prepare to execute operations against *stitched*.

        Args:
            stitched: The schema; its generated fields are given resolvers.
            transports: One for each upstream of its catalog.
            settings: Bounds.
            passes: Rewrites of plans; any may be left out.
        """
        self.stitched = stitched
        self.settings = settings or EngineSettings()
        self._transports = transports
        self._stack = AsyncExitStack()
        self._sdl: str | None = None
        attach_resolvers(stitched.schema)
        self._preparer = Preparer(stitched.schema, self.settings.limits, passes=passes)
        self._in_flight: InFlight[Response] = InFlight()
        self._forwarded: dict[frozenset[UpstreamId], tuple[str, ...]] = {}
        self._callers: dict[UpstreamId, UpstreamCaller] = {}
        for upstream, transport in transports.items():
            calls = self.settings.calls.get(upstream, CallSettings())
            self._callers[upstream] = UpstreamCaller(
                transport, asyncio.Semaphore(calls.max_concurrency), calls.forward, calls.timeout_s
            )

    async def __aenter__(self) -> Engine:
        """Open the transports."""
        async with AsyncExitStack() as opening:  # closes what is open, if one of them cannot be opened
            for transport in self._transports.values():
                await opening.enter_async_context(transport)
            self._stack = opening.pop_all()
        return self

    async def __aexit__(self, *details: object) -> None:
        """Close the transports."""
        await self._stack.aclose()

    @property
    def sdl(self) -> str:
        """The schema in the schema definition language; always the same object."""
        if self._sdl is None:
            self._sdl = print_sdl(self.stitched.schema)
        return self._sdl

    @property
    def ready(self) -> bool:
        """Whether operations can be executed."""
        return True

    def prepare(self, query: str, operation_name: str | None = None) -> Prepared:
        """A document, parsed and validated, from the cache if it was prepared before.

        Raises:
            OperationError: It is not valid.
        """
        return self._preparer.prepare(query, operation_name)

    def plan(self, prepared: Prepared, variables: VariableValues) -> Plan | HandWritten:
        """The plan of a prepared operation for these values of its condition variables.

        Raises:
            OperationError: The operation is over a limit.
        """
        return self._preparer.plan(prepared, variables)

    def calls(self, headers: Mapping[str, str], deadline: float | None = None) -> Calls:
        """What makes the calls of one operation.

        Args:
            headers: Of the operation's caller, names in lower case.
            deadline: Loop time in seconds; ``None`` for the default time limit from now.
        """
        end = asyncio.get_running_loop().time() + self.settings.timeout_s if deadline is None else deadline
        return Calls(self._callers, headers, end, self.settings.max_calls)

    async def execute(
        self,
        request: GraphQLRequest,
        *,
        headers: Mapping[str, str] | None = None,
        allow: frozenset[str] = frozenset({"query", "mutation"}),
        deadline: float | None = None,
    ) -> Response:
        """Execute one query or mutation.

        Args:
            request: Document, variables and operation name.
            headers: Of the caller, names in lower case; each upstream is sent those it is set to get.
            allow: Types of operation that may be executed.
            deadline: Loop time in seconds; ``None`` for the default time limit from now.
        """
        calls = self.calls(headers or {}, deadline)
        try:
            prepared = self._preparer.prepare(request.query, request.operation_name)
            operation = prepared.operation
            if operation.type not in allow:
                return _not_allowed(operation)
            variables = self._preparer.variables(operation, request.variables)
            plan = self._preparer.plan(prepared, variables)
        except OperationError as error:
            return _request_errors(error)
        if isinstance(plan, HandWritten):
            result = await self._execute_resolvers(operation, request, calls)
            return _response(result, calls, operation.type)
        compiled = self._preparer.compiled(prepared, plan) if self.settings.compiled else None
        if operation.type != "query" or not self.settings.share:
            return await self._execute_plan(plan, compiled, variables, calls)
        key = self._sharing_key(plan, request, calls.headers)
        return await self._in_flight.share(key, lambda: self._execute_plan(plan, compiled, variables, calls))

    async def _execute_plan(
        self, plan: Plan, compiled: Compiled | None, variables: VariableValues, calls: Calls
    ) -> Response:
        if compiled is None:
            return _response(await run_plan(plan, variables, calls), calls, plan.operation_type)
        recording = Recording(calls)
        body = await FastExecution(compiled, variables, recording).run()
        if body is not None:
            return Response(body, calls=calls.count, operation_type=plan.operation_type)
        return _response(await run_plan(plan, variables, recording), calls, plan.operation_type)

    def _sharing_key(
        self, plan: Plan, request: GraphQLRequest, headers: Mapping[str, str]
    ) -> tuple[object, ...]:
        names = self._forwarded.get(plan.upstreams)
        if names is None:
            names = tuple(sorted({n for u in plan.upstreams for n in self._callers[u].forward}))
            if len(self._forwarded) < _MOST_FORWARDED:
                self._forwarded[plan.upstreams] = names
        # Who may wait less long is not to end what others wait for, so the time limit is a part of the key.
        values = [headers.get(name) for name in (_EXPECTED_TIMEOUT, *names)]
        variables = msgspec.json.encode(request.variables, enc_hook=encode_file) if request.variables else b""
        return (request.query, request.operation_name, variables, *values)

    async def subscribe(
        self, request: GraphQLRequest, *, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Response]:
        """Execute one operation of any type, and yield its responses.

        A query or mutation yields one. Closing the iterator cancels what was called for it.
        """
        try:
            prepared = self._preparer.prepare(request.query, request.operation_name)
            operation = prepared.operation
            variables = self._preparer.variables(operation, request.variables)
            plan = self._preparer.plan(prepared, variables)
        except OperationError as error:
            yield _request_errors(error)
            return
        if operation.type != "subscription":
            yield await self.execute(request, headers=headers)
            return
        if isinstance(plan, HandWritten):
            events = self._subscribe_resolvers(operation, request, headers or {})
        else:
            events = self._subscribe_plan(plan, variables, headers or {})
        async with aclosing(events):
            async for response in events:
                yield response

    def explain(
        self, query: str, variables: Mapping[str, Any] | None = None, operation_name: str | None = None
    ) -> str:
        """The plan of an operation, as text.

        Raises:
            OperationError: The document is not valid, or its variables do not fit.
        """
        prepared = self._preparer.prepare(query, operation_name)
        values = self._preparer.variables(prepared.operation, variables or {})
        plan = self._preparer.plan(prepared, values)
        if isinstance(plan, HandWritten):
            return (
                f"executed by graphql-core with batched resolvers, for {plan.coordinate} is not generated\n"
            )
        return explain(plan)

    # -- operations with hand-written fields

    async def _execute_resolvers(self, operation: Operation, request: GraphQLRequest, calls: Calls) -> Result:
        token = RUNNING.set(Running(calls))
        try:
            outcome = execute(
                self.stitched.schema,
                operation.document,
                variable_values=dict(request.variables),
                operation_name=operation.name,
            )
            result = outcome if isinstance(outcome, ExecutionResult) else await outcome
        finally:
            RUNNING.reset(token)
        return Result(result.data, [format_error(error) for error in result.errors or ()])

    async def _subscribe_resolvers(
        self, operation: Operation, request: GraphQLRequest, headers: Mapping[str, str]
    ) -> AsyncGenerator[Response]:
        calls = self.calls(headers)
        # Never reset: a generator may be closed in another context than the one it was started in.
        RUNNING.set(Running(calls))
        outcome = subscribe(
            self.stitched.schema,
            operation.document,
            variable_values=dict(request.variables),
            operation_name=operation.name,
        )
        stream = outcome if isinstance(outcome, ExecutionResult | AsyncIterator) else await outcome
        if isinstance(stream, ExecutionResult):
            errors = [format_error(error) for error in stream.errors or ()]
            yield Response(msgspec.json.encode({"errors": errors}), is_request_error=True)
            return
        async with aclosing(cast("AsyncGenerator[ExecutionResult]", stream)) as events:
            while True:
                calls = self.calls(headers)  # every event has a time limit of its own
                RUNNING.set(Running(calls))
                result = await anext(events, None)
                if result is None:
                    return
                errors = [format_error(error) for error in result.errors or ()]
                yield _response(Result(result.data, errors), calls, "subscription")

    async def _subscribe_plan(
        self, plan: Plan, variables: VariableValues, headers: Mapping[str, str]
    ) -> AsyncGenerator[Response]:
        (root,) = plan.children(None)
        calls = self.calls(headers)
        arguments = Execution(plan, variables, calls).root_arguments(root)
        if isinstance(arguments, UpstreamError):
            body = msgspec.json.encode({"errors": [format_error(arguments)]})
            yield Response(body, is_request_error=True, operation_type="subscription")
            return
        stream = calls.stream(root.function, arguments)
        async with aclosing(stream):
            async for event in stream:
                each = self.calls(headers)  # every event has a time limit of its own
                result = await Execution(plan, variables, each).run_event(root, event)
                yield _response(result, each, "subscription")


def _response(result: Result, calls: Calls, operation_type: str) -> Response:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": result.errors, "data": result.data}
    return Response(msgspec.json.encode(body), calls=calls.count, operation_type=operation_type)


def _request_errors(error: WeftError) -> Response:
    errors = error.errors if isinstance(error, OperationErrors) else [error]
    body = msgspec.json.encode({"errors": [format_error(one) for one in errors]})
    return Response(body, is_request_error=True)


def _not_allowed(operation: Operation) -> Response:
    error = OperationError(f"a {operation.type} cannot be executed here", code="OPERATION_NOT_ALLOWED")
    body = msgspec.json.encode({"errors": [format_error(error)]})
    return Response(body, is_request_error=True, not_allowed=True, operation_type=operation.type)
