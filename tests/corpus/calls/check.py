"""Every operation of one document, called through the real engine and transport."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
import yaml
from aiohttp import web
from graphql import GraphQLField
from msgspec.structs import replace

from weft.engine.execute.engine import Engine, EngineSettings
from weft.engine.operation import DocumentLimits, GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.credentials import Basic, Credential, Secret
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Catalog, Function, HttpBinding, HttpTarget, Upstream, UpstreamId
from weft.schemas.links import Weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.stitch import stitch
from weft.schemas.stitch.bindings import RootBinding, binding_of

from .arguments import NoPlace, as_input
from .described import Described, DescribedApi
from .examples import Impossible, NotFound
from .prism import Prism, prism
from .selection import document_for
from .validating import Expected, Validating, media_of

Verdict = Literal["right", "document", "generator", "validator", "ours"]
# OpenAPI 3.1, "Parameter Object"; and what frames a message is the connection's (RFC 9110, section 7.6.1).
_IGNORED = frozenset({"accept", "content-type", "authorization", "content-length", "host", "connection"})
_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Outcome:
    """What became of the call of one operation.

    Attributes:
        verdict: ``right``; ``document`` for one that contradicts itself; ``validator`` for a fault of
            openapi-core; ``generator`` where this check finds no value to send; ``ours`` for the rest.
        reason: A short stable word or two to count by.
        detail: What was seen.
        prism: Why Prism refuses the request, ``""`` if it takes it, ``None`` if it was not asked.
    """

    operation: str
    verdict: Verdict
    reason: str = ""
    detail: str = ""
    prism: str | None = None


@dataclass
class Checked:
    """The calls of one document."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, verdict: Verdict) -> int:
        """How many operations came out as *verdict*."""
        return sum(outcome.verdict == verdict for outcome in self.outcomes)


async def check_document(
    path: Path,
    *,
    most: int | None = None,
    program: Path | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> Checked:
    """Call every operation of the document at *path*, and tell what came of it.

    Args:
        path: JSON or YAML.
        most: Operations are called up to so many.
        program: Prism, for a second opinion on every request.
        done: Called after each operation.
    """
    started = time.monotonic()
    data = await asyncio.to_thread(path.read_bytes)
    root = json.loads(data) if path.suffix == ".json" else yaml.safe_load(data)
    api = DescribedApi(root)
    server = Validating(api)
    runner = web.ServerRunner(web.Server(server.handle, access_log=None))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with prism(program, path) if program else nullcontext() as second:
            address = f"http://127.0.0.1:{port}"
            checked = await _check(data, path.name, api, server, address, most, done, second)
    finally:
        await runner.cleanup()
    checked.seconds = time.monotonic() - started
    return checked


async def _check(
    data: bytes,
    name: str,
    api: DescribedApi,
    server: Validating,
    address: str,
    most: int | None,
    done: Callable[[int], None],
    second: Prism | None,
) -> Checked:
    document = parse_document(data, source=name)
    upstream = read_openapi(
        document, upstream=UpstreamId("up"), document_url=f"{address}/openapi.json", base_url=address
    )
    upstream = _at_loopback(upstream, address)
    stitched = stitch(Catalog.of(upstream), Weave((), ()))
    fields = _fields(stitched.schema)
    # One credential for every scheme of the document: openapi-core refuses calls without what they need.
    target = upstream.target
    assert isinstance(target, HttpTarget)
    credentials: dict[str, Credential] = {
        scheme.name: Basic("user", "password") if scheme.kind == "basic" else Secret("secret")
        for scheme in target.schemes
    }
    transport = HttpTransport(upstream, TransportSettings(max_connections=4, credentials=credentials))
    limits = DocumentLimits(max_depth=100, max_tokens=200_000)
    settings = EngineSettings(limits=limits, share=False)
    checked = Checked(name)
    async with Engine(stitched, {upstream.id: transport}, settings) as engine:
        for at, described in enumerate(api.operations()):
            if most is not None and at >= most:
                break
            try:
                outcome = await _check_one(described, fields, api, server, engine)
            except Exception as error:  # noqa: BLE001 - a finding
                outcome = Outcome(described.key, "ours", "exception", f"{type(error).__name__}: {error}")
            if second is not None and server.current is not None and server.current.received is not None:
                refusal = await second.refusal(described, server.current.received)
                outcome = dataclasses.replace(outcome, prism=refusal)
            server.current = None
            checked.outcomes.append(outcome)
            done(1)
    return checked


def _at_loopback(upstream: Upstream, address: str) -> Upstream:
    """*upstream*, the servers of its operations moved to *address*; their paths are kept."""
    functions = []
    for function in upstream.functions:
        binding = function.binding
        if isinstance(binding, HttpBinding) and binding.server:
            moved = urlunsplit((*urlsplit(address)[:2], urlsplit(binding.server).path, "", ""))
            function = replace(function, binding=replace(binding, server=moved))
        functions.append(function)
    return replace(upstream, functions=tuple(functions))


def _fields(schema: Any) -> dict[tuple[str, str], tuple[str, str, GraphQLField, Function]]:
    found = {}
    for kind, type_ in (
        ("query", schema.query_type),
        ("mutation", schema.mutation_type),
        ("subscription", schema.subscription_type),
    ):
        for name, one in type_.fields.items() if type_ else ():
            binding = binding_of(one)
            if isinstance(binding, RootBinding) and isinstance(binding.function.binding, HttpBinding):
                http = binding.function.binding
                found[http.method.lower(), http.path] = (kind, name, one, binding.function)
    return found


async def _check_one(
    described: Described, fields: dict[Any, Any], api: DescribedApi, server: Validating, engine: Engine
) -> Outcome:
    path = described.path if described.path.startswith("/") else f"/{described.path}"
    known = fields.get((described.method, path))
    if known is None:
        return Outcome(described.key, "ours", "no field", "")
    kind, name, graphql_field, function = known
    expected = Expected(described, {})
    try:
        variables = _arguments(expected, graphql_field, function, api)
    except NoPlace as error:
        return Outcome(described.key, "ours", "no place in the schema", str(error))
    except NotFound as error:
        return Outcome(described.key, "generator", "no request found", str(error))
    except Impossible as error:
        return Outcome(described.key, "document", "no request fits", str(error))
    query = document_for(kind, name, graphql_field, set(variables))
    server.current = expected
    request = GraphQLRequest(query, variables)
    body = await _execute(engine, request, kind)
    return _judge(described, expected, msgspec.json.decode(body), name, api)


async def _execute(engine: Engine, request: GraphQLRequest, kind: str) -> bytes:
    if kind != "subscription":
        return (await engine.execute(request)).body
    async with asyncio.timeout(_TIMEOUT_S), aclosing(engine.subscribe(request)) as events:
        async for event in events:
            return event.body
    return b'{"errors": [{"message": "no event came"}]}'


def _arguments(
    expected: Expected, graphql_field: GraphQLField, function: Function, api: DescribedApi
) -> dict[str, Any]:
    """Variables for every argument of the field, and with them what is expected on the wire."""
    described = expected.described
    binding = function.binding
    assert isinstance(binding, HttpBinding)
    bound: dict[tuple[str, str], str] = {(p.name, p.location): p.argument for p in binding.parameters}
    arguments = {
        (argument.out_name or name): (name, argument) for name, argument in graphql_field.args.items()
    }
    variables: dict[str, Any] = {}
    for (name, location), parameter in described.parameters.items():
        if location == "header" and (name.lower() in _IGNORED or not name):
            continue
        if location == "path" and f"{{{name}}}" not in described.path:
            continue
        argument = bound.get((name, location))
        if argument is None or argument not in arguments:
            raise NoPlace(f"{location} parameter {name} has no argument")
        schema = parameter.get("schema")
        if schema is None and parameter.get("content"):
            schema = next(iter(parameter["content"].values())).get("schema")
        field_name, graphql_argument = arguments[argument]
        try:
            value = api.examples.of(schema if schema is not None else {"type": "string"}, "request")
        except Impossible:
            if parameter.get("required") or location == "path":
                raise
            continue
        value = _wire_value(value, location, schema)
        variables[field_name] = as_input(value, graphql_argument.type, field_name)
        expected.parameters[name, location] = value
    for name in _placeholders(described):
        argument = bound.get((name, "path"))
        if (name, "path") not in expected.parameters and argument in arguments:
            variables[arguments[argument][0]] = expected.parameters.setdefault((name, "path"), "text")
            described.parameters[name, "path"] = {"name": name, "in": "path", "schema": {"type": "string"}}  # type: ignore[index]
    if described.body.get("content"):
        if binding.body is None:
            raise NoPlace("the request body has no argument")
        media = media_of(described.body["content"], binding.body.media_type)
        if media is None:
            raise NoPlace(f"{binding.body.media_type} is not offered")
        field_name, graphql_argument = arguments[binding.body.argument]
        schema = media.get("schema")
        value = _body_example(schema, binding.body.media_type, api)
        if binding.body.media_type.startswith("multipart/") and not isinstance(value, dict):
            raise Impossible("a multipart body that is no object has no names for its parts")
        variables[field_name] = as_input(value, graphql_argument.type, field_name)
        expected.body = value
    for field_name, graphql_argument in graphql_field.args.items():
        from graphql import is_required_argument

        if field_name not in variables and is_required_argument(graphql_argument):
            raise NoPlace(f"{field_name}: required in the schema, and not in the document")
    return variables


def _body_example(schema: Any, media_type: str, api: DescribedApi) -> Any:
    essence = media_type.partition(";")[0].strip().lower()
    structured = essence.endswith(("json", "xml", "urlencoded")) or essence.startswith("multipart/")
    shape = api.examples._merged(schema) if isinstance(schema, dict) else {}
    if not structured and not shape.get("properties"):
        return "Ynl0ZXM=" if not essence.startswith("text/") else "text"
    return api.examples.of(schema if schema is not None else {}, "request")


def _wire_value(value: Any, location: str, schema: Any) -> Any:
    """A value without what a path or header cannot hold."""
    if schema in ({}, None, True) and isinstance(value, dict):
        return "any"
    return value


def _placeholders(described: Described) -> Iterator[str]:
    import re

    yield from re.findall(r"\{([^{}/]+)\}", described.path.partition("#")[0])


def _judge(described: Described, expected: Expected, body: Any, name: str, api: DescribedApi) -> Outcome:
    key = described.key
    errors = body.get("errors")
    if expected.impossible:
        if expected.not_found:
            return Outcome(key, "generator", "no answer found", expected.impossible)
        return Outcome(key, "document", "no answer fits", expected.impossible)
    if expected.received is None:
        return Outcome(key, "ours", "no request", json.dumps(errors)[:300])
    if expected.mismatches:
        return Outcome(
            key,
            "ours",
            f"request: {expected.mismatches[0].partition(':')[0]}",
            "; ".join(expected.mismatches)[:600],
        )
    if errors:
        return Outcome(
            key,
            "ours",
            "answer",
            f"{json.dumps(errors)[:300]} for {expected.answer_type} {str(expected.answered)[:200]}",
        )
    if (body.get("data") or {}).get(name) is None and expected.answered is not None:
        return Outcome(key, "ours", "null", f"{expected.answer_type} {str(expected.answered)[:200]}")
    if expected.refusals:
        return Outcome(key, "validator", _kind_of(expected.refusals[0]), "; ".join(expected.refusals)[:600])
    return Outcome(key, "right")


def _kind_of(refusal: str) -> str:
    return refusal.partition(":")[0] + " / " + refusal.rpartition(" <- ")[2].partition(":")[0]
