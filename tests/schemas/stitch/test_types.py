"""Shapes as GraphQL types."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    print_type,
)

from tests.support.small_catalogs import (
    INT,
    TEXT,
    TEXTS,
    Catalog,
    field,
    get,
    key_argument,
    list_of,
    ref,
    shape,
    upstream,
    write,
)
from weft.schemas.catalog import (
    Discriminator,
    EnumShape,
    EnumValue,
    JsonType,
    ListOf,
    MapOf,
    Scalar,
    Shape,
    UnionShape,
)
from weft.schemas.links import weave
from weft.schemas.stitch import MemberBinding, UnionBinding, binding_of, stitch
from weft.schemas.stitch.bindings import EXTENSION, is_map_entry


def schema_of(*parts: Any) -> GraphQLSchema:
    catalog = Catalog.of(upstream("shop", *parts))
    return stitch(catalog, weave(catalog)).schema


def output(*shapes: Shape, of: str = "Thing") -> Any:
    """The output type of the shape *of*, which a function answers."""
    return schema_of(*shapes, get("shop.get", "/get", ref(of))).query_type.fields["get"].type  # type: ignore[union-attr]


def input_(*shapes: Shape, of: str = "Thing") -> Any:
    """The input type of the shape *of*, which a function takes."""
    schema = schema_of(*shapes, write("shop.put", "/put", TEXT, key_argument("input", ref(of))))
    assert schema.mutation_type is not None
    return schema.mutation_type.fields["put"].args["input"].type.of_type


def members(type_: Any) -> dict[str, str]:
    return {name: str(one.type) for name, one in type_.fields.items()}


def enum(name: str, *values: Any) -> EnumShape:
    return EnumShape(
        name=name,  # type: ignore[arg-type]  # a name is a string here
        values=tuple(v if isinstance(v, EnumValue) else EnumValue(value=v) for v in values),
    )


def union(name: str, *shapes: str, **more: Any) -> UnionShape:
    return UnionShape(name=name, members=shapes, **more)  # type: ignore[arg-type]  # names are strings here


# -- objects


def test_a_member_is_non_null_if_it_is_required_and_not_nullable() -> None:
    thing = shape(
        "Thing",
        field("a", TEXT),
        field("b", TEXT, required=False),
        field("c", Scalar(kind="string", nullable=True)),
        field("d", Scalar(kind="string", nullable=True), required=False),
    )
    assert members(output(thing)) == {"a": "String!", "b": "String", "c": "String", "d": "String"}


def test_items_of_a_list_have_a_nullability_of_their_own() -> None:
    thing = shape(
        "Thing",
        field("a", ListOf(item=TEXT)),
        field("b", ListOf(item=Scalar(kind="string", nullable=True), nullable=True)),
        field("c", ListOf(item=ListOf(item=INT))),
    )
    assert members(output(thing)) == {"a": "[String!]!", "b": "[String]", "c": "[[Int!]!]!"}


def test_a_member_keeps_its_wire_name_in_its_binding() -> None:
    made = output(shape("Thing", "unit_price"))
    assert binding_of(made.fields["unitPrice"]) == MemberBinding("unit_price")


def test_members_whose_names_collide_are_numbered_and_the_exact_one_keeps_its_name() -> None:
    made = output(shape("Thing", "user_id", "userId", "UserId"))
    assert {n: binding_of(f).member for n, f in made.fields.items()} == {  # type: ignore[union-attr]
        "userId": "userId",
        "userId2": "user_id",
        "userId3": "UserId",
    }


def test_a_member_that_is_only_sent_is_left_out() -> None:
    assert members(output(shape("Thing", "id", field("password", TEXT, write_only=True)))) == {
        "id": "String!"
    }


def test_an_object_without_members_is_json() -> None:
    assert str(output(shape("Thing"))) == "JSON"
    assert str(output(shape("Thing", field("secret", TEXT, write_only=True)))) == "JSON"


def test_a_shape_that_is_not_there_is_json() -> None:
    assert str(output(of="Gone")) == "JSON"


def test_what_has_no_type_is_json() -> None:
    assert members(output(shape("Thing", field("any", JsonType(nullable=True))))) == {"any": "JSON"}


def test_a_shape_may_hold_itself() -> None:
    thing = shape("Thing", field("parent", ref("Thing"), required=False), field("children", list_of("Thing")))
    assert members(output(thing)) == {"parent": "Thing", "children": "[Thing!]!"}


def test_descriptions_and_deprecations_are_kept() -> None:
    thing = shape(
        "Thing",
        field("a", TEXT, description="The first."),
        field("b", TEXT, deprecated=""),
        field("c", TEXT, deprecated="Use a."),
        description="A thing.",
    )
    made = output(thing)
    assert made.description == "A thing."
    assert made.fields["a"].description == "The first."
    assert made.fields["b"].deprecation_reason == "No longer supported"
    assert made.fields["c"].deprecation_reason == "Use a."


# -- maps


def test_a_map_is_a_list_of_entries() -> None:
    made = output(shape("Thing", field("stock", MapOf(value=INT))))
    assert members(made) == {"stock": "[IntEntry!]!"}
    entry = made.fields["stock"].type.of_type.of_type.of_type
    assert is_map_entry(entry)
    assert members(entry) == {"key": "String!", "value": "Int!"}


def test_maps_of_equal_values_share_their_entries() -> None:
    made = output(
        shape(
            "Thing",
            field("a", MapOf(value=INT)),
            field("b", MapOf(value=INT)),
            field("c", MapOf(value=Scalar(kind="int32", nullable=True))),
            field("d", MapOf(value=ListOf(item=INT))),
            field("e", MapOf(value=MapOf(value=INT))),
        )
    )
    assert members(made) == {
        "a": "[IntEntry!]!",
        "b": "[IntEntry!]!",
        "c": "[IntMapEntry!]!",
        "d": "[IntListEntry!]!",
        "e": "[IntEntryListEntry!]!",
    }


# -- enums


def test_values_that_are_no_names_are_renamed_and_keep_what_they_stand_for() -> None:
    made = output(enum("Thing", "home", "out-door", "", "true", 1, -1, 2.5, True))
    assert isinstance(made, GraphQLEnumType)
    assert {name: value.value for name, value in made.values.items()} == {
        "home": "home",
        "OUT_DOOR": "out-door",
        "EMPTY": "",
        "TRUE": "true",
        "_1": 1,
        "MINUS_1": -1,
        "_2_5": 2.5,
        "TRUE2": True,
    }


def test_values_whose_names_collide_are_numbered() -> None:
    made = output(enum("Thing", "a-b", "a b", "A_B"))
    assert {name: value.value for name, value in made.values.items()} == {
        "A_B": "A_B",
        "A_B2": "a-b",
        "A_B3": "a b",
    }


def test_a_value_that_is_there_twice_stands_once() -> None:
    made = output(enum("Thing", "a", "b", "a"))
    assert list(made.values) == ["a", "b"]


def test_the_authors_name_of_a_value_is_taken() -> None:
    made = output(enum("Thing", EnumValue(value=1, name="LOW"), EnumValue(value=2, name="HIGH")))
    assert made.values["HIGH"].value == 2


def test_an_enum_without_values_is_json() -> None:
    assert str(output(enum("Thing"))) == "JSON"


# -- unions


CAT = shape("Cat", "kind", "name", "lives")
DOG = shape("Dog", "kind", "name", "tricks")


def binding(type_: Any) -> UnionBinding:
    assert isinstance(type_, GraphQLUnionType)
    found = type_.extensions[EXTENSION]
    assert isinstance(found, UnionBinding)
    return found


def test_a_discriminator_tells_the_type() -> None:
    told = Discriminator(property="kind", mapping={"feline": "Cat", "canine": "Dog"})  # type: ignore[dict-item]
    made = binding(output(CAT, DOG, union("Thing", "Cat", "Dog", discriminator=told)))
    assert made.type_name({"kind": "canine"}) == "Dog"
    assert made.type_name({"kind": "Cat", "name": "", "lives": ""}) == "Cat"


def test_without_a_discriminator_the_required_members_tell_the_type() -> None:
    made = binding(output(CAT, DOG, union("Thing", "Cat", "Dog")))
    assert made.type_name({"kind": "?", "name": "Tom", "lives": "9"}) == "Cat"
    assert made.type_name({"kind": "?", "name": "Rex", "tricks": "3"}) == "Dog"


def test_an_unknown_discriminator_falls_back_to_the_members() -> None:
    told = Discriminator(property="kind", mapping={"feline": "Cat"})  # type: ignore[dict-item]
    made = binding(output(CAT, DOG, union("Thing", "Cat", "Dog", discriminator=told)))
    assert made.type_name({"kind": "new", "name": "Rex", "tricks": "3"}) == "Dog"


def test_an_object_that_lacks_a_required_member_is_of_the_type_it_has_most_of() -> None:
    found = binding(output(CAT, DOG, union("Thing", "Cat", "Dog")))
    assert found.type_name({"name": "Tom", "lives": 9}) == "Cat"


@pytest.mark.parametrize("value", [{}, {"name": "Tom"}, "Cat", None, []])
def test_what_fits_no_member_has_no_type(value: Any) -> None:
    assert binding(output(CAT, DOG, union("Thing", "Cat", "Dog"))).type_name(value) is None


def test_unions_in_unions_are_one() -> None:
    made = output(
        CAT, DOG, union("Pet", "Cat", "Dog"), shape("Car", "wheels"), union("Thing", "Pet", "Car", "Cat")
    )
    assert [type_.name for type_ in made.types] == ["Cat", "Dog", "Car"]


def test_a_union_that_holds_itself_ends() -> None:
    made = output(CAT, union("Pet", "Thing", "Cat"), union("Thing", "Pet"))
    assert [type_.name for type_ in made.types] == ["Cat"]


def test_a_union_with_a_member_that_is_no_object_is_json() -> None:
    assert str(output(CAT, enum("Color", "red"), union("Thing", "Cat", "Color"))) == "JSON"
    assert str(output(union("Thing"))) == "JSON"


# -- inputs


def test_an_input_is_a_type_of_its_own() -> None:
    made = input_(shape("Thing", "id"))
    assert isinstance(made, GraphQLInputObjectType)
    assert made.name == "ThingInput"


def test_a_shape_that_is_called_an_input_keeps_its_name() -> None:
    assert input_(shape("ThingInput", "id"), of="ThingInput").name == "ThingInput"


def test_a_member_of_an_input_keeps_its_wire_name() -> None:
    assert input_(shape("Thing", "unit_price")).fields["unitPrice"].out_name == "unit_price"


def test_a_member_that_is_only_read_is_left_out_of_inputs() -> None:
    assert members(input_(shape("Thing", field("id", TEXT, read_only=True), "name"))) == {"name": "String!"}


def test_a_member_with_a_default_need_not_be_given() -> None:
    made = input_(
        shape("Thing", field("size", INT, default=3), field("at", Scalar(kind="date"), default="x"))
    )
    assert members(made) == {"size": "Int", "at": "Date"}
    assert made.fields["size"].default_value == 3
    assert made.fields["at"].default_value is Undefined


@pytest.mark.parametrize(
    ("kind", "default"),
    [("int32", "3"), ("int32", True), ("int32", 2**31), ("string", 3), ("boolean", "true"), ("float", "1")],
)
def test_a_default_of_another_kind_is_left_to_the_upstream(kind: Any, default: Any) -> None:
    made = input_(shape("Thing", field("a", Scalar(kind=kind), default=default)))
    assert made.fields["a"].default_value is Undefined


def test_a_deprecated_member_that_must_be_given_is_not_marked() -> None:
    made = input_(
        shape("Thing", field("a", TEXT, deprecated=""), field("b", TEXT, deprecated="", required=False))
    )
    assert made.fields["a"].deprecation_reason is None
    assert made.fields["b"].deprecation_reason == "No longer supported"


def test_a_map_is_a_list_of_entries_in_inputs_too() -> None:
    made = input_(shape("Thing", field("a", MapOf(value=INT)), field("c", MapOf(value=TEXTS))))
    assert members(made) == {"a": "[IntEntryInput!]!", "c": "[StringListEntryInput!]!"}


def test_a_union_of_inputs_is_a_one_of() -> None:
    made = input_(shape("Thing", field("pet", ref("Pet"))), union("Pet", "Cat", "Dog"), CAT, DOG)
    assert members(made) == {"pet": "PetInput!"}
    pet = get_named_type(made.fields["pet"].type)
    assert isinstance(pet, GraphQLInputObjectType)
    assert pet.is_one_of
    assert members(pet) == {"cat": "CatInput", "dog": "DogInput"}


def test_a_union_with_a_member_that_is_no_input_object_is_json() -> None:
    empty = shape("Dog", field("name", TEXT, read_only=True))
    made = input_(shape("Thing", field("pet", ref("Pet"))), union("Pet", "Cat", "Dog"), CAT, empty)
    assert members(made) == {"pet": "JSON!"}


def test_an_enum_is_the_same_in_and_out() -> None:
    made = input_(shape("Thing", field("color", ref("Color"))), enum("Color", "red"))
    assert members(made) == {"color": "Color!"}


def test_an_input_that_would_never_end_is_json() -> None:
    assert str(input_(shape("Thing", field("next", ref("Thing"))))) == "JSON"


def test_an_input_that_would_never_end_through_another_is_json() -> None:
    one = shape("Thing", field("other", ref("Other")))
    other = shape("Other", field("thing", ref("Thing")))
    assert str(input_(one, other)) == "JSON"


def test_an_input_that_leads_into_one_that_never_ends_is_valid() -> None:
    one = shape("Thing", field("loop", ref("Loop")))
    assert members(input_(one, shape("Loop", field("next", ref("Loop"))))) == {"loop": "JSON!"}


@pytest.mark.parametrize(
    "again",
    [
        field("next", ref("Thing"), required=False),
        field("next", ref("Thing", nullable=True)),
        field("next", list_of("Thing")),
    ],
)
def test_an_input_may_hold_itself_where_it_may_end(again: Any) -> None:
    assert isinstance(input_(shape("Thing", "id", again)), GraphQLInputObjectType)


# -- names


@pytest.mark.parametrize(
    "name", ["Query", "Mutation", "Subscription", "String", "ID", "DateTime", "JSON", "BigInt"]
)
def test_a_shape_with_a_reserved_name_is_prefixed(name: str) -> None:
    made = output(shape(name, "x"), of=name)
    assert isinstance(made, GraphQLObjectType)
    assert made.name == f"Shop{name}"


def test_a_shape_that_is_called_like_an_entry_does_not_collide() -> None:
    made = output(
        shape("Thing", field("map", MapOf(value=INT)), field("own", ref("IntEntry"))), shape("IntEntry", "x")
    )
    names = {str(one.type).strip("[]!") for one in made.fields.values()}
    assert len(names) == 2


def test_shapes_whose_type_names_collide_are_told_apart() -> None:
    made = output(
        shape("Thing", field("a", ref("a_b")), field("b", ref("AB"))), shape("a_b", "x"), shape("AB", "y")
    )
    assert members(made) == {"a": "AB!", "b": "ShopAB!"}


def test_a_type_prints_as_a_person_would_write_it() -> None:
    thing = shape("Thing", "id", field("unit_price", Scalar(kind="decimal"), required=False))
    assert print_type(output(thing)) == "type Thing {\n  id: String!\n  unitPrice: Decimal\n}"
