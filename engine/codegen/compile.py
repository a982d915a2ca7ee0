"""A plan to a compiled plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from ...schemas.catalog import Function
from ...schemas.links import Link
from ..identity import identity_of
from ..plan import Plan
from ..plan.steps import Arguments, Fetch, Stage
from .messages import Projection
from .needs import AnswerNeed, Node, NotCompilable, find_needs
from .source import Source
from .types import Types, choose
from .write_keys import KeysWriter
from .write_response import ResponseWriter

State: TypeAlias = list[Any]
"""What one execution has, by a fetch's id: the decoded answer of a root fetch; what the keys of a link led to."""

Decode: TypeAlias = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """How the answers of one function become values.

    Attributes:
        type: What one answer is decoded as; ``None`` for a function that answers nothing.
        decode: Decodes one answer's bytes.
        project: The same for an answer that is a protobuf message.
    """

    type: Any
    decode: Decode
    project: Projection


@dataclass(frozen=True, slots=True)
class CompiledLookup:
    """One of several root fetches that go together.

    Attributes:
        reader: Of its own function's answers; that is called where the bulk function has none.
    """

    fetch: Fetch
    reader: AnswerReader


@dataclass(frozen=True, slots=True)
class CompiledStage:
    """One stage of a plan, compiled.

    Attributes:
        fetches: Ids of its fetches.
        first: The first of them.
        answers: Under which id what the keys lead to is kept.
        is_shared: Whether several fetches, of this stage or others, share what the keys lead to.
        arguments: The fields' own; equal for all fetches of the stage.
        identity: Of a root fetch whose arguments are constant: bytes that are equal exactly for equal arguments.
        lookups: Root fetches that go together.
        reader: Of the function's answers.
        keys: For each fetch, from the state to its distinct keys; empty for a root fetch.
        add: Puts the items of a bulk answer into a dictionary that holds the keys asked for; ``None`` where each
            key has a call of its own.
        many: Whether a key of a bulk answer leads to a list.
    """

    fetches: tuple[int, ...]
    first: int
    answers: int
    is_shared: bool
    function: Function
    link: Link | None
    arguments: Arguments
    identity: bytes | None
    lookups: tuple[CompiledLookup, ...]
    reader: AnswerReader
    keys: tuple[Callable[[State], list[Any]], ...]
    add: Callable[[Any, dict[Any, Any]], None] | None
    many: bool


@dataclass(frozen=True)
class Compiled:
    """A compiled plan.

    Attributes:
        stages: In the order of the plan's.
        finish: From the state to an object that is encoded as the response.
        source: The generated code, for people.
    """

    plan: Plan
    stages: tuple[CompiledStage, ...]
    finish: Callable[[State], Any]
    source: str
    _has_lenient: bool

    @cached_property
    def lenient(self) -> Compiled | None:
        """The plan compiled to types that take whatever GraphQL coerces; ``None`` if that is no more than this."""
        return _compile(self.plan, lenient=True) if self._has_lenient else None


def compile_plan(plan: Plan) -> Compiled | None:
    """*plan*, compiled; ``None`` if it is to be interpreted: it holds a hand-written scalar."""
    if not plan.fetches:
        return None
    try:
        return _compile(plan, lenient=False)
    except NotCompilable:
        return None


def _compile(plan: Plan, *, lenient: bool) -> Compiled:
    needs = find_needs(plan)
    types = Types(lenient=lenient)
    source = Source()
    keys_writer = KeysWriter(plan, needs, types, source)
    answer_types = {id_: _answer_type(need, types) for id_, need in needs.items()}
    linked = [fetch for fetch in plan.fetches if fetch.link is not None]
    keys = {fetch.id: keys_writer.keys_function(fetch) for fetch in linked}
    add = {fetch.id: keys_writer.add_function(fetch) for fetch in plan.fetches if fetch.batched}
    finish = ResponseWriter(plan, needs, types, source).finish_function()
    made = source.execute(finish)

    def stage(of: Stage) -> CompiledStage:
        fetch = plan.fetches[of.fetches[0]]
        need = needs[fetch.answers]
        return CompiledStage(
            fetches=of.fetches,
            first=fetch.id,
            answers=fetch.answers,
            is_shared=fetch.shared is not None,
            function=fetch.called,
            link=fetch.keyed if fetch.batched else fetch.link,
            lookups=tuple(
                CompiledLookup(plan.fetches[id_], _reader(types.annotation(need.plan, need.node)))
                for id_ in (of.fetches if fetch.link is None and fetch.batched else ())
            ),
            arguments=fetch.arguments,
            identity=_identity(fetch),
            reader=_reader(answer_types[fetch.answers]),
            keys=tuple(made[keys[id_]] for id_ in of.fetches if id_ in keys),
            add=made[add[fetch.id]] if fetch.id in add else None,
            many=fetch.batched and fetch.leads_to_many,
        )

    stages = tuple(stage(one) for one in plan.stages)
    return Compiled(plan, stages, made[finish], source.text, types.has_lenient and not lenient)


def _identity(fetch: Fetch) -> bytes | None:
    if fetch.link is not None or fetch.arguments.constant is None:
        return None
    return identity_of(fetch.arguments.constant)


def _reader(type_: Any) -> AnswerReader:
    return AnswerReader(type_, msgspec.json.Decoder(type_, dec_hook=choose).decode, Projection(type_, choose))


def _answer_type(need: AnswerNeed, types: Types) -> Any:
    if need.fetch.called.result is None:
        return None
    if not need.fetch.batched:
        return types.annotation(need.plan, need.node)
    assert isinstance(need.node, Node)
    assert need.fetch.keyed is not None
    assert need.fetch.keyed.bulk is not None
    type_: Any = list[types.struct(need.node)] | None  # type: ignore[misc]  # a type made at run time
    for step in reversed(need.fetch.keyed.bulk.items):
        type_ = msgspec.defstruct("Wrapper", [("inner", type_, None)], rename={"inner": step}) | None
    return type_
