"""The same schema for graphql-core: resolvers on the generated fields.

Operations that hold hand-written fields, or that ask for introspection, are executed by graphql-core. The
generated fields in them are resolved here: by the same calls, batched by the same DataLoaders.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)

from ...schemas.errors import UpstreamAnswer, UpstreamError
from ...schemas.stitch import LinkBinding, MemberBinding, RootBinding, binding_of
from ...schemas.stitch.bindings import is_map_entry, map_entries
from ..errors import error_extensions
from .calls import Calls
from .keys import BadKey, Key, converter_for
from .loaders import Loaders


class Running:
    """What the resolvers of one execution share."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.loaders = Loaders(calls)


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
            field.resolve = _member_resolver(member, entries=is_map_entry(get_named_type(field.type)))
        case RootBinding() as root if root.function.streaming in {"server", "both"}:
            field.subscribe = _stream_resolver(root)
            field.resolve = _resolve_event
        case RootBinding() as root:
            field.resolve = _root_resolver(root)
        case LinkBinding() as link:
            field.resolve = _link_resolver(link)
        case None:
            return


def _member_resolver(binding: MemberBinding, *, entries: bool) -> GraphQLFieldResolver:
    name = binding.member

    def resolve(source: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if not isinstance(source, dict):
            raise GraphQLError(
                f"{info.parent_type.name} is no object", extensions={"code": UpstreamAnswer.code}
            )
        value = source.get(name)
        return _in_lists(value) if entries else value

    return resolve


def _in_lists(value: Any) -> Any:
    return [_in_lists(item) for item in value] if isinstance(value, list) else map_entries(value)


def _root_resolver(binding: RootBinding) -> GraphQLFieldResolver:
    async def resolve(_source: Any, _info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        answer = _raised(await RUNNING.get().calls.call(binding.function, arguments))
        return True if binding.void else answer

    return resolve


def _stream_resolver(binding: RootBinding) -> GraphQLFieldResolver:
    def subscribe(_source: Any, _info: GraphQLResolveInfo[Any], **arguments: Any) -> AsyncIterator[Any]:
        return RUNNING.get().calls.stream(binding.function, arguments)

    return subscribe


def _resolve_event(source: Any, _info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    return _raised(source)


def _link_resolver(binding: LinkBinding) -> GraphQLFieldResolver:
    link = binding.link
    batched = binding.bulk is not None
    function = binding.bulk or binding.function
    names = [link.bulk.argument] if link.bulk and batched else [key.argument for key in link.keys]
    convert = [converter_for(function.argument(name)) for name in names]

    async def load(keys: list[Key], arguments: Mapping[str, Any]) -> dict[Key, Any]:
        loaders = RUNNING.get().loaders
        return await loaders.load(link, function, keys, arguments, batched=batched)

    async def resolve(source: Any, _info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        values = [source.get(key.member) for key in link.keys]
        try:
            if link.each:
                if not isinstance(values[0], list):
                    return None
                keys: list[Key] = [convert[0](value) for value in values[0] if value is not None]
                found = await load(list(dict.fromkeys(keys)), arguments)
                return [_located(found[key]) for key in keys]
            if any(value is None for value in values):
                return None
            parts = tuple(one(value) for one, value in zip(convert, values, strict=True))
        except BadKey as error:
            raise _located(UpstreamAnswer(function.upstream, function.id, reason=str(error))) from error
        key: Key = parts[0] if len(parts) == 1 else parts
        return _raised((await load([key], arguments))[key])

    return resolve


def _located(answer: Any) -> Any:
    """An error as one that graphql-core places at the field or list item that it stands for."""
    if isinstance(answer, UpstreamError):
        return GraphQLError(answer.public_message, extensions=error_extensions(answer), original_error=answer)
    return answer


def _raised(answer: Any) -> Any:
    located = _located(answer)
    if isinstance(located, GraphQLError):
        raise located
    return located
