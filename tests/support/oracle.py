"""The reference: graphql-core over a schema with plain resolvers, one call a key, no plan and no batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
    execute_sync,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_leaf_type,
    parse,
)

from weft.schemas.catalog import Function, ListOf, Scalar
from weft.schemas.errors import UpstreamError, UpstreamStatus
from weft.schemas.stitch import (
    LinkBinding,
    MemberBinding,
    NamespaceBinding,
    RootBinding,
    Stitched,
    binding_of,
)
from weft.schemas.stitch.arguments import finish_of
from weft.schemas.stitch.bindings import is_map_entry

from .memory import Answer

Path: TypeAlias = tuple[str | int, ...]
Problem: TypeAlias = tuple[Path, str]
"""Where an error stands, and its kind: ``null``, ``value``, ``arguments``, or the code of a failed call."""

_WHOLE = {"int32", "int64", "uint64"}


class Misfit(Exception):
    """An upstream's value that does not fit the type."""


class Oracle:
    """Executes operations with plain resolvers over *answers*, which may be replaced."""

    def __init__(self, stitched: Stitched, answers: Mapping[str, Answer]) -> None:
        """Attach resolvers to a schema that is used for nothing else; *answers* are by a function's id."""
        self.answers = answers
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self._schema = stitched.schema
        for type_ in self._schema.type_map.values():
            if not isinstance(type_, GraphQLObjectType) or is_introspection_type(type_):
                continue
            if type_.name not in {"Query", "Mutation", "Subscription"}:
                # graphql-core would take any value for an object whose fields are all null.
                type_.is_type_of = _is_object
            for field in type_.fields.values():
                match binding_of(field):
                    case MemberBinding(member=member):
                        field.resolve = self._member(member)
                    case NamespaceBinding():
                        field.resolve = lambda _source, _info: {}
                    case RootBinding() as root:
                        field.resolve = _finished(field, self._root(root))
                    case LinkBinding() as link:
                        field.resolve = _finished(field, self._link(link))

    def execute(self, text: str, variables: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
        """``data``, and every error."""
        self.writes.clear()
        result = execute_sync(self._schema, parse(text), variable_values=dict(variables))
        assert isinstance(result, ExecutionResult)
        return result.data, [(tuple(error.path or ()), _kind(error)) for error in result.errors or ()]

    def _member(self, member: str) -> Any:
        def resolve(source: Mapping[str, Any], info: Any) -> Any:
            return _fitted(info.return_type, source.get(member))

        return resolve

    def _root(self, binding: RootBinding) -> Any:
        def resolve(_source: Any, info: Any, **arguments: Any) -> Any:
            answer = self._call(binding.function, arguments)
            return True if binding.void else _fitted(info.return_type, answer)

        return resolve

    def _link(self, binding: LinkBinding) -> Any:
        link = binding.link

        def one(parts: Sequence[Any], arguments: Mapping[str, Any]) -> Any:
            if link.function is not None:
                keyed = {
                    key.argument: [part] if _takes_list(binding.function, key.argument) else part
                    for key, part in zip(link.keys, parts, strict=True)
                }
                return self._call_or_null(binding.function, {**arguments, **keyed})
            assert binding.bulk is not None
            return self._of_bulk(binding, binding.bulk, parts[0], arguments)

        def resolve(source: Mapping[str, Any], info: Any, **arguments: Any) -> Any:
            values = [source.get(key.member) for key in link.keys]
            if link.each:
                if not isinstance(values[0], list):
                    return None
                keys = [_key(binding, 0, value) for value in values[0] if value is not None]
                return _fitted(info.return_type, [_caught(one, [key], arguments) for key in keys])
            if any(value is None for value in values):
                return None
            parts = [_key(binding, index, value) for index, value in enumerate(values)]
            return _fitted(info.return_type, one(parts, arguments))

        return resolve

    def _of_bulk(
        self, binding: LinkBinding, function: Function, key: Any, arguments: Mapping[str, Any]
    ) -> Any:
        bulk = binding.link.bulk
        assert bulk is not None
        given = {**arguments, bulk.argument: [key]}
        if bulk.size_argument:
            given[bulk.size_argument] = bulk.per_key
        answer: Any = self._call_or_null(function, given)
        for step in bulk.items:
            answer = None if answer is None else answer.get(step)
        items = [item for item in answer or () if _carries(binding, item, key)]
        return items if bulk.many else items[-1] if items else None

    def _call_or_null(self, function: Function, arguments: Mapping[str, Any]) -> Any:
        try:
            return self._call(function, arguments)
        except UpstreamStatus as error:
            if error.status in {"404", "NOT_FOUND"}:
                return None
            raise

    def _call(self, function: Function, arguments: Mapping[str, Any]) -> Any:
        if function.effect == "write":
            self.writes.append((function.id, dict(arguments)))
        answer = self.answers[function.id](**arguments)
        if isinstance(answer, UpstreamError):
            raise answer
        return answer


def _finished(field: GraphQLField, resolve: Any) -> Any:
    """*resolve* with arguments as the upstream takes them; one that breaks a constraint is refused."""
    finish = finish_of(field)
    if finish is None:
        return resolve

    def resolve_finished(source: Any, info: Any, **arguments: Any) -> Any:
        return resolve(source, info, **finish(arguments))

    return resolve_finished


def _caught(resolve: Any, parts: Sequence[Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return resolve(parts, arguments)
    except UpstreamError as error:
        return error  # graphql-core raises it where it stands


def _key(binding: LinkBinding, index: int, value: Any) -> str | int:
    """A parent's member as the function takes it."""
    if binding.bulk is not None:
        assert binding.link.bulk is not None
        argument = binding.bulk.argument(binding.link.bulk.argument)
    else:
        argument = binding.function.argument(binding.link.keys[index].argument)
    assert argument is not None
    type_ = argument.type.item if isinstance(argument.type, ListOf) else argument.type
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misfit
    if not isinstance(type_, Scalar) or type_.kind not in _WHOLE:
        return str(value)
    try:
        return int(value)
    except ValueError:
        raise Misfit from None


def _takes_list(function: Function, name: str) -> bool:
    argument = function.argument(name)
    return argument is not None and isinstance(argument.type, ListOf)


def _carries(binding: LinkBinding, item: Any, key: Any) -> bool:
    assert binding.link.bulk is not None
    try:
        return isinstance(item, dict) and _key(binding, 0, item.get(binding.link.bulk.key)) == key
    except Misfit:
        return False


def _is_object(value: Any, _info: Any) -> bool:
    return isinstance(value, dict)


def _fitted(type_: GraphQLOutputType, value: Any) -> Any:
    """Maps as lists of their entries; the rest is left to graphql-core."""
    nullable = get_nullable_type(type_)
    if value is None or not isinstance(nullable, GraphQLList):
        # graphql-core asks for a union's type before it looks at the value
        if isinstance(nullable, GraphQLUnionType) and value is not None and not isinstance(value, dict):
            raise Misfit
        return value
    entry = get_nullable_type(nullable.of_type)
    if isinstance(entry, GraphQLObjectType) and is_map_entry(entry):
        if not isinstance(value, dict):
            return value if isinstance(value, Exception) else Misfit()
        return [{"key": key, "value": item} for key, item in value.items()]
    if not isinstance(value, list):
        return value
    named = get_named_type(type_)
    if is_leaf_type(named):
        return value
    fitted = []
    for item in value:
        try:
            fitted.append(_fitted(nullable.of_type, item))
        except Misfit as error:
            fitted.append(error)
    return fitted


def _kind(error: GraphQLError) -> str:
    if (error.extensions or {}).get("code") == "BAD_USER_INPUT":
        return "arguments"
    original = error.original_error
    if isinstance(original, UpstreamError):
        return original.code
    if isinstance(original, TypeError) and "non-nullable" in error.message:
        return "null"
    return "arguments" if error.message.startswith("Argument ") else "value"


def problems(errors: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """The errors of one of our responses, in the terms of the reference."""
    found = []
    for error in errors:
        code = error.get("extensions", {}).get("code")
        if code == "UPSTREAM_ANSWER":
            code = "null" if "non-nullable" in error["message"] else "value"
        elif code == "BAD_USER_INPUT" or error["message"].startswith("Argument "):
            code = "arguments"
        found.append((tuple(error["path"]), code))
    return found


def nulled(data: Any, found: Iterable[Problem]) -> set[Path]:
    """The positions that the errors turned into null: each error's path up to the first null in *data*."""
    positions = set()
    for path, _ in found:
        value = data
        position: list[str | int] = []
        for step in path:
            if value is None:
                break
            value = value[step]
            position.append(step)
        assert value is None, f"an error stands at {path}, which is no null"
        positions.add(tuple(position))
    return positions


def same(ours: Sequence[Problem], theirs: Sequence[Problem]) -> bool:
    """Whether both are the same errors, in whatever order."""
    return Counter(ours) == Counter(theirs)
