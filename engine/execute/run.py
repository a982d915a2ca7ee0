"""One execution of a plan: every fetch as soon as its keys are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import GraphQLError, VariableValues

from ...schemas.catalog import Json
from ...schemas.errors import BadArguments, UpstreamAnswer, UpstreamError
from ...schemas.links import Link
from ..plan import Fetch, Plan
from ..plan.keys import BadKey, Key, converter_for
from ..plan.steps import EntriesStep, MemberStep, PathStep, SelectedField, TypeStep
from .calls import Caller
from .complete import Completer, entries_of
from .loaders import Loaders

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


async def run_plan(plan: Plan, variables: VariableValues, calls: Caller) -> Result:
    """Execute a query or mutation.

    Args:
        plan: What to do.
        variables: Coerced values of the operation's variables.
        calls: Makes the calls.
    """
    return await Execution(plan, variables, calls).run()


class Execution:
    """One execution of one plan."""

    def __init__(self, plan: Plan, variables: VariableValues, calls: Caller) -> None:
        self._plan = plan
        self._variables = variables
        self._calls = calls
        self._loaders = Loaders(calls)
        self._answers: dict[int, Json | UpstreamError] = {}
        self._by_key: dict[int, ByKey] = {}
        self._failed: dict[int, UpstreamError] = {}
        self._readers: dict[int, KeyReader] = {}

    async def run(self) -> Result:
        """Run every fetch, and complete the response."""
        roots = self._plan.children(None)
        if self._plan.operation_type == "mutation":
            # GraphQL specification, "Mutation": one root field after the other, each with all below it.
            for fetch in roots:
                # What one field has read, the next may have changed: each loads anew.
                self._loaders = Loaders(self._calls)
                await self._run_tree([fetch])
        else:
            await self._run_tree(roots)
        return self._complete()

    async def run_event(self, fetch: Fetch, event: Json | UpstreamError) -> Result:
        """The response to one *event* of the subscription's root *fetch*."""
        self._answers[fetch.id] = event
        async with asyncio.TaskGroup() as group:
            self._start_children(group, fetch)
        return self._complete()

    def root_arguments(self, fetch: Fetch) -> Mapping[str, Any] | UpstreamError:
        """Arguments of a root fetch, or the error that stands in the place of its answer."""
        return self._arguments(fetch)

    # -- fetching

    async def _run_tree(self, fetches: Iterable[Fetch]) -> None:
        async with asyncio.TaskGroup() as group:
            for fetch in fetches:
                group.create_task(self._run_root(group, fetch))

    async def _run_root(self, group: asyncio.TaskGroup, fetch: Fetch) -> None:
        arguments = self._arguments(fetch)
        if isinstance(arguments, UpstreamError):
            self._answers[fetch.id] = arguments
            return
        answer = await self._calls.call(fetch.function, arguments)
        if fetch.function.result is None and not isinstance(answer, UpstreamError):
            answer = True
        self._answers[fetch.id] = answer
        self._start_children(group, fetch)

    async def _run_link(self, group: asyncio.TaskGroup, fetch: Fetch) -> None:
        assert fetch.link is not None
        arguments = self._arguments(fetch)
        if isinstance(arguments, UpstreamError):
            self._failed[fetch.id] = arguments
            return
        keys = list(dict.fromkeys(self._keys(fetch)))
        if not keys:
            return
        self._by_key[fetch.id] = await self._loaders.load(
            fetch.link, fetch.called, keys, arguments, batched=fetch.batched
        )
        self._start_children(group, fetch)

    def _start_children(self, group: asyncio.TaskGroup, fetch: Fetch) -> None:
        for child in self._plan.children(fetch.id):
            group.create_task(self._run_link(group, child))

    def _arguments(self, fetch: Fetch) -> Mapping[str, Any] | UpstreamError:
        try:
            return fetch.arguments.values(self._variables)
        except GraphQLError as error:
            argument = str((error.extensions or {}).get("argument", ""))
            return BadFieldArguments(
                fetch.function.upstream, fetch.function.id, reason=error.message, argument=argument
            )

    def _keys(self, fetch: Fetch) -> Iterator[Key]:
        assert fetch.link is not None
        assert fetch.parent is not None
        reader = self._reader(fetch)
        if fetch.parent in self._by_key:
            answers: Iterable[Any] = self._by_key[fetch.parent].values()
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
        if fetch.link is None:
            return self._answers.get(fetch_id)
        if fetch_id in self._failed:
            return self._failed[fetch_id]
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
