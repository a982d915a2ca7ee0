"""Members that are none on the wire: oneofs, extensions; names of enum values; maps as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLUnionType, validate_schema

from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.transport.grpc_json import Printers
from weft.engine.transport.grpc_messages import MethodMessages, build_pool
from weft.schemas.catalog import Catalog, EnumShape, JsonType, ShapeName, Upstream, UpstreamId
from weft.schemas.errors import BadArguments
from weft.schemas.grpc import ReadOptions, enum_names, flat, read_descriptors
from weft.schemas.grpc.naming import trimmed_values
from weft.schemas.links import weave
from weft.schemas.stitch import stitch

DESCRIPTORS = compile_proto("""
syntax = "proto2";
package zoo;
import "google/protobuf/struct.proto";
service Zoo { rpc GetPet(Request) returns (Pet); rpc CheckPet(Find) returns (Pet); }
message Find { oneof by { string pet_id = 1; string chip = 2; } optional string land = 3; }
message Request {
  oneof want { Cage cage = 1; string street = 2; google.protobuf.NullValue nothing = 3; }
  optional Pet like = 4;
}
message Pet {
  optional string pet_id = 1;
  oneof home { Cage cage = 2; Field field = 3; }
  oneof mood { string word = 4; int32 level = 5; }
  oneof same { Cage first = 6; Cage second = 7; }
  oneof lone { string only = 8; }
  optional Kind kind = 9 [default = KIND_CAT];
  map<string, Cage> cages = 10;
  oneof none { Nothing a = 11; Cage b = 12; }
  extensions 100 to 200;
  optional string name = 13 [default = "Rex"];
}
message Nothing {}
message Cage { optional int32 number = 1; }
message Field { optional string place = 1; }
enum Kind { KIND_DOG = 0; KIND_CAT = 1; }
extend Pet { optional string color = 100; repeated Cage spares = 101; optional Cage den = 102; }
""")
API = GrpcApi(DESCRIPTORS)


def read(**options: Any) -> Upstream:
    return read_descriptors(
        DESCRIPTORS,
        ["zoo.Zoo"],
        upstream=UpstreamId("zoo"),
        address="a:1",
        tls=False,
        options=ReadOptions(**options),
    )


@pytest.fixture(scope="module")
def schema() -> Any:
    catalog = Catalog.of(read())
    made = stitch(catalog, weave(catalog)).schema
    assert validate_schema(made) == []
    return made


def messages(method: str) -> MethodMessages:
    pool = build_pool(DESCRIPTORS, source="zoo")
    function = next(one for one in read().functions if one.name == f"Zoo.{method}")
    return MethodMessages(pool, Printers(pool), function)


def answer(value: dict[str, Any]) -> Any:
    return messages("GetPet").decode_response(API.message("zoo.Pet", value).SerializeToString())


def test_a_oneof_of_messages_is_a_union(schema: Any) -> None:
    pet = schema.type_map["Pet"]
    home = pet.fields["home"].type
    assert isinstance(home, GraphQLUnionType)
    assert [one.name for one in home.types] == ["Cage", "Field"]
    assert {"cage", "field"}.isdisjoint(pet.fields)


def test_any_other_oneof_is_its_fields_and_its_case(schema: Any) -> None:
    pet = schema.type_map["Pet"]
    assert {"word", "level", "moodCase", "first", "second", "sameCase", "a", "b", "noneCase"} <= set(
        pet.fields
    )
    assert list(schema.type_map["PetMoodCase"].values) == ["word", "level"]
    assert "only" in pet.fields
    assert "loneCase" not in pet.fields


def test_a_oneof_in_an_input_takes_one_of_its_members(schema: Any) -> None:
    pet = schema.type_map["PetInput"]
    home = pet.fields["home"].type
    assert isinstance(home, GraphQLInputObjectType)
    assert home.is_one_of
    assert list(home.fields) == ["cage", "field"]
    assert list(pet.fields["mood"].type.fields) == ["word", "level"]
    assert {"cage", "word", "moodCase"}.isdisjoint(pet.fields)


def test_a_oneof_of_scalars_stays_arguments_and_any_other_is_one(schema: Any) -> None:
    assert list(schema.query_type.fields["checkPet"].args) == ["petId", "chip", "land"]
    assert list(schema.query_type.fields["pet"].args) == ["like", "want"]
    want = schema.query_type.fields["pet"].args["want"].type
    assert want.is_one_of
    assert list(schema.type_map["NullValue"].values) == ["NULL_VALUE"]


def test_extensions_are_fields_under_their_full_names(schema: Any) -> None:
    assert {"zooColor", "zooSpares", "zooDen"} <= set(schema.type_map["Pet"].fields)


def test_a_default_of_proto2_stands_in_the_description(schema: Any) -> None:
    fields = schema.type_map["Pet"].fields
    assert fields["name"].description == 'Absent, it stands for "Rex".'
    assert fields["kind"].description == 'Absent, it stands for "KIND_CAT".'


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ({}, {"cages": {}, "[zoo.spares]": []}),
        ({"cage": {"number": 1}}, {"home": {"@case": "cage", "number": 1}}),
        ({"field": {}}, {"home": {"@case": "field"}}),
        ({"word": "glad"}, {"moodCase": "word", "word": "glad"}),
        ({"level": 0}, {"moodCase": "level", "level": 0}),
        ({"second": {}}, {"sameCase": "second", "second": {}}),
        ({"a": {}}, {"noneCase": "a", "a": {}}),
        ({"only": "x"}, {"only": "x"}),
        ({"[zoo.color]": "red"}, {"[zoo.color]": "red"}),
        ({"[zoo.den]": {"number": 2}}, {"[zoo.den]": {"number": 2}}),
        ({"[zoo.spares]": [{"number": 2}]}, {"[zoo.spares]": [{"number": 2}]}),
    ],
)
def test_an_answer_says_what_is_there(value: dict[str, Any], printed: dict[str, Any]) -> None:
    assert answer(value) == {"cages": {}, "[zoo.spares]": [], **printed}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"want": {"cage": {"number": 1}}}, {"cage": {"number": 1}}),
        ({"want": {"street": "x"}}, {"street": "x"}),
        ({"want": {"nothing": "NULL_VALUE"}}, {"nothing": None}),
        ({"want": None}, {}),
        ({"like": {"home": {"field": {"place": "p"}}}}, {"like": {"field": {"place": "p"}}}),
        ({"like": {"[zoo.color]": "red"}}, {"like": {"[zoo.color]": "red"}}),
        ({"like": {"cages": {"a": {"number": 1}}}}, {"like": {"cages": {"a": {"number": 1}}}}),
        # Left to json_format, for a number is given as text.
        ({"like": {"mood": {"level": "5"}}}, {"like": {"level": 5}}),
        (
            {"like": {"cages": {"a": {"number": "1"}}, "home": {"cage": {}}}},
            {"like": {"cages": {"a": {"number": 1}}, "cage": {}}},
        ),
    ],
)
def test_what_is_chosen_is_sent(arguments: dict[str, Any], sent: dict[str, Any]) -> None:
    found = messages("GetPet").encode_request(arguments)
    assert isinstance(found, bytes)
    received = API.message("zoo.Request")
    received.ParseFromString(found)
    assert received == API.message("zoo.Request", sent)


@pytest.mark.parametrize(
    ("method", "arguments", "said"),
    [
        ("GetPet", {"want": {"cage": {}, "street": "x"}}, "want takes one of cage, street, nothing"),
        ("GetPet", {"want": "cage"}, "want takes one of"),
        ("GetPet", {"want": {"like": {}}}, "want takes one of"),
        ("CheckPet", {"petId": "a", "chip": "b"}, "by"),
    ],
)
def test_more_than_one_choice_is_refused(method: str, arguments: dict[str, Any], said: str) -> None:
    found = messages(method).encode_request(arguments)
    assert isinstance(found, BadArguments)
    assert said in found.reason


def test_what_is_no_object_is_left_as_it_is() -> None:
    message = API.pool.FindMessageTypeByName("zoo.Pet")
    assert flat(message, 7) == 7
    assert flat(message, {"cages": 7, "unknown": {"x": 1}}) == {"cages": 7, "unknown": {"x": 1}}


@pytest.mark.parametrize(
    ("enum", "values", "trimmed"),
    [
        ("Kind", ["KIND_DOG", "KIND_CAT"], ["DOG", "CAT"]),
        ("HTTPMethod", ["HTTP_METHOD_GET", "HTTP_METHOD_PUT"], ["GET", "PUT"]),
        ("Kind", ["KIND_DOG", "CAT"], []),
        ("Size", ["SIZE_1", "SIZE_2"], []),
        ("Kind", ["KIND_", "KIND_A"], []),
    ],
)
def test_prefixes_of_enum_values_are_trimmed_where_all_have_them(
    enum: str, values: list[str], trimmed: list[str]
) -> None:
    assert list(trimmed_values(enum, values).values()) == trimmed


def test_trimmed_names_are_the_authors_own_and_the_wire_keeps_the_full_ones() -> None:
    shape = read(trim_enum_prefixes=True).shapes[ShapeName("Kind")]
    assert isinstance(shape, EnumShape)
    assert [(one.value, one.name) for one in shape.values] == [("KIND_DOG", "DOG"), ("KIND_CAT", "CAT")]


def test_maps_may_be_json() -> None:
    pet: Any = read(maps="json").shapes[ShapeName("Pet")]
    assert next(one.type for one in pet.fields if one.name == "cages") == JsonType()


def test_of_several_names_of_a_number_the_first_is_printed() -> None:
    text = 'syntax = "proto3"; enum Kind { option allow_alias = true; A = 0; B = 0; C = 2; D = 2; E = -1; }'
    api = GrpcApi(compile_proto(text))
    assert enum_names(api.pool.FindEnumTypeByName("Kind")) == {0: "A", 2: "C", -1: "E"}
