"""Shapes to GraphQL output and input types."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    GraphQLUnionType,
)
from msgspec import UNSET

from ..catalog import (
    EnumShape,
    EnumValue,
    Field,
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
    UpstreamId,
)
from ..names import FieldName, TypeName, enum_value_name, field_name, type_name, unique
from .bindings import EXTENSION, LinkBinding, MapEntry, MemberBinding, UnionBinding, binding_of
from .defaults import default_value
from .generated import GeneratedEnum, GeneratedInput, GeneratedObject
from .name_book import NameBook
from .scalars import JSON, SCALARS, UPLOAD

RESERVED_TYPES: Final = ("Query", "Mutation", "Subscription", "Int", "Float", "String", "Boolean", "ID")

ExtraFields = Callable[[UpstreamId, ShapeName], dict[str, GraphQLField]]
"""Fields of an object beside its members: its links."""


def deprecation(reason: str | None) -> str | None:
    """The reason as GraphQL wants it: some text for whatever is deprecated."""
    return (reason or "No longer supported") if reason is not None else None


def field_names(names: Iterable[str]) -> dict[str, FieldName]:
    """Wire names to unique GraphQL names; a wire name that needs no change keeps its own."""
    wire = list(dict.fromkeys(names))
    taken = {name for name in wire if field_name(name) == name}
    found: dict[str, FieldName] = {}
    for name in wire:
        if name in taken:
            found[name] = FieldName(name)
            continue
        made = FieldName(unique(field_name(name), taken))
        taken.add(made)
        found[name] = made
    return found


class TypeBuilder:
    """Builds the GraphQL types of a catalog's shapes, each once.

    Names are given when a type is first needed, so the order of the calls decides who gets a contested
    name: call it in the order of the functions' ids.
    """

    def __init__(
        self,
        book: NameBook,
        extra_fields: ExtraFields,
        entities: Mapping[tuple[UpstreamId, ShapeName], LinkBinding],
        *,
        relaxed: Collection[str] = (),
    ) -> None:
        self._relaxed = frozenset(relaxed)
        self._book = book
        self._entities = entities
        self._extra_fields = extra_fields
        self._outputs: dict[tuple[UpstreamId, ShapeName], GraphQLOutputType] = {}
        self._inputs: dict[tuple[UpstreamId, ShapeName], GraphQLInputType] = {}
        self._entries: dict[str, GraphQLObjectType] = {}
        self._non_nulls: dict[int, GraphQLNonNull[Any]] = {}
        self._members: dict[str, dict[str, Any]] = {}
        self._entry_inputs: dict[str, GraphQLInputObjectType] = {}
        book.reserve("types", *RESERVED_TYPES, *(scalar.name for scalar in (*SCALARS.values(), JSON, UPLOAD)))

    # -- outputs

    def output(self, upstream: Upstream, type_: Type, *, nullable: bool | None = None) -> GraphQLOutputType:
        """The output type of a value at a position; non-null unless *type_* (or *nullable*) says otherwise."""
        found = self._output(upstream, type_)
        if upstream.id in self._relaxed or (type_.nullable if nullable is None else nullable):
            return found
        return self._non_null(found)

    def _output(self, upstream: Upstream, type_: Type) -> GraphQLOutputType:
        match type_:
            case Scalar():
                return SCALARS[type_.kind]
            case ListOf():
                return GraphQLList(self.output(upstream, type_.item))
            case MapOf():
                return GraphQLList(GraphQLNonNull(self._map_entry(self.output(upstream, type_.value))))
            case JsonType():
                return JSON
            case Reference():
                return self.output_shape(upstream, type_.shape)

    def output_shape(self, upstream: Upstream, name: ShapeName) -> GraphQLOutputType:
        """The output type of a shape; the ``JSON`` scalar for one that GraphQL cannot express."""
        at = (upstream.id, name)
        if at not in self._outputs:
            self._outputs[at] = JSON  # for a shape that refers to itself before it is known what it is
            self._outputs[at] = self._build_output(upstream, upstream.shapes.get(name))
        return self._outputs[at]

    def _build_output(self, upstream: Upstream, shape: Shape | None) -> GraphQLOutputType:
        match shape:
            case None:
                return JSON
            case EnumShape():
                return self._enum(upstream, shape)
            case ObjectShape():
                return self._object(upstream, shape)
            case UnionShape():
                return self._union(upstream, shape)

    def _object(self, upstream: Upstream, shape: ObjectShape) -> GraphQLOutputType:
        fields = [field for field in shape.fields if not field.write_only]
        if not fields:
            return JSON
        names = field_names(field.name for field in fields)

        def build_fields() -> dict[str, GraphQLField]:
            built = {str(names[field.name]): self._output_field(upstream, field) for field in fields}
            for name, extra in self._extra_fields(upstream.id, shape.name).items():
                if name not in built or _is_configured(extra):
                    built[name] = extra
            return built

        entity = self._entities.get((upstream.id, shape.name))

        return GeneratedObject(
            self._type_name(upstream, shape, "output"),
            build_fields,
            description=shape.description or None,
            extensions={EXTENSION: entity} if entity else None,
        )

    def _output_field(self, upstream: Upstream, field: Field) -> GraphQLField:
        nullable = field.type.nullable or not field.required
        return GraphQLField(
            self.output(upstream, field.type, nullable=nullable),
            description=field.description or None,
            deprecation_reason=deprecation(field.deprecated),
            extensions=self._member(field.name),
        )

    def _member(self, name: str) -> dict[str, Any]:
        """Extensions of a field that is the member called *name*; equal ones are shared."""
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = {EXTENSION: MemberBinding(name)}
        return found

    def _union(self, upstream: Upstream, shape: UnionShape) -> GraphQLOutputType:
        types: dict[ShapeName, GraphQLObjectType] = {}
        for member in _flat_members(upstream, shape):
            built = self.output_shape(upstream, member)
            if not isinstance(built, GraphQLObjectType):
                return JSON
            types[member] = built
        if not types:
            return JSON
        mapping: dict[str, str] = {name: built.name for name, built in types.items()}
        if shape.discriminator:
            mapping |= {v: types[s].name for v, s in shape.discriminator.mapping.items() if s in types}
        objects = {name: upstream.shapes[name] for name in types}
        default = shape.discriminator.default if shape.discriminator else ShapeName("")
        binding = UnionBinding(
            property=shape.discriminator.property if shape.discriminator else "",
            mapping=mapping,
            required={types[n].name: _member_names(o, required=True) for n, o in objects.items()},
            members={types[n].name: _member_names(o, required=False) for n, o in objects.items()},
            default=types[default].name if default in types else "",
        )
        return GraphQLUnionType(
            self._type_name(upstream, shape, "output"),
            list(dict.fromkeys(types.values())),
            resolve_type=lambda value, _info, _type: binding.type_name(value),
            description=shape.description or None,
            extensions={EXTENSION: binding},
        )

    def _map_entry(self, value: GraphQLOutputType) -> GraphQLObjectType:
        at = str(value)
        if at not in self._entries:
            inner, suffix = _named(value, "Entry")
            name = self._book.name(
                "types", f"entry {at}", f"{inner.name}{suffix}", f"{inner.name}Map{suffix}"
            )
            self._entries[at] = GraphQLObjectType(
                name,
                {
                    "key": GraphQLField(
                        GraphQLNonNull(GraphQLString), extensions={EXTENSION: MemberBinding("key")}
                    ),
                    "value": GraphQLField(value, extensions={EXTENSION: MemberBinding("value")}),
                },
                description="One member of an object whose member names are data.",
                extensions={EXTENSION: MapEntry()},
            )
        return self._entries[at]

    # -- inputs

    def input(self, upstream: Upstream, type_: Type, *, nullable: bool | None = None) -> GraphQLInputType:
        """The input type of a value at a position; non-null unless *type_* (or *nullable*) says otherwise."""
        found = self._input(upstream, type_)
        if type_.nullable if nullable is None else nullable:
            return found
        return self._non_null(found)

    def _non_null(self, type_: Any) -> GraphQLNonNull[Any]:
        """*type_* as a non-null type; of a named type there is but one."""
        if isinstance(type_, GraphQLList):
            return GraphQLNonNull(type_)
        found = self._non_nulls.get(id(type_))
        if found is None:
            found = self._non_nulls[id(type_)] = GraphQLNonNull(type_)
        return found

    def _input(self, upstream: Upstream, type_: Type) -> GraphQLInputType:
        match type_:
            case Scalar():
                return UPLOAD if type_.kind == "binary" else SCALARS[type_.kind]
            case ListOf():
                return GraphQLList(self.input(upstream, type_.item))
            case MapOf():
                return GraphQLList(GraphQLNonNull(self._entry_input(self.input(upstream, type_.value))))
            case JsonType():
                return JSON
            case Reference():
                at = (upstream.id, type_.shape)
                if at not in self._inputs:
                    self._inputs[at] = JSON
                    self._inputs[at] = self._build_input(upstream, upstream.shapes.get(type_.shape))
                return self._inputs[at]

    def _build_input(self, upstream: Upstream, shape: Shape | None) -> GraphQLInputType:
        match shape:
            case EnumShape():
                enum = self.output_shape(upstream, shape.name)
                return enum if isinstance(enum, GraphQLEnumType) else JSON
            case ObjectShape():
                return self._input_object(upstream, shape)
            case UnionShape():
                return self._one_of_input(upstream, shape)
            case None:
                return JSON

    def _one_of_input(self, upstream: Upstream, shape: UnionShape) -> GraphQLInputType:
        """A union as an input object of which exactly one field is given.

        Source: GraphQL specification, "OneOf Input Objects".
        """
        members = _flat_members(upstream, shape)
        names = field_names(members)

        def build_fields() -> dict[str, GraphQLInputField]:
            return {
                names[member]: GraphQLInputField(
                    self._input(upstream, Reference(shape=member)),
                    description=upstream.shapes[member].description or None,
                    out_name=member,
                )
                for member in members
            }

        if len(members) < 2 or not all(self._is_input_object(upstream, member) for member in members):
            return JSON
        return GraphQLInputObjectType(
            self._type_name(upstream, shape, "input"),
            build_fields,
            description=shape.description or None,
            is_one_of=True,
        )

    def _is_input_object(self, upstream: Upstream, name: ShapeName) -> bool:
        shape = upstream.shapes.get(name)
        return (
            isinstance(shape, ObjectShape)
            and any(not field.read_only for field in shape.fields)
            and not _requires_itself(upstream, shape)
        )

    def input_member_names(self, upstream: Upstream, shape: Shape) -> Mapping[str, str]:
        """GraphQL names of the members of *shape*'s input, by their wire names; none if it is JSON."""
        if not isinstance(self._inputs.get((upstream.id, shape.name)), GraphQLInputObjectType):
            return {}
        match shape:
            case ObjectShape():
                return field_names(field.name for field in shape.fields if not field.read_only)
            case UnionShape():
                return field_names(_flat_members(upstream, shape))
            case EnumShape():
                return {}

    def _entry_input(self, value: GraphQLInputType) -> GraphQLInputObjectType:
        at = str(value)
        if at not in self._entry_inputs:
            inner, suffix = _named(value, "Entry")
            base = inner.name.removesuffix("Input")
            name = self._book.name(
                "types", f"entry input {at}", f"{base}{suffix}Input", f"{base}Map{suffix}Input"
            )
            self._entry_inputs[at] = GraphQLInputObjectType(
                name,
                {
                    "key": GraphQLInputField(GraphQLNonNull(GraphQLString)),
                    "value": GraphQLInputField(value),
                },
                description="One member of an object whose member names are data.",
            )
        return self._entry_inputs[at]

    def _input_object(self, upstream: Upstream, shape: ObjectShape) -> GraphQLInputType:
        fields = [field for field in shape.fields if not field.read_only]
        if not fields or _requires_itself(upstream, shape):
            return JSON
        names = field_names(field.name for field in fields)

        def build_fields() -> dict[str, GraphQLInputField]:
            return {names[field.name]: self._input_field(upstream, field) for field in fields}

        return GeneratedInput(
            self._type_name(upstream, shape, "input"),
            build_fields,
            description=shape.description or None,
            is_one_of=shape.exclusive,
        )

    def _input_field(self, upstream: Upstream, field: Field) -> GraphQLInputField:
        required = field.required and field.default is UNSET and not field.type.nullable
        return GraphQLInputField(
            self.input(upstream, field.type, nullable=not required),
            default_value=default_value(upstream, field.type, field.default),
            description=field.description or None,
            deprecation_reason=None if required else deprecation(field.deprecated),
            out_name=field.name,
        )

    # -- shared

    def _enum(self, upstream: Upstream, shape: EnumShape) -> GraphQLOutputType:
        values: dict[str, GraphQLEnumValue] = {}
        for name, value in _enum_values(shape).items():
            values[name] = GraphQLEnumValue(
                value.value,
                description=value.description or None,
                deprecation_reason=deprecation(value.deprecated),
            )
        if not values:
            return JSON
        return GeneratedEnum(
            self._type_name(upstream, shape, "output"), values, description=shape.description or None
        )

    def _type_name(self, upstream: Upstream, shape: Shape, role: str) -> TypeName:
        name: str = type_name(shape.name)
        prefixed = type_name(upstream.id) + name
        candidates: tuple[str, ...] = (name, prefixed)
        if role == "input":
            candidates = (f"{name}Input", f"{prefixed}Input")
            if name.endswith("Input"):
                candidates = (name, *candidates)
        return TypeName(self._book.name("types", f"{role} {upstream.id}/{shape.name}", *candidates))


def _named(type_: Any, suffix: str) -> tuple[Any, str]:
    """The named type within *type_*, and *suffix* with a ``List`` before it for each list around that."""
    while not hasattr(type_, "name"):
        suffix = ("List" if isinstance(type_, GraphQLList) else "") + suffix
        type_ = type_.of_type
    return type_, suffix


def _is_configured(field: GraphQLField) -> bool:
    """Whether *field* is a link that somebody asked for; it may stand in the place of a member."""
    binding = binding_of(field)
    return isinstance(binding, LinkBinding) and binding.link.origin == "configured"


def _enum_values(shape: EnumShape) -> dict[str, EnumValue]:
    """The values by their GraphQL names; one whose own name is legal keeps it, and none stands twice."""
    named: dict[tuple[type, str | int | float], tuple[str, EnumValue]] = {}
    for value in shape.values:
        # JSON's words, not Python's: true, not True.
        text = str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
        named.setdefault((type(value.value), value.value), (value.name or text, value))
    taken = {text for text, _ in named.values() if enum_value_name(text) == text}
    found: dict[str, EnumValue] = {}
    for text, value in named.values():
        name = text if text in taken and text not in found else unique(enum_value_name(text), taken)
        taken.add(name)
        found[name] = value
    return found


def _flat_members(upstream: Upstream, shape: UnionShape) -> list[ShapeName]:
    """Members of a union, those of member unions in their place."""
    found: dict[ShapeName, None] = {}
    seen = {shape.name}
    waiting = list(reversed(shape.members))
    while waiting:
        name = waiting.pop()
        member = upstream.shapes.get(name)
        if isinstance(member, UnionShape):
            if name not in seen:
                seen.add(name)
                waiting.extend(reversed(member.members))
        else:
            found[name] = None
    return list(found)


def _member_names(shape: Shape, *, required: bool) -> frozenset[str]:
    if not isinstance(shape, ObjectShape):
        return frozenset()
    return frozenset(f.name for f in shape.fields if not f.write_only and (f.required or not required))


def _requires_itself(upstream: Upstream, shape: ObjectShape) -> bool:
    """Whether an input of *shape* would need an infinite value.

    Source: GraphQL specification, "Input Objects", "Circular References".
    """
    seen: set[ShapeName] = set()
    waiting = [shape]
    while waiting:
        for field in waiting.pop().fields:
            if not field.required or field.read_only or field.default is not UNSET:
                continue
            if not isinstance(field.type, Reference) or field.type.nullable:
                continue
            if field.type.shape == shape.name:
                return True
            inner = upstream.shapes.get(field.type.shape)
            if isinstance(inner, ObjectShape) and inner.name not in seen:
                seen.add(inner.name)
                waiting.append(inner)
    return False
