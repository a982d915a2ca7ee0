"""A plan to a compiled plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..plan import Fetch, Plan
from ..plan.keys import as_text, converter_for
from .generate import Generator, Types
from .messages import Projection
from .needs import FetchNeed, NotCompilable, find_needs
from .source import Source


@dataclass(frozen=True, slots=True)
class CompiledFetch:
    """One fetch, compiled.

    Attributes:
        type: What one answer is decoded as.
        decode: Decodes one answer's bytes.
        project: The same for an answer that is a protobuf message.
        keys: From the parent's answers to the distinct keys; ``None`` for a root fetch.
        items: From a decoded bulk answer to its items; ``None`` if the fetch has no bulk function.
        index: Adds items to a dictionary, by key; ``None`` likewise.
        children: Ids of the fetches that take their keys from this one.
    """

    fetch: Fetch
    type: Any
    decode: Callable[[bytes], Any]
    project: Projection
    keys: Callable[[Any], list[Any]] | None
    items: Callable[[Any], list[Any] | None] | None
    index: Callable[[list[Any], dict[Any, Any]], None] | None
    children: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled plan.

    Attributes:
        roots: Ids of the root fetches.
        fetches: By id.
        finish: From the root fetches' answers and the links' findings, both by fetch id, to an object that
            is encoded as ``data``.
        source: The generated code, for people.
    """

    roots: tuple[int, ...]
    fetches: tuple[CompiledFetch, ...]
    finish: Callable[[Mapping[int, Any], Mapping[int, Any]], Any]
    source: str


def compile_plan(plan: Plan) -> Compiled | None:
    """*plan*, compiled; ``None`` if it is to be interpreted.

    Only queries are compiled. Where one function is called by several links, they are interpreted too, so
    that their keys join into one call.
    """
    if plan.operation_type != "query" or not plan.fetches or _has_joins(plan):
        return None
    try:
        return _compile(plan)
    except NotCompilable:
        return None


def _has_joins(plan: Plan) -> bool:
    called = [fetch.called.id for fetch in plan.fetches if fetch.link is not None]
    return len(set(called)) != len(called)


def _compile(plan: Plan) -> Compiled:
    needs = find_needs(plan)
    types = Types()
    source = Source()
    generator = Generator(plan, needs, types, source)
    converters = {f.id: _converters(f, source) for f in plan.fetches if f.link is not None}
    answer_types = {id_: _answer_type(need, types) for id_, need in needs.items()}
    keys = {id_: generator.keys_function(id_, found) for id_, found in converters.items()}
    index = {
        id_: generator.index_function(id_, converters[id_][0])
        for id_ in converters
        if plan.fetches[id_].batched
    }
    finish = generator.finish_function(converters)
    made = source.execute()
    fetches = tuple(
        CompiledFetch(
            fetch=fetch,
            type=answer_types[fetch.id],
            decode=msgspec.json.Decoder(answer_types[fetch.id]).decode,
            project=Projection(answer_types[fetch.id]),
            keys=made[keys[fetch.id]] if fetch.id in keys else None,
            items=_items_reader(fetch) if fetch.batched else None,
            index=made[index[fetch.id]] if fetch.id in index else None,
            children=tuple(child.id for child in plan.children(fetch.id)),
        )
        for fetch in plan.fetches
    )
    roots = tuple(fetch.id for fetch in plan.children(None))
    return Compiled(roots, fetches, made[finish], source.text)


def _answer_type(need: FetchNeed, types: Types) -> Any:
    if not need.fetch.batched:
        return types.annotation(need.plan, need.node)
    assert need.node is not None
    assert need.fetch.link is not None
    assert need.fetch.link.bulk is not None
    type_: Any = list[types.struct(need.node)] | None  # type: ignore[misc]  # a type made at run time
    for step in reversed(need.fetch.link.bulk.items):
        type_ = msgspec.defstruct("Wrapper", [("inner", type_, None)], rename={"inner": step}) | None
    return type_


def _items_reader(fetch: Fetch) -> Callable[[Any], list[Any] | None]:
    assert fetch.link is not None
    assert fetch.link.bulk is not None
    depth = len(fetch.link.bulk.items)

    def items(answer: Any) -> list[Any] | None:
        for _ in range(depth):
            if answer is None:
                return None
            answer = answer.inner
        return answer  # type: ignore[no-any-return]  # as the type says that was decoded

    return items


def _converters(fetch: Fetch, source: Source) -> list[str]:
    assert fetch.link is not None
    if fetch.batched:
        assert fetch.link.bulk is not None
        names = [fetch.link.bulk.argument]
    else:
        names = [key.argument for key in fetch.link.keys]
    found = [converter_for(fetch.called.argument(name)) for name in names]
    return [source.hold(one, "text" if one is as_text else "whole") for one in found]
