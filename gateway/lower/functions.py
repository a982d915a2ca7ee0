"""Functions to routes: path, method, body, transcoding, Lambda."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, assert_never

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from ...schemas.catalog import (
    EnumShape,
    Function,
    GrpcBinding,
    GrpcTarget,
    HookBinding,
    HttpBinding,
    LambdaBinding,
    LambdaTarget,
    ListOf,
    Reference,
    Scalar,
    Type,
    Upstream,
)
from ..objects.base import Object
from ..objects.routes import PathMatch
from ..objects.weft import FunctionCallSpec
from ..resources import Resource, typed
from .addresses import place_of_url
from .clusters import lambda_place, upstream_place
from .filters import CALL, LAMBDA, SIGNING, TRANSCODER, UNSIGNED, mutations
from .lua import LAMBDA_ANSWER, Move, Source, http_call, json_call, set_method
from .world import wrong

_HTTP: Final = "envoy.extensions.filters.http"
_GROUP: Final = re.compile(r"\(\?P?<(\w+)>\[\^/\]\+\)")
_NUMBERS: Final = frozenset({"int32", "int64", "uint64", "float", "decimal"})
_ACCOUNT: Final = "000000000000"

LAMBDA_REQUEST_BYTES: Final = 6 * 1024 * 1024
"""A payload is held as a whole to be signed. Invoke: "The maximum payload size is 6 MB"."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """How requests of a route become calls of its function.

    Attributes:
        filters: Per-route configurations.
        action: Members of the route's action.
    """

    filters: Mapping[str, Resource] = field(default_factory=dict)
    action: Resource = field(default_factory=dict)


def shape_call(
    function: Function,
    upstream: Upstream,
    path: PathMatch,
    call: FunctionCallSpec | None,
    *,
    of: Object | None,
    method: str | None = None,
    straight: bool = False,
) -> Shaped:
    """How requests that match *path* become calls of *function*.

    Args:
        function: What is called.
        upstream: Whose it is.
        path: The route's condition: its named groups are sources.
        call: Where arguments come from, as far as it is said.
        of: The route, for messages.
        method: The one method that the route takes; ``None`` for all.
        straight: Calls come in the function's own protocol already.

    Raises:
        ConfigError: An argument's source cannot be read, or is not there.
    """
    binding = function.binding
    captures = _captures(path)
    arguments = {} if call is None else call.arguments
    known = {argument.name for argument in function.arguments}
    for name in arguments:
        if name not in known and of is not None:
            text = f"{function.id} has no argument {name!r}"
            raise wrong(of, "spec.arguments", text, ", ".join(sorted(known)))
    sources = {name: _source(text, captures, of) for name, text in arguments.items()}
    match binding:
        case HttpBinding():
            return _shape_http(function, upstream, binding, path, captures, sources, method)
        case GrpcBinding():
            if straight:
                return Shaped()
            return _shape_grpc(function, upstream, binding, captures, sources)
        case LambdaBinding():
            return _shape_lambda(function, upstream, binding, captures, sources)
        case HookBinding():
            return Shaped()  # nobody calls it: its upstream does
        case _ as never:
            assert_never(never)


# -- OpenAPI


def _shape_http(
    function: Function,
    upstream: Upstream,
    binding: HttpBinding,
    path: PathMatch,
    captures: Mapping[str, Source],
    sources: Mapping[str, Source],
    method: str | None,
) -> Shaped:
    base = (place_of_url(binding.server) if binding.server else upstream_place(upstream)).path
    target = base + binding.path
    in_path: list[Move] = []
    in_query: list[Move] = []
    in_headers: list[Move] = []
    needs_script = False
    for parameter in binding.parameters:
        argument = function.argument(parameter.argument)
        kind = _kind(argument.type, upstream) if argument else "text"
        source = sources.get(parameter.argument)
        if parameter.location == "path":
            source = source or captures.get(parameter.argument) or captures.get(parameter.name)
            source = source or Source("query", parameter.name)
            needs_script = needs_script or source.kind != "path"
            in_path.append(Move(parameter.name, source, kind))
        elif source is None and parameter.argument in captures:
            source = captures[parameter.argument]
        if parameter.location == "query" and source is not None and source != Source("query", parameter.name):
            in_query.append(Move(parameter.name, source, kind))
        elif (
            parameter.location == "header"
            and source is not None
            and source != Source("header", parameter.name)
        ):
            in_headers.append(Move(parameter.name, source, kind))
    body = None
    if binding.body is not None:
        source = sources.get(binding.body.argument)
        if source is not None and source != Source("body", ""):
            body = Move(binding.body.argument, source, "json")
    keeps_query = not any(move.source.kind == "query" for move in (*in_path, *in_query))
    rewrite = None if needs_script else _rewrite(path, target, in_path)
    if rewrite is None or in_query or in_headers or body:
        script = http_call(
            method=binding.method,
            path=target,
            in_path=in_path,
            in_query=in_query,
            in_headers=in_headers,
            body=body,
            keeps_query=keeps_query,
        )
        return Shaped({CALL: lua_per_route(script)})
    if method == binding.method:
        return Shaped({}, rewrite)
    return Shaped({CALL: lua_per_route(set_method(binding.method))}, rewrite)


def _rewrite(path: PathMatch, target: str, moves: Sequence[Move]) -> Resource | None:
    """Envoy's own rewrite, where path and template hold the same parts; ``None`` where a script is needed."""
    if path.type == "Exact" and not moves:
        return {} if path.value == target else _full(target)
    if path.type == "PathPrefix" and not moves:
        return _full(target)
    if path.type != "RegularExpression":
        return None
    groups = [found[1] for found in _GROUP.finditer(path.value)]
    try:
        others = re.compile(path.value.replace("(?<", "(?P<")).groups - len(groups)
    except re.error:
        return None  # Envoy has its own syntax, and says what it does not take
    if others:
        return None
    substitution = re.sub(r"\\", r"\\\\", target)
    for move in moves:
        segment = int(move.source.name) if move.source.kind == "path" else -1
        number = _group_number(path.value, segment)
        if number is None:
            return None
        substitution = substitution.replace(f"{{{move.argument}}}", f"\\{number}")
    if "{" in substitution:
        return None
    return {
        "regex_rewrite": {
            "pattern": {"regex": f"^{_plain_groups(path.value)}$"},
            "substitution": substitution,
        }
    }


def _full(target: str) -> Resource:
    return {"regex_rewrite": {"pattern": {"regex": "^.*$"}, "substitution": target.replace("\\", "\\\\")}}


def _plain_groups(regex: str) -> str:
    return _GROUP.sub("([^/]+)", regex)


def _group_number(regex: str, segment: int) -> int | None:
    """The number of the group that is the whole of the path's segment *segment*."""
    parts = [part for part in regex.replace("[^/]", "\0").split("/") if part]
    if not 0 < segment <= len(parts):
        return None
    before = sum(len(_GROUP.findall(part.replace("\0", "[^/]"))) for part in parts[: segment - 1])
    return before + 1


def _captures(path: PathMatch) -> dict[str, Source]:
    """Named groups that are whole segments of the path, by name."""
    if path.type != "RegularExpression":
        return {}
    parts = [part.replace("\0", "[^/]") for part in path.value.replace("[^/]", "\0").split("/") if part]
    found = {}
    for number, part in enumerate(parts, 1):
        whole = _GROUP.fullmatch(part)
        if whole:
            found[whole[1]] = Source("path", str(number))
    return found


def _source(text: str, captures: Mapping[str, Source], of: Object | None) -> Source:
    if text.startswith("="):
        return Source("constant", text[1:])
    kind, _, name = text.partition(".")
    if kind == "path" and name in captures:
        return captures[name]
    if kind == "body":
        return Source("body", name)
    if kind in {"query", "header", "cookie"} and name:
        return Source(kind, name)  # type: ignore[arg-type]  # it is one of the three
    problem = f"{text!r} is no source" if kind != "path" else f"the path has no part {name!r}"
    accepted = "path.NAME, query.NAME, header.NAME, cookie.NAME, body, body.MEMBER, =TEXT"
    if of is None:
        raise ValueError(problem)
    raise wrong(of, "spec.arguments", problem, accepted)


def _kind(type_: Type, upstream: Upstream) -> str:
    """How a value of *type_* is written in JSON."""
    match type_:
        case Scalar(kind=kind):
            return "number" if kind in _NUMBERS else "boolean" if kind == "boolean" else "text"
        case ListOf(item=item):
            return f"list:{_kind(item, upstream)}"
        case Reference(shape=shape):
            return "text" if isinstance(upstream.shapes.get(shape), EnumShape) else "json"
        case _:
            return "json"


def lua_per_route(script: str) -> Resource:
    """A per-route configuration that runs *script*."""
    return typed(f"{_HTTP}.lua.v3.LuaPerRoute", source_code={"inline_string": script})


# -- gRPC


def _shape_grpc(
    function: Function,
    upstream: Upstream,
    binding: GrpcBinding,
    captures: Mapping[str, Source],
    sources: Mapping[str, Source],
) -> Shaped:
    path = f"/{binding.service}/{binding.method}"
    filters: dict[str, Resource] = {TRANSCODER: transcoder(upstream, binding.service)}
    moves = _json_moves(function, upstream, captures, sources)
    filters[CALL] = lua_per_route(
        _unless_grpc(json_call(path=path, moves=moves, whole=None, keeps_body=True))
    )
    return Shaped(filters)


def _unless_grpc(script: str) -> str:
    """*script*, left out for what is gRPC already: one route takes JSON, gRPC and gRPC-web."""
    guard = (
        'local kind = handle:headers():get("content-type") or ""\n'
        '  if kind:match("^application/grpc") then return end'
    )
    return script.replace(
        "function envoy_on_request(handle)\n", f"function envoy_on_request(handle)\n  {guard}\n", 1
    )


def _json_moves(
    function: Function, upstream: Upstream, captures: Mapping[str, Source], sources: Mapping[str, Source]
) -> list[Move]:
    moves = []
    for argument in function.arguments:
        source = sources.get(argument.name) or captures.get(argument.name) or Source("query", argument.name)
        moves.append(Move(argument.name, source, _kind(argument.type, upstream)))
    return moves


def transcoder(upstream: Upstream, service: str) -> Resource:
    """A per-route configuration that speaks JSON for one gRPC service."""
    assert isinstance(upstream.target, GrpcTarget)
    return typed(
        f"{_HTTP}.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor_bin=base64.b64encode(_files_of(upstream.target.descriptors, service)).decode(),
        services=[service],
        auto_mapping=True,
        # The route was chosen by what the client asked for, and stays.
        match_incoming_request_route=True,
        convert_grpc_status=True,
        ignore_unknown_query_parameters=True,
        print_options={"always_print_primitive_fields": True},
    )


@lru_cache(maxsize=256)
def _files_of(descriptors: bytes, service: str) -> bytes:
    """The files that *service* needs, out of all of an upstream's."""
    files = {file.name: file for file in FileDescriptorSet.FromString(descriptors).file}
    package, _, name = service.rpartition(".")
    waiting = [
        file.name
        for file in files.values()
        if file.package == package and any(found.name == name for found in file.service)
    ]
    wanted: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one not in wanted and one in files:
            wanted.add(one)
            waiting += files[one].dependency
    kept = FileDescriptorSet(file=[file for name, file in files.items() if name in wanted])
    return kept.SerializeToString(deterministic=True)


# -- Lambda


def _shape_lambda(
    function: Function,
    upstream: Upstream,
    binding: LambdaBinding,
    captures: Mapping[str, Source],
    sources: Mapping[str, Source],
) -> Shaped:
    if binding.payload == "whole":
        whole = sources.get("payload", Source("body", ""))
        script = json_call(path=None, moves=(), whole=Move("payload", whole, "json"), keeps_body=False)
    else:
        moves = _json_moves(function, upstream, captures, sources)
        script = json_call(path=None, moves=moves, whole=None, keeps_body=True)
    return Shaped({CALL: lua_per_route(script + LAMBDA_ANSWER), **lambda_filters(upstream, binding)})


def lambda_filters(upstream: Upstream, binding: LambdaBinding) -> dict[str, Resource]:
    """Per-route configurations that sign a request and make it Lambda's Invoke."""
    return {UNSIGNED: _unsigned(), LAMBDA: lambda_invoke(upstream, binding, binding.qualifier)}


def lambda_stream_filters(upstream: Upstream) -> dict[str, Resource]:
    """Per-route configurations that sign a request whose path is InvokeWithResponseStream's already.

    The filter for Lambda only knows Invoke.
    """
    target = upstream.target
    assert isinstance(target, LambdaTarget)
    signing: Any = {
        "service_name": "lambda",
        "region": target.region,
        "host_rewrite": lambda_place(target).authority,
        "match_excluded_headers": [{"prefix": "x-envoy"}, {"prefix": "x-forwarded"}],
    }
    per_route = typed(
        f"{_HTTP}.aws_request_signing.v3.AwsRequestSigningPerRoute",
        aws_request_signing=signing,
        stat_prefix="lambda",
    )
    return {UNSIGNED: _unsigned(), SIGNING: per_route}


def qualified_stream(qualifier: str) -> dict[str, Resource]:
    """Per-route configurations that have another version of a function invoked than the request says."""
    return {UNSIGNED: _unsigned(query=[("Qualifier", qualifier)])} if qualifier else {}


def _unsigned(query: Sequence[tuple[str, str]] = ()) -> Resource:
    """What is taken from a request before it is signed.

    What is signed must arrive as it was signed (Envoy's own tracing writes the trace anew), and what a client says
    of itself is none of AWS's.
    """
    return mutations(
        remove=["authorization", "cookie", "accept-encoding", "traceparent", "tracestate"],
        prefixes=["x-weft-", "x-envoy-"],
        query_set=query,
    )


def lambda_invoke(upstream: Upstream, binding: LambdaBinding, qualifier: str) -> Resource:
    """A per-route configuration that names the function which is invoked."""
    assert isinstance(upstream.target, LambdaTarget)
    arn = binding.arn or (
        binding.function_name
        if binding.function_name.startswith("arn:")
        else f"arn:aws:lambda:{upstream.target.region}:{_ACCOUNT}:function:{binding.function_name}"
    )
    config: Any = {
        "arn": f"{arn}:{qualifier}" if qualifier else arn,
        "payload_passthrough": True,
        "invocation_mode": "ASYNCHRONOUS" if binding.invocation == "event" else "SYNCHRONOUS",
        # The router names the host anew after the filter has signed it.
        "host_rewrite": lambda_place(upstream.target).authority,
    }
    return typed(f"{_HTTP}.aws_lambda.v3.PerRouteConfig", invoke_config=config)
