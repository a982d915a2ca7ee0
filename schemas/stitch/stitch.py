"""Catalog and links to one schema of graphql-core types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLDirective,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLStreamDirective,
    GraphQLString,
    introspection_types,
    specified_directives,
    validate_schema,
)

from ..catalog import Catalog, GrpcBinding, ShapeName, UpstreamId
from ..collecting import without_collections
from ..errors import SchemaError
from ..links import Link, Weave
from .bindings import FieldBinding, binding_of
from .name_book import NameBook
from .root_fields import RootFields, bind_link, build_link_field, build_root_field, sort_key
from .types import TypeBuilder

if TYPE_CHECKING:
    import strawberry


@dataclass(frozen=True)
class Stitched:
    """One GraphQL schema over a catalog.

    Attributes:
        schema: graphql-core types; every generated field carries its binding.
        catalog: What it was built from.
        weave: The links in it.
        names: Every name given, for the lock file.
    """

    schema: GraphQLSchema
    catalog: Catalog
    weave: Weave
    names: Mapping[str, str]

    @cached_property
    def bindings(self) -> dict[str, FieldBinding]:
        """Binding by schema coordinate, such as ``Product.stock``."""
        found: dict[str, FieldBinding] = {}
        for name, type_ in self.schema.type_map.items():
            if isinstance(type_, GraphQLObjectType) and name not in introspection_types:
                for field_name, field in type_.fields.items():
                    if binding := binding_of(field):
                        found[f"{name}.{field_name}"] = binding
        return found


@without_collections
def stitch(
    catalog: Catalog,
    weave: Weave,
    *,
    locked: Mapping[str, str] | None = None,
    handwritten: strawberry.Schema | None = None,
    relaxed: Collection[str] = (),
    namespaces: Collection[str] = (),
) -> Stitched:
    """Weave *catalog* into one GraphQL schema.

    Args:
        catalog: The functions.
        weave: The links between them.
        locked: Names given before, from the lock file; they are given again.
        handwritten: A Strawberry schema that is merged in.
        relaxed: Upstreams whose output fields are all nullable, whatever their descriptions say.
        namespaces: Upstreams whose reads and writes stand in a namespace: ``{ orders { order } }``.

    Raises:
        StitchConflict: The hand-written schema defines what is generated too.
        SchemaError: The result is no valid GraphQL schema; a fault of Weft, for whatever cannot be
            expressed becomes ``JSON``.
    """
    book = NameBook(locked)
    links: dict[tuple[UpstreamId, ShapeName], list[Link]] = {}
    for link in weave.links:
        links.setdefault((link.upstream, link.shape), []).append(link)

    def link_fields(upstream: UpstreamId, shape: ShapeName) -> dict[str, GraphQLField]:
        return {
            link.field: build_link_field(types, catalog, link) for link in links.get((upstream, shape), ())
        }

    entities = {(link.upstream, link.shape): bind_link(catalog, link) for link in weave.entities}
    types = TypeBuilder(book, link_fields, entities, relaxed=relaxed)
    shown = (function for function in catalog.functions.values() if not function.hidden)
    functions = sorted(shown, key=sort_key)
    roots = RootFields(book, {UpstreamId(name) for name in namespaces})
    roots.reserve(functions)
    for function in functions:
        upstream = catalog.upstreams_by_id[function.upstream]
        roots.add(function, build_root_field(types, upstream, function))
    query, mutation, subscription = roots.type("Query"), roots.type("Mutation"), roots.type("Subscription")
    if query is None:
        # GraphQL specification, "Root Operation Types": Query must be an object type with a field.
        query = GraphQLObjectType("Query", {"weftVersion": _version_field()})
    schema = GraphQLSchema(query, mutation, subscription, directives=specified_directives)
    if handwritten is not None:
        from .handwritten import merge_handwritten  # it brings Strawberry, which takes 0.1 s to import

        schema = merge_handwritten(schema, handwritten)
    if any(isinstance(one.binding, GrpcBinding) and one.binding.first for one in functions):
        schema = _with_directives(schema, (*schema.directives, GraphQLStreamDirective))
    problems = validate_schema(schema)
    if problems:
        raise SchemaError("; ".join(problem.message for problem in problems[:10]))
    return Stitched(schema, catalog, weave, book.entries)


def without_stream(schema: GraphQLSchema) -> GraphQLSchema:
    """*schema*, of the same types, without the directive ``@stream``, which ``graphql.execute`` refuses."""
    kept = tuple(one for one in schema.directives if one is not GraphQLStreamDirective)
    return schema if len(kept) == len(schema.directives) else _with_directives(schema, kept)


def _with_directives(schema: GraphQLSchema, directives: tuple[GraphQLDirective, ...]) -> GraphQLSchema:
    kwargs: Any = {**schema.to_kwargs(), "directives": directives}
    return GraphQLSchema(**kwargs)


def _version_field() -> GraphQLField:
    return GraphQLField(
        GraphQLNonNull(GraphQLString),
        resolve=lambda _source, _info: "no upstream has been read yet",
        description="Stands here while no upstream has been read.",
    )
