"""Schema objects as shapes and types.

Typing a schema never descends into the properties of an object: the object gets its name, which may be
referred to from then on, and waits in a queue until `ShapeReader.finish`. So recursive schemas are no
special case, and a union can ask what its members are while they are being read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from ..catalog import (
    Constraints,
    EnumShape,
    Field,
    Json,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    Shape,
    ShapeName,
    Type,
)
from ..names import type_name, unique, words
from .annotations import default_of, deprecation_of, description_of
from .composition import View, common_types, leaves_of, stated_types
from .document import Document
from .enums import enum_values, stated_values
from .inheritance import Inheritance
from .naming import item_name, member_name
from .references import (
    Node,
    References,
    Warnings,
    component_name,
    given_name,
    object_of,
    pointer_token,
    says_type,
    text_of,
)
from .scalars import TYPE_ALIASES, constraints_of, scalar_of, tightest
from .unions import Unions

_TITLE_WORDS: Final = 4
"""A longer title is a sentence, not a name."""

_FRAMEWORK_WORDS: Final = frozenset({"response", "body", "schema", "object", "value"})
"""What titles begin with that FastAPI makes up (``Response Get Items``), or that name nothing."""

_DEEPEST: Final = 60
"""Lists and maps within each other; every named object begins anew."""


class ShapeReader:
    """Reads the schemas of one document. The shapes it made are in `shapes` after `finish`."""

    def __init__(self, document: Document, references: References, warnings: Warnings) -> None:
        self.shapes: dict[ShapeName, Shape] = {}
        self.references = references
        self.warnings = warnings
        self._siblings_count = document.version == "3.1"
        self._types: dict[str, Type] = {}
        self._open: set[str] = set()
        self._queue: list[tuple[ShapeName, View]] = []
        self._views: dict[ShapeName, View] = {}
        self._unions = Unions(self)
        self._inheritance = Inheritance(self, document.root)
        # Components keep their names; inline schemas make way.
        self._taken: set[str] = {
            *object_of(object_of(document.root.get("components")).get("schemas")),
            *object_of(document.root.get("definitions")),
        }

    def finish(self) -> None:
        """Read the fields of every object that was met."""
        while self._queue:
            name, view = self._queue.pop()
            self.shapes[name] = self._object(name, view)

    def type_of(self, schema: Json, pointer: str, hint: str, *, member: str = "") -> Type:
        """The type that a schema describes.

        Args:
            schema: What stands at *pointer*.
            pointer: JSON pointer to the schema.
            hint: Name of the shape if it needs one and is no component.
            member: The property whose schema it is, for the names of list items.
        """
        if not isinstance(schema, dict):
            if schema is not True:
                self.warnings.add("bad-schema", pointer, "a schema is expected here")
                return JsonType(reason="the schema is no schema object")
            return JsonType()
        return self.type_of_nodes([Node(schema, pointer)], hint, member=member)

    def type_of_nodes(self, nodes: Sequence[Node], hint: str, *, member: str = "") -> Type:
        """The type of a value that every one of *nodes* describes; see `type_of`."""
        if len(nodes) == 1:
            plain = _plain_scalar(nodes[0].value)
            return plain if plain is not None else self._type_of_one(nodes[0], hint, member)
        telling = _telling(nodes)
        nullable = len(telling) < len(nodes) and View(nodes).nullable
        if len(telling) == 1:
            found = self._type_of_one(telling[0], hint, member)
        else:
            key = "&".join(sorted({self._final(node).pointer for node in telling}))
            found = self._known(key, telling, hint, member)
        return _nullable(found) if nullable else found

    def name_for(self, pointer: str, hint: str) -> ShapeName:
        """The name of a shape: its component's, else *hint*, made unique."""
        name = component_name(pointer) or unique(given_name(pointer) or hint or "Value", self._taken)
        self._taken.add(name)
        return ShapeName(name)

    def is_open(self, pointer: str) -> bool:
        """Whether the type of *pointer* is being found just now."""
        return pointer in self._open

    def object_view(self, view: View, pointer: str, hint: str) -> Reference:
        """The shape of an object with *view*'s properties, to be filled in by `finish`."""
        name = self.name_for(pointer, hint)
        self._queue.append((name, view))
        self._views[name] = view
        # Its place says that it is an object to unions that are read before its fields.
        self.shapes[name] = ObjectShape(name=name, fields=())
        reference = Reference(shape=name, nullable=view.nullable)
        if pointer:
            self._types[pointer] = reference
        return reference

    def constants(self, name: ShapeName) -> dict[str, list[str]]:
        """The texts that each required member of an object is bound to, where it is bound to some."""
        view = self._views.get(name)
        found: dict[str, list[str]] = {}
        required = view.required if view else ()
        for leaf in view.leaves if view else ():
            for member, schema in object_of(leaf.value.get("properties")).items():
                if member in required and member not in found and isinstance(schema, dict):
                    values = stated_values(schema)
                    if values and all(isinstance(value, str) for value in values):
                        found[member] = [str(value) for value in values]
        return found

    def _final(self, node: Node) -> Node:
        if isinstance(node.value.get("$ref"), str):
            return self.references.follow(node.value, node.pointer) or node
        return node

    def _type_of_one(self, node: Node, hint: str, member: str) -> Type:
        schema, pointer = node
        known = self._types.get(pointer)
        if known is not None:
            return known
        if isinstance(schema.get("$ref"), str):
            target = self.references.step(schema, pointer)
            if target is None:
                return JsonType(reason="its reference leads nowhere")
            siblings = {k: v for k, v in schema.items() if k != "$ref"} if len(schema) > 1 else {}
            if siblings and self._siblings_count and says_type(siblings):
                return self._known(pointer, [Node(siblings, pointer), target], hint, member)
            found = self._type_of_one(target, given_name(target.pointer) or hint, member)
            if siblings and self._siblings_count:
                found = _constrained(found, siblings)
            return _nullable(found) if siblings.get("nullable") is True else found
        return self._known(pointer, [node], hint, member)

    def _known(self, key: str, nodes: Sequence[Node], hint: str, member: str) -> Type:
        known = self._types.get(key)
        if known is not None:
            return known
        if key in self._open or len(self._open) >= _DEEPEST:
            why = "refers to itself without an object between" if key in self._open else "is nested too deep"
            self.warnings.add("endless-schema", nodes[0].pointer, f"the schema {why}; it is read as JSON")
            return JsonType(reason=f"the schema {why}")
        self._open.add(key)
        try:
            found = self._read(key, nodes, hint, member)
        finally:
            self._open.discard(key)
        return self._types.setdefault(key, found)

    def _read(self, key: str, nodes: Sequence[Node], hint: str, member: str) -> Type:
        if len(nodes) == 1:
            if self._inheritance.is_base(nodes[0]):
                union = self._inheritance.type_of(nodes[0], given_name(key) or hint)
                if union is not None:
                    return union
            only = self._only_part(nodes[0])
            if only is not None:
                found = self._type_of_one(only, given_name(nodes[0].pointer) or hint, member)
                found = _constrained(found, nodes[0].value)
                return _nullable(found) if View(nodes).nullable else found
        plain = len(nodes) == 1 and "allOf" not in nodes[0].value
        view = View(nodes if plain else leaves_of(nodes, self.references, self.warnings))
        name = given_name(key) or self._titled(view, hint) or hint
        return self.read_view(view, key, name, member)

    def read_view(self, view: View, pointer: str, name: str, member: str = "") -> Type:
        """The type of a value with *view*'s keywords; see `type_of`."""
        values = self._values(view)
        if values is not None:
            enum = self._enum(view, values, pointer, name)
            if enum is not None:
                return enum
            self.warnings.add("bad-enum", pointer, "an enum of objects or lists; its values are not checked")
        if len(view.leaves) > 1:
            self._settle_types(view)
        found = self._unions.type_of(view, pointer, name)
        return found if found is not None else self._single(view, pointer, name, member)

    def _titled(self, view: View, hint: str) -> str:
        """The name that an inline schema's ``title`` gives it; ``""`` if that is taken, or no name of a thing.

        Nor is it one where *hint*, which is made of the property's name, says the same: pydantic gives every
        property such a title.
        """
        title = text_of(view, "title")
        found = words(title) if title else []
        if not 0 < len(found) <= _TITLE_WORDS or found[0] in _FRAMEWORK_WORDS:
            return ""
        name = type_name(title)
        return "" if name in self._taken or hint.endswith(name) else name

    def _values(self, view: View) -> list[Json] | None:
        """The values that every leaf with an enum allows; the first one's, with a warning, if there is none."""
        if len(view.leaves) == 1:
            return stated_values(view)
        found: list[Json] | None = None
        for leaf in view.leaves:
            here = stated_values(leaf.value)
            if here is None or found is None:
                found = found if here is None else here
                continue
            common = [value for value in found if value in here]
            if not common:
                reason = "this enum and the one beside it have no value in common; the first is used"
                self.warnings.add("all-of-conflict", f"{leaf.pointer}/enum", reason)
            found = common or found
        return found

    def _settle_types(self, view: View) -> None:
        """Note where the leaves of *view* contradict each other; `View.types` has the first one's word."""
        settled: list[str] | None = None
        for leaf in view.leaves:
            here = stated_types(leaf.value)
            if not here:
                continue
            common = here if settled is None else common_types(settled, here)
            if not common and settled is not None:
                reason = (
                    f"{' or '.join(here)[:60]} where {' or '.join(settled)[:60]} is stated too; that is used"
                )
                self.warnings.add("all-of-conflict", f"{leaf.pointer}/type", reason)
            settled = common or settled

    def _single(self, view: View, pointer: str, name: str, member: str) -> Type:
        types = view.types or _implied(view)
        nullable = view.nullable
        if not types:
            return JsonType(nullable=nullable)
        if len(types) > 1:
            found = self._unions.of_types([self._of_type(t, view, "", name, member) for t in types], pointer)
            return _nullable(found) if nullable else found
        return self._of_type(types[0], view, pointer, name, member)

    def _of_type(self, json_type: str, view: View, pointer: str, name: str, member: str) -> Type:
        nullable = view.nullable
        if json_type in TYPE_ALIASES:
            json_type, format_ = TYPE_ALIASES[json_type]
            if format_:
                view = View([Node({"format": format_}, pointer), *view.leaves])
        match json_type:
            case "object":
                return self._object_type(view, pointer, name)
            case "array":
                item = self._item(view, name, member)
                return ListOf(item=item, nullable=nullable, constraints=_constraints(view))
            case "string" | "integer" | "number" | "boolean":
                schema = view.leaves[0].value if len(view.leaves) == 1 else view
                found = scalar_of(json_type, schema)
                if len(view.leaves) > 1 and found.constraints is not None:
                    found = replace(found, constraints=_constraints(view))
                return _nullable(found) if nullable else found
            case "any":
                return JsonType(nullable=nullable)
            case _:
                reason = f"type {json_type[:40]!r} is unknown"
                self.warnings.add("unknown-type", pointer, f"{reason}; it is read as JSON")
                return JsonType(nullable=nullable, reason=reason)

    def _item(self, view: View, name: str, member: str) -> Type:
        for leaf in view.leaves:
            if isinstance(items := leaf.value.get("items"), dict):
                return self.type_of(items, f"{leaf.pointer}/items", item_name(name, member))
            if isinstance(items, list) or "prefixItems" in leaf.value:
                self.warnings.add("tuple", leaf.pointer, "positions of a tuple have no types of their own")
                return JsonType(reason="the positions of a tuple differ")
        return JsonType()

    def _object_type(self, view: View, pointer: str, name: str) -> Type:
        if any(object_of(leaf.value.get("properties")) for leaf in view.leaves):
            return self.object_view(view, pointer, name)
        nullable = view.nullable
        found: list[Type] = []
        for leaf in view.leaves:
            base = f"{leaf.pointer}/patternProperties"
            places = [
                (values, f"{base}/{pointer_token(pattern)}")
                for pattern, values in object_of(leaf.value.get("patternProperties")).items()
            ]
            places += [
                (leaf.value.get(keyword), f"{leaf.pointer}/{keyword}")
                for keyword in ("additionalProperties", "unevaluatedProperties")
            ]
            for values, place in places:
                if isinstance(values, dict) and values:
                    found.append(self.type_of(values, place, member_name(name, "value")))
                elif values is True or values == {}:
                    found.append(JsonType())
        if not found or all(isinstance(type_, JsonType) and not type_.reason for type_ in found):
            return JsonType(nullable=nullable)
        value = (
            found[0] if len(found) == 1 else self._unions.of_types(found, pointer or view.leaves[0].pointer)
        )
        return MapOf(value=value, nullable=nullable, constraints=_constraints(view))

    def _enum(self, view: View, values: list[Json], pointer: str, name: str) -> Type | None:
        """The type of an enum; ``None`` if its values are no scalars."""
        made = enum_values(view, values)
        if made is None:
            return None
        nullable = view.nullable
        if not made:
            return JsonType(nullable=True)
        component = given_name(pointer)
        # A single value is a constant. As an enum of its own it would keep `{ ... on Cat { kind } ... on Dog
        # { kind } }` from validating (GraphQL, "Field Selection Merging": the two types differ).
        if all(isinstance(value.value, bool) for value in made) or (len(made) == 1 and not component):
            only = Constraints(const=made[0].value) if len(made) == 1 else None
            return replace(
                scalar_of(_type_of_value(made[0].value), view), nullable=nullable, constraints=only
            )
        shape = self.name_for(pointer, name)
        self.shapes[shape] = EnumShape(name=shape, values=made, description=text_of(view, "description"))
        return Reference(shape=shape, nullable=nullable)

    def _object(self, name: ShapeName, view: View) -> ObjectShape:
        required = view.required
        fields = tuple(
            self._field(member, nodes, member in required, name) for member, nodes in view.properties.items()
        )
        known = {field.name for field in fields}
        for member in sorted(required - known):
            # Nothing is said of it but that it must be there: without a field no call could be made.
            reason = f"{member!r} is required and not described; it is read as JSON"
            self.warnings.add("undescribed-member", view.leaves[0].pointer, reason)
            fields += (Field(name=member, type=JsonType(nullable=True, reason="it is not described")),)
        for leaf in view.leaves:
            if "additionalProperties" in leaf.value and leaf.value["additionalProperties"] is not False:
                reason = "members beyond the named ones are left out"
                self.warnings.add("additional-properties", f"{leaf.pointer}/additionalProperties", reason)
        description = text_of(view, "description")
        title = text_of(view, "title")
        if not description and words(title) != words(name):
            description = title
        return ObjectShape(name=name, fields=fields, description=description)

    def _field(self, member: str, nodes: Sequence[Node], required: bool, parent: str) -> Field:
        one = nodes[0] if len(nodes) == 1 else None
        type_: Type | None = _plain_scalar(one.value) if one is not None else None
        if type_ is None:
            name = member_name(parent, member)
            if one is not None:
                type_ = self._type_of_one(one, name, member)
            else:
                type_ = self.type_of_nodes(nodes, name, member=member)
        view = self.annotations(nodes)
        return Field(
            name=member,
            type=type_,
            required=required,
            default=default_of(view, type_, required=required),
            description=description_of(view, member),
            deprecated=deprecation_of(view),
            read_only=view.get("readOnly") is True,
            write_only=view.get("writeOnly") is True,
        )

    def annotations(self, nodes: Sequence[Node]) -> Mapping[str, Json]:
        """*nodes* and what they refer to, to look up what is said about a value beside its type."""
        if len(nodes) == 1:
            node = self._final(nodes[0]) if len(nodes[0].value) == 1 else nodes[0]
            if "$ref" not in node.value and "allOf" not in node.value:
                return node.value
        found: list[Node] = []
        for node in nodes:
            found.append(node)
            found += [self._final(Node(part, f"{node.pointer}/allOf/{at}")) for at, part in _parts(node)]
            if "$ref" in node.value:
                found.append(self._final(node))
        return View(found)

    def _only_part(self, node: Node) -> Node | None:
        """The one schema that *node* is another word for: ``allOf`` of one, beside words for people."""
        parts = node.value.get("allOf")
        if not isinstance(parts, list) or says_type({k: v for k, v in node.value.items() if k != "allOf"}):
            return None
        telling = [Node(p, f"{node.pointer}/allOf/{at}") for at, p in _parts(node) if says_type(p)]
        if len(telling) != 1 or len(_parts(node)) != len(parts):
            return None
        # A component that restates another object is a type of its own: its author gave it a name.
        final = self._final(telling[0])
        if given_name(node.pointer) and ("properties" in final.value or self._inheritance.is_base(final)):
            return None
        return telling[0]


_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})
_MORE_THAN_PLAIN: Final = frozenset({"$ref", "allOf", "oneOf", "anyOf", "enum", "const", "discriminator"})


def _plain_scalar(schema: Mapping[str, Json]) -> Scalar | None:
    """The type of a schema of one scalar type with nothing in it that needs a closer look; most are so."""
    stated = schema.get("type")
    if not isinstance(stated, str) or stated not in _SCALARS or not _MORE_THAN_PLAIN.isdisjoint(schema):
        return None
    nullable = schema.get("nullable") is True or schema.get("x-nullable") is True
    return scalar_of(stated, schema, nullable=nullable)


def _constraints(view: View) -> Constraints | None:
    found: Constraints | None = None
    for leaf in view.leaves:
        found = tightest(found, constraints_of(leaf.value))
    return found


def _constrained(found: Type, beside: Mapping[str, Json]) -> Type:
    """*found*, with the validation keywords that stand beside the reference to it."""
    more = constraints_of(beside)
    return found if more is None else replace(found, constraints=tightest(found.constraints, more))


def _telling(nodes: Sequence[Node]) -> Sequence[Node]:
    if len(nodes) == 1:
        return nodes
    telling = [node for node in nodes if says_type(node.value)]
    references = {node.value["$ref"]: node for node in telling if isinstance(node.value.get("$ref"), str)}
    if len(references) == 1 and len(telling) == sum("$ref" in node.value for node in telling):
        return list(references.values())
    return telling or nodes[:1]


def _parts(node: Node) -> list[tuple[int, dict[str, Json]]]:
    parts = node.value.get("allOf")
    if not isinstance(parts, list):
        return []
    return [(at, part) for at, part in enumerate(parts) if isinstance(part, dict)]


def _implied(view: View) -> list[str]:
    """What a schema without ``type`` is about, told from its keywords."""
    keywords = set(view)
    if keywords & {"properties", "additionalProperties", "patternProperties"}:
        return ["object"]
    if keywords & {"items", "prefixItems"}:
        return ["array"]
    stated = view.get("format")
    if isinstance(stated, str) and stated.lower() in TYPE_ALIASES:
        return [stated.lower()]
    return []


def _type_of_value(value: str | int | float | bool) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return "string"


def _nullable(found: Type) -> Type:
    return found if found.nullable else replace(found, nullable=True)
