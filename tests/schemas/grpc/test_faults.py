"""Faults in descriptor sets cost only what they touch."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.support.protobuf import compile_protos
from weft.schemas.catalog import JsonType, MapOf, ObjectShape, Scalar, ShapeName, Upstream, UpstreamId
from weft.schemas.grpc import read_descriptors

MAIN = """
syntax = "proto3";
package shop;
import "other.proto";
service Shop {
  rpc GetItem(Key) returns (Item);
  rpc GetOther(Key) returns (other.Other);
}
message Key { string key = 1; }
message Item {
  string name = 1;
  other.Other other = 2;
  repeated other.Other others = 3;
  map<string, other.Other> by_name = 4;
  other.Color color = 5;
}
"""
OTHER = """
syntax = "proto3";
package other;
message Other { string text = 1; }
enum Color { RED = 0; }
"""


def read(descriptors: FileDescriptorSet) -> Upstream:
    return read_descriptors(
        descriptors.SerializeToString(), ["shop.Shop"], upstream=UpstreamId("shop"), address="a:1", tls=False
    )


def compiled(main: str = MAIN, other: str = OTHER) -> FileDescriptorSet:
    return FileDescriptorSet.FromString(compile_protos({"other.proto": other, "main.proto": main}))


def drop(descriptors: FileDescriptorSet, name: str) -> FileDescriptorSet:
    return FileDescriptorSet(file=[file for file in descriptors.file if file.name != name])


@pytest.fixture
def without_other() -> Upstream:
    return read(drop(compiled(), "other.proto"))


def types(upstream: Upstream, shape: str) -> dict[str, object]:
    found = upstream.shapes[ShapeName(shape)]
    assert isinstance(found, ObjectShape)
    return {field.name: field.type for field in found.fields}


def test_members_of_missing_types_are_json(without_other: Upstream) -> None:
    found = types(without_other, "Item")
    assert found["name"] == Scalar(kind="string")
    assert isinstance(found["other"], JsonType)
    assert found["other"].reason == "read as bytes: message .other.Other is in no file that is served"
    assert isinstance(found["color"], JsonType)
    assert found["color"].reason == "read as a number: enum .other.Color is in no file that is served"


def test_a_map_of_a_missing_type_is_a_map_of_json(without_other: Upstream) -> None:
    found = types(without_other, "Item")["byName"]
    assert isinstance(found, MapOf)
    assert isinstance(found.value, JsonType)


def test_a_method_without_its_messages_is_left_out(without_other: Upstream) -> None:
    assert [one.name for one in without_other.functions] == ["Shop.GetItem"]


def test_each_fault_is_warned_of_where_it_is(without_other: Upstream) -> None:
    assert {(one.kind, one.pointer) for one in without_other.warnings} == {
        ("unresolved-type", "shop.Item.other"),
        ("unresolved-type", "shop.Item.others"),
        ("unresolved-type", "shop.Item.ByNameEntry.value"),
        ("unresolved-type", "shop.Item.color"),
        ("unresolved-type", "shop.Shop.GetOther"),
    }


def test_a_missing_file_that_nothing_needs_is_nothing() -> None:
    main = 'syntax = "proto3"; package shop; import "other.proto"; message M { int32 n = 1; } service Shop { rpc Get(M) returns (M); }'
    found = read(drop(compiled(main), "other.proto"))
    assert (len(found.functions), found.warnings) == (1, ())


def test_a_file_that_does_not_build_costs_what_is_in_it() -> None:
    descriptors = compiled()
    broken = next(file for file in descriptors.file if file.name == "other.proto")
    broken.message_type[0].field.add(name="text", number=1, type=9, label=1)
    found = read(descriptors)
    assert [one.name for one in found.functions] == ["Shop.GetItem"]
    assert ("broken-file", "other.proto") in {(one.kind, one.pointer) for one in found.warnings}


def test_files_that_import_each_other_are_read() -> None:
    descriptors = compiled()
    other = next(file for file in descriptors.file if file.name == "other.proto")
    other.dependency.append("main.proto")
    assert "Shop.GetItem" in {one.name for one in read(descriptors).functions}


def test_names_without_a_leading_dot_are_searched_outwards() -> None:
    descriptors = compiled()
    main = next(file for file in descriptors.file if file.name == "main.proto")
    main.service[0].method[0].input_type = "Key"
    found = read(descriptors)
    assert found.warnings == ()
    assert [one.name for one in found.functions[0].arguments] == ["key"]


def test_custom_options_and_their_files_are_not_needed() -> None:
    options = """syntax = "proto3"; package other;
    import "google/protobuf/descriptor.proto";
    extend google.protobuf.MethodOptions { string note = 50000; }"""
    main = """syntax = "proto3"; package shop; import "other.proto"; message M { int32 n = 1; }
    service Shop { rpc Get(M) returns (M) { option (other.note) = "x"; } }"""
    found = read(compiled(main, options))
    assert found.warnings == ()
    assert b"note" not in found.target.descriptors  # type: ignore[union-attr]


def test_google_api_http_tells_the_effect() -> None:
    http = """syntax = "proto3"; package google.api;
    import "google/protobuf/descriptor.proto";
    message HttpRule { oneof pattern { string get = 2; string put = 3; string delete = 5; } }
    extend google.protobuf.MethodOptions { HttpRule http = 72295728; }"""
    main = """syntax = "proto3"; package shop; import "other.proto"; message M { int32 n = 1; }
    service Shop {
      rpc Item(M) returns (M) { option (google.api.http) = { get: "/items" }; }
      rpc GetRid(M) returns (M) { option (google.api.http) = { delete: "/items" }; }
    }"""
    found = {one.name: one for one in read(compiled(main, http)).functions}
    assert (found["Shop.Item"].effect, found["Shop.Item"].effect_reason) == ("read", "google.api.http is GET")
    assert (found["Shop.GetRid"].effect, found["Shop.GetRid"].idempotent) == ("write", True)
