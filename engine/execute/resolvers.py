"""The same schema for graphql-core: resolvers on the generated fields.

Operations that hold hand-written fields, or that ask for introspection, are executed by graphql-core. The
generated fields in them are resolved here: by the same calls, batched by the same DataLoaders.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)

from ...schemas.errors import UpstreamAnswer, UpstreamError
from ...schemas.stitch import (
    LinkBinding,
    MemberBinding,
    NamespaceBinding,
    RootBinding,
    UnionBinding,
    binding_of,
    finish_of,
)
from ...schemas.stitch.bindings import EXTENSION, is_map_entry
from ..errors import error_extensions
from ..plan.keys import BadKey, Key, converter_for
from ..plan.steps import LeafValue
from .calls import Calls
from .complete import complete_leaf, entries_of, kind_of, null_in_non_null
from .instances import held_member, load_instance
from .loaders import Loaders


class Running:
    """What the resolvers of one execution share."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.loaders = Loaders(calls)
        self.writes = asyncio.Lock()


RUNNING: Final[ContextVar[Running]] = ContextVar("weft_running")
"""Set while graphql-core executes an operation. Whoever starts an execution sets it."""


def attach_resolvers(schema: GraphQLSchema) -> None:
    """Give every generated field of *schema* its resolver."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            for field in type_.fields.values():
                _attach(field)


def _attach(field: GraphQLField) -> None:
    match binding_of(field):
        case MemberBinding() as member:
            field.resolve = _member_resolver(member)
        case NamespaceBinding():
            field.resolve = lambda _source, _info: {}
        case RootBinding() as root if root.function.streaming in {"server", "both"}:
            field.subscribe = _finishing(field, _stream_resolver(root))
            field.resolve = _resolve_event
        case RootBinding() as root:
            field.resolve = _finishing(field, _root_resolver(root))
        case LinkBinding() as link:
            field.resolve = _finishing(field, _link_resolver(link))
        case None:
            return


def _finishing(field: GraphQLField, resolve: GraphQLFieldResolver) -> GraphQLFieldResolver:
    """*resolve*, given the arguments as the function takes them."""
    if not field.args:
        return resolve

    def resolve_finished(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        finish = finish_of(field)
        return resolve(source, info, **(arguments if finish is None else finish(arguments)))

    return resolve_finished


def _member_resolver(binding: MemberBinding) -> GraphQLFieldResolver:
    name = binding.member

    def resolve(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if not isinstance(source, dict):
            return resolve_of_instance(source, info)
        return _checked(info.return_type, source.get(name), info)

    async def resolve_of_instance(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        value = await _member_of_instance(source, name, info)
        named = get_named_type(info.return_type)
        if value is None or isinstance(value, dict) or is_leaf_type(named) or is_map_entry(named):
            return _checked(info.return_type, value, info)
        return value  # objects of the instance: other instances

    return resolve


async def _member_of_instance(source: Any, member: str, info: GraphQLResolveInfo[Any]) -> Any:
    """*member* of an instance of a hand-written class, loaded if the instance does not hold it."""
    type_ = info.parent_type
    if isinstance(source, str | int | float | list):
        return _misfit(f"{type_.name} is {kind_of(source)}, not an object")
    value = held_member(source, member, type_)
    if value is None:
        whole = _located(await load_instance(source, type_, RUNNING.get().loaders))
        return whole.get(member) if isinstance(whole, dict) else whole
    return value


def _root_resolver(binding: RootBinding) -> GraphQLFieldResolver:
    async def resolve(_source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        running = RUNNING.get()
        if binding.function.effect == "write":
            # graphql-core would start all fields of a namespace at once. The lock is given in the order in
            # which they ask for it, which is theirs in the document.
            async with running.writes:
                answer = _located(await running.calls.call(binding.function, arguments))
            # What was read before may have changed: the fields below this one load anew.
            running.loaders = Loaders(running.calls)
        else:
            answer = _located(await running.calls.call(binding.function, arguments))
        if binding.void and not isinstance(answer, GraphQLError):
            return True
        return _checked(info.return_type, answer, info)

    return resolve


def _stream_resolver(binding: RootBinding) -> GraphQLFieldResolver:
    def subscribe(_source: Any, _info: GraphQLResolveInfo[Any], **arguments: Any) -> AsyncIterator[Any]:
        return RUNNING.get().calls.stream(binding.function, arguments)

    return subscribe


def _resolve_event(source: Any, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    return _checked(info.return_type, _located(source), info)


def _link_resolver(binding: LinkBinding) -> GraphQLFieldResolver:
    link = binding.link
    batched = binding.bulk is not None
    function = binding.bulk or binding.function
    names = [link.bulk.argument] if link.bulk and batched else [key.argument for key in link.keys]
    convert = [converter_for(function.argument(name)) for name in names]

    async def load(keys: list[Key], arguments: Mapping[str, Any]) -> dict[Key, Any]:
        loaders = RUNNING.get().loaders
        return await loaders.load(link, function, keys, arguments, batched=batched)

    async def resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if isinstance(source, dict):
            values = [source.get(key.member) for key in link.keys]
        else:
            values = [await _member_of_instance(source, key.member, info) for key in link.keys]
            if errors := [value for value in values if isinstance(value, GraphQLError)]:
                return errors[0]
        try:
            if link.each:
                if not isinstance(values[0], list):
                    return None
                keys: list[Key] = [convert[0](value) for value in values[0] if value is not None]
                found = await load(list(dict.fromkeys(keys)), arguments)
                return _checked(info.return_type, [_located(found[key]) for key in keys], info)
            if any(value is None for value in values):
                return None
            parts = tuple(one(value) for one, value in zip(convert, values, strict=True))
        except BadKey as error:
            raise _located(UpstreamAnswer(function.upstream, function.id, reason=str(error))) from error
        key: Key = parts[0] if len(parts) == 1 else parts
        return _checked(info.return_type, _located((await load([key], arguments))[key]), info)

    return resolve


def _checked(type_: GraphQLOutputType, value: Any, info: GraphQLResolveInfo[Any]) -> Any:
    """*value*, with an error in each place that does not fit *type_*, and maps as lists of their entries.

    graphql-core raises an error that stands in the place of a value. Its own errors for these places would
    hold the upstream's values, or look like faults of Weft.
    """
    coordinate = f"{info.parent_type.name}.{info.field_name}"
    if isinstance(value, GraphQLError):
        return value
    if isinstance(type_, GraphQLNonNull):
        return (
            _misfit(null_in_non_null(coordinate)) if value is None else _checked(type_.of_type, value, info)
        )
    if value is None:
        return None
    if isinstance(type_, GraphQLList):
        item_type = type_.of_type
        named = get_nullable_type(item_type)
        if isinstance(named, GraphQLObjectType) and is_map_entry(named):
            if not isinstance(value, dict):
                return _misfit(f"{coordinate} is {kind_of(value)}, not an object")
            return entries_of(value)
        if not isinstance(value, list):
            return _misfit(f"{coordinate} is {kind_of(value)}, not a list")
        return [_checked(item_type, item, info) for item in value]
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType):
        try:
            complete_leaf(LeafValue(type_), value, ("", ""))
        except UpstreamAnswer as error:
            return _misfit(error.reason)
    elif not isinstance(value, dict):
        return _misfit(f"{coordinate} is {kind_of(value)}, not an object")
    elif isinstance(binding := type_.extensions.get(EXTENSION), UnionBinding) and not binding.type_name(
        value
    ):
        return _misfit(f"an object fits no member of {type_.name}")
    return value


def _misfit(reason: str) -> GraphQLError:
    return GraphQLError(reason, extensions={"code": UpstreamAnswer.code})


def _located(answer: Any) -> Any:
    """An error as one that graphql-core places at the field or list item that it stands for."""
    if isinstance(answer, UpstreamError):
        return GraphQLError(answer.public_message, extensions=error_extensions(answer), original_error=answer)
    return answer
