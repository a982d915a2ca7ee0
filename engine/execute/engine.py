"""The engine: a request in, a response out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLSchema,
    VariableValues,
    experimental_execute_incrementally,
    subscribe,
)

from ...schemas.catalog import Json, UpstreamId
from ...schemas.catalog.files import encode_file
from ...schemas.errors import OperationError, UpstreamError, WeftError
from ...schemas.sdl import print_sdl
from ...schemas.stitch import Stitched, without_stream
from ..codegen import Compiled, compile_plan
from ..errors import format_error
from ..numbers import encode_exactly
from ..operation import DocumentLimits, GraphQLRequest, Operation, Response
from ..operation.document import OperationErrors
from ..passes import PASSES, Pass
from ..plan import HandWritten, Plan, explain
from ..transport import Transport
from .background import Background
from .calls import MAX_ANSWER_BYTES, MAX_CALLS, Calls
from .deliver import Streamed, answered_whole, deliver, streamed_list
from .fast import execute_event, execute_plan
from .guard import Guard, GuardSettings
from .prepared import Prepared, Preparer
from .resolvers import RUNNING, Running, attach_resolvers
from .response_cache import DEFAULT_BYTES, ResponseCache
from .run import Execution, Result
from .sharing import InFlight
from .upstream_caller import CallSettings as CallSettings
from .upstream_caller import UpstreamCaller

MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
_MOST_KNOWN: Final = 512
"""Requests that are shared before they are prepared."""
_KNOWN_CHARACTERS: Final = 16_384
"""Of the query of such a request, so that all of them take 8 MB at the most."""
"""As large as one answer may be: more than a gateway buffers, and than a client reads with joy."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Bounds of the engine.

    Attributes:
        timeout_s: For one operation that brings no deadline of its own.
        max_calls: Upstream calls of one operation.
        max_answer_bytes: Of all answers to one operation's calls.
        max_response_bytes: Of one response.
        cache_bytes: Of all answers that are kept; 0: none are.
        compiled: Whether plans are compiled; off, all are interpreted.
        share: Whether equal queries under way share one execution, and equal reads one call.
        calls: By upstream; others have the defaults of ``CallSettings``.
        guard: Who may ask for which fields, and what operations may cost; ``None`` for all of it.
    """

    timeout_s: float = 30.0
    max_calls: int = MAX_CALLS
    max_answer_bytes: int = MAX_ANSWER_BYTES
    max_response_bytes: int = MAX_RESPONSE_BYTES
    cache_bytes: int = DEFAULT_BYTES
    compiled: bool = True
    share: bool = True
    limits: DocumentLimits = field(default_factory=DocumentLimits)
    calls: Mapping[UpstreamId, CallSettings] = field(default_factory=dict)
    guard: GuardSettings | None = None


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
            stitched: The schema; its generated fields are given resolvers when they are first needed.
            transports: One for each upstream of its catalog.
            settings: Bounds.
            passes: Rewrites of plans; any may be left out.
        """
        self.stitched = stitched
        self.settings = settings or EngineSettings()
        self._transports = transports
        self._stack = AsyncExitStack()
        self._sdl: str | None = None
        guard = self.settings.guard
        self._guard = Guard(stitched.schema, guard) if guard is not None else None
        self._preparer = Preparer(stitched.schema, self.settings.limits, passes=passes)
        self._background = Background()
        self._in_flight: InFlight[Response] = InFlight(self._background, timed_out=attrgetter("timed_out"))
        self._under_way = 0
        self._known: dict[int, _Known] = {}
        self._known_since = 0
        self._idle: asyncio.Event | None = None
        self.cache = ResponseCache(self.settings.cache_bytes) if self.settings.cache_bytes else None
        self.callers: dict[UpstreamId, UpstreamCaller] = {
            upstream: UpstreamCaller(
                transport, self.settings.calls.get(upstream), cache=self.cache, share=self.settings.share
            )
            for upstream, transport in transports.items()
        }

    async def __aenter__(self) -> Engine:
        """Open the transports."""
        async with AsyncExitStack() as opening:  # closes what is open, if one of them cannot be opened
            for transport in self._transports.values():
                await opening.enter_async_context(transport)
            await opening.enter_async_context(self._background)  # it ends before the transports do
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

    @cached_property
    def executable(self) -> GraphQLSchema:
        """The schema with resolvers on its generated fields, for graphql-core.

        It is without ``@stream``, which graphql-core's ``execute`` refuses.
        """
        return without_stream(self._resolving)

    @cached_property
    def _resolving(self) -> GraphQLSchema:
        """The schema with resolvers, attached when it is first asked for: most operations run as plans."""
        attach_resolvers(self.stitched.schema)
        return self.stitched.schema

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

    def compiled(self, prepared: Prepared, plan: Plan) -> Compiled | None:
        """*plan*, compiled; ``None`` if it is to be interpreted this time."""
        return self._preparer.compiled(prepared, plan) if self.settings.compiled else None

    def calls(self, headers: Mapping[str, str], deadline: float | None = None) -> Calls:
        """What makes the calls of one operation.

        Args:
            headers: Of the operation's caller, names in lower case.
            deadline: Loop time in seconds; ``None`` for the default time limit from now.
        """
        end = asyncio.get_running_loop().time() + self.settings.timeout_s if deadline is None else deadline
        settings = self.settings
        return Calls(
            self.callers, headers, end, settings.max_calls, settings.max_answer_bytes, self._background
        )

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
        headers = headers or {}
        self._under_way += 1
        mutates = False
        key: tuple[object, ...] | None = None
        try:
            if self._known_since != self._preparer.gone:
                self._known.clear()  # nothing is held that the preparer has let go
                self._known_since = self._preparer.gone
            known = self._known.get(id(request))
            if known is not None and known.request is request and deadline is not None and "query" in allow:
                return await self._in_flight.share(
                    known.key + tuple(map(headers.get, known.forwarded)),
                    self._execute_plan,
                    known.prepared,
                    known.plan,
                    known.variables,
                    headers,
                    deadline=deadline,
                )
            prepared = self._preparer.prepare(request.query, request.operation_name)
            operation = prepared.operation
            if operation.type not in allow:
                return _not_allowed(operation)
            mutates = operation.type == "mutation"
            variables = self._preparer.variables(prepared, request.variables)
            plan = self._preparer.plan(prepared, variables)
            cost, is_guarded = 0, False
            if self._guard is not None:
                cost, is_guarded = self._guard.check(prepared, plan, variables, headers)
            if isinstance(plan, HandWritten):
                operation = prepared.operation  # planned, it may be another: see Prepared
                calls = self.calls(headers, deadline)
                calls.fresh = mutates
                result = await self._execute_resolvers(operation, request, calls)
                response = self._response(result, calls, operation.type)
                return _marked(response, cost, is_guarded=is_guarded)
            if deadline is None:
                deadline = asyncio.get_running_loop().time() + self.settings.timeout_s
            if self.settings.share and not mutates:
                key = self._sharing_key(prepared, plan, request, headers)
            if key is None:
                response = await self._execute_plan(prepared, plan, variables, headers, deadline)
            else:
                if self._guard is None:
                    self._remember(request, prepared, plan, variables)
                response = await self._in_flight.share(
                    key, self._execute_plan, prepared, plan, variables, headers, deadline=deadline
                )
            return _marked(response, cost, is_guarded=is_guarded) if cost or is_guarded else response
        except OperationError as error:
            return _request_errors(error)
        finally:
            if mutates:
                self._in_flight.forget()
            self._under_way -= 1
            if not self._under_way and self._idle is not None:
                self._idle.set()

    async def drained(self) -> None:
        """Wait until no operation is under way."""
        if self._under_way:
            self._idle = asyncio.Event()
            await self._idle.wait()

    def _remember(
        self, request: GraphQLRequest, prepared: Prepared, plan: Plan, variables: VariableValues
    ) -> None:
        """Let *request*, if the very same object comes again, find what was prepared for it at once.

        The endpoint gives one object for equal bodies. Those who wait for somebody else's execution are most
        of a popular query's callers; a third of what they cost was to prepare what they never use.
        """
        names = prepared.template.forwarded.get(id(plan))
        if names is None or request.variables or len(request.query) > _KNOWN_CHARACTERS:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        key = (request.query, request.operation_name, b"")
        self._known[id(request)] = _Known(request, prepared, plan, variables, key, names)

    async def _execute_plan(
        self,
        prepared: Prepared,
        plan: Plan,
        variables: VariableValues,
        headers: Mapping[str, str],
        deadline: float,
    ) -> Response:
        settings = self.settings
        calls = Calls(
            self.callers,
            headers,
            deadline,
            settings.max_calls,
            settings.max_answer_bytes,
            self._background,
        )
        outcome = await execute_plan(plan, self.compiled(prepared, plan), variables, calls)
        if type(outcome) is bytes:
            return self._bounded(outcome, calls, plan.operation_type)
        assert isinstance(outcome, Result)
        prepared.relocate(outcome.errors)
        return self._response(outcome, calls, plan.operation_type)

    def _sharing_key(
        self, prepared: Prepared, plan: Plan, request: GraphQLRequest, headers: Mapping[str, str]
    ) -> tuple[object, ...] | None:
        """What parts operations that must not share; ``None`` for one that shares with none."""
        names: tuple[str, ...] | None
        template = prepared.template
        if id(plan) in template.forwarded:
            names = template.forwarded[id(plan)]
        else:
            callers = [self.callers[upstream] for upstream in plan.upstreams]
            names = tuple(sorted({name for caller in callers for name in caller.forward}))
            if not all(caller.settings.share for caller in callers):
                names = None
            if any(kept is plan for kept in template.plans.values()):
                template.forwarded[id(plan)] = names
        if names is None:
            return None
        variables = msgspec.json.encode(request.variables, enc_hook=encode_file) if request.variables else b""
        return (request.query, request.operation_name, variables, *map(headers.get, names))

    async def subscribe(
        self, request: GraphQLRequest, *, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Response]:
        """Execute one operation of any type, and yield its responses.

        A query or mutation yields one. Closing the iterator cancels what was called for it.
        """
        self._under_way += 1
        try:
            async with aclosing(self._subscribe(request, headers)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._under_way -= 1
            if not self._under_way and self._idle is not None:
                self._idle.set()

    async def _subscribe(
        self, request: GraphQLRequest, headers: Mapping[str, str] | None
    ) -> AsyncGenerator[Response]:
        try:
            prepared = self._preparer.prepare(request.query, request.operation_name)
            variables = self._preparer.variables(prepared, request.variables)
            plan = self._preparer.plan(prepared, variables)
            operation = prepared.operation
            streamed = streamed_list(operation, plan, variables) if isinstance(plan, Plan) else None
            if self._guard is not None and (streamed is not None or operation.type == "subscription"):
                self._guard.check(prepared, plan, variables, headers or {})
        except OperationError as error:
            yield _request_errors(error)
            return
        if streamed is not None:
            assert isinstance(plan, Plan)
            parts = self._deliver(streamed, prepared, plan, variables, headers or {})
            async with aclosing(parts):
                async for response in parts:
                    yield response
            return
        if operation.type != "subscription":
            yield await self.execute(request, headers=headers)
            return
        if isinstance(plan, HandWritten):
            events = self._subscribe_resolvers(operation, request, headers or {})
        else:
            compiled = self.compiled(prepared, plan)
            events = self._subscribe_plan(prepared, plan, compiled, variables, headers or {})
        async with aclosing(events):
            async for response in events:
                yield response

    def explain(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        *,
        code: bool = False,
    ) -> str:
        """The plan of an operation, as text; with *code* also the Python that it is compiled to.

        Raises:
            OperationError: The document is not valid, or its variables do not fit.
        """
        prepared = self._preparer.prepare_alone(query, operation_name)
        values = self._preparer.variables(prepared, variables or {})
        plan = self._preparer.plan(prepared, values)
        if isinstance(plan, HandWritten):
            return (
                f"executed by graphql-core with batched resolvers, for {plan.coordinate} is not generated\n"
            )
        if not code:
            return explain(plan)
        compiled = compile_plan(plan)
        return f"{explain(plan)}\n{compiled.source if compiled else 'not compiled'}\n"

    # -- operations with hand-written fields

    async def _execute_resolvers(self, operation: Operation, request: GraphQLRequest, calls: Calls) -> Result:
        token = RUNNING.set(Running(calls))
        try:
            # Not `execute`, which refuses schemas with `@stream`. The document has none: there is one result.
            outcome: Any = experimental_execute_incrementally(
                self._resolving,
                answered_whole(operation.document),
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
            self._resolving,
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
                yield self._response(Result(result.data, errors), calls, "subscription")

    async def _subscribe_plan(
        self,
        prepared: Prepared,
        plan: Plan,
        compiled: Compiled | None,
        variables: VariableValues,
        headers: Mapping[str, str],
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
                outcome = await execute_event(plan, compiled, variables, each, event)
                if isinstance(outcome, bytes):
                    yield self._bounded(outcome, each, "subscription")
                else:
                    prepared.relocate(outcome.errors)
                    yield self._response(outcome, each, "subscription")

    async def _deliver(
        self,
        streamed: Streamed,
        prepared: Prepared,
        plan: Plan,
        variables: VariableValues,
        headers: Mapping[str, str],
    ) -> AsyncGenerator[Response]:
        deadline = asyncio.get_running_loop().time() + self.settings.timeout_s
        calls = self.calls(headers, deadline)
        arguments = Execution(plan, variables, calls).root_arguments(streamed.fetch)
        messages = _only(arguments)
        if not isinstance(arguments, UpstreamError):
            messages = calls.stream(streamed.fetch.function, arguments)

        async def complete(event: Json | UpstreamError) -> Result:
            each = self.calls(headers, deadline)
            outcome = await execute_event(plan, None, variables, each, event)
            assert isinstance(outcome, Result)  # it is not compiled
            prepared.relocate(outcome.errors)
            return outcome

        async with aclosing(deliver(streamed, messages, complete, deadline=deadline)) as parts:
            async for part in parts:
                yield self._bounded(encode_exactly(part), calls, "query")

    # -- responses

    def _response(self, result: Result, calls: Calls, operation_type: str) -> Response:
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            calls.fresh_until = 0.0
            body = {"errors": result.errors, "data": result.data}
        return self._bounded(encode_exactly(body), calls, operation_type)

    def _bounded(self, body: bytes, calls: Calls, operation_type: str) -> Response:
        most = self.settings.max_response_bytes
        if len(body) > most:
            error = OperationError(
                f"the response is larger than {most} bytes; ask for fewer fields or fewer items",
                code="RESPONSE_TOO_LARGE",
            )
            body = msgspec.json.encode({"errors": [format_error(error)], "data": None})
            return Response(body, calls=calls.count, operation_type=operation_type)
        max_age_s = calls.max_age_s() if calls.fresh_until and operation_type == "query" else 0
        return Response(
            body,
            calls=calls.count,
            operation_type=operation_type,
            max_age_s=max_age_s,
            is_private=calls.is_private,
            timed_out=calls.timed_out,
        )


async def _only(value: Any) -> AsyncGenerator[Any]:
    yield value


class _Known(msgspec.Struct, frozen=True):
    """A request without variables that came before, and what was prepared for it.

    Attributes:
        key: What parts it from others, but for headers.
        forwarded: Names of those that part it, too.
    """

    request: GraphQLRequest
    prepared: Prepared
    plan: Plan
    variables: VariableValues
    key: tuple[object, ...]
    forwarded: tuple[str, ...]


def _marked(response: Response, cost: int, *, is_guarded: bool) -> Response:
    """*response* with its cost; what only some may ask for is nobody else's to keep."""
    return msgspec.structs.replace(response, cost=cost, is_private=response.is_private or is_guarded)


def _request_errors(error: WeftError) -> Response:
    errors = error.errors if isinstance(error, OperationErrors) else [error]
    body = msgspec.json.encode({"errors": [format_error(one) for one in errors]})
    return Response(body, is_request_error=True)


def _not_allowed(operation: Operation) -> Response:
    error = OperationError(f"a {operation.type} cannot be executed here", code="OPERATION_NOT_ALLOWED")
    body = msgspec.json.encode({"errors": [format_error(error)]})
    return Response(body, is_request_error=True, not_allowed=True, operation_type=operation.type)
