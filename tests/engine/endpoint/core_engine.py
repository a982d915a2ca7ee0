"""An engine on graphql-core, with fields that make each kind of answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    print_schema,
    subscribe,
    validate,
)

from weft.engine.errors import format_error
from weft.engine.operation.request import GraphQLRequest, Response

SCHEMA = build_schema("""
type Query {
  hello(name: String = "world"): String!
  maybe: String
  never: String
  broken: String
}
type Mutation { count: Int! }
type Subscription { ticks(until: Int!): Int!  silence: Int! }
""")


@dataclass
class CoreEngine:
    """Executes with graphql-core.

    Attributes:
        ready: Whether it says that a schema is loaded.
        raises: Raised by ``execute``, if set.
        stream_raises: Raised by ``subscribe`` after its last response, if set.
        started: Set when ``never`` or ``silence`` waits.
        cancelled: Set when that wait was cancelled.
        seen: The last request's arguments.
    """

    ready: bool = True
    raises: Exception | None = None
    stream_raises: Exception | None = None
    counter: int = 0
    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[str, Any] = field(default_factory=dict)
    sdl: str = print_schema(SCHEMA)

    async def execute(
        self,
        request: GraphQLRequest,
        *,
        headers: Mapping[str, str],
        allow: frozenset[str],
        deadline: float,
    ) -> Response:
        time_left_s = deadline - asyncio.get_running_loop().time()
        self.seen = {"headers": headers, "request": request, "time_left_s": time_left_s}
        if self.raises is not None:
            raise self.raises
        try:
            document = parse(request.query)
            operation = get_operation_ast(document, request.operation_name)
            errors = validate(SCHEMA, document)
        except GraphQLError as error:
            return _request_error([error])
        if errors:
            return _request_error(errors)
        if operation is None:
            return _request_error([GraphQLError("which operation?")])
        operation_type = operation.operation.value
        if operation_type not in allow:
            return Response(b"", is_request_error=True, not_allowed=True, operation_type=operation_type)
        result = execute(
            SCHEMA,
            document,
            root_value=self,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
        )
        if not isinstance(result, ExecutionResult):
            result = await result
        if result.data is None and not any(error.path for error in result.errors or ()):
            return _request_error(result.errors or [])
        return Response(msgspec.json.encode(result.formatted), calls=4)

    async def subscribe(
        self, request: GraphQLRequest, *, headers: Mapping[str, str]
    ) -> AsyncGenerator[Response, None]:
        source = subscribe(SCHEMA, parse(request.query), root_value=self)
        results = source if isinstance(source, (ExecutionResult, AsyncIterator)) else await source
        assert not isinstance(results, ExecutionResult)
        async with contextlib.aclosing(results):  # type: ignore[type-var]
            async for result in results:
                yield Response(msgspec.json.encode(result.formatted))
        if self.stream_raises is not None:
            raise self.stream_raises

    def hello(self, _info: object, name: str) -> str:
        return f"hello {name}"

    def broken(self, _info: object) -> str:
        raise GraphQLError("out of order")

    def count(self, _info: object) -> int:
        self.counter += 1
        return self.counter

    async def never(self, _info: object) -> None:
        await self._wait()

    async def ticks(self, _info: object, until: int) -> AsyncIterator[dict[str, int]]:
        for tick in range(until):
            yield {"ticks": tick}

    async def silence(self, _info: object) -> AsyncIterator[dict[str, int]]:
        await self._wait()
        yield {"silence": 0}

    async def _wait(self) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def _request_error(errors: list[GraphQLError]) -> Response:
    body = {"errors": [format_error(error) for error in errors]}
    return Response(msgspec.json.encode(body), is_request_error=True)
