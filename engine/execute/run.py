"""One execution of a plan: every fetch as soon as its keys are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from graphql import GraphQLError, VariableValues

from ...schemas.catalog import Function, Json
from ...schemas.errors import BadArguments, UpstreamAnswer, UpstreamError
from ...schemas.links import Link
from ..plan import Fetch, Plan
from ..plan.keys import BadKey, Key, converter_for
from ..plan.steps import EntriesStep, MemberStep, PathStep, SelectedField, TypeStep
from ..transport.base import Fetched
from .calls import Caller
from .complete import Completer, entries_of
from .loaders import ask_alone, ask_for_keys, by_key, fails_whole, lookup_key
from .record import Answer, Record
from .stages import KeyStore, StageRunner

ByKey: TypeAlias = dict[Key, Json | UpstreamError]


@dataclass(frozen=True, slots=True)
class Result:
    """What an execution yielded.

    Attributes:
        data: ``None`` if null reached the root.
        errors: As the response has them.
    """

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]


@dataclass(eq=False)
class BadFieldArguments(BadArguments):
    """Arguments that only their variables' values, or the function's constraints, make unfit.

    Attributes:
        argument: Path of the one that does not fit, such as ``input.lines[0].quantity``; ``""`` if unknown.
    """

    argument: str = ""

    code = "BAD_USER_INPUT"

    @property
    def public_message(self) -> str:
        """What graphql-core says of the argument."""
        return self.reason


class Execution(StageRunner):
    """One execution of one plan."""

    def __init__(
        self, plan: Plan, variables: VariableValues, calls: Caller, record: Record | None = None
    ) -> None:
        """Prepare to execute *plan*.

        Args:
            plan: What to do.
            variables: Coerced values of the operation's variables.
            calls: Makes the calls.
            record: What another way of this execution was answered already.
        """
        super().__init__(plan.stages)
        self._plan = plan
        self._variables = variables
        self._calls = calls
        self._record = record or Record()
        self._stores: dict[int, KeyStore] = {}
        self._answers: dict[int, Json | UpstreamError] = {}
        self._by_key: dict[int, ByKey] = {}
        self._failed: dict[int, UpstreamError] = {}
        self._readers: dict[int, KeyReader] = {}

    async def run(self) -> Result:
        """Run every fetch, and complete the response."""
        roots = self._plan.root_stages
        if self._plan.operation_type == "mutation":
            # GraphQL specification, "Mutation": one root field after the other, each with all below it. Fetches
            # below different ones share nothing, for what one has read, the next may have changed.
            for root in roots:
                await self.run_stages((root,))
        else:
            await self.run_stages(roots)
        return self._complete()

    def root_arguments(self, fetch: Fetch) -> Mapping[str, Any] | UpstreamError:
        """Arguments of a root fetch, or the error that stands in the place of its answer."""
        return self._arguments(fetch)

    # -- fetching

    async def run_stage(self, place: int) -> bool:
        """Run the fetches of the stage at *place*."""
        fetches = [self._plan.fetches[id_] for id_ in self._plan.stages[place].fetches]
        first = fetches[0]
        if first.link is None and first.batched:
            await self._run_lookups(fetches)
            return True
        arguments = self._arguments(first)
        if isinstance(arguments, UpstreamError):
            self._failed.update({fetch.id: arguments for fetch in fetches})
        elif first.link is None:
            self._answers[first.id] = await self._root_answer(first, arguments)
        else:
            await self._run_links(fetches, arguments)
        return True  # fetches below one that failed have no keys

    async def _root_answer(self, fetch: Fetch, arguments: Mapping[str, Any]) -> Json | UpstreamError:
        if fetch.id in self._record.roots:
            answer = self._decoded(fetch.function, self._record.roots[fetch.id])
        else:
            answer = await self._calls.call(fetch.function, arguments)
        if fetch.function.result is None and not isinstance(answer, UpstreamError):
            return True
        return answer

    async def _run_lookups(self, fetches: Sequence[Fetch]) -> None:
        given: dict[int, Mapping[str, Any]] = {}
        keys: dict[int, Key] = {}
        for fetch in fetches:
            arguments = self._arguments(fetch)
            if isinstance(arguments, UpstreamError):
                self._failed[fetch.id] = arguments
                continue
            given[fetch.id] = arguments
            key = lookup_key(fetch, arguments)
            if key is not None:
                keys[fetch.id] = key
        found: dict[Key, Json | UpstreamError] = {}
        if keys:
            found = await self._ask(fetches[0], list(dict.fromkeys(keys.values())), {})

        async def ask_alone(fetch: Fetch) -> None:
            self._answers[fetch.id] = await self._root_answer(fetch, given[fetch.id])

        async with asyncio.TaskGroup() as group:
            for id_ in given:
                answer = found.get(keys[id_]) if id_ in keys else None
                if answer is None or isinstance(answer, UpstreamError):
                    group.create_task(ask_alone(self._plan.fetches[id_]))
                else:
                    self._answers[id_] = answer

    async def _run_links(self, fetches: Sequence[Fetch], arguments: Mapping[str, Any]) -> None:
        first = fetches[0]
        own = [list(dict.fromkeys(self._keys(fetch))) for fetch in fetches]
        store = self._stores.setdefault(first.answers, KeyStore())

        async def ask(keys: list[Key]) -> dict[Key, Any]:
            return await self._ask(first, keys, arguments)

        await store.load(list(dict.fromkeys(chain.from_iterable(own))), ask)
        for fetch, keys in zip(fetches, own, strict=True):
            self._by_key[fetch.id] = {key: store.found[key] for key in keys}

    async def _ask(
        self, fetch: Fetch, keys: list[Key], arguments: Mapping[str, Any]
    ) -> dict[Key, Json | UpstreamError]:
        link, function, batched = fetch.keyed, fetch.called, fetch.batched
        assert link is not None
        found: dict[Key, Json | UpstreamError] = {}
        for part, answer in self._record.links.get(fetch.answers, ()):
            if set(part).isdisjoint(keys):
                continue
            if batched and fails_whole(link.bulk, part, answer):
                found.update(await ask_alone(self._calls, link, function, part, arguments))
                continue
            found.update(by_key(link, function, part, self._decoded(function, answer), batched=batched))
        rest = [key for key in keys if key not in found]
        if rest:
            found.update(await ask_for_keys(self._calls, link, function, rest, arguments, batched=batched))
        return found

    def _decoded(self, function: Function, answer: Answer) -> Json | UpstreamError:
        return self._calls.decode(function, answer) if isinstance(answer, Fetched) else answer

    def _arguments(self, fetch: Fetch) -> Mapping[str, Any] | UpstreamError:
        try:
            return fetch.arguments.read(self._variables)
        except GraphQLError as error:
            argument = str((error.extensions or {}).get("argument", ""))
            return BadFieldArguments(
                fetch.function.upstream, fetch.function.id, reason=error.message, argument=argument
            )

    def _keys(self, fetch: Fetch) -> Iterator[Key]:
        assert fetch.link is not None
        assert fetch.parent is not None
        reader = self._reader(fetch)
        if self._plan.fetches[fetch.parent].link is not None:
            answers: Iterable[Any] = self._by_key.get(fetch.parent, {}).values()
        else:
            answers = (self._answers.get(fetch.parent),)
        for parent in objects_at(answers, fetch.path):
            try:
                yield from reader.keys(parent)
            except BadKey:
                continue  # completion reports it, where the error has a path

    def _reader(self, fetch: Fetch) -> KeyReader:
        """Made once a fetch: it is asked for every parent."""
        reader = self._readers.get(fetch.id)
        if reader is None:
            reader = self._readers[fetch.id] = KeyReader(fetch)
        return reader

    # -- completing

    def _complete(self) -> Result:
        owners = {f.id: (f.called.upstream, f.called.id) for f in self._plan.fetches}
        completer = Completer(self._read_fetched, owners)
        data = completer.root(self._plan.selection)
        return Result(data, completer.errors)

    def _read_fetched(self, fetch_id: int, parent: Mapping[str, Any], _field: SelectedField) -> Any:
        fetch = self._plan.fetches[fetch_id]
        if fetch_id in self._failed:
            return self._failed[fetch_id]
        if fetch.link is None:
            return self._answers.get(fetch_id)
        reader = self._reader(fetch)
        found = self._by_key.get(fetch_id, {})
        try:
            keys = reader.keys(parent)
        except BadKey as error:
            return UpstreamAnswer(fetch.function.upstream, fetch.function.id, reason=str(error))
        if not fetch.link.each:
            return found.get(keys[0]) if keys else None
        return [found.get(key) for key in keys] if reader.has_list(parent) else None


class KeyReader:
    """Reads the keys of one fetch from its parents."""

    def __init__(self, fetch: Fetch) -> None:
        assert fetch.link is not None
        self._link: Link = fetch.link
        if fetch.batched:
            assert fetch.link.bulk is not None
            names = [fetch.link.bulk.argument]
        else:
            names = [key.argument for key in fetch.link.keys]
        self._convert = [converter_for(fetch.called.argument(name)) for name in names]

    def keys(self, parent: Mapping[str, Any]) -> Sequence[Key]:
        """The keys that *parent* holds; none where a member of them is null.

        Raises:
            BadKey: A member is there, and is no key.
        """
        if self._link.each:
            values = parent.get(self._link.keys[0].member)
            if not isinstance(values, list):
                return []
            return [self._convert[0](value) for value in values if value is not None]
        parts = []
        for key, convert in zip(self._link.keys, self._convert, strict=True):
            value = parent.get(key.member)
            if value is None:
                return []
            parts.append(convert(value))
        return [parts[0]] if len(parts) == 1 else [tuple(parts)]

    def has_list(self, parent: Mapping[str, Any]) -> bool:
        """Whether *parent* holds a list of keys, be it an empty one."""
        return isinstance(parent.get(self._link.keys[0].member), list)


def objects_at(values: Iterable[Any], path: Sequence[PathStep]) -> Iterator[Mapping[str, Any]]:
    """The objects that *path* leads to from each of *values*, through lists of any depth."""
    if not path:
        for value in values:
            if isinstance(value, dict):
                yield value
            elif isinstance(value, list):
                yield from objects_at(value, path)
        return
    step, rest = path[0], path[1:]
    for value in objects_at(values, ()):
        match step:
            case MemberStep(member=member):
                yield from objects_at((value.get(member),), rest)
            case EntriesStep():
                yield from objects_at(entries_of(value), rest)
            case TypeStep(union=union, type_name=name):
                if union.type_name(value) == name:
                    yield from objects_at((value,), rest)
