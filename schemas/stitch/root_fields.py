"""Functions to fields of Query, Mutation and Subscription, and links to fields of objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, Literal, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
)
from msgspec import UNSET

from ..catalog import Argument, Catalog, Function, ListOf, ObjectShape, Reference, Type, Upstream, UpstreamId
from ..links import Link
from ..names import camel_case, type_name, words
from .arguments import ARGUMENTS, ArgumentRules
from .bindings import EXTENSION, LinkBinding, NamespaceBinding, RootBinding
from .defaults import default_value
from .generated import field_of
from .name_book import NameBook
from .types import TypeBuilder, deprecation, field_names

RootName: TypeAlias = Literal["Query", "Mutation", "Subscription"]

_SILENT_VERBS: Final = frozenset({"describe", "fetch", "find", "get", "list", "load", "read", "retrieve"})
"""Verbs that a field of Query does without: ``listOrders`` becomes ``orders``."""


def root_of(function: Function) -> RootName:
    """The root type that *function* is a field of."""
    if function.streaming in {"server", "both"}:
        return "Subscription"
    return "Query" if function.effect == "read" and function.streaming == "none" else "Mutation"


def root_field_names(function: Function) -> tuple[str, ...]:
    """Names for the field of *function*, the best first."""
    operation = function.name.rpartition(".")[2]
    full = camel_case(function.name if "." not in function.name else operation) or "function"
    found = words(operation)
    names = [full, camel_case(f"{function.name}"), camel_case(f"{function.upstream}_{function.name}")]
    if root_of(function) == "Query" and len(found) > 1 and found[0] in _SILENT_VERBS:
        names.insert(0, camel_case("_".join(found[1:])))
    return tuple(dict.fromkeys(name for name in names if name))


def arguments_of(
    types: TypeBuilder, upstream: Upstream, arguments: tuple[Argument, ...]
) -> dict[str, GraphQLArgument]:
    """Arguments of a function as those of a field. Their ``out_name`` is the function's own name for them."""
    names = field_names(argument.name for argument in arguments)
    return {
        names[argument.name]: GraphQLArgument(
            types.input(upstream, argument.type, nullable=not is_required(argument)),
            default_value=default_value(upstream, argument.type, argument.default),
            description=argument.description or None,
            deprecation_reason=None if is_required(argument) else deprecation(argument.deprecated),
            out_name=argument.name,
        )
        for argument in arguments
    }


def _rules(types: TypeBuilder, upstream: Upstream, arguments: tuple[Argument, ...]) -> ArgumentRules:
    names = field_names(argument.name for argument in arguments)
    return ArgumentRules(upstream, arguments, names, types.input_member_names)


def is_required(argument: Argument) -> bool:
    """Whether a field's caller must give *argument*."""
    return argument.required and argument.default is UNSET and not argument.type.nullable


def build_root_field(types: TypeBuilder, upstream: Upstream, function: Function) -> GraphQLField:
    """The field that calls *function*. It is nullable: an upstream may fail, and its siblings go on."""
    void = function.result is None
    result: GraphQLOutputType = GraphQLBoolean
    if function.result is not None:
        result = types.output(upstream, function.result, nullable=True)
    return field_of(
        result,
        arguments_of(types, upstream, function.arguments),
        description=function.description or None,
        deprecation_reason=deprecation(function.deprecated),
        extensions={
            EXTENSION: RootBinding(function, void=void),
            ARGUMENTS: _rules(types, upstream, function.arguments),
        },
    )


def build_link_field(types: TypeBuilder, catalog: Catalog, link: Link) -> GraphQLField:
    """The field of *link*: nullable, or a list of what its keys lead to."""
    function = catalog.functions[link.target]
    upstream = catalog.upstreams_by_id[function.upstream]
    result = _linked_type(types, upstream, function, link)
    arguments: tuple[Argument, ...] = ()
    if link.bulk is None or (link.bulk.many and link.function is None):
        keys = {key.argument for key in link.keys}
        if link.bulk is not None:
            keys.add(link.bulk.size_argument)
        arguments = tuple(a for a in function.arguments if a.name not in keys)
    return field_of(
        GraphQLList(result) if link.each else result,
        arguments_of(types, upstream, arguments),
        description=_link_description(link, function),
        deprecation_reason=deprecation(function.deprecated),
        extensions={EXTENSION: bind_link(catalog, link), ARGUMENTS: _rules(types, upstream, arguments)},
    )


def bind_link(catalog: Catalog, link: Link) -> LinkBinding:
    """*link* with its functions."""
    bulk = catalog.functions[link.bulk.function] if link.bulk else None
    return LinkBinding(link, catalog.functions[link.target], bulk)


def _linked_type(types: TypeBuilder, upstream: Upstream, function: Function, link: Link) -> GraphQLOutputType:
    result = function.result
    if link.function is None:
        assert link.bulk is not None
        items = _items_type(upstream, result, link.bulk.items)
        result = items if link.bulk.many else items.item
    if result is None:
        return GraphQLBoolean
    return types.output(upstream, result, nullable=True)


def _items_type(upstream: Upstream, result: Type | None, items: tuple[str, ...]) -> ListOf:
    """The type of the items of a bulk function's answer."""
    for step in items:
        shape = upstream.shapes.get(result.shape) if isinstance(result, Reference) else None
        assert isinstance(shape, ObjectShape)
        result = next(field.type for field in shape.fields if field.name == step)
    assert isinstance(result, ListOf)
    return result


def _link_description(link: Link, function: Function) -> str:
    keys = ", ".join(f"{key.argument} from {key.member}" for key in link.keys)
    return f"Answered by {function.id} ({keys})."


class RootFields:
    """Collects the fields of the three root types, those of some upstreams in a namespace of their own."""

    def __init__(self, book: NameBook, namespaced: Collection[UpstreamId]) -> None:
        self._book = book
        self._namespaced = namespaced
        self._fields: dict[RootName, dict[str, GraphQLField]] = {
            "Query": {},
            "Mutation": {},
            "Subscription": {},
        }
        self._namespaces: dict[tuple[RootName, UpstreamId], dict[str, GraphQLField]] = {}

    def reserve(self, functions: Iterable[Function]) -> None:
        """Give the namespaces that hold some of *functions* their names; it comes before any other name is given."""
        for function in functions:
            root = root_of(function)
            if function.upstream not in self._namespaced or root == "Subscription":
                continue  # a subscription has one root field, which is the stream
            if (root, function.upstream) not in self._namespaces:
                fields = self._namespaces[root, function.upstream] = {}
                self._fields[root][self._name(root, function.upstream)] = self._namespace(
                    root, function.upstream, fields
                )

    def add(self, function: Function, field: GraphQLField) -> None:
        """Put *field* where it belongs, under a name that is kept from one build to the next."""
        root = root_of(function)
        fields = self._namespaces.get((root, function.upstream))
        scope = root if fields is None else f"{root}.{function.upstream}"
        name = self._book.name(scope, function.id, *root_field_names(function))
        (self._fields[root] if fields is None else fields)[name] = field

    def type(self, root: RootName) -> GraphQLObjectType | None:
        """The root type; ``None`` if it has no field."""
        fields = self._fields[root]
        return GraphQLObjectType(root, dict(sorted(fields.items()))) if fields else None

    def _name(self, root: RootName, upstream: UpstreamId) -> str:
        return self._book.name(root, f"namespace {upstream}", camel_case(upstream))

    def _namespace(
        self, root: RootName, upstream: UpstreamId, fields: dict[str, GraphQLField]
    ) -> GraphQLField:
        name = self._book.name("types", f"namespace {root} {upstream}", f"{type_name(upstream)}{root}")
        kind = {"Query": "reads", "Mutation": "writes"}[root]
        type_ = GraphQLObjectType(
            name, lambda: dict(sorted(fields.items())), description=f"The {kind} of {upstream}."
        )
        return GraphQLField(
            GraphQLNonNull(type_),
            description=f"The {kind} of {upstream}.",
            extensions={EXTENSION: NamespaceBinding(upstream)},
        )


def sort_key(function: Function) -> tuple[bool, str, str]:
    """Order in which functions take their names: streams last, then by id."""
    return (function.streaming != "none", function.upstream, function.name)
