"""Printers against json_format."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.transport.grpc_json import Printers

API = GrpcApi(
    compile_proto("""
edition = "2023";
package zoo;
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
option features.field_presence = IMPLICIT;
message All {
  double d = 1; float f = 2; int32 i32 = 3; uint32 u32 = 4; bool b = 5; string snake_case = 6; bytes by = 7;
  Kind kind = 8; All all = 9; repeated All list = 10; repeated float floats = 11; repeated Kind kinds = 12;
  map<bool, bytes> by_bool = 13; map<int32, All> by_number = 14; map<string, string> by_name = 15;
  oneof one { string first = 16; Kind second = 17; All third = 18; }
  google.protobuf.Timestamp at = 19; google.protobuf.Duration lasts = 20; google.protobuf.Struct any = 21;
  google.protobuf.BytesValue wrapped = 22; repeated google.protobuf.Timestamp times = 23;
  string from = 24; string class = 25; repeated bytes bytes_list = 26;
  All.Inner inner = 27 [features.message_encoding = DELIMITED];
  google.protobuf.NullValue nothing = 28;
  repeated google.protobuf.Value values = 29;
  message Inner { int32 n = 1; }
}
message Empty {}
message Wide { int64 i64 = 1; uint64 u64 = 2; map<int64, int64> wide = 3; repeated fixed64 list = 4; }
enum Kind { NONE = 0; SOME = 1; ALL = -1; }
""")
)
PRINTERS = Printers(API.pool, bare=True)


def print_message(message: Message) -> Any:
    return PRINTERS.printer(API.pool.FindMessageTypeByName(message.DESCRIPTOR.full_name))(message)


def test_a_oneof_says_its_case_beside_its_fields() -> None:
    printer = Printers(API.pool).printer(API.pool.FindMessageTypeByName("zoo.All"))
    found: Any = printer(API.message("zoo.All", {"second": "SOME"}))
    assert (found["oneCase"], found["second"]) == ("second", "SOME")
    assert "oneCase" not in printer(API.message("zoo.All"))  # type: ignore[operator]  # an object


def oracle(message: Message) -> Any:
    return json_format.MessageToDict(
        message, always_print_fields_with_no_presence=True, descriptor_pool=API.pool
    )


kinds = st.sampled_from(["NONE", "SOME", "ALL", 7])
texts = st.text(st.characters(codec="utf-8"), max_size=5)
data = st.sampled_from(["", "AA==", "//79"])
times = st.builds(
    lambda moment, nanos: moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{nanos:09d}Z",
    st.datetimes(),
    st.one_of(st.just(0), st.integers(0, 999).map(lambda n: n * 1_000_000), st.integers(0, 999_999_999)),
)
floats = st.floats(width=32).map(lambda value: value if abs(value) < 3e38 else 0.0)
leaves = st.fixed_dictionaries(
    {},
    optional={
        "d": st.floats().map(lambda value: str(value).replace("inf", "Infinity").replace("nan", "NaN")),
        "f": floats,
        "i32": st.integers(-(2**31), 2**31 - 1),
        "u32": st.integers(0, 2**32 - 1),
        "b": st.booleans(),
        "snakeCase": texts,
        "by": data,
        "kind": kinds,
        "floats": st.lists(floats, max_size=3),
        "kinds": st.lists(kinds, max_size=3),
        "byBool": st.dictionaries(st.sampled_from(["true", "false"]), data),
        "byName": st.dictionaries(texts, texts, max_size=3),
        "at": times,
        "lasts": st.integers(-9999, 9999).map(lambda n: f"{n / 1000}s"),
        "any": st.dictionaries(texts, st.none() | texts | st.booleans(), max_size=2),
        "wrapped": data,
        "times": st.lists(times, max_size=2),
        "from": texts,
        "class": texts,
        "bytesList": st.lists(data, max_size=2),
        "inner": st.just({"n": 1}),
        "nothing": st.none(),
        "values": st.lists(st.none() | st.booleans() | texts, max_size=2),
    },
)
messages = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda value, more: value | more,
        leaves,
        st.one_of(
            st.fixed_dictionaries({"all": inner, "list": st.lists(inner, max_size=2)}),
            st.fixed_dictionaries({"byNumber": st.dictionaries(st.just("3"), inner), "third": inner}),
            st.fixed_dictionaries({"first": texts}),
            st.fixed_dictionaries({"second": kinds}),
        ),
    ),
    max_leaves=4,
)


@given(messages)
@pytest.mark.slow
def test_printers_agree_with_json_format(value: dict[str, Any]) -> None:
    message = API.message("zoo.All", value)
    found, expected = print_message(message), oracle(message)
    assert found == expected
    assert found.keys() == expected.keys()


@given(st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_any_32_bit_float_is_printed_as_json_format_prints_it(bits: int) -> None:
    value = struct.unpack("f", struct.pack("I", bits))[0]
    message = API.message("zoo.All")
    message.f = value  # type: ignore[attr-defined]
    assert print_message(message)["f"] == oracle(message)["f"]


def test_64_bit_integers_stay_numbers() -> None:
    value = {"i64": -(2**63), "u64": 2**64 - 1, "wide": {"1": 2**62}, "list": [1]}
    assert print_message(API.message("zoo.Wide", value)) == value


def test_a_message_without_members_is_an_empty_object() -> None:
    assert print_message(API.message("zoo.Empty")) == {}


@pytest.mark.parametrize("seconds", [-62_135_596_800, 0, 253_402_300_799])
def test_the_first_and_the_last_timestamp_are_printed(seconds: int) -> None:
    message: Any = API.message("zoo.All")
    message.at.seconds = seconds
    assert print_message(message)["at"] == oracle(message)["at"]


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (0, 10**9)]
)
def test_a_timestamp_out_of_bounds_is_an_error_alone_and_no_number_as_a_member(
    seconds: int, nanos: int
) -> None:
    message: Any = API.message("zoo.All")
    message.at.seconds, message.at.nanos = seconds, nanos
    with pytest.raises(ValueError, match="Timestamp"):
        print_message(message.at)
    assert str(print_message(message)["at"]) == "nan"
