"""One execution of a compiled plan.

The fast way: answers are decoded as the types that the plan was compiled to, and encoded from the same
objects. Whatever is not as described (an error, a wrong type, a null that should not be) ends it; the
operation is then interpreted, with the answers that are there: no call is made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from graphql import GraphQLError, VariableValues

from ...schemas.catalog import Function, Json
from ...schemas.errors import UpstreamError, UpstreamStatus
from ..codegen import AnswerReader, Compiled, CompiledLookup, CompiledStage, choose
from ..numbers import encode_exactly
from ..plan import Plan
from ..plan.keys import Key
from ..transport.base import Fetched
from .calls import Calls
from .loaders import fails_whole, key_calls, lookup_key, nothing_found, one_call
from .record import Answer, Record
from .run import Execution, Result
from .stages import KeyStore, StageRunner


class _Left(Exception):
    """The rest is left to another way."""


_REFUSED: Final = (
    _Left,
    msgspec.MsgspecError,
    GraphQLError,
    KeyError,
    TypeError,
    ValueError,
    ArithmeticError,
    RecursionError,
)
"""What decoding and completing raise for an answer that is left to another way."""


async def execute_plan(
    plan: Plan,
    compiled: Compiled | None,
    variables: VariableValues,
    calls: Calls,
    record: Record | None = None,
) -> bytes | Result:
    """Execute a query or mutation: the response map as JSON, or what the interpreted way yielded.

    Args:
        plan: What to do.
        compiled: The same, compiled; ``None`` to interpret it.
        variables: Coerced values of the operation's variables.
        calls: Makes the calls.
        record: What is answered already.
    """
    if record is None:
        record = Record()
    if compiled is not None:
        body = await FastExecution(compiled, variables, calls, record).run()
        if body is None and compiled.lenient is not None:
            body = await FastExecution(compiled.lenient, variables, calls, record).run()
        if body is not None:
            return body
    return await Execution(plan, variables, calls, record).run()


async def execute_event(
    plan: Plan,
    compiled: Compiled | None,
    variables: VariableValues,
    calls: Calls,
    event: Json | UpstreamError,
) -> bytes | Result:
    """The response to one *event* of a subscription; takes and gives what `execute_plan` does."""
    (root,) = plan.root_stages
    (fetch,) = plan.stages[root].fetches
    record = Record()
    record.roots[fetch] = event
    return await execute_plan(plan, compiled, variables, calls, record)


class FastExecution(StageRunner):
    """One execution of one compiled plan."""

    # On the class: most executions leave them as they are.
    _left = False
    _stores: dict[int, KeyStore] | None = None

    def __init__(self, compiled: Compiled, variables: VariableValues, calls: Calls, record: Record) -> None:
        """Prepare to execute *compiled*; *record* holds what there is already, and is added to."""
        plan = compiled.plan
        self._stages = plan.stages
        self._compiled = compiled
        self._variables = variables
        self._calls = calls
        self._record = record
        self._state: list[Any] = [None] * len(plan.fetches)

    async def run(self) -> bytes | None:
        """The response map as JSON; ``None`` if the operation is left to another way."""
        plan = self._compiled.plan
        roots = plan.root_stages
        if plan.operation_type == "mutation":
            for root in roots:
                if not self._left:
                    await self.run_stages((root,))
        elif len(roots) == 1 and not plan.stages[roots[0]].then:
            await self.run_stage(roots[0])  # one frame less, for most queries
        else:
            await self.run_stages(roots)
        if self._left:
            return None
        try:
            return encode_exactly(self._compiled.finish(self._state))
        except _REFUSED:
            return None

    async def run_stage(self, place: int) -> bool:
        """Run the fetches of the stage at *place*."""
        stage = self._compiled.stages[place]
        try:
            if stage.lookups:
                await self._run_lookups(stage)
                return not self._left
            arguments = stage.arguments.constant
            if arguments is None:
                arguments = stage.arguments.read(self._variables)
            if stage.link is None:
                roots = self._record.roots
                first = stage.first
                if first in roots:
                    answer = roots[first]
                else:
                    # What is constant has its identity at hand.
                    identity = stage.identity
                    answer = roots[first] = await self._calls.fetch(stage.function, arguments, identity)
                self._state[first] = _decoded(stage.reader, answer)
            elif stage.is_shared:
                await self._shared(stage, arguments)
            else:
                keys = stage.keys[0](self._state)
                self._state[stage.first] = await self._ask(stage, keys, arguments) if keys else {}
        except _REFUSED:
            self._left = True
        return not self._left

    async def _run_lookups(self, stage: CompiledStage) -> None:
        given = [lookup.fetch.arguments.read(self._variables) for lookup in stage.lookups]
        keys = [lookup_key(lookup.fetch, one) for lookup, one in zip(stage.lookups, given, strict=True)]
        distinct = list(dict.fromkeys(key for key in keys if key is not None))
        found = await self._ask(stage, distinct, {}) if distinct else {}

        roots = self._record.roots
        absent: list[CompiledLookup] = []
        asked: list[tuple[int, Mapping[str, Any]]] = []
        for lookup, key, arguments in zip(stage.lookups, keys, given, strict=True):
            item = None if key is None else found.get(key)
            if item is not None:
                self._state[lookup.fetch.id] = item
                continue
            absent.append(lookup)
            if lookup.fetch.id not in roots:
                asked.append((lookup.fetch.id, arguments))
        if asked:
            function = stage.lookups[0].fetch.function
            answers = await self._fetch_all(function, [arguments for _, arguments in asked])
            roots.update(zip((id_ for id_, _ in asked), answers, strict=True))
        for lookup in absent:
            self._state[lookup.fetch.id] = _decoded(lookup.reader, roots[lookup.fetch.id])

    async def _shared(self, stage: CompiledStage, arguments: Mapping[str, Any]) -> None:
        own = [keys(self._state) for keys in stage.keys]
        if self._stores is None:
            self._stores = {}
        store = self._stores.setdefault(stage.answers, KeyStore())

        async def ask(keys: list[Key]) -> dict[Key, Any]:
            return await self._ask(stage, keys, arguments)

        await store.load(list(dict.fromkeys(key for keys in own for key in keys)), ask)
        for id_, keys in zip(stage.fetches, own, strict=True):
            self._state[id_] = {key: store.found[key] for key in keys}

    async def _ask(
        self, stage: CompiledStage, keys: list[Key], arguments: Mapping[str, Any]
    ) -> dict[Key, Any]:
        """What *keys*, of which there is one at least, lead to."""
        assert stage.link is not None
        recorded = self._record.links.get(stage.answers)
        if recorded is not None:
            return await self._ask_for_rest(stage, keys, arguments, recorded)
        record = self._record.links[stage.answers] = []
        given = one_call(stage.link, keys, arguments) if stage.add is not None else None
        if given is not None:
            answer = await self._calls.fetch(stage.function, given)
            record.append((keys, answer))
            return _by_key(stage, keys, answer)
        requests = key_calls(stage.link, stage.function, keys, arguments, batched=stage.add is not None)
        answers = await self._fetch_all(stage.function, [given for _, given in requests])
        record += [(part, answer) for (part, _), answer in zip(requests, answers, strict=True)]
        found: dict[Key, Any] = {}
        for (part, _), answer in zip(requests, answers, strict=True):
            found.update(_by_key(stage, part, answer))
        return found

    async def _ask_for_rest(
        self,
        stage: CompiledStage,
        keys: list[Key],
        arguments: Mapping[str, Any],
        recorded: list[tuple[list[Key], Answer]],
    ) -> dict[Key, Any]:
        assert stage.link is not None
        found: dict[Key, Any] = {}
        answered = {key for part, _ in recorded for key in part}
        rest = [key for key in keys if key not in answered]
        requests = key_calls(stage.link, stage.function, rest, arguments, batched=stage.add is not None)
        answers = await self._fetch_all(stage.function, [given for _, given in requests])
        recorded += [(part, answer) for (part, _), answer in zip(requests, answers, strict=True)]
        for part, answer in recorded:
            if not set(part).isdisjoint(keys):
                found.update(_by_key(stage, part, answer))
        return found

    async def _fetch_all(self, function: Function, requests: Sequence[Mapping[str, Any]]) -> list[Answer]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._calls.fetch(function, each)) for each in requests]
        return [task.result() for task in tasks]


def _by_key(stage: CompiledStage, keys: list[Key], answer: Answer) -> dict[Key, Any]:
    """What the *keys* of one call lead to."""
    if stage.add is not None and stage.link is not None and fails_whole(stage.link.bulk, keys, answer):
        raise _Left  # the interpreted way asks for each key alone
    if isinstance(answer, UpstreamStatus) and answer.status in {"404", "410", "NOT_FOUND"}:
        answer = None  # a link to something that is not there leads to null
    decoded = _decoded(stage.reader, answer)
    if stage.add is None:
        return {keys[0]: decoded}
    found = nothing_found(keys, many=stage.many)
    stage.add(decoded, found)
    return found


def _decoded(reader: AnswerReader, answer: Answer) -> Any:
    if isinstance(answer, Fetched):
        if reader.type is None:
            return True
        if answer.messages is not None:
            return reader.project(answer.body, answer.messages)
        return reader.decode(answer.body)
    if isinstance(answer, UpstreamError):
        raise _Left
    return msgspec.convert(answer, reader.type, dec_hook=choose) if reader.type is not None else True
