"""Defaults of inputs, where GraphQL can carry them."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError, Undefined
from msgspec import UNSET

from ..catalog import EnumShape, ListOf, Reference, Scalar, ScalarKind, Type, Upstream
from .constraints import compile_constraints
from .scalars import SCALARS


def default_value(upstream: Upstream, type_: Type, default: Any) -> Any:
    """*default* if a value of *type_* may have it, else ``Undefined``.

    Defaults of objects are left to the upstream: it knows them best. One that breaks its own schema's
    constraints is left to it too, for it would keep every call from being made.
    """
    if default is UNSET or (default is None and not type_.nullable):
        return Undefined
    if default is None:
        return None
    if any(check(default) for check in compile_constraints(type_.constraints)):
        return Undefined
    match type_:
        case Scalar():
            return _scalar_default(type_.kind, default)
        case ListOf() if isinstance(default, list):
            items = [default_value(upstream, type_.item, item) for item in default]
            return Undefined if Undefined in items else items
        case Reference():
            shape = upstream.shapes.get(type_.shape)
            if isinstance(shape, EnumShape) and any(
                value.value == default and type(value.value) is type(default) for value in shape.values
            ):
                return default
            return Undefined
        case _:
            return Undefined


def _scalar_default(kind: ScalarKind, default: Any) -> Any:
    match kind:
        case "int32" if not isinstance(default, int) or isinstance(default, bool) or abs(default) >= 2**31:
            return Undefined
        case "string" | "id" if not isinstance(default, str):
            return Undefined
        case "password" | "byte" | "binary":
            return Undefined
        case "boolean" if not isinstance(default, bool):
            return Undefined
        case "float" if not isinstance(default, int | float) or isinstance(default, bool):
            return Undefined
        case _:
            try:
                return SCALARS[kind].coerce_input_value(default)
            except (GraphQLError, ValueError, TypeError, ArithmeticError):
                return Undefined
