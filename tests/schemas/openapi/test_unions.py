from typing import Any

import pytest

from tests.schemas.openapi.reading import discriminator, kinds, read_schema, ref
from weft.schemas.catalog import (
    Discriminator,
    EnumShape,
    EnumValue,
    JsonType,
    ListOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    UnionShape,
)

REF = "#/components/schemas/"
CAT = {"type": "object", "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}}}
DOG = {"type": "object", "properties": {"kind": {"type": "string"}, "barks": {"type": "boolean"}}}
BOTH = [{"$ref": REF + "Cat"}, {"$ref": REF + "Dog"}]


def union_of(schema: dict[str, Any], **components: Any) -> UnionShape:
    found, shapes, _ = read_schema({"$ref": REF + "Pet"}, Cat=CAT, Dog=DOG, Pet=schema, **components)
    assert isinstance(found, Reference)
    shape = shapes[found.shape]
    assert isinstance(shape, UnionShape)
    return shape


@pytest.mark.parametrize("keyword", ["oneOf", "anyOf"])
def test_variants_that_are_objects_are_a_union(keyword: str) -> None:
    union = union_of({keyword: BOTH, "description": "A pet."})
    assert (union.name, union.members, union.description) == ("Pet", ("Cat", "Dog"), "A pet.")


def test_null_among_the_variants_is_nullability() -> None:
    found, _, _ = read_schema({"anyOf": [{"$ref": REF + "Cat"}, {"type": "null"}]}, version="3.1.0", Cat=CAT)
    assert found == ref("Cat", nullable=True)


def test_null_among_several_variants_makes_the_union_nullable() -> None:
    schema = {"oneOf": [*BOTH, {"type": "null"}]}
    found, _, _ = read_schema(schema, version="3.1.0", Cat=CAT, Dog=DOG)
    assert found == ref("GetOrderResult", nullable=True)


def test_discriminator_maps_values_to_shapes() -> None:
    mapping = {"cat": REF + "Cat", "dog": "Dog"}
    union = union_of({"oneOf": BOTH, "discriminator": {"propertyName": "kind", "mapping": mapping}})
    assert union.discriminator == discriminator("kind", cat="Cat", dog="Dog")


def test_discriminator_without_mapping_takes_component_names() -> None:
    union = union_of({"oneOf": BOTH, "discriminator": {"propertyName": "kind"}})
    assert union.discriminator == discriminator("kind", Cat="Cat", Dog="Dog")


def test_constant_that_differs_in_every_member_is_the_discriminator() -> None:
    cow = {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "cow"}}}
    pig = {"type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["pig", "hog"]}}}
    union = union_of({"oneOf": [{"$ref": REF + "Cow"}, {"$ref": REF + "Pig"}]}, Cow=cow, Pig=pig)
    assert union.discriminator == discriminator("kind", cow="Cow", pig="Pig", hog="Pig")


def test_union_within_a_union_gives_its_members() -> None:
    assert union_of({"oneOf": [{"oneOf": BOTH}, {"$ref": REF + "Cat"}]}).members == ("Cat", "Dog")


def test_inline_variants_are_named_by_title() -> None:
    union = union_of({"oneOf": [{**CAT, "title": "Wild cat"}, {**DOG}]})
    assert union.members == ("PetWildCat", "PetVariant2")


def test_members_beside_the_variants_are_part_of_each() -> None:
    _, shapes, _ = read_schema({"properties": {"id": {"type": "string"}}, "oneOf": BOTH}, Cat=CAT, Dog=DOG)
    union = shapes["GetOrderResult"]
    assert isinstance(union, UnionShape)
    cat = shapes[union.members[0]]
    assert isinstance(cat, ObjectShape)
    assert [field.name for field in cat.fields] == ["kind", "lives", "id"]


def test_variants_that_only_require_leave_the_object_as_it_is() -> None:
    found, shapes, upstream = read_schema({**CAT, "anyOf": [{"required": ["kind"]}, {"required": ["lives"]}]})
    assert isinstance(found, Reference)
    assert isinstance(shapes[found.shape], ObjectShape)
    assert upstream.warnings == ()


def test_subtypes_that_inherit_from_their_union_end() -> None:
    pet = {"type": "object", "properties": {"kind": {"type": "string"}}, "oneOf": BOTH,
           "discriminator": {"propertyName": "kind"}}  # fmt: skip
    cat = {"allOf": [{"$ref": REF + "Pet"}, CAT]}
    found, shapes, _ = read_schema(
        {"$ref": REF + "Pet"}, Pet=pet, Cat=cat, Dog={"allOf": [{"$ref": REF + "Pet"}, DOG]}
    )
    union = shapes[found.shape] if isinstance(found, Reference) else None
    assert isinstance(union, UnionShape)
    assert union.members == ("Cat", "Dog")


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        (
            [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
            Scalar(kind="string"),
        ),
        ([{"type": "integer"}, {"type": "integer", "format": "int64"}], Scalar(kind="int64")),
        ([{"type": "integer"}, {"type": "number"}], Scalar(kind="float")),
        ([{"type": "string", "enum": ["a", "b"]}, {"type": "string"}], Scalar(kind="string")),
        ([{"type": "string"}, {"type": "string", "maxLength": 3}], Scalar(kind="string")),
        ([{"type": "string"}, {"type": "string", "nullable": True}], Scalar(kind="string", nullable=True)),
        (
            [{"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "number"}}],
            ListOf(item=Scalar(kind="float")),
        ),
        ([{}, {"type": "string"}], JsonType()),
    ],
)
def test_kindred_variants_are_the_type_that_holds_them_all(variants: list[Any], expected: object) -> None:
    assert read_schema({"anyOf": variants})[0] == expected


def test_types_of_a_list_are_variants() -> None:
    found, _, _ = read_schema({"type": ["integer", "number", "null"]}, version="3.1.0")
    assert found == Scalar(kind="float", nullable=True)


def test_string_or_object_is_json_with_a_warning() -> None:
    found, shapes, upstream = read_schema({"anyOf": [{"type": "string"}, {"$ref": REF + "Cat"}]}, Cat=CAT)
    assert found == JsonType(reason="a value is one of object, string")
    assert shapes == {}
    assert [kind for kind, _ in kinds(upstream)] == ["mixed-union"]


def test_constants_of_their_own_are_an_enum() -> None:
    state = {"oneOf": [{"const": "new", "title": "Just made"}, {"const": "paid"}]}
    _, shapes, _ = read_schema({"$ref": REF + "State"}, version="3.1.0", State=state)
    assert shapes["State"] == EnumShape(
        name=ShapeName("State"),
        values=(EnumValue(value="new", description="Just made"), EnumValue(value="paid")),
    )


PET = {
    "type": "object",
    "required": ["petType"],
    "properties": {"petType": {"type": "string"}, "name": {"type": "string"}},
    "discriminator": {"propertyName": "petType", "mapping": {"dog": "#/components/schemas/Dog"}},
}


def extends(base: str, **properties: Any) -> dict[str, Any]:
    more = {"type": "object", "properties": {n: {"type": t} for n, t in properties.items()}}
    return {"allOf": [{"$ref": f"#/components/schemas/{base}"}, more]}


def test_a_base_with_a_discriminator_stands_for_what_extends_it() -> None:
    schemas: dict[str, Any] = {
        "Pet": PET,
        "Dog": extends("Pet", tricks="string"),
        "Cat": extends("Pet", lives="integer"),
    }
    type_, shapes, upstream = read_schema({"$ref": "#/components/schemas/Pet"}, version="3.0.3", **schemas)
    assert type_ == ref("Pet")
    pet = shapes["Pet"]
    assert isinstance(pet, UnionShape)
    assert pet.members == ("Dog", "Cat", "PetBase")
    assert pet.discriminator == Discriminator(
        property="petType",
        mapping={"dog": ShapeName("Dog"), "Cat": ShapeName("Cat")},
        default=ShapeName("PetBase"),
    )
    cat = shapes["Cat"]
    assert isinstance(cat, ObjectShape)
    assert [field.name for field in cat.fields] == ["petType", "name", "lives"]
    assert upstream.warnings == ()


def test_what_extends_a_base_is_itself_where_it_is_meant() -> None:
    schemas: dict[str, Any] = {"Pet": PET, "Dog": extends("Pet", tricks="string")}
    type_, shapes, _ = read_schema({"$ref": "#/components/schemas/Dog"}, version="3.0.3", **schemas)
    assert type_ == ref("Dog")
    assert isinstance(shapes["Dog"], ObjectShape)


def test_subtypes_of_subtypes_stand_beside_them() -> None:
    puppy = extends("Dog", age="integer")
    schemas: dict[str, Any] = {"Pet": PET, "Dog": extends("Pet", tricks="string"), "Puppy": puppy}
    _, shapes, _ = read_schema({"$ref": "#/components/schemas/Pet"}, version="3.0.3", **schemas)
    pet = shapes["Pet"]
    assert isinstance(pet, UnionShape)
    assert pet.members == ("Dog", "Puppy", "PetBase")


def test_a_base_of_too_many_is_an_object() -> None:
    schemas: dict[str, Any] = {"Pet": PET} | {f"Pet{n}": extends("Pet", x="string") for n in range(65)}
    _, shapes, _ = read_schema({"$ref": "#/components/schemas/Pet"}, version="3.0.3", **schemas)
    assert isinstance(shapes["Pet"], ObjectShape)


def test_a_default_mapping_of_32_takes_what_no_other_value_tells() -> None:
    schema = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Other"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat"}, "defaultMapping": "Other"},
    }
    one = {"type": "object", "properties": {"kind": {"type": "string"}}}
    type_, shapes, _ = read_schema(schema, version="3.2.0", Cat=one, Other=one)
    assert isinstance(type_, Reference)
    union = shapes[type_.shape]
    assert isinstance(union, UnionShape)
    assert union.discriminator is not None
    assert union.discriminator.default == "Other"
