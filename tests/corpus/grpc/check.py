"""One described server: is every method a field, and does every answer arrive as it was sent?"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc
import grpc.aio
import msgspec
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from graphql import GraphQLField, validate_schema

from tests.support.protobuf import add_reflection
from weft.discovery.detectors.base import Detected
from weft.discovery.detectors.grpc import GrpcDetector
from weft.discovery.registries import Candidate, GrpcAddress
from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import DocumentLimits, GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.grpc import GrpcTransport
from weft.schemas.catalog import Catalog, Function, GrpcBinding, Upstream
from weft.schemas.grpc import ReadOptions
from weft.schemas.links import Weave, weave
from weft.schemas.stitch import RootBinding, binding_of, stitch

from .messages import RandomMessages
from .operations import (
    Asked,
    Expected,
    Given,
    differences,
    leaves_of,
    normal,
    same_request,
    select,
    values_of,
)
from .packages import Described

_KINDS = {(False, False): "none", (False, True): "server", (True, False): "client", (True, True): "both"}
LIMITS = DocumentLimits(max_fields=500_000, max_tokens=5_000_000)
DEPTH = 4


@dataclass
class Outcome:
    """How one server did.

    Attributes:
        methods: In its services, by who streams: ``none``, ``server``, ``client``, ``both``.
        fields: Of the schema, that call them.
        calls: Operations that were executed, each up to three times.
        messages: Answers that were sent for them.
        values: Leaves of the responses that were compared.
        leaves: Of all selections together; *reached*: those that once had a value in an answer.
        links: Found between its functions, and bulk functions beside them.
        failures: ``method: what``.
    """

    name: str
    version: str = ""
    services: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    fields: int = 0
    calls: int = 0
    messages: int = 0
    values: int = 0
    leaves: int = 0
    reached: int = 0
    warnings: int = 0
    links: int = 0
    bulk: int = 0
    failures: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass
class Script:
    """What the server answers next, and what it was asked."""

    answers: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # not generic when it runs
    def __init__(self, methods: dict[str, MethodDescriptor], script: Script) -> None:
        self._methods = methods
        self._script = script

    def service(self, handler_call_details: Any) -> Any:
        method = self._methods.get(handler_call_details.method)
        if method is None:
            return None
        script = self._script

        async def take(request: Any) -> None:
            if isinstance(request, bytes):
                script.requests.append(request)
            else:
                async for one in request:
                    script.requests.append(one)

        async def unary(request: Any, _: Any) -> bytes:
            await take(request)
            return script.answers[0]

        async def stream(request: Any, _: Any) -> AsyncIterator[bytes]:
            await take(request)
            for answer in script.answers:
                yield answer

        make: Any = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[method.client_streaming, method.server_streaming]
        return make(stream if method.server_streaming else unary)


@contextlib.asynccontextmanager
async def _serving(
    pool: DescriptorPool, services: tuple[str, ...], methods: dict[str, MethodDescriptor], script: Script
) -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.max_metadata_size", 64 * 1024)])
    server.add_generic_rpc_handlers((_Handler(methods, script),))
    add_reflection(server, "v1", list(services), pool)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def check(
    described: Described,
    *,
    rounds: int = 1,
    more: int = 0,
    seed: int = 0,
    on_call: Callable[[], None] = lambda: None,
) -> Outcome:
    """Serve what is *described*, discover it, and call every method with random messages.

    Args:
        described: The server.
        rounds: How often each method is called.
        more: How often it is called again at most, while leaves are left that no answer had a value for.
        seed: The same seed gives the same messages.
        on_call: Told of every method.
    """
    outcome = Outcome(described.name, described.version, services=len(described.services))
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString(described.descriptors).file
    for file in files:
        pool.Add(file)
    found = [method for name in described.services for method in pool.FindServiceByName(name).methods]
    methods = {f"/{one.containing_service.full_name}/{one.name}": one for one in found}
    outcome.methods.update(_KINDS[one.client_streaming, one.server_streaming] for one in found)
    script = Script()
    async with _serving(pool, described.services, methods, script) as address:
        upstream = await _discover(address, described.services)
        outcome.warnings = len(upstream.warnings)
        catalog = Catalog.of(upstream)
        woven = weave(catalog)
        outcome.links, outcome.bulk = len(woven.links), len(woven.bulk)
        # Called without links: they would call what was not asked for.
        schema = stitch(catalog, Weave((), ()))
        if errors := validate_schema(stitch(catalog, woven).schema) or validate_schema(schema.schema):
            outcome.failures += [f"schema: {error.message}" for error in errors[:5]]
            return outcome
        fields = _fields(schema.schema)
        transport = GrpcTransport(upstream, TransportSettings())
        settings = EngineSettings(limits=LIMITS, share=False)
        async with Engine(schema, {upstream.id: transport}, settings) as engine:
            own = list(dict.fromkeys(one.input_type for one in found))
            checker = _Checker(engine, pool, own, script, random.Random(seed), outcome)
            for path, method in methods.items():
                called = [one for one in fields if one[1] == path]
                if not called:
                    outcome.failures.append(f"{path}: is no field")
                for one in called:
                    outcome.fields += 1
                    await checker.check(method, *one, rounds=rounds, more=more)
                on_call()
    return outcome


async def _discover(address: str, services: tuple[str, ...]) -> Upstream:
    detector = GrpcDetector()
    deadline = asyncio.get_running_loop().time() + 60
    candidate = Candidate(GrpcAddress(address, options=ReadOptions(services=services)), name="corpus")
    found = await detector.detect(candidate, memo=None, deadline=deadline)
    assert isinstance(found, Detected), found
    return found.upstream


def _fields(schema: Any) -> list[tuple[str, str, str, GraphQLField, Function]]:
    """Operation type, path, field name, field and function of every root field."""
    found = []
    for operation, root in (
        ("query", schema.query_type),
        ("mutation", schema.mutation_type),
        ("subscription", schema.subscription_type),
    ):
        for name, one in (root.fields if root else {}).items():
            binding = binding_of(one)
            if isinstance(binding, RootBinding):
                called = binding.function.binding
                assert isinstance(called, GrpcBinding)
                path = f"/{called.service}/{called.method}"
                found.append((operation, path, name, one, binding.function))
    return found


class _Checker:
    def __init__(
        self,
        engine: Engine,
        pool: DescriptorPool,
        own: Sequence[Descriptor],
        script: Script,
        chance: random.Random,
        outcome: Outcome,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._script = script
        self._outcome = outcome
        self._expected = Expected(pool)
        self._given = Given(pool)
        self._chance = chance
        held = ("google.protobuf.Duration", "google.protobuf.StringValue", "google.protobuf.Empty")
        for_any = [d for name in held if (d := _find(pool, name)) is not None]
        self._messages = RandomMessages(chance, [*for_any, *own[:8]])

    async def check(
        self,
        method: MethodDescriptor,
        operation: str,
        path: str,
        name: str,
        one: GraphQLField,
        function: Function,
        *,
        rounds: int,
        more: int,
    ) -> None:
        """Call a field *rounds* times and, until all leaves had values, up to *more* times, and note what is not as it was sent."""
        text, asked = select(one.type, DEPTH)
        leaves = set(leaves_of(asked))
        reached: set[tuple[str, ...]] = set()
        for number in range(rounds + more):
            if number >= rounds and reached >= leaves:
                break
            expected = await self._call(method, operation, path, name, one, function, text, asked)
            for value in expected:
                self._outcome.values += sum(1 for _ in values_of(value))
                reached.update(values_of(value))
        self._outcome.leaves += len(leaves)
        self._outcome.reached += len(leaves & reached)

    async def _call(
        self,
        method: MethodDescriptor,
        operation: str,
        path: str,
        name: str,
        one: GraphQLField,
        function: Function,
        text: str,
        asked: Asked,
    ) -> list[Any]:
        """Call a field with a random request; the random answers as they must arrive."""
        outcome = self._outcome
        outcome.calls += 1
        streams = method.server_streaming
        count = self._chance.randint(0 if outcome.calls % 3 else 1, 3) if streams else 1
        outcome.messages += count
        answers = [self._messages.message(method.output_type) for _ in range(count)]
        requests = [
            self._messages.message(method.input_type)
            for _ in range(self._chance.randint(0, 3) if method.client_streaming else 1)
        ]
        self._script.answers = [answer.SerializeToString() for answer in answers]
        self._script.requests.clear()
        variables = self._variables(method, one, requests)
        declared = ", ".join(f"${arg}: {one.args[arg].type}" for arg in variables)
        given = ", ".join(f"{arg}: ${arg}" for arg in variables)
        query = operation + (f"({declared})" if declared else "")
        query += f" {{ {name}" + (f"({given})" if given else "") + text + " }"
        request = GraphQLRequest(query, variables, None)
        expected = [self._value(one, asked, function, answer) for answer in answers]
        # The third time the plan is compiled: both ways of reading answers are checked.
        for _ in range(3):
            self._script.requests.clear()
            if operation == "subscription":
                responses = [response.body async for response in self._engine.subscribe(request)]
                bodies = [msgspec.json.decode(body) for body in responses]
                found = [(body.get("data") or {}).get(name) for body in bodies]
            else:
                allowed = frozenset({"query", "mutation"})
                response = await self._engine.execute(request, allow=allowed)
                bodies = [msgspec.json.decode(response.body)]
                found = [(body.get("data") or {}).get(name) for body in bodies]
                if streams:
                    found = found[0] if isinstance(found[0], list) else found
            errors = [error for body in bodies for error in body.get("errors", ())]
            if errors:
                outcome.failures.append(f"{path}: {errors[0]}"[:600])
                return []
            if wrong := differences(normal(found), normal(expected)):
                outcome.failures.append(f"{path} {operation}: {'; '.join(wrong)}"[:600])
                return []
            sent = self._script.requests
            if len(sent) != len(requests) or not all(
                same_request(*pair, self._pool) for pair in zip(requests, sent, strict=True)
            ):
                outcome.failures.append(f"{path} {operation}: another request arrived")
                return []
        return expected

    def _variables(
        self, method: MethodDescriptor, one: GraphQLField, requests: list[Message]
    ) -> dict[str, Any]:
        if method.client_streaming:
            (argument,) = one.args
            item: Any = one.args[argument].type
            while not hasattr(item, "fields") and hasattr(item, "of_type"):
                item = item.of_type
            printed = [self._given.whole(message, item) for message in requests]
            return {argument: printed}
        return self._given.arguments(requests[0], one)

    def _value(self, one: GraphQLField, asked: Any, function: Function, answer: Message) -> Any:
        if function.result is None:
            return True
        type_: Any = one.type
        binding = function.binding
        assert isinstance(binding, GrpcBinding)
        if binding.first:
            type_ = type_.of_type  # the list of a stream's messages
        return self._expected.of(answer, type_, asked)


def _find(pool: DescriptorPool, name: str) -> Descriptor | None:
    try:
        return pool.FindMessageTypeByName(name)
    except KeyError:
        return None
