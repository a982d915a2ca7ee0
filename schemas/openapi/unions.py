"""Unions: ``oneOf`` and ``anyOf``, and lists of types, as one type.

Objects become a `UnionShape`; null becomes nullability; kindred scalars become the one that holds them all.
What is left, such as a string or an object, becomes JSON with a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..catalog import (
    Discriminator,
    EnumShape,
    EnumValue,
    Json,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ScalarKind,
    ShapeName,
    Type,
    UnionShape,
)
from .composition import View, leaves_of, only_null
from .enums import stated_values
from .naming import member_name
from .references import Node, given_name, object_of, pointer_token, says_type, text_of
from .scalars import widest

if TYPE_CHECKING:
    from .shapes import ShapeReader


class Unions:
    """Finds the types of schemas with variants, for a `ShapeReader`."""

    def __init__(self, reader: ShapeReader) -> None:
        self._reader = reader

    def type_of(self, view: View, pointer: str, name: str) -> Type | None:
        """The type of a view with ``oneOf`` or ``anyOf``; ``None`` if its variants add nothing to its own words."""
        if not any("oneOf" in leaf.value or "anyOf" in leaf.value for leaf in view.leaves):
            return None
        nullable = view.nullable
        groups: list[list[Node]] = []
        for leaf in view.leaves:
            for keyword in ("oneOf", "anyOf"):
                variants, null = self._variants(leaf, keyword, pointer)
                nullable = nullable or null
                if variants:
                    groups.append(variants)
        base = _without_variants(view)
        own = any(says_type(leaf.value) for leaf in base.leaves)
        has_members = any(object_of(leaf.value.get("properties")) for leaf in base.leaves)
        if own:
            groups = [
                kept for group in groups if (kept := [node for node in group if _adds_type(node.value)])
            ]
        found: Type | None
        if not groups:
            if not nullable or own:
                return None
            found = JsonType()
        elif len(groups) > 1:
            if has_members:
                return None
            self._reader.warnings.add(
                "several-unions", pointer, "several unions at once; they are read as JSON"
            )
            found = JsonType(reason="several unions at once")
        elif len(groups[0]) == 1:
            found = self._one(base, own, groups[0][0], pointer, name)
        elif (values := _constants(groups[0])) is not None:
            found = self._enum(values, view, pointer, name)
        else:
            found = self._several(base, has_members, groups[0], view, pointer, name)
        return replace(found, nullable=True) if nullable and not found.nullable else found

    def of_types(self, types: Sequence[Type], pointer: str) -> Type:
        """One type for a value that is of one of *types*; JSON where there is none."""
        reader = self._reader
        nullable = any(type_.nullable for type_ in types)
        distinct: list[Type] = []
        for type_ in types:
            plain = replace(type_, nullable=False, constraints=None)
            if plain not in distinct:
                distinct.append(plain)
        if len(distinct) == 1:
            return types[0] if len(types) == 1 else replace(distinct[0], nullable=nullable)
        kinds: set[ScalarKind] = set()
        for type_ in distinct:
            if isinstance(type_, Scalar):
                kinds.add(type_.kind)
            elif isinstance(type_, Reference) and isinstance(
                shape := reader.shapes.get(type_.shape), EnumShape
            ):
                # An open enum is written as the enum or any string: any string it is.
                kinds |= {_kind_of(value.value) for value in shape.values}
            else:
                break
        else:
            kind = widest(kinds)
            if kind is not None:
                return Scalar(kind=kind, nullable=nullable)
        if all(isinstance(type_, ListOf) for type_ in distinct):
            items = [type_.item for type_ in distinct if isinstance(type_, ListOf)]
            return ListOf(item=self.of_types(items, pointer), nullable=nullable)
        if any(isinstance(type_, JsonType) and not type_.reason for type_ in distinct):
            return JsonType(nullable=nullable)
        words = sorted({_word(type_) for type_ in distinct})
        reason = (
            f"a value is one of {', '.join(words)}" if len(words) > 1 else f"its variants differ ({words[0]})"
        )
        reader.warnings.add("mixed-union", pointer, f"{reason}; it is read as JSON")
        return JsonType(nullable=nullable, reason=reason)

    def _variants(self, leaf: Node, keyword: str, pointer: str) -> tuple[list[Node], bool]:
        """The variants that say a type, and whether null is one."""
        stated = leaf.value.get(keyword)
        if not isinstance(stated, list):
            return [], False
        found: list[Node] = []
        null = False
        for at, variant in enumerate(stated):
            place = f"{leaf.pointer}/{keyword}/{at}"
            if variant is True:
                variant = {}
            target = self._reader.references.step(variant, place)
            if target is None:
                found.append(Node({"$ref": "#/"} if not isinstance(variant, dict) else variant, place))
                continue
            if leaf.pointer != pointer and (
                target.pointer == pointer or self._reader.is_open(target.pointer)
            ):
                # The base lists its subtypes, and this is one of them: for it the list says nothing.
                return [], False
            if only_null(target.value):
                null = True
            elif target.pointer != pointer:
                found.append(
                    Node(target.value, target.pointer)
                    if target.pointer != place
                    else Node(target.value, place)
                )
        return [node for node in found if _adds_type(node.value) or not _only_requires(node.value)], null

    def _one(self, base: View, own: bool, variant: Node, pointer: str, name: str) -> Type:
        reader = self._reader
        if not own:
            return reader.type_of_nodes([variant], name)
        leaves = [*base.leaves, *leaves_of([variant], reader.references, reader.warnings)]
        return reader.read_view(View(leaves), pointer, name)

    def _enum(self, values: tuple[EnumValue, ...], view: View, pointer: str, name: str) -> Reference:
        """An enum whose values are constants of their own, which is how 3.1 gives each its description."""
        shape = self._reader.name_for(pointer, name)
        self._reader.shapes[shape] = EnumShape(
            name=shape, values=values, description=text_of(view, "description")
        )
        return Reference(shape=shape)

    def _several(
        self, base: View, has_members: bool, variants: list[Node], view: View, pointer: str, name: str
    ) -> Type:
        reader = self._reader
        types: list[Type] = []
        shapes: dict[str, ShapeName] = {}
        for at, variant in enumerate(variants):
            hint = _variant_name(variant, name, at)
            leaves = leaves_of([variant], reader.references, reader.warnings) if has_members else []
            members = {member for leaf in leaves for member in object_of(leaf.value.get("properties"))}
            if has_members and members and not set(base.properties) <= members:
                key = f"{pointer}&{variant.pointer}"
                type_: Type = reader.object_view(View([*base.leaves, *leaves]), key, hint)
            else:
                type_ = reader.type_of_nodes([variant], hint)
            types.append(type_)
            if isinstance(type_, Reference):
                shapes[variant.pointer] = type_.shape
        members_found = self._members(types)
        if members_found is None:
            if has_members and not any(isinstance(type_, Reference) for type_ in types):
                return reader.object_view(base, pointer, name)
            return self.of_types(types, pointer)
        nullable = any(type_.nullable for type_ in types)
        if len(members_found) == 1:
            return Reference(shape=members_found[0], nullable=nullable)
        shape = reader.name_for(pointer, name)
        reader.shapes[shape] = UnionShape(
            name=shape,
            members=members_found,
            discriminator=self._discriminator(view, members_found, shapes),
            description=text_of(view, "description"),
        )
        return Reference(shape=shape, nullable=nullable)

    def _members(self, types: Sequence[Type]) -> tuple[ShapeName, ...] | None:
        """The object shapes that *types* stand for; ``None`` if one of them is something else."""
        found: dict[ShapeName, None] = {}
        for type_ in types:
            shape = self._reader.shapes.get(type_.shape) if isinstance(type_, Reference) else None
            match shape:
                case ObjectShape():
                    found[shape.name] = None
                case UnionShape():
                    found.update(dict.fromkeys(shape.members))
                case _:
                    return None
        return tuple(found)

    def _discriminator(
        self, view: View, members: tuple[ShapeName, ...], shapes: dict[str, ShapeName]
    ) -> Discriminator | None:
        """What the document says tells its members apart.

        Source: OpenAPI 3.1, "Discriminator Object": a value is the name of a component where *mapping* has no
        other word for it.
        """
        stated = view.get("discriminator")
        place = next((leaf.pointer for leaf in view.leaves if "discriminator" in leaf.value), "")
        property_ = stated if isinstance(stated, str) else text_of(object_of(stated), "propertyName")
        if not property_:
            return self._implied_discriminator(members)
        mapping: dict[str, ShapeName] = {}
        for value, target in object_of(object_of(stated).get("mapping")).items():
            shape = self._mapped(target, shapes, place)
            if shape in members:
                mapping[value] = shape
        named = set(mapping.values())
        for pointer, shape in shapes.items():
            component = given_name(pointer)
            if component and shape in members and shape not in named:
                mapping.setdefault(component, shape)
        # OpenAPI 3.2: the shape of a value whose property is missing, or says nothing known.
        default = self._mapped(object_of(stated).get("defaultMapping"), shapes, place)
        return Discriminator(
            property=property_, mapping=mapping, default=default if default in members else ShapeName("")
        )

    def _implied_discriminator(self, members: tuple[ShapeName, ...]) -> Discriminator | None:
        """A required member that is bound to other texts in each of *members*."""
        constants = [self._reader.constants(member) for member in members]
        for name in constants[0]:
            if not all(name in bound for bound in constants):
                continue
            mapping = {
                value: member
                for member, bound in zip(members, constants, strict=True)
                for value in bound[name]
            }
            if len(mapping) == sum(len(bound[name]) for bound in constants):
                return Discriminator(property=name, mapping=mapping)
        return None

    def _mapped(self, target: Json, shapes: dict[str, ShapeName], pointer: str) -> ShapeName:
        if not isinstance(target, str):
            return ShapeName("")
        token = pointer_token(target)
        for reference in (target, f"#/components/schemas/{token}", f"#/definitions/{token}"):
            found = self._reader.references.target(reference, pointer)
            if isinstance(found, Node):
                return shapes.get(found.pointer, ShapeName(given_name(found.pointer)))
        # `Cat.json`, `./schemas.json#/components/schemas/Cat`: the last word is the component's name.
        return ShapeName(target.rsplit("/", 1)[-1].removesuffix(".json"))


def _without_variants(view: View) -> View:
    return View(
        [
            Node({k: v for k, v in leaf.value.items() if k not in {"oneOf", "anyOf", "allOf"}}, leaf.pointer)
            for leaf in view.leaves
        ]
    )


def _constants(variants: Sequence[Node]) -> tuple[EnumValue, ...] | None:
    """The values of variants that are one text or one integer each; ``None`` for any other variants."""
    found: dict[str | int, EnumValue] = {}
    for variant in variants:
        values = stated_values(variant.value)
        value = values[0] if values and len(values) == 1 else None
        if not isinstance(value, str | int) or isinstance(value, bool) or "properties" in variant.value:
            return None
        about = text_of(variant.value, "description") or text_of(variant.value, "title")
        deprecated = "" if variant.value.get("deprecated") is True else None
        found.setdefault(value, EnumValue(value=value, description=about, deprecated=deprecated))
    return tuple(found.values()) if len({type(value) for value in found}) == 1 else None


def _adds_type(schema: dict[str, Json]) -> bool:
    return says_type({k: v for k, v in schema.items() if k not in {"required", "not"}}) or "type" in schema


def _only_requires(schema: dict[str, Json]) -> bool:
    return "required" in schema or "not" in schema


def _variant_name(variant: Node, name: str, at: int) -> str:
    title = text_of(variant.value, "title")
    values = stated_values(variant.value)
    word = given_name(variant.pointer) or title or (str(values[0]) if values and len(values) == 1 else "")
    return member_name(name, word or f"Variant{at + 1}")


def _kind_of(value: str | int | float | bool) -> ScalarKind:
    match value:
        case bool():
            return "boolean"
        case int():
            return "int64" if not -(2**31) <= value < 2**31 else "int32"
        case float():
            return "float"
        case _:
            return "string"


def _word(type_: Type) -> str:
    match type_:
        case Scalar():
            return type_.kind
        case ListOf():
            return "list"
        case MapOf():
            return "map"
        case JsonType():
            return "any value"
        case Reference():
            return "object"
