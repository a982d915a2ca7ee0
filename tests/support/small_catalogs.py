"""Catalogs of a few functions, written in a line or two each."""

from __future__ import annotations

from typing import Any

from tests.support.shop_catalog import TEXT, argument, field, function, ref
from weft.schemas.catalog import (
    Argument,
    Catalog,
    Field,
    Function,
    GrpcBinding,
    GrpcTarget,
    HttpBinding,
    HttpTarget,
    ListOf,
    ObjectShape,
    Parameter,
    Scalar,
    Shape,
    Upstream,
)

__all__ = [
    "INT",
    "TEXT",
    "TEXTS",
    "Catalog",
    "argument",
    "field",
    "get",
    "key_argument",
    "list_of",
    "ref",
    "rpc",
    "shape",
    "upstream",
    "write",
]

INT = Scalar(kind="int32")
TEXTS = ListOf(item=TEXT)


def list_of(name: str) -> ListOf:
    """A list of the shape *name*."""
    return ListOf(item=ref(name))


def shape(name: str, *members: str | Field, **more: Any) -> ObjectShape:
    """An object; a member given by its name alone is a text that is always there."""
    fields = tuple(field(m, TEXT) if isinstance(m, str) else m for m in members)
    return ObjectShape(name=name, fields=fields, **more)  # type: ignore[arg-type]  # a name is a string here


def upstream(name: str, *parts: Function | Shape) -> Upstream:
    """An upstream of functions and shapes; it speaks HTTP unless all its functions are gRPC methods."""
    functions = tuple(part for part in parts if isinstance(part, Function))
    grpc = bool(functions) and all(isinstance(one.binding, GrpcBinding) for one in functions)
    return Upstream(
        id=name,  # type: ignore[arg-type]
        target=GrpcTarget(address=f"{name}.test:443") if grpc else HttpTarget(base_url=f"http://{name}.test"),
        functions=functions,
        shapes={part.name: part for part in parts if not isinstance(part, Function)},
    )


def key_argument(name: str, type_: Any = TEXT) -> Argument:
    """A required argument."""
    return argument(name, type_, required=True)


def get(id_: str, path: str, result: Any, *arguments: Argument, **more: Any) -> Function:
    """An operation with GET; arguments that the path template names stand in it, all others in the query."""
    parameters = tuple(
        Parameter(argument=a.name, name=a.name, location="path" if f"{{{a.name}}}" in path else "query")
        for a in arguments
    )
    binding = HttpBinding(method=more.pop("method", "GET"), path=path, parameters=parameters)
    return function(id_, binding, result, *arguments, **more)


def write(id_: str, path: str, result: Any, *arguments: Argument, **more: Any) -> Function:
    """An operation with POST."""
    return get(id_, path, result, *arguments, method="POST", effect="write", **more)


def rpc(id_: str, result: Any, *arguments: Argument, **more: Any) -> Function:
    """A gRPC method: none of its arguments is required."""
    binding = GrpcBinding(service="s.Service", method=id_.rpartition(".")[2], request="s.Q", response="s.A")
    return function(id_, binding, result, *arguments, **more)
