"""A transport that answers from Python functions, and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from inspect import isawaitable
from typing import Any

import msgspec

from weft.engine.transport.base import Fetched
from weft.schemas.catalog import Function, Json
from weft.schemas.errors import UpstreamError, UpstreamTimeout

Answer = Callable[..., Any]


class MemoryTransport:
    """Answers each function by a Python callable that takes its arguments as keywords."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.as_bytes = False
        self.waits: Callable[[], int] | None = None

    async def __aenter__(self) -> MemoryTransport:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def call(
        self, function: Function, arguments: Mapping[str, Any], *, deadline: float, headers: Mapping[str, str]
    ) -> Json | UpstreamError:
        self.calls.append((function.id, dict(arguments)))
        self.headers.append(dict(headers))
        answer: Json | UpstreamError = self.answers[function.id](**arguments)
        try:
            async with asyncio.timeout_at(deadline):
                if isawaitable(answer):
                    answer = await answer
                for _ in range(self.waits() if self.waits else 0):
                    await asyncio.sleep(0)
        except TimeoutError:
            return UpstreamTimeout(function.upstream, function.id)
        return answer

    async def fetch(
        self, function: Function, arguments: Mapping[str, Any], *, deadline: float, headers: Mapping[str, str]
    ) -> Fetched | Json | UpstreamError:
        """The same, as a transport that leaves JSON as its bytes."""
        answer = await self.call(function, arguments, deadline=deadline, headers=headers)
        if not self.as_bytes or isinstance(answer, UpstreamError):
            return answer
        return Fetched(msgspec.json.encode(answer))

    async def stream(
        self, function: Function, arguments: Mapping[str, Any], *, headers: Mapping[str, str]
    ) -> AsyncIterator[Json | UpstreamError]:
        self.calls.append((function.id, dict(arguments)))
        for message in self.answers[function.id](**arguments):
            yield message
