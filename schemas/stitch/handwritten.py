"""A hand-written Strawberry schema, merged into the generated one.

- Fields of its Query, Mutation and Subscription are added to ours.
- A type of the same name as a generated one extends it: fields with a resolver are added; fields without
  one say what the resolvers read, and are filled from the upstream's object. A resolver may return an
  instance of such a class that holds no more than its key: the rest is loaded when it is asked for.
- All its other types are taken as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    introspection_types,
    is_specified_scalar_type,
)
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from ..errors import StitchConflict
from .bindings import ATTRIBUTES, MemberBinding, binding_of

_DEFINITION = "strawberry-definition"
_T = TypeVar("_T")


def merge_handwritten(generated: GraphQLSchema, handwritten: strawberry.Schema) -> GraphQLSchema:
    """One schema of both. The generated types are extended in place; the hand-written ones are copied.

    Raises:
        StitchConflict: Both define a field, or a type that cannot be extended.
    """
    return _Merger(generated, handwritten._schema).merge()  # noqa: SLF001 - Strawberry has no other way to it


class _Merger:
    def __init__(self, generated: GraphQLSchema, handwritten: GraphQLSchema) -> None:
        self._generated = generated
        self._handwritten = handwritten
        self._types: dict[str, GraphQLNamedType] = dict(generated.type_map)
        self._roots = {
            root.name: ours
            for root, ours in (
                (handwritten.query_type, "Query"),
                (handwritten.mutation_type, "Mutation"),
                (handwritten.subscription_type, "Subscription"),
            )
            if root is not None
        }

    def merge(self) -> GraphQLSchema:
        theirs = {
            name: type_
            for name, type_ in self._handwritten.type_map.items()
            if name not in introspection_types and not is_specified_scalar_type(type_)
        }
        for name, type_ in theirs.items():
            ours = self._roots.get(name, name)
            if ours not in self._types:
                self._types[ours] = self._copy(type_, ours)
        for name, type_ in theirs.items():
            ours = self._roots.get(name, name)
            existing = self._generated.type_map.get(ours)
            if isinstance(existing, GraphQLScalarType) and isinstance(type_, GraphQLScalarType):
                continue  # ours stands; arguments of hand-written fields are parsed by theirs as well
            if existing is not None:
                self._extend(existing, type_)
        return GraphQLSchema(
            query=self._root("Query"),
            mutation=self._root("Mutation"),
            subscription=self._root("Subscription"),
            types=[t for n, t in self._types.items() if n not in introspection_types],
            directives=self._handwritten.directives,
            extensions=dict(self._handwritten.extensions),
        )

    def _root(self, name: str) -> GraphQLObjectType | None:
        found = self._types.get(name)
        return found if isinstance(found, GraphQLObjectType) else None

    # -- hand-written types that are new

    def _copy(self, type_: GraphQLNamedType, name: str) -> GraphQLNamedType:
        kwargs: Any = {**type_.to_kwargs(), "name": name}
        if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType) and type_.resolve_type is not None:
            kwargs["resolve_type"] = _with_original(type_.resolve_type, type_)
        match type_:
            case GraphQLObjectType() | GraphQLInterfaceType():
                kwargs["fields"] = lambda: {n: self._field(f) for n, f in type_.fields.items()}
                kwargs["interfaces"] = lambda: [self._named(i) for i in type_.interfaces]
                return type(type_)(**kwargs)
            case GraphQLUnionType():
                kwargs["types"] = lambda: [self._named(t) for t in type_.types]
                return GraphQLUnionType(**kwargs)
            case GraphQLInputObjectType():
                kwargs["fields"] = lambda: {n: self._input_field(f) for n, f in type_.fields.items()}
                return GraphQLInputObjectType(**kwargs)
            case _:
                return type_

    def _input_field(self, field: GraphQLInputField) -> GraphQLInputField:
        kwargs: Any = {**field.to_kwargs(), "type_": self._type(field.type)}
        return GraphQLInputField(**kwargs)

    def _field(self, field: GraphQLField, **changed: Any) -> GraphQLField:
        kwargs: Any = {
            **field.to_kwargs(),
            "type_": self._type(field.type),
            "args": {name: self._argument(argument) for name, argument in field.args.items()},
            **changed,
        }
        parsers = {
            argument.out_name or name: scalar.coerce_input_value
            for name, argument in field.args.items()
            if (scalar := get_named_type(argument.type)) is not self._named(scalar)
            and isinstance(scalar, GraphQLScalarType)
        }
        if parsers and kwargs["resolve"] is not None:
            kwargs["resolve"] = _with_parsed(kwargs["resolve"], parsers)
        return GraphQLField(**kwargs)

    def _argument(self, argument: GraphQLArgument) -> GraphQLArgument:
        kwargs: Any = {**argument.to_kwargs(), "type_": self._type(argument.type)}
        return GraphQLArgument(**kwargs)

    def _type(self, type_: Any) -> Any:
        match type_:
            case GraphQLNonNull():
                return GraphQLNonNull(self._type(type_.of_type))
            case GraphQLList():
                return GraphQLList(self._type(type_.of_type))
            case _:
                return self._named(type_)

    def _named(self, type_: Any) -> Any:
        return self._types.get(type_.name, type_)

    # -- types that both have

    def _extend(self, ours: GraphQLNamedType, theirs: GraphQLNamedType) -> None:
        is_root = theirs.name in self._roots
        if not (isinstance(ours, GraphQLObjectType) and isinstance(theirs, GraphQLObjectType)):
            raise StitchConflict(
                theirs.name, ("generated", "hand-written"), "only object types can be extended"
            )
        if theirs.interfaces:
            interfaces = (*ours.interfaces, *(self._named(interface) for interface in theirs.interfaces))
            ours.interfaces = interfaces  # pyright: ignore[reportAttributeAccessIssue]  # cached, and so settable
        convert = None if is_root else _instance_maker(ours, theirs)
        for name, field in theirs.fields.items():
            definition = field.extensions.get(_DEFINITION)
            resolved = isinstance(definition, StrawberryField) and definition.base_resolver is not None
            coordinate = f"{ours.name}.{name}"
            if not resolved and not is_root:
                if name not in ours.fields:
                    reason = "the hand-written type reads a field that the generated one does not have"
                    raise StitchConflict(coordinate, ("hand-written schema",), reason)
                continue
            if name in ours.fields:
                raise StitchConflict(coordinate, ("generated", "hand-written"), "both define the field")
            if convert is None or field.resolve is None:
                ours.fields[name] = self._field(field)
            else:
                ours.fields[name] = self._field(field, resolve=_with_instance(field.resolve, convert))


def _with_instance(resolve: Callable[..., _T], convert: Callable[[Any], Any]) -> Callable[..., _T]:
    def resolve_with_instance(source: Any, info: Any, **arguments: Any) -> _T:
        return resolve(convert(source), info, **arguments)

    return resolve_with_instance


def _with_original(
    resolve_type: Callable[..., _T], original: GraphQLUnionType | GraphQLInterfaceType
) -> Callable[..., _T]:
    """*resolve_type* for the copy of *original*: Strawberry looks for the type among the original's."""

    def resolve_with_original(value: Any, info: Any, _copy: Any) -> _T:
        return resolve_type(value, info, original)

    return resolve_with_original


def _with_parsed(
    resolve: Callable[..., _T], parsers: Mapping[str, Callable[[Any], Any]]
) -> Callable[..., _T]:
    """*resolve*, with arguments that its own scalars parsed: Strawberry's ``Date`` gives a ``date``."""

    def parse(value: Any, parser: Callable[[Any], Any]) -> Any:
        if isinstance(value, list):
            return [parse(item, parser) for item in value]
        return None if value is None else parser(value)

    def resolve_with_parsed(source: Any, info: Any, **arguments: Any) -> _T:
        parsed = {n: parse(v, parsers[n]) if n in parsers else v for n, v in arguments.items()}
        return resolve(source, info, **parsed)

    return resolve_with_parsed


def _instance_maker(ours: GraphQLObjectType, theirs: GraphQLObjectType) -> Callable[[Any], Any]:
    """How an upstream's object becomes an instance of the hand-written class."""
    definition = theirs.extensions.get(_DEFINITION)
    assert isinstance(definition, StrawberryObjectDefinition)
    origin = definition.origin
    readers: list[tuple[str, str, Any]] = []
    attributes: dict[str, str] = {}
    for name, field in theirs.fields.items():
        strawberry_field = field.extensions.get(_DEFINITION)
        if not isinstance(strawberry_field, StrawberryField) or strawberry_field.base_resolver is not None:
            continue
        generated = ours.fields.get(name)
        binding = binding_of(generated) if generated else None
        if isinstance(binding, MemberBinding):
            attributes[binding.member] = strawberry_field.python_name
            annotation = strawberry_field.type_annotation
            wanted = annotation.annotation if annotation else None
            readers.append((strawberry_field.python_name, binding.member, wanted))
    ours.extensions[ATTRIBUTES] = attributes
    others = [f.name for f in dataclasses.fields(origin) if f.name not in {r[0] for r in readers}]

    def make(source: Any) -> Any:
        if not isinstance(source, dict):
            return source
        instance = object.__new__(origin)
        for name in others:
            setattr(instance, name, None)
        for python_name, member, wanted in readers:
            setattr(instance, python_name, _as_wanted(source.get(member), wanted))
        return instance

    return make


def _as_wanted(value: Any, wanted: Any) -> Any:
    """*value* as the class annotates it (a ``datetime``, an enum), or as it is where that cannot be."""
    if value is None or wanted is None or isinstance(wanted, str):
        return value
    try:
        return msgspec.convert(value, wanted, strict=False)
    except (msgspec.ValidationError, TypeError):
        return value
