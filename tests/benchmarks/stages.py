"""Single stages of the pipeline, each beside graphql-core on equal input, in one process and without sockets.

``make bench ARGS=--stages`` prints a table; the suite runs each stage once and asserts its answer.
"""

from __future__ import annotations

import itertools
import platform
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec
from graphql import (
    DefinitionNode,
    DocumentNode,
    ExecutionResult,
    GraphQLObjectType,
    GraphQLSchema,
    VariableValues,
    build_schema,
    execute,
    parse,
    validate,
)

from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import GraphQLRequest
from weft.engine.plan import HandWritten, Plan
from weft.engine.transport.base import Fetched
from weft.schemas.catalog import Catalog, Function, UpstreamId
from weft.schemas.links import weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.stitch import stitch

from .workload import openapi, posts_and_users, wide_rows, workloads

ROUNDS: Final = 7
URL: Final = "http://bench.test"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step, done by Weft and by graphql-core.

    Attributes:
        ours: Does it once; what it returns is for the tests.
        theirs: Does the same.
        times: How often in one round.
    """

    name: str
    ours: Callable[[], Awaitable[Any]]
    theirs: Callable[[], Awaitable[Any]]
    times: int


class Constant:
    """A transport whose answers are bytes that are there already."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = {name: Fetched(body) for name, body in answers.items()}

    async def __aenter__(self) -> Constant:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def call(self, function: Function, *_: object, **__: object) -> Any:
        """The decoded answer."""
        return msgspec.json.decode(self._answers[function.id].body)

    async def fetch(self, function: Function, *_: object, **__: object) -> Fetched:
        """The answer as bytes."""
        return self._answers[function.id]

    def stream(self, function: Function, *_: object, **__: object) -> Any:
        """There are no streams."""
        raise NotImplementedError(function.id)


@cache
def answers() -> Mapping[str, bytes]:
    """What the upstream's functions answer."""
    posts, users = posts_and_users()
    found = {"bench.posts": posts, "bench.users": users, "bench.user": users[0], "bench.wide": wide_rows()}
    return {name: msgspec.json.encode(value) for name, value in found.items()}


def make_engine() -> Engine:
    """An engine over the workloads' OpenAPI description, answered from memory. It need not be entered."""
    document = parse_document(msgspec.json.encode(openapi(URL)), source="bench")
    upstream = read_openapi(document, upstream=UpstreamId("bench"), document_url=f"{URL}/openapi.json")
    catalog = Catalog.of(upstream)
    settings = EngineSettings(share=False)
    return Engine(stitch(catalog, weave(catalog)), {UpstreamId("bench"): Constant(answers())}, settings)


_numbers: Iterator[int] = itertools.count()


def unseen(query: str) -> str:
    """*query* as a document that no cache holds."""
    return f"{query} #{next(_numbers)}"


def parsing(name: str) -> Stage:
    """A document's text, parsed and validated."""
    engine, query = make_engine(), workloads()[name].query
    schema = engine.stitched.schema

    async def ours() -> DefinitionNode:
        return engine.prepare(unseen(query)).operation.definition

    async def theirs() -> DefinitionNode:
        return _validated(schema, unseen(query)).definitions[0]

    return Stage(f"parse {name}", ours, theirs, 50)


def planning(name: str) -> Stage:
    """A document that comes for the first time, up to its plan; graphql-core has none, and only validates."""
    engine, query = make_engine(), workloads()[name].query
    schema = engine.stitched.schema

    async def ours() -> Plan | HandWritten:
        return engine.plan(engine.prepare(unseen(query)), VariableValues({}, {}))

    async def theirs() -> DocumentNode:
        return _validated(schema, unseen(query))

    return Stage(f"parse and plan {name}", ours, theirs, 50)


def executing(name: str) -> Stage:
    """A known document: the upstream's bytes to the response's bytes."""
    engine, workload = make_engine(), workloads()[name]
    request = GraphQLRequest(workload.query)
    schema = resolved_schema(engine.sdl)
    document = parse(workload.query)

    async def ours() -> bytes:
        return (await engine.execute(request)).body

    async def theirs() -> bytes:
        outcome = execute(schema, document)
        result = outcome if isinstance(outcome, ExecutionResult) else await outcome
        return msgspec.json.encode({"data": result.data})

    return Stage(f"execute {name}", ours, theirs, 1 if name == "wide" else 20)


def resolved_schema(sdl: str) -> GraphQLSchema:
    """The schema *sdl*, with plain resolvers over the same bytes.

    The users are decoded once and for all, which no server could do: it favours graphql-core.
    """
    schema = build_schema(sdl)
    found = answers()
    users = {one["id"]: one for one in msgspec.json.decode(found["bench.users"])}
    query, post = schema.type_map["Query"], schema.type_map["Post"]
    assert isinstance(query, GraphQLObjectType)
    assert isinstance(post, GraphQLObjectType)
    query.fields["posts"].resolve = lambda *_: msgspec.json.decode(found["bench.posts"])
    query.fields["wide"].resolve = lambda *_: msgspec.json.decode(found["bench.wide"])
    post.fields["user"].resolve = lambda value, *_: users[value["userId"]]
    return schema


def _validated(schema: GraphQLSchema, text: str) -> DocumentNode:
    document = parse(text)
    errors = validate(schema, document)
    assert not errors
    return document


def all_stages() -> list[Stage]:
    """Every stage, in the order of the pipeline."""
    return [
        *(parsing(name) for name in ("posts", "wide")),
        *(planning(name) for name in ("posts", "wide")),
        *(executing(name) for name in ("titles", "posts", "wide")),
    ]


async def _time_once_s(step: Callable[[], Awaitable[Any]], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        await step()
    return (time.perf_counter() - start) / times


async def measure(stage: Stage) -> tuple[float, float]:
    """Seconds that Weft and graphql-core take for *stage*: medians of rounds in which they take turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        ours.append(await _time_once_s(stage.ours, stage.times))
        theirs.append(await _time_once_s(stage.theirs, stage.times))
    return statistics.median(ours), statistics.median(theirs)


async def print_table() -> None:
    """Measure and print all stages."""
    write = sys.stdout.write
    write(f"Python {platform.python_version()}, {platform.machine()}; median of {ROUNDS}\n\n")
    write(f"{'stage':<22} {'weft':>12} {'graphql-core':>14} {'ratio':>7}\n")
    for stage in all_stages():
        ours, theirs = await measure(stage)
        write(f"{stage.name:<22} {ours * 1e6:>9,.0f} µs {theirs * 1e6:>11,.0f} µs {theirs / ours:>6.2f}x\n")
