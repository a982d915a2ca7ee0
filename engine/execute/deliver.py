"""``@stream`` on a list that is the first messages of a stream: they are delivered as they arrive.

An operation whose one root field is such a list is answered in parts, where the client takes an event stream.
Everywhere else the directive changes nothing, as it may: the list is then answered whole.

Source: GraphQL working group, "Incremental Delivery", as in graphql-js 17: ``pending``, ``incremental``,
``completed``, ``hasNext``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    REMOVE,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLStreamDirective,
    VariableValues,
    Visitor,
    visit,
)
from graphql.execution.values import get_directive_values

from ...schemas.catalog import GrpcBinding, Json
from ...schemas.errors import OperationError, UpstreamError, UpstreamTimeout
from ..operation import Operation
from ..plan import Fetch, Plan
from .run import Result

_ID: Final = "0"


@dataclass(frozen=True, slots=True)
class Streamed:
    """The list that is delivered in parts.

    Attributes:
        fetch: Its call.
        name: Its response name.
        label: As the operation has it; ``None`` without.
        initial_count: How many items the first part waits for.
    """

    fetch: Fetch
    name: str
    label: str | None
    initial_count: int


def streamed_list(operation: Operation, plan: Plan, variables: VariableValues) -> Streamed | None:
    """The list of *plan* that is to be delivered in parts; ``None`` if all is to be answered at once.

    Raises:
        OperationError: ``initialCount`` is less than 0.
    """
    selections = operation.definition.selection_set.selections
    field = selections[0]
    if plan.operation_type != "query" or len(selections) != 1 or not isinstance(field, FieldNode):
        return None
    given = get_directive_values(GraphQLStreamDirective, field, variables) if field.directives else None
    roots = plan.children(None)
    if not given or not given["if"] or len(roots) != 1:
        return None
    binding = roots[0].function.binding
    if not isinstance(binding, GrpcBinding) or not binding.first:
        return None
    count = given["initialCount"]
    if count < 0:
        raise OperationError("`initialCount` of @stream must be 0 or more", code="BAD_USER_INPUT")
    name = field.alias.value if field.alias else field.name.value
    return Streamed(roots[0], name, given.get("label"), count)


def answered_whole(document: DocumentNode) -> DocumentNode:
    """*document* without ``@stream``, for graphql-core, which would not pass it over."""
    return visit(document, _WithoutStream()) if "@stream" in _text_of(document) else document


class _WithoutStream(Visitor):
    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        return REMOVE if node.name.value == GraphQLStreamDirective.name else None


def _text_of(document: DocumentNode) -> str:
    return document.loc.source.body if document.loc is not None else "@stream"


async def deliver(
    streamed: Streamed,
    messages: AsyncGenerator[Json | UpstreamError],
    complete: Callable[[Json | UpstreamError], Awaitable[Result]],
    *,
    deadline: float,
) -> AsyncGenerator[dict[str, Any]]:
    """The parts of a response.

    Args:
        streamed: What of it is delivered in parts.
        messages: As they arrive; an error is the last of them.
        complete: Executes the operation with a list of one message, or an error, in the place of the answer.
        deadline: Loop time in seconds at which waiting ends.
    """
    parts = _Parts(streamed, messages, complete, deadline)
    async with aclosing(messages):
        items: list[Any] = []
        errors: list[dict[str, Any]] = []
        while len(items) < streamed.initial_count:
            part = await parts.next()
            errors += part.errors if part is not None else []
            if part is None or part.failed:
                data = {streamed.name: items if part is None else None}
                yield {"data": data} | ({"errors": errors} if errors else {})
                return
            items.append(part.item)
        pending: dict[str, Any] = {"id": _ID, "path": [streamed.name]}
        if streamed.label is not None:
            pending["label"] = streamed.label
        first: dict[str, Any] = {"data": {streamed.name: items}, "pending": [pending], "hasNext": True}
        yield first | ({"errors": errors} if errors else {})
        while (part := await parts.next()) is not None:
            if part.failed:
                yield {"completed": [{"id": _ID, "errors": part.errors}], "hasNext": False}
                return
            incremental: dict[str, Any] = {"id": _ID, "items": [part.item]}
            if part.errors:
                incremental["errors"] = part.errors
            yield {"incremental": [incremental], "hasNext": True}
        yield {"completed": [{"id": _ID}], "hasNext": False}


@dataclass(frozen=True, slots=True)
class _Part:
    item: Any
    errors: list[dict[str, Any]]
    failed: bool
    """The list is not what was asked for: its call failed, or a null reached it."""


class _Parts:
    def __init__(
        self,
        streamed: Streamed,
        messages: AsyncGenerator[Json | UpstreamError],
        complete: Callable[[Json | UpstreamError], Awaitable[Result]],
        deadline: float,
    ) -> None:
        self._streamed = streamed
        self._messages = messages
        self._complete = complete
        self._deadline = deadline
        self._count = 0

    async def next(self) -> _Part | None:
        """The next item, or ``None`` after the last one."""
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await anext(self._messages)
        except StopAsyncIteration:
            return None
        except TimeoutError:
            function = self._streamed.fetch.function
            message = UpstreamTimeout(function.upstream, function.id)
        result = await self._complete(message if isinstance(message, UpstreamError) else [message])
        errors = [self._placed(error) for error in result.errors]
        self._count += 1
        found = (result.data or {}).get(self._streamed.name)
        return _Part(found[0], errors, failed=False) if found else _Part(None, errors, failed=True)

    def _placed(self, error: dict[str, Any]) -> dict[str, Any]:
        """*error* of the list of one item, as one of the whole list."""
        path = list(error.get("path", ()))
        if len(path) > 1:
            path[1] = self._count
        return {**error, "path": path}
