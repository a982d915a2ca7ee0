"""Protobuf descriptors as an upstream."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from tests.support.protobuf import compile_proto, compile_protos
from weft.schemas.catalog import (
    Argument,
    EnumShape,
    Field,
    Function,
    GrpcBinding,
    GrpcTarget,
    JsonType,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    Scalar,
    ShapeName,
    Upstream,
    UpstreamId,
)
from weft.schemas.errors import DocumentError
from weft.schemas.grpc import read_descriptors

PETS = """
syntax = "proto3";
package zoo.pets.v1;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Keeps the pets.
service PetService {
  // One pet.
  rpc GetPet(GetPetRequest) returns (Pet);
  rpc DeletePet(GetPetRequest) returns (google.protobuf.Empty);
  rpc CountPets(google.protobuf.Empty) returns (google.protobuf.Int64Value);
  rpc RenamePet(google.protobuf.StringValue) returns (Nothing) { option idempotency_level = IDEMPOTENT; }
  rpc Recount(GetPetRequest) returns (Pet) { option idempotency_level = NO_SIDE_EFFECTS; }
  rpc WatchPets(GetPetRequest) returns (stream Pet);
  rpc AddPets(stream Pet) returns (Pet);
  rpc Chat(stream GetPetRequest) returns (stream Pet);
  rpc OldGet(GetPetRequest) returns (Pet) { option deprecated = true; }
}

message Nothing {}

message GetPetRequest {
  // Which pet.
  string pet_id = 1;
  repeated string with_tags = 2;
  optional int32 depth = 3;
}

// A pet.
message Pet {
  string pet_id = 1;   // Its key.
  optional string nick_name = 2;
  Kind kind = 3;
  Collar collar = 4;
  repeated Pet children = 5;
  map<string, int32> weights = 6;
  map<int32, Pet> friends = 7;
  oneof home { string street = 8; Cage cage = 9; }
  int64 i64 = 10;
  uint64 u64 = 11;
  uint32 u32 = 12;
  float weight = 13;
  bytes photo = 14;
  bool alive = 15;
  google.protobuf.Timestamp born_at = 16;
  google.protobuf.Duration sleeps = 17;
  google.protobuf.FieldMask mask = 18;
  google.protobuf.Struct extra = 19;
  google.protobuf.Value value = 20;
  google.protobuf.Any any = 21;
  google.protobuf.StringValue motto = 22;
  google.protobuf.UInt32Value legs = 23;
  google.protobuf.Empty empty = 24;
  repeated Kind kinds = 25;
  string old = 26 [deprecated = true];
  string odd = 27 [json_name = "@odd"];
  google.protobuf.NullValue null = 28;
  message Collar { string color = 1; }
}

message Cage { uint32 number = 1; }

// What it is.
enum Kind {
  KIND_UNSPECIFIED = 0;
  // It barks.
  KIND_DOG = 1;
  KIND_CAT = 2 [deprecated = true];
}
"""


def read(descriptors: bytes, *services: str) -> Upstream:
    return read_descriptors(
        descriptors, services, upstream=UpstreamId("pets"), address="localhost:1", tls=False
    )


@pytest.fixture(scope="module")
def pets() -> Upstream:
    return read(compile_proto(PETS), "zoo.pets.v1.PetService")


def function(upstream: Upstream, method: str) -> Function:
    return next(one for one in upstream.functions if one.name.endswith(f".{method}"))


def shape(upstream: Upstream, name: str) -> ObjectShape:
    found = upstream.shapes[ShapeName(name)]
    assert isinstance(found, ObjectShape)
    return found


def member(upstream: Upstream, path: str) -> Field:
    name, _, field = path.partition(".")
    return next(one for one in shape(upstream, name).fields if one.name == field)


def ref(name: str, *, nullable: bool = False) -> Reference:
    return Reference(shape=ShapeName(name), nullable=nullable)


def test_nothing_is_warned_of_in_a_whole_set(pets: Upstream) -> None:
    assert pets.warnings == ()


def test_the_upstream_is_titled_by_its_service(pets: Upstream) -> None:
    assert (pets.title, pets.version, pets.description) == ("Pet", "v1", "Keeps the pets.")


def test_a_function_is_called_service_and_method(pets: Upstream) -> None:
    found = function(pets, "GetPet")
    assert (found.id, found.name, found.description) == (
        "pets.PetService.GetPet",
        "PetService.GetPet",
        "One pet.",
    )
    assert found.binding == GrpcBinding(
        service="zoo.pets.v1.PetService",
        method="GetPet",
        request="zoo.pets.v1.GetPetRequest",
        response="zoo.pets.v1.Pet",
    )


def test_request_members_are_optional_arguments(pets: Upstream) -> None:
    text = Scalar(kind="string")
    assert function(pets, "GetPet").arguments == (
        Argument(name="petId", type=text, description="Which pet."),
        Argument(name="withTags", type=ListOf(item=text)),
        Argument(name="depth", type=Scalar(kind="int32", nullable=True)),
    )


def test_a_request_is_no_shape_unless_it_is_streamed(pets: Upstream) -> None:
    assert "GetPetRequest" in pets.shapes  # Chat streams it
    without = read(
        compile_proto(PETS.replace("stream GetPetRequest", "GetPetRequest")), "zoo.pets.v1.PetService"
    )
    assert "GetPetRequest" not in without.shapes


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("GetPet", ref("Pet")),
        ("DeletePet", None),
        ("RenamePet", None),
        ("CountPets", Scalar(kind="int64")),
    ],
)
def test_results(pets: Upstream, method: str, result: object) -> None:
    assert function(pets, method).result == result


def test_empty_takes_no_arguments(pets: Upstream) -> None:
    assert function(pets, "CountPets").arguments == ()


def test_a_wrapper_as_request_is_one_argument(pets: Upstream) -> None:
    assert function(pets, "RenamePet").arguments == (Argument(name="value", type=Scalar(kind="string")),)


def test_a_client_stream_is_a_list_of_requests(pets: Upstream) -> None:
    assert function(pets, "AddPets").arguments == (
        Argument(name="requests", type=ListOf(item=ref("Pet")), required=True),
    )


@pytest.mark.parametrize(
    ("method", "streaming"),
    [("GetPet", "none"), ("WatchPets", "server"), ("AddPets", "client"), ("Chat", "both")],
)
def test_streaming(pets: Upstream, method: str, streaming: str) -> None:
    assert function(pets, method).streaming == streaming


@pytest.mark.parametrize(
    ("method", "effect", "idempotent", "reason"),
    [
        ("GetPet", "read", True, "the name begins with 'get'"),
        ("DeletePet", "write", False, "the name holds no verb of reading"),
        ("Recount", "read", True, "idempotency_level is NO_SIDE_EFFECTS"),
        ("RenamePet", "write", True, "the name holds no verb of reading"),
    ],
)
def test_effects(pets: Upstream, method: str, effect: str, idempotent: bool, reason: str) -> None:
    found = function(pets, method)
    assert (found.effect, found.idempotent, found.effect_reason) == (effect, idempotent, reason)


def test_a_deprecated_method_is_deprecated(pets: Upstream) -> None:
    assert function(pets, "OldGet").deprecated == ""
    assert function(pets, "GetPet").deprecated is None


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("Pet.petId", Scalar(kind="string")),
        ("Pet.nickName", Scalar(kind="string", nullable=True)),
        ("Pet.kind", ref("Kind")),
        ("Pet.kinds", ListOf(item=ref("Kind"))),
        ("Pet.collar", ref("PetCollar", nullable=True)),
        ("Pet.children", ListOf(item=ref("Pet"))),
        ("Pet.weights", MapOf(value=Scalar(kind="int32"))),
        ("Pet.friends", MapOf(value=ref("Pet"))),
        ("Pet.i64", Scalar(kind="int64")),
        ("Pet.u64", Scalar(kind="uint64")),
        ("Pet.u32", Scalar(kind="int64", format="uint32")),
        ("Pet.weight", Scalar(kind="float")),
        ("Pet.photo", Scalar(kind="byte")),
        ("Pet.alive", Scalar(kind="boolean")),
        ("Pet.bornAt", Scalar(kind="date-time", nullable=True)),
        ("Pet.sleeps", Scalar(kind="duration", nullable=True)),
        ("Pet.mask", Scalar(kind="string", format="field-mask", nullable=True)),
        ("Pet.extra", JsonType(nullable=True)),
        ("Pet.value", JsonType(nullable=True)),
        ("Pet.any", JsonType(nullable=True)),
        ("Pet.empty", JsonType(nullable=True)),
        ("Pet.null", JsonType(nullable=True)),
        ("Pet.motto", Scalar(kind="string", nullable=True)),
        ("Pet.legs", Scalar(kind="int64", nullable=True)),
        ("Pet.@odd", Scalar(kind="string")),
    ],
)
def test_members(pets: Upstream, path: str, type_: object) -> None:
    assert member(pets, path).type == type_


@pytest.mark.parametrize(
    ("path", "required", "default"),
    [
        ("Pet.petId", True, ""),
        ("Pet.i64", True, 0),
        ("Pet.kind", True, "KIND_UNSPECIFIED"),
        ("Pet.weights", True, {}),
    ],
)
def test_a_member_without_presence_is_always_there(
    pets: Upstream, path: str, required: bool, default: object
) -> None:
    found = member(pets, path)
    assert (found.required, found.default) == (required, default)


@pytest.mark.parametrize("path", ["Pet.nickName", "Pet.collar", "Pet.street", "Pet.bornAt"])
def test_a_member_with_presence_may_be_absent(pets: Upstream, path: str) -> None:
    found = member(pets, path)
    assert not found.required
    assert found.type.nullable


def test_comments_are_descriptions(pets: Upstream) -> None:
    assert shape(pets, "Pet").description == "A pet."
    assert member(pets, "Pet.petId").description == "Its key."


def test_an_enum_keeps_its_values_as_they_are_printed(pets: Upstream) -> None:
    found = pets.shapes[ShapeName("Kind")]
    assert isinstance(found, EnumShape)
    assert found.description == "What it is."
    assert [(one.value, one.description, one.deprecated) for one in found.values] == [
        ("KIND_UNSPECIFIED", "", None),
        ("KIND_DOG", "It barks.", None),
        ("KIND_CAT", "", ""),
    ]


def test_a_deprecated_member_is_deprecated(pets: Upstream) -> None:
    assert member(pets, "Pet.old").deprecated == ""


def test_the_target_builds_in_an_empty_pool(pets: Upstream) -> None:
    assert isinstance(pets.target, GrpcTarget)
    pool = DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(pets.target.descriptors).file:
        pool.Add(file)
    assert pool.FindServiceByName("zoo.pets.v1.PetService").methods


def test_the_order_of_files_does_not_matter(pets: Upstream) -> None:
    given = descriptor_pb2.FileDescriptorSet.FromString(compile_proto(PETS))
    turned = descriptor_pb2.FileDescriptorSet(file=reversed(given.file))
    assert read(turned.SerializeToString(), "zoo.pets.v1.PetService") == pets


def test_well_known_types_need_not_be_served(pets: Upstream) -> None:
    assert read(compile_protos({"test.proto": PETS}, imports=False), "zoo.pets.v1.PetService") == pets


def test_services_of_the_server_itself_are_passed_over() -> None:
    found = read(compile_proto(PETS), "grpc.reflection.v1.ServerReflection", "grpc.health.v1.Health")
    assert (found.functions, found.warnings) == ((), ())


def test_a_service_without_descriptor_is_warned_of() -> None:
    found = read(compile_proto(PETS), "zoo.pets.v1.PetService", "zoo.Gone")
    assert [(one.kind, one.pointer) for one in found.warnings] == [("unknown-service", "zoo.Gone")]
    assert len(found.functions) == 10


def test_what_is_no_descriptor_set_is_an_error() -> None:
    with pytest.raises(DocumentError, match="not a FileDescriptorSet"):
        read(b"<html>")


def test_services_of_one_short_name_go_by_their_full_one() -> None:
    text = (
        'syntax = "proto3"; package {}; message M {{ int32 n = 1; }} service S {{ rpc Get(M) returns (M); }}'
    )
    found = read(
        compile_protos({"a.proto": text.format("a.v1"), "b.proto": text.format("b.v1")}), "a.v1.S", "b.v1.S"
    )
    assert [one.id for one in found.functions] == ["pets.a.v1.S.Get", "pets.b.v1.S.Get"]
    assert sorted(found.shapes) == ["BM", "M"]


def test_an_enum_alias_is_not_a_second_value() -> None:
    text = """syntax = "proto3";
    enum E { option allow_alias = true; A = 0; B = 0; C = 1; }
    message M { E e = 1; }
    service S { rpc Get(M) returns (M); }"""
    found = read(compile_proto(text), "S").shapes[ShapeName("E")]
    assert isinstance(found, EnumShape)
    assert [one.value for one in found.values] == ["A", "C"]


def test_a_required_member_of_proto2_must_be_given() -> None:
    text = """syntax = "proto2";
    message M { required string key = 1; optional int32 n = 2 [default = 7]; }
    service S { rpc Get(M) returns (M); }"""
    found = read(compile_proto(text), "S")
    assert [(one.name, one.required) for one in found.functions[0].arguments] == [("key", True), ("n", False)]
    assert member(found, "M.key").type == Scalar(kind="string")
    assert member(found, "M.n").type == Scalar(kind="int32", nullable=True)


def test_editions_say_which_members_have_presence() -> None:
    text = """edition = "2023";
    message M { string a = 1; string b = 2 [features.field_presence = IMPLICIT]; }
    service S { rpc Get(M) returns (M); }"""
    found = read(compile_proto(text), "S")
    assert (member(found, "M.a").required, member(found, "M.b").required) == (False, True)
