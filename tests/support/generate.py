"""Random operations, answers and catalogs, drawn by Hypothesis."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from weft.schemas.catalog import (
    Catalog,
    Constraints,
    Discriminator,
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
    Type,
    UnionShape,
    Upstream,
)
from weft.schemas.errors import UpstreamStatus, UpstreamTimeout

from .memory import Answer
from .shop_catalog import SHOP, TEXT, argument, function, http

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


class Dice:
    """Choices of one seed.

    A choice a draw would be the usual way, and was tried: one example made some 2,000 draws and took 100 ms.
    Hypothesis draws the seed and the sizes, and so finds a smaller example by smaller sizes.
    """

    def __init__(self, seed: int, width: int) -> None:
        self._random = random.Random(seed)
        self.width = width

    def chance(self, percent: int) -> bool:
        return self._random.randrange(100) < percent

    def one(self, choices: Sequence[Any]) -> Any:
        return self._random.choice(choices)

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)


def dices() -> st.SearchStrategy[Dice]:
    """Dice for one part of an example."""
    return st.builds(Dice, st.integers(0, 2**32 - 1), st.integers(1, 4))


# -- operations


@dataclass(frozen=True, slots=True)
class RandomOperation:
    """A document of one operation, and values for its variables."""

    text: str
    variables: Mapping[str, Any]


@dataclass(slots=True)
class _Scope:
    """What was selected under one response name: fields of one name must be mergeable."""

    selected: dict[str, tuple[str, str, _Scope]] = field(default_factory=dict)


class _Writer:
    """Writes one operation."""

    def __init__(self, dice: Dice, schema: GraphQLSchema, texts: Sequence[str], depth: int) -> None:
        self._dice = dice
        self._schema = schema
        self._texts = texts
        self._depth = depth
        self._fragments: list[str] = []
        self._definitions: list[str] = []
        self._values: dict[str, Any] = {}
        self._conditions: dict[str, str] = {}
        self._names = 0

    def write(self, operation_type: str = "query") -> RandomOperation:
        root = self._schema.type_map[operation_type.capitalize()]
        body = self._selection_set(root, self._depth, _Scope())
        definitions = f"({', '.join(self._definitions)})" if self._definitions else ""
        text = "\n\n".join([f"{operation_type} Q{definitions} {body}", *self._fragments])
        return RandomOperation(text, self._values)

    def _selection_set(self, type_: GraphQLNamedType, depth: int, scope: _Scope) -> str:
        selections = [
            self._selection(type_, depth, scope)
            for _ in range(self._dice.number(1, max(2, self._dice.width - self._depth + depth)))
        ]
        return "{ " + " ".join(selections) + " }"

    def _selection(self, type_: GraphQLNamedType, depth: int, scope: _Scope) -> str:
        match self._dice.number(0, 11):
            case 9:
                condition = self._type_condition(type_)
                inner = self._schema.type_map[condition] if condition else type_
                on = f"on {condition} " if condition else ""
                return f"... {on}{self._directive()}{self._selection_set(inner, depth, scope)}"
            case 10:
                name = self._new_name("F")
                condition = self._type_condition(type_) or type_.name
                body = self._selection_set(self._schema.type_map[condition], depth, scope)
                self._fragments.append(f"fragment {name} on {condition} {body}")
                again = f" ...{name}" if self._dice.chance(20) else ""
                return f"...{name} {self._directive()}{again}"
            case 11:
                return f"{self._new_name('t')}: __typename {self._directive()}"
        if isinstance(type_, GraphQLUnionType):
            member = self._dice.one(type_.types)
            return f"... on {member.name} {self._directive()}{self._selection_set(member, depth, scope)}"
        assert isinstance(type_, GraphQLObjectType)
        return self._field(type_, depth, scope)

    def _type_condition(self, type_: GraphQLNamedType) -> str | None:
        if isinstance(type_, GraphQLUnionType):
            return str(self._dice.one([type_, *type_.types]).name)
        return self._dice.one([None, type_.name])  # type: ignore[no-any-return]  # one of the two

    def _field(self, type_: GraphQLObjectType, depth: int, scope: _Scope) -> str:
        fields = {
            name: one
            for name, one in type_.fields.items()
            if depth > 1 or is_leaf_type(get_named_type(one.type))
        }
        if not fields:
            return "__typename"
        composite = [name for name, one in fields.items() if not is_leaf_type(get_named_type(one.type))]
        name = self._dice.one(composite if composite and self._dice.chance(50) else list(fields))
        response_name = name if self._dice.chance(70) else self._new_name("a")
        chosen = fields[name]
        of = f"{type_.name}.{name}"
        found = scope.selected.get(response_name)
        if found is not None and found[0] != of:
            response_name = self._new_name("a")
            found = None
        if found is None:
            found = scope.selected[response_name] = (of, self._arguments(chosen), _Scope())
        alias = "" if response_name == name else f"{response_name}: "
        text = f"{alias}{name}{found[1]} {self._directive()}"
        named = get_named_type(chosen.type)
        return text if is_leaf_type(named) else text + self._selection_set(named, depth - 1, found[2])

    def _new_name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _directive(self) -> str:
        if not self._dice.chance(15):
            return ""
        kind = self._dice.one(["skip", "include"])
        if self._dice.chance(40):
            return f"@{kind}(if: {self._dice.one(['false', 'true'])}) "
        name = self._dice.one(["c0", "c1", "c2"])
        if name not in self._conditions:
            with_default = self._dice.chance(40)
            self._conditions[name] = f"${name}: " + ("Boolean = true" if with_default else "Boolean!")
            self._definitions.append(self._conditions[name])
            if not with_default or self._dice.chance(50):
                self._values[name] = self._dice.one([False, True])
        return f"@{kind}(if: ${name}) "

    # -- arguments

    def _arguments(self, of: GraphQLField) -> str:
        given = []
        for name, definition in of.args.items():
            required = isinstance(definition.type, GraphQLNonNull) and definition.default_value is Undefined
            if required or self._dice.chance(60):
                given.append(f"{name}: {self._argument(definition)}")
        return f"({', '.join(given)})" if given else ""

    def _argument(self, definition: GraphQLArgument) -> str:
        if not self._dice.chance(50):
            return literal(definition.type, self._value(definition.type))
        name = self._new_name("v")
        type_ = definition.type
        default = ""
        if self._dice.chance(40):
            # A nullable variable may stand at a non-null position if it has a default; it may be null then.
            type_ = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            default = f" = {literal(definition.type, self._value(definition.type))}"
        self._definitions.append(f"${name}: {type_}{default}")
        if not (default or not isinstance(type_, GraphQLNonNull)) or self._dice.chance(70):
            self._values[name] = self._value(type_)
        return f"${name}"

    def _value(self, type_: GraphQLInputType) -> Any:
        match type_:
            case GraphQLNonNull():
                return self._not_null(type_.of_type)
            case _:
                return None if self._dice.chance(15) else self._not_null(type_)

    def _not_null(self, type_: Any) -> Any:
        match type_:
            case GraphQLList():
                return [self._value(type_.of_type) for _ in range(self._dice.number(0, 3))]
            case GraphQLEnumType():
                return self._dice.one(list(type_.values))
            case GraphQLInputObjectType():
                return {
                    name: self._value(one.type)
                    for name, one in type_.fields.items()
                    if isinstance(one.type, GraphQLNonNull) or self._dice.chance(50)
                }
            case GraphQLScalarType(name="Int" | "Float" | "BigInt"):
                return self._dice.number(0, 5)
            case GraphQLScalarType(name="Boolean"):
                return self._dice.chance(50)
            case _:
                return self._dice.one(self._texts)


def literal(type_: Any, value: Any) -> str:
    """*value* of *type_* as it stands in a document."""
    if isinstance(type_, GraphQLNonNull):
        return literal(type_.of_type, value)
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return "[" + ", ".join(literal(type_.of_type, item) for item in value) + "]"
        case dict():
            inner = (f"{name}: {literal(type_.fields[name].type, one)}" for name, one in value.items())
            return "{" + ", ".join(inner) + "}"
        case str():
            return value if isinstance(type_, GraphQLEnumType) else f'"{value}"'
        case _:
            return str(value)


@st.composite
def operations(
    draw: Draw, schema: GraphQLSchema, texts: Sequence[str], *, depth: int = 5, operation_type: str = "query"
) -> RandomOperation:
    """Operations over *schema*, nearly all of them valid.

    Args:
        draw: Hypothesis gives it.
        schema: What is asked.
        texts: Values of text arguments.
        depth: The most levels of fields.
        operation_type: ``query`` or ``mutation``.
    """
    return _Writer(draw(dices()), schema, texts, draw(st.integers(min(3, depth), depth))).write(
        operation_type
    )


# -- values


class Values:
    """Draws JSON values of catalog types, some of them wrong."""

    def __init__(self, dice: Dice, upstream: Upstream, texts: Sequence[str], wrong_percent: int) -> None:
        self._dice = dice
        self._upstream = upstream
        self._texts = texts
        self._wrong = wrong_percent

    def value(self, type_: Type, depth: int = 4, *, nullable: bool = False) -> Any:
        dice = self._dice
        if self._wrong and dice.chance(self._wrong):
            return dice.one(
                [None, "text", 7, True, 1.5, [], {}, [None], ["text"], {"id": "x"}, [{}], {"a": []}]
            )
        if (nullable or type_.nullable) and (depth <= 0 or dice.chance(20)):
            return None
        if depth < -3:
            return None  # a shape that requires itself has no right value
        match type_:
            case ListOf():
                return [self.value(type_.item, depth - 1) for _ in range(self._size(depth))]
            case MapOf():
                return {f"k{n}": self.value(type_.value, depth - 1) for n in range(self._size(depth))}
            case JsonType():
                return dice.one([None, 1, "text", [1, {"a": None}], {"a": {"b": [True]}}])
            case Reference():
                return self._shaped(self._upstream.shapes[type_.shape], depth)
            case Scalar(kind="int32"):
                return dice.number(0, 3)
            case Scalar(kind="int64" | "uint64"):
                return dice.one([0, 1, 2, 3, "3", 2**53])
            case Scalar(kind="id"):
                return dice.one([*self._texts, 1, 2])
            case Scalar(kind="float"):
                return dice.one([0.5, 2, 1e3])
            case Scalar(kind="boolean"):
                return dice.chance(50)
            case Scalar():
                return dice.one(self._texts)

    def _size(self, depth: int) -> int:
        return self._dice.number(0, self._dice.width) if depth > 0 else 0

    def _shaped(self, shape: Shape, depth: int) -> Any:
        match shape:
            case EnumShape():
                return self._dice.one([value.value for value in shape.values])
            case UnionShape():
                name = self._dice.one(shape.members)
                value = self._shaped(self._upstream.shapes[name], depth)
                if isinstance(value, dict) and shape.discriminator:
                    words = {to: word for word, to in shape.discriminator.mapping.items()}
                    value[shape.discriminator.property] = words[name]
                return value
            case ObjectShape():
                return self.object(shape, depth)

    def object(self, shape: ObjectShape, depth: int = 4) -> dict[str, Any]:
        """An object of *shape*; optional members, and some required ones, are left out."""
        found = {}
        for one in shape.fields:
            left_out = (not one.required and self._dice.chance(20)) or (self._wrong and self._dice.chance(2))
            if not left_out:
                found[one.name] = self.value(one.type, depth - 1, nullable=not one.required)
        if self._wrong and self._dice.chance(10):
            found["more"] = "than described"
        return found


# -- answers


class Table:
    """Rows by key, answered one at a time or many at once."""

    def __init__(self, dice: Dice, function_id: str, member: str, rows: Mapping[Any, Any]) -> None:
        self._id = function_id
        self._member = member
        self._rows = rows
        self._reversed = dice.chance(30)
        self._twice = dice.chance(20)
        self._more = dice.chance(20)
        self._fails = dice.chance(8)

    def one(self, key: Any) -> Any:
        """A row, or the error in its place."""
        if self._fails:
            return UpstreamTimeout("u", self._id)
        return self._rows.get(key, UpstreamStatus("u", self._id, status="404"))

    def many(self, keys: Sequence[Any] | None = None, limit: int | None = None) -> Any:
        """The rows of *keys*: fewer, more, twice, and in any order."""
        if self._fails:
            return UpstreamTimeout("u", self._id)
        wanted = list(self._rows) if keys is None or self._more else list(dict.fromkeys(keys))
        found = [self._rows[key] for key in wanted if key in self._rows]
        if self._reversed:
            found.reverse()
        return found * 2 if self._twice else found


def _rows(
    dice: Dice, values: Values, shape: ObjectShape, member: str, keys: Sequence[Any]
) -> dict[Any, dict[str, Any]]:
    """A row for most of *keys*. The key itself is right: it is what tells a bulk function's items apart."""
    # It may be written in another way than it was asked for: 7, "7".
    return {
        key: {**values.object(shape), member: str(key) if dice.chance(10) else key}
        for key in keys
        if not dice.chance(15)
    }


SHOP_TEXTS: Final = ("k1", "k2", "k3", "k9")


@st.composite
def shop_worlds(draw: Draw, *, wrong_percent: int) -> dict[str, Answer]:
    """Answers of the shop's functions over random data."""
    dice = draw(dices())

    def table(function_id: str, shape: str, member: str) -> Table:
        upstream = SHOP.upstreams_by_id[function_id.partition(".")[0]]  # type: ignore[index]  # an id
        values = Values(dice, upstream, SHOP_TEXTS, wrong_percent)
        found = upstream.shapes[shape]  # type: ignore[index]  # a name
        assert isinstance(found, ObjectShape)
        return Table(dice, function_id, member, _rows(dice, values, found, member, SHOP_TEXTS[:3]))

    products = table("products.get_product", "Product", "id")
    orders = table("orders.getOrder", "Order", "id")
    customers = table("orders.getCustomer", "Customer", "id")
    stocks = table("inventory.GetStock", "Stock", "productId")
    prices = table("pricing.get_prices", "Price", "productId")

    def list_orders(limit: int | None = None, customerId: str | None = None) -> Any:  # noqa: N803
        found = orders.many()
        if not isinstance(found, list):
            return found
        return [row for row in found if customerId is None or row.get("customerId") == customerId][:limit]

    def wrapped(name: str, answer: Any) -> Any:
        return {name: answer} if isinstance(answer, list) else answer

    return {
        "products.list_products": lambda search=None, limit=None, ids=None: products.many(ids),
        "products.get_product": lambda product_id: products.one(product_id),
        "products.create_product": lambda input: {**input, "weight_grams": 1},  # noqa: A006
        "orders.listOrders": list_orders,
        "orders.getOrder": lambda orderId: orders.one(orderId),  # noqa: N803
        "orders.getCustomer": lambda customerId: customers.one(customerId),  # noqa: N803
        "orders.cancelOrder": lambda orderId: None,  # noqa: N803
        "inventory.InventoryService.GetStock": lambda productId=None: stocks.one(productId),  # noqa: N803
        "inventory.InventoryService.BatchGetStock": lambda productIds=None: wrapped(  # noqa: N803
            "stocks", stocks.many(productIds)
        ),
        "pricing.get_prices": lambda productIds: wrapped("prices", prices.many(productIds)),  # noqa: N803
    }


# -- catalogs

_NOUNS: Final = ("Apple", "Boat", "Cloud")
_KINDS: Final = ("string", "int32", "int64", "boolean", "float", "date-time", "id", "decimal")


@dataclass(frozen=True, slots=True)
class RandomCatalog:
    """A catalog, what its functions answer, and which of its upstreams stand in a namespace."""

    catalog: Catalog
    answers: dict[str, Answer]
    namespaces: frozenset[str]


class _CatalogWriter:
    def __init__(self, dice: Dice, wrong_percent: int) -> None:
        self._dice = dice
        self._wrong = wrong_percent
        self.answers: dict[str, Answer] = {}

    def write(self) -> Catalog:
        entities = [noun for noun in _NOUNS if self._dice.chance(70)] or ["Apple"]
        key_kinds = {noun: self._dice.one(["string", "int32", "int64", "id"]) for noun in entities}
        upstreams = [self._upstream(f"u{n}", noun, entities, key_kinds) for n, noun in enumerate(entities)]
        return Catalog.of(*upstreams)

    def _upstream(self, id_: str, noun: str, entities: Sequence[str], kinds: Mapping[str, Any]) -> Upstream:
        dice = self._dice
        names = ["Part", "Bit", "Any", "Kind"]
        union_members = dice.one([("Part", "Bit"), ("Part", "Bit", noun), ("Bit",)])
        discriminator = (
            Discriminator(property="what", mapping={f"is{name}": name for name in union_members})
            if dice.chance(50)
            else None
        )
        told = (Field(name="what", type=Scalar(kind="string"), required=True),) if dice.chance(40) else ()
        shapes: dict[str, Shape] = {
            "Kind": EnumShape(
                name="Kind",  # type: ignore[arg-type]
                values=tuple(EnumValue(value=v) for v in dice.one([("a", "b-c"), (1, 2), ("x",)])),
            ),
            "Any": UnionShape(name="Any", members=union_members, discriminator=discriminator),  # type: ignore[arg-type]
            "Part": self._object("Part", [noun, *names], 3, told),
            "Bit": self._object("Bit", [noun, *names], 2, told),
        }
        links = []
        for other in entities:
            key: Type = Scalar(kind=kinds[other], nullable=dice.chance(20))
            if dice.chance(20):
                key = Scalar(kind="string" if kinds[other] in {"int32", "int64"} else "int32")
            if dice.chance(50) and other != noun:
                links.append(Field(name=f"{other.lower()}Id", type=key, required=dice.chance(60)))
            if dice.chance(30):
                links.append(Field(name=f"main{other}Id", type=key, required=dice.chance(60)))
            if dice.chance(40):
                links.append(Field(name=f"other{other}Ids", type=ListOf(item=key), required=dice.chance(60)))
        key_field = Field(name="id", type=Scalar(kind=kinds[noun]), required=True)
        extra = self._object(noun, [noun, *names], 3).fields
        shapes[noun] = ObjectShape(name=noun, fields=(key_field, *links, *extra))  # type: ignore[arg-type]
        owners = [
            other.lower() for other in entities if any(one.name == f"{other.lower()}Id" for one in links)
        ]
        functions = self._functions(id_, noun, kinds, [noun, *names], owners)
        upstream = Upstream(
            id=id_,  # type: ignore[arg-type]
            target=SHOP.upstreams[0].target,
            functions=tuple(functions),
            shapes=shapes,  # type: ignore[arg-type]
        )
        self._answer(upstream, noun, kinds[noun])
        return upstream

    def _object(
        self, name: str, shapes: Sequence[str], most: int, more: tuple[Field, ...] = ()
    ) -> ObjectShape:
        fields = tuple(
            Field(name=f"{name[0].lower()}-{n}", type=self._type(shapes, 2), required=self._dice.chance(60))
            for n in range(self._dice.number(1, min(most, self._dice.width)))
        )
        return ObjectShape(name=name, fields=(*more, *fields))  # type: ignore[arg-type]

    def _type(self, shapes: Sequence[str], depth: int) -> Type:
        dice = self._dice
        nullable = dice.chance(40)
        match dice.number(0, 9 if depth else 5):
            case 0 | 1 | 2:
                return Scalar(kind=dice.one(_KINDS), nullable=nullable)
            case 3:
                return Reference(shape="Kind", nullable=nullable)  # type: ignore[arg-type]
            case 4:
                return JsonType(nullable=nullable)
            case 5 | 6:
                noun = shapes[0]  # more often than others, for it has the links
                return Reference(shape=dice.one([noun, noun, noun, *shapes]), nullable=nullable)
            case 7:
                return ListOf(item=self._type(shapes, depth - 1), nullable=nullable)
            case _:
                return MapOf(value=self._type(shapes, depth - 1), nullable=nullable)

    def _composite(self, shapes: Sequence[str]) -> Type:
        entity = Reference(shape=self._dice.one([shapes[0], "Part", "Any"]))
        match self._dice.number(0, 4):
            case 0:
                return entity
            case 1:
                return ListOf(item=entity)
            case 2:
                return MapOf(value=entity)
            case 3:
                return ListOf(item=MapOf(value=ListOf(item=entity)))
            case _:
                return self._type(shapes, 3)

    def _functions(
        self, id_: str, noun: str, kinds: Mapping[str, Any], shapes: Sequence[str], owners: Sequence[str]
    ) -> list[Any]:
        dice = self._dice
        kind = kinds[noun]
        entity = Reference(shape=noun)  # type: ignore[arg-type]
        key = Scalar(kind=kind)
        binding = http("GET", "/any")
        functions = []
        way = dice.one(["both", "single", "bulk"])
        if way != "bulk":
            name = f"{id_}.get{noun}"
            functions.append(function(name, binding, entity, argument("id", key, required=True)))
        if way != "single":
            name = f"{id_}.list{noun}s"
            functions.append(function(name, binding, ListOf(item=entity), argument("ids", self._keys(key))))
        for owner in owners:
            if dice.chance(70):
                keys = self._keys(Scalar(kind=kinds[owner.capitalize()]))
                more = dice.one([(), (argument("limit", Scalar(kind="int32")),), (argument("tag", TEXT),)])
                name = f"{id_}.find{noun}sOf{owner.capitalize()}"
                by_owner = argument(f"{owner}Id", keys if dice.chance(80) else keys.item)
                functions.append(function(name, binding, ListOf(item=entity), by_owner, *more))
        for n in range(dice.number(0, 2)):
            result = dice.one([None, entity, self._composite(shapes)])
            name = f"{id_}.make{n}"
            functions.append(function(name, binding, result, argument("tag", TEXT), effect="write"))
        for n in range(dice.number(1, 2)):
            more = [argument("flag", Scalar(kind="boolean"), default=False)] if dice.chance(50) else []
            functions.append(function(f"{id_}.thing{n}", binding, self._composite(shapes), *more))
        return functions

    def _keys(self, key: Type) -> ListOf:
        """A list of keys, of which there may be a most."""
        if self._dice.chance(60):
            return ListOf(item=key)
        return ListOf(item=key, constraints=Constraints(max_items=self._dice.number(1, 2)))

    def _answer(self, upstream: Upstream, noun: str, kind: Any) -> None:
        dice = self._dice
        keys: Sequence[Any] = ("1", "2", "3") if kind in {"string", "id"} else (1, 2, 3)
        values = Values(dice, upstream, ("1", "2", "9", "text"), self._wrong)
        shape = upstream.shapes[noun]  # type: ignore[index]
        assert isinstance(shape, ObjectShape)
        table = Table(dice, f"{upstream.id}.get{noun}", "id", _rows(dice, values, shape, "id", keys))
        for one in upstream.functions:
            if one.name == f"get{noun}":
                self.answers[one.id] = lambda id: table.one(id)  # noqa: A006
            elif one.name == f"list{noun}s":
                self.answers[one.id] = lambda ids=None: table.many(ids)
            elif one.name.startswith(f"find{noun}sOf"):
                self.answers[one.id] = _found_by(table, one.arguments[0].name)
            elif one.result is None:
                self.answers[one.id] = lambda tag=None: None
            else:
                answer = values.value(one.result, 5, nullable=True)
                if dice.chance(8):
                    answer = UpstreamTimeout(upstream.id, one.id)
                self.answers[one.id] = lambda flag=None, tag=None, answer=answer: answer


def _found_by(table: Table, argument_name: str) -> Answer:
    """Rows whose member *argument_name* is one of the keys that are asked for."""

    def find(limit: Any = None, tag: Any = None, **keys: Any) -> Any:
        del limit, tag
        wanted = keys.get(argument_name)
        rows = table.many()
        if not isinstance(rows, list) or wanted is None:
            return rows
        among = wanted if isinstance(wanted, list) else [wanted]
        return [row for row in rows if row.get(argument_name) in among]

    return find


@st.composite
def catalogs(draw: Draw, *, wrong_percent: int) -> RandomCatalog:
    """Small catalogs of entities that link to each other, with every kind of type, and their answers."""
    dice = draw(dices())
    writer = _CatalogWriter(dice, wrong_percent)
    catalog = writer.write()
    namespaces = frozenset(one.id for one in catalog.upstreams if dice.chance(30))
    return RandomCatalog(catalog, writer.answers, namespaces)
