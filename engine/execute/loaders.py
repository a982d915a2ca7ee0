"""Many keys in few calls.

Plans know beforehand which keys go together. Where graphql-core executes an operation, it is seen only as it
goes: then all fields that call the same function with the same arguments share one DataLoader, so that their
keys join into one call, and none is asked for twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ...schemas.catalog import Function, Json, ListOf
from ...schemas.errors import KeyFailed, UpstreamAnswer, UpstreamError, UpstreamStatus
from ...schemas.links import BulkFunction, Link
from ..plan import Fetch
from ..plan.keys import BadKey, Key, KeyPart, converter_for
from .calls import Caller

if TYPE_CHECKING:
    from strawberry.dataloader import DataLoader


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a key led to; a DataLoader would raise a bare error."""

    value: Json | UpstreamError


@dataclass(slots=True)
class _Load:
    """One key under way or loaded, and how many wait for it."""

    future: asyncio.Future[Loaded]
    waiting: int = 0


class _Loader:
    """A DataLoader whose keys are shared by several waiters, of which any may be cancelled.

    A key is given up when the last of them has gone; the DataLoader then cancels the calls of a batch that
    nobody waits for.
    """

    def __init__(self, load: Callable[[list[Key]], Any]) -> None:
        from strawberry.dataloader import DataLoader  # Strawberry takes 0.1 s to import

        self._loader: DataLoader[Key, Loaded] = DataLoader(load, cache=False)
        self._loads: dict[Key, _Load] = {}

    async def load_many(self, keys: Sequence[Key]) -> dict[Key, Json | UpstreamError]:
        if not keys:
            return {}  # wait() would not wait for nothing
        loads = {key: self._load(key) for key in keys}
        for one in loads.values():
            one.waiting += 1
        try:
            # Unlike gather(), wait() leaves the futures alone when it is cancelled.
            await asyncio.wait([one.future for one in loads.values()])
        finally:
            for one in loads.values():
                one.waiting -= 1
                if not one.waiting and not one.future.done():
                    one.future.cancel()
        return {key: one.future.result().value for key, one in loads.items()}

    def _load(self, key: Key) -> _Load:
        found = self._loads.get(key)
        if found is None or found.future.cancelled():
            found = self._loads[key] = _Load(asyncio.ensure_future(self._loader.load(key)))
        return found


class Loaders:
    """The DataLoaders of one execution."""

    def __init__(self, calls: Caller) -> None:
        self._calls = calls
        self._loaders: dict[tuple[str, bytes], _Loader] = {}

    async def load(
        self,
        link: Link,
        function: Function,
        keys: Sequence[Key],
        arguments: Mapping[str, Any],
        *,
        batched: bool,
    ) -> dict[Key, Json | UpstreamError]:
        """What each of *keys* leads to.

        Args:
            link: The link that is followed.
            function: The function that is called.
            keys: Distinct keys.
            arguments: The field's own arguments, by the function's names.
            batched: Whether *function* takes all keys in one call.
        """
        names = () if batched else tuple(key.argument for key in link.keys)
        identity = (f"{function.id} {' '.join(names)}", msgspec.json.encode(arguments, order="deterministic"))
        loader = self._loaders.get(identity)
        if loader is None:

            async def load(wanted: list[Key]) -> list[Loaded]:
                found = await ask_for_keys(self._calls, link, function, wanted, arguments, batched=batched)
                return [Loaded(found[key]) for key in wanted]

            loader = self._loaders[identity] = _Loader(load)
        return await loader.load_many(keys)


def key_calls(
    link: Link, function: Function, keys: list[Key], arguments: Mapping[str, Any], *, batched: bool
) -> list[tuple[list[Key], dict[str, Any]]]:
    """The calls that answer *keys*: for each its keys, and its arguments.

    Args:
        link: The link that is followed.
        function: The function that is called.
        keys: Distinct keys.
        arguments: The field's own arguments, by the function's names.
        batched: Whether *function* takes all keys in one call.
    """
    calls: list[tuple[list[Key], dict[str, Any]]] = []
    if not batched:
        names = [(key.argument, _takes_list(function, key.argument)) for key in link.keys]
        for key in keys:
            parts = key if isinstance(key, tuple) else (key,)
            keyed: dict[str, Any] = {
                name: [part] if in_list else part for (name, in_list), part in zip(names, parts, strict=True)
            }
            calls.append(([key], {**arguments, **keyed}))
        return calls
    bulk = link.bulk
    assert bulk is not None
    for part in chunks(keys, bulk):
        bulk_arguments = {**arguments, bulk.argument: part}
        if bulk.size_argument:
            bulk_arguments[bulk.size_argument] = len(part) * bulk.per_key
        calls.append((part, bulk_arguments))
    return calls


def one_call(link: Link, keys: list[Key], arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of the one call of a bulk function that takes all *keys*; ``None`` if it takes several."""
    bulk = link.bulk
    if bulk is None or len(keys) > bulk.max_keys or not _fit_surely(keys, bulk):
        return None
    given = {**arguments, bulk.argument: keys}
    if bulk.size_argument:
        given[bulk.size_argument] = len(keys) * bulk.per_key
    return given


def _takes_list(function: Function, name: str) -> bool:
    argument = function.argument(name)
    return argument is not None and isinstance(argument.type, ListOf)


async def ask_for_keys(
    calls: Caller,
    link: Link,
    function: Function,
    keys: list[Key],
    arguments: Mapping[str, Any],
    *,
    batched: bool,
) -> dict[Key, Json | UpstreamError]:
    """What each of *keys* leads to, or the error in its place. Takes what `key_calls` takes."""
    requests = key_calls(link, function, keys, arguments, batched=batched)
    return await _ask_all(calls, link, function, requests, batched=batched)


async def ask_alone(
    calls: Caller, link: Link, function: Function, keys: list[Key], arguments: Mapping[str, Any]
) -> dict[Key, Json | UpstreamError]:
    """What each of *keys* leads to, by a call of a bulk function for each: see `fails_whole`."""
    requests = [one for key in keys for one in key_calls(link, function, [key], arguments, batched=True)]
    return await _ask_all(calls, link, function, requests, batched=True)


def fails_whole(bulk: BulkFunction | None, keys: list[Key], answer: object) -> bool:
    """Whether *answer*, of a bulk call for *keys*, says only that one of them leads to nothing.

    Source: AIP-231: a batch succeeds for all resources, or fails.
    """
    return bulk is not None and bulk.atomic and len(keys) > 1 and _is_absent(answer)


async def _ask_all(
    calls: Caller,
    link: Link,
    function: Function,
    requests: list[tuple[list[Key], dict[str, Any]]],
    *,
    batched: bool,
) -> dict[Key, Json | UpstreamError]:
    async def one(part: list[Key], given: dict[str, Any]) -> dict[Key, Json | UpstreamError]:
        answer = await calls.call(function, given)
        if batched and fails_whole(link.bulk, part, answer):
            return await ask_alone(calls, link, function, part, given)
        return by_key(link, function, part, answer, batched=batched)

    if len(requests) == 1:
        return await one(*requests[0])
    found: dict[Key, Json | UpstreamError] = {}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(*request)) for request in requests]
    for task in tasks:
        found.update(task.result())
    return found


def by_key(
    link: Link, function: Function, keys: list[Key], answer: Json | UpstreamError, *, batched: bool
) -> dict[Key, Json | UpstreamError]:
    """What each of the *keys* of one call leads to."""
    answer = _none_if_absent(answer)
    if not batched:
        if function.result is None and not isinstance(answer, UpstreamError):
            answer = True
        return dict.fromkeys(keys, answer)
    if isinstance(answer, UpstreamError):
        return dict.fromkeys(keys, answer)
    bulk = link.bulk
    assert bulk is not None
    return {**nothing_found(keys, many=bulk.many), **put_back(bulk, function, keys, answer)}


def lookup_key(fetch: Fetch, arguments: Mapping[str, Any]) -> Key | None:
    """The key that *fetch*, a lookup that goes together with others, is given; ``None`` if it is no key."""
    assert fetch.lookup is not None
    assert fetch.lookup.bulk is not None
    value = arguments.get(fetch.lookup.keys[0].argument)
    try:
        return (
            None if value is None else converter_for(fetch.called.argument(fetch.lookup.bulk.argument))(value)
        )
    except BadKey:
        return None


def nothing_found(keys: Iterable[Key], *, many: bool) -> dict[Key, Any]:
    """What keys lead to that no item of a bulk answer carries."""
    return {key: [] for key in keys} if many else dict.fromkeys(keys)


def put_back(
    bulk: BulkFunction, function: Function, keys: Iterable[Key], answer: Json
) -> dict[Key, Json | UpstreamError]:
    """The items of *answer* by key: never by order. Keys that were not asked for are left out.

    A key that no item carries is left out.
    """
    items: Json = answer
    for depth, step in enumerate(bulk.items):
        if items is None:
            break
        if not isinstance(items, dict):
            return dict.fromkeys(keys, _misshapen(bulk, function, depth, "no object"))
        items = items.get(step)
    if items is None:
        return {}
    if not isinstance(items, list):
        return dict.fromkeys(keys, _misshapen(bulk, function, len(bulk.items), "no list"))
    convert = converter_for(function.argument(bulk.argument))
    asked = set(keys)
    found: dict[Key, Json | UpstreamError] = {}
    item: Any  # a transport puts errors of single keys among the items
    for item in items:
        if isinstance(item, dict):
            stated = item.get(bulk.key)
        elif isinstance(item, KeyFailed):
            stated = item.key
        else:
            continue
        try:
            key: KeyPart = convert(stated)
        except BadKey:
            continue
        if key not in asked:
            continue
        if isinstance(item, KeyFailed) or not bulk.many:
            found[key] = item
        elif not isinstance(found.get(key), KeyFailed):
            cast("list[Json]", found.setdefault(key, [])).append(item)
    return found


def _misshapen(bulk: BulkFunction, function: Function, depth: int, what: str) -> UpstreamAnswer:
    where = ".".join(bulk.items[:depth]) or "the answer"
    return UpstreamAnswer(function.upstream, function.id, reason=f"{where} is {what}")


def _fit_surely(keys: list[Key], bulk: BulkFunction) -> bool:
    """Whether *keys* are far from the most bytes that one call may have: a quick look."""
    if bulk.max_key_bytes is None or not keys:
        return True
    if isinstance(keys[0], str):  # all are of one kind
        length = 12 * sum(map(len, keys))  # type: ignore[arg-type]  # four bytes a character, three for a byte
    else:
        length = 20 * len(keys)
        if not -(10**18) < min(keys) <= max(keys) < 10**18:  # type: ignore[operator]  # numbers, that is
            return False
    return length + len(keys) * (len(bulk.argument) + 2) <= bulk.max_key_bytes


def chunks(keys: list[Key], bulk: BulkFunction) -> list[list[Key]]:
    """*keys* in parts that one call of *bulk* takes."""
    if len(keys) <= bulk.max_keys and _fit_surely(keys, bulk):
        return [keys] if keys else []
    found: list[list[Key]] = []
    part: list[Key] = []
    size = 0
    for key in keys:
        # `&ids=` and percent-encoding: three bytes for each byte is the most a key can take.
        key_bytes = len(bulk.argument) + 2 + 3 * len(str(key).encode())
        full = bulk.max_key_bytes is not None and size + key_bytes > bulk.max_key_bytes
        if part and (full or len(part) >= bulk.max_keys):
            found.append(part)
            part, size = [], 0
        part.append(key)
        size += key_bytes
    if part:
        found.append(part)
    return found


def _none_if_absent(answer: Json | UpstreamError) -> Json | UpstreamError:
    """A link to something that is not there leads to null, as it does through a bulk function."""
    return None if _is_absent(answer) else answer


def _is_absent(answer: object) -> bool:
    return isinstance(answer, UpstreamStatus) and answer.status in {"404", "410", "NOT_FOUND"}
