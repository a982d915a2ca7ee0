"""One execution of a compiled plan.

The fast way: answers are decoded as the types that the plan was compiled to, and encoded from the same
objects. Whatever is not as described (an error, a wrong type, a null that should not be) ends it; the
operation is then interpreted, with the answers that are there: no call is made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from graphql import GraphQLError, VariableValues

from ...schemas.catalog import Function, Json
from ...schemas.errors import UpstreamError, UpstreamStatus
from ..codegen import Compiled, CompiledFetch
from ..plan.keys import Key
from ..transport.base import Fetched
from .calls import Calls
from .loaders import chunks

_ENCODER: Final = msgspec.json.Encoder()
_REFUSED: Final = (msgspec.MsgspecError, GraphQLError, KeyError, TypeError, ValueError, ArithmeticError)
"""What decoding and completing raise for an answer that is left to the interpreted way."""

Answer: TypeAlias = Fetched | Json | UpstreamError


class Recording:
    """The calls of one execution, and what each was answered."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._made: list[tuple[Function, Mapping[str, Any], Answer]] = []
        self._answers: dict[tuple[str, bytes], Answer] | None = None

    async def fetch(self, function: Function, arguments: Mapping[str, Any]) -> Answer:
        """Make a call, and keep its answer."""
        answer = await self._calls.fetch(function, arguments)
        self._made.append((function, arguments, answer))
        return answer

    async def call(self, function: Function, arguments: Mapping[str, Any]) -> Json | UpstreamError:
        """The decoded answer of a call; made only if it has not been made."""
        if self._answers is None:  # looked for only once the fast way has ended
            self._answers = {_identity(f, given): answer for f, given, answer in self._made}
        identity = _identity(function, arguments)
        if identity not in self._answers:
            return await self._calls.call(function, arguments)
        answer = self._answers[identity]
        return self._calls.decode(function, answer) if isinstance(answer, Fetched) else answer


def _identity(function: Function, arguments: Mapping[str, Any]) -> tuple[str, bytes]:
    return function.id, _ENCODER.encode(arguments)


class _Left(Exception):
    """The rest is left to the interpreted way."""


class FastExecution:
    """One execution of one compiled plan."""

    def __init__(self, compiled: Compiled, variables: VariableValues, recording: Recording) -> None:
        self._compiled = compiled
        self._variables = variables
        self._recording = recording
        self._answers: dict[int, Any] = {}
        self._found: dict[int, dict[Key, Any]] = {}
        self._left = False

    async def run(self) -> bytes | None:
        """The response map as JSON; ``None`` if the operation is to be interpreted."""
        await self._run_all(self._compiled.roots)
        if self._left:
            return None
        try:
            data = _ENCODER.encode(self._compiled.finish(self._answers, self._found))
        except _REFUSED:
            return None
        return b'{"data":' + data + b"}"

    async def _run_all(self, ids: Sequence[int]) -> None:
        while len(ids) == 1:  # a chain of fetches needs no tasks
            one = self._compiled.fetches[ids[0]]
            ids = one.children if await self._run(one) else ()
        if ids:
            async with asyncio.TaskGroup() as group:
                for id_ in ids:
                    group.create_task(self._run_all((id_,)))

    async def _run(self, one: CompiledFetch) -> bool:
        """Run one fetch; whether what depends on it is to be run."""
        try:
            if one.keys is None:
                self._answers[one.fetch.id] = await self._root(one)
            else:
                self._found[one.fetch.id] = await self._linked(one)
        except (_Left, *_REFUSED):
            self._left = True
        return not self._left

    async def _root(self, one: CompiledFetch) -> Any:
        answer = await self._recording.fetch(one.fetch.function, self._arguments(one))
        if one.fetch.function.result is None:
            if isinstance(answer, UpstreamError):
                raise _Left
            return True
        return _decoded(one, answer)

    def _arguments(self, one: CompiledFetch) -> Mapping[str, Any]:
        try:
            return one.fetch.arguments.values(self._variables)
        except GraphQLError as error:
            raise _Left from error

    async def _linked(self, one: CompiledFetch) -> dict[Key, Any]:
        fetch = one.fetch
        assert one.keys is not None
        assert fetch.parent is not None
        arguments = self._arguments(one)
        found_by = self._found.get(fetch.parent)
        answers = found_by.values() if found_by is not None else (self._answers[fetch.parent],)
        keys = one.keys(answers)
        if not keys:
            return {}
        return await (self._bulk(one, keys) if fetch.batched else self._each(one, keys, arguments))

    async def _bulk(self, one: CompiledFetch, keys: list[Key]) -> dict[Key, Any]:
        assert one.fetch.link is not None
        bulk = one.fetch.link.bulk
        assert bulk is not None
        assert one.index is not None
        assert one.items is not None
        function = one.fetch.called
        requests: list[dict[str, Any]] = []
        for part in chunks(keys, bulk):
            arguments: dict[str, Any] = {bulk.argument: part}
            if bulk.size_argument:
                arguments[bulk.size_argument] = len(part)
            requests.append(arguments)
        found: dict[Key, Any] = {}
        for answer in await self._fetch_all(function, requests):
            items = one.items(_decoded(one, _absent_is_null(answer)))
            if items is not None:
                one.index(items, found)
        return found

    async def _each(
        self, one: CompiledFetch, keys: list[Key], arguments: Mapping[str, Any]
    ) -> dict[Key, Any]:
        assert one.fetch.link is not None
        names = [key.argument for key in one.fetch.link.keys]
        requests = [
            {**arguments, **dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True))}
            for key in keys
        ]
        answers = await self._fetch_all(one.fetch.called, requests)
        return {
            key: _decoded(one, _absent_is_null(answer)) for key, answer in zip(keys, answers, strict=True)
        }

    async def _fetch_all(self, function: Function, requests: list[dict[str, Any]]) -> list[Answer]:
        if len(requests) == 1:
            return [await self._recording.fetch(function, requests[0])]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._recording.fetch(function, each)) for each in requests]
        return [task.result() for task in tasks]


def _decoded(one: CompiledFetch, answer: Answer) -> Any:
    if isinstance(answer, Fetched):
        return one.decode(answer.body)
    if isinstance(answer, UpstreamError):
        raise _Left
    return msgspec.convert(answer, one.type)


def _absent_is_null(answer: Answer) -> Answer:
    """A link to something that is not there leads to null."""
    if isinstance(answer, UpstreamStatus) and answer.status in {"404", "410", "NOT_FOUND"}:
        return None
    return answer
