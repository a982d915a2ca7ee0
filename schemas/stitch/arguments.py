"""Coerced arguments to what the upstream takes: constraints are checked, GraphQL's forms undone.

GraphQL coerces a value by its type. What types cannot say is done here, once for each field that needs it:
constraints (``minimum``, ``pattern``, …) are checked, lists of entries become the JSON objects that they
stand for, a ``@oneOf`` input object becomes the one value in it, and a decimal becomes a number or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, TypeAlias, cast

from graphql import GraphQLError, GraphQLField

from ..catalog import (
    Argument,
    EnumShape,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    Shape,
    ShapeName,
    Type,
    UnionShape,
    Upstream,
)
from .constraints import Check, compile_constraints

ARGUMENTS: Final = "weft-arguments"
"""Key of `ArgumentRules` in a field's ``extensions``."""

Path: TypeAlias = tuple[Any, "str | int"] | None
"""Where a value stands: the path of what it stands in, and its name or index there."""

Finish: TypeAlias = Callable[[Any, Path], Any]
"""From a coerced value, which is not null, to what the upstream takes."""

MemberNames: TypeAlias = Callable[[Upstream, Shape], Mapping[str, str]]
"""From wire names of an input's members to their GraphQL names."""


class ArgumentRules:
    """What is to be done with the coerced arguments of one field. Compiled when it is first asked for."""

    def __init__(
        self,
        upstream: Upstream,
        arguments: tuple[Argument, ...],
        names: Mapping[str, str],
        members: MemberNames,
    ) -> None:
        self._upstream = upstream
        self._arguments = arguments
        self._names = names
        self._members = members

    @cached_property
    def finish(self) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
        """From coerced arguments, by the function's names, to those of the call; ``None`` if they are the same.

        What it returns raises a ``GraphQLError`` with the code ``BAD_USER_INPUT`` and the argument's path.
        """
        compiler = _Compiler(self._upstream, self._members)
        steps = [
            (argument.name, self._names[argument.name], step)
            for argument in self._arguments
            if (step := compiler.of_type(argument.type)) is not None
        ]
        if not steps:
            return None

        def finish(values: Mapping[str, Any]) -> Mapping[str, Any]:
            done = dict(values)
            for name, shown, step in steps:
                value = values.get(name)
                if value is not None:
                    done[name] = step(value, (None, shown))
            return done

        return finish


def finish_of(field: GraphQLField) -> Callable[[Mapping[str, Any]], Mapping[str, Any]] | None:
    """What is to be done with the coerced arguments of *field*; ``None`` for nothing."""
    rules = field.extensions.get(ARGUMENTS)
    return rules.finish if isinstance(rules, ArgumentRules) else None


class _Compiler:
    def __init__(self, upstream: Upstream, members: MemberNames) -> None:
        self._upstream = upstream
        self._members = members
        self._shapes: dict[ShapeName, Finish | None] = {}
        self._needy: dict[ShapeName, bool] = {}

    def of_type(self, type_: Type) -> Finish | None:
        checks = compile_constraints(type_.constraints)
        inner: Finish | None
        match type_:
            case Scalar():
                inner = _decimal_text if type_.kind == "decimal" and type_.format == "string" else None
            case ListOf():
                item = self.of_type(type_.item)
                inner = _each(item) if item is not None else None
            case MapOf():
                inner = _entries(self.of_type(type_.value))
            case JsonType():
                inner = None
            case Reference():
                inner = self._of_shape(type_.shape)
        return _checked(checks, inner) if checks else inner

    def _of_shape(self, name: ShapeName) -> Finish | None:
        if not self._needs(name):
            return None
        if name not in self._shapes:
            # For a shape that refers to itself: its own finish is looked up when it is used.
            self._shapes[name] = lambda value, path: cast("Finish", self._shapes[name])(value, path)
            shape = self._upstream.shapes[name]
            self._shapes[name] = (
                self._of_object(shape) if isinstance(shape, ObjectShape) else self._of_union(shape)
            )
        return self._shapes[name]

    def _of_object(self, shape: ObjectShape) -> Finish | None:
        names = self._members(self._upstream, shape)
        steps = [
            (field.name, names[field.name], step)
            for field in shape.fields
            if field.name in names and (step := self.of_type(field.type)) is not None
        ]

        def finish(value: Any, path: Path) -> Any:
            if not isinstance(value, dict):
                return value
            done = dict(value)  # a variable's value may be used by other fields too
            for name, shown, step in steps:
                member = value.get(name)
                if member is not None:
                    done[name] = step(member, (path, shown))
            return done

        return finish

    def _of_union(self, shape: Shape) -> Finish | None:
        names = self._members(self._upstream, shape)
        steps = {member: self._of_shape(ShapeName(member)) for member in names}
        told = _discriminating(shape)

        def finish(value: Any, path: Path) -> Any:
            if not isinstance(value, dict) or len(value) != 1:
                return value
            ((member, inner),) = value.items()
            step = steps.get(member)
            done = inner if step is None else step(inner, (path, names[member]))
            if member in told and isinstance(done, dict):
                return {**told[member], **done}
            return done

        return finish if names else None

    def _needs(self, name: ShapeName) -> bool:
        """Whether anything below a shape is to be done."""
        if name in self._needy:
            return self._needy[name]
        seen = {name}
        waiting = [name]
        found = False
        while waiting and not found:
            shape = self._upstream.shapes.get(waiting.pop())
            match shape:
                case ObjectShape():
                    for field in shape.fields:
                        type_ = field.type
                        while True:
                            found = found or _is_needy(type_)
                            if not isinstance(type_, ListOf):
                                break
                            type_ = type_.item
                        if isinstance(type_, Reference) and type_.shape not in seen:
                            seen.add(type_.shape)
                            waiting.append(type_.shape)
                case UnionShape():
                    found = bool(self._members(self._upstream, shape))
                case EnumShape() | None:
                    pass
        self._needy[name] = found
        if not found:
            self._needy.update(dict.fromkeys(seen, False))
        return found


def _discriminating(shape: Shape) -> dict[str, dict[str, str]]:
    """By member of a union: the property that tells it and its value, where there is just one."""
    if not isinstance(shape, UnionShape) or shape.discriminator is None:
        return {}
    values: dict[str, list[str]] = {}
    for value, member in shape.discriminator.mapping.items():
        values.setdefault(member, []).append(value)
    name = shape.discriminator.property
    return {member: {name: found[0]} for member, found in values.items() if len(found) == 1}


def _is_needy(type_: Type) -> bool:
    if type_.constraints is not None or isinstance(type_, MapOf):
        return True
    return isinstance(type_, Scalar) and type_.kind == "decimal" and type_.format == "string"


def _each(item: Finish) -> Finish:
    def finish(value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return value
        return [None if one is None else item(one, (path, at)) for at, one in enumerate(value)]

    return finish


def _entries(inner: Finish | None) -> Finish:
    def finish(value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return value
        found: dict[str, Any] = {}
        for at, entry in enumerate(value):
            key, one = entry["key"], entry.get("value")
            if key in found:
                raise _fault(((path, at), "key"), "stands there twice")
            if inner is not None and one is not None:
                one = inner(one, ((path, at), "value"))
            found[key] = one
        return found

    return finish


def _checked(checks: tuple[Check, ...], inner: Finish | None) -> Finish:
    def finish(value: Any, path: Path) -> Any:
        done = value if inner is None else inner(value, path)
        for check in checks:
            if problem := check(done):
                raise _fault(path, problem)
        return done

    return finish


def _decimal_text(value: Any, _path: Path) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def _fault(path: Path, problem: str) -> GraphQLError:
    shown = show_path(path)
    return GraphQLError(
        f"Argument '{shown}' {problem}.", extensions={"code": "BAD_USER_INPUT", "argument": shown}
    )


def show_path(path: Path) -> str:
    """*path* for people: ``input.lines[0].quantity``."""
    parts: list[str] = []
    while path is not None:
        path, step = path
        parts.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(parts)).removeprefix(".")
