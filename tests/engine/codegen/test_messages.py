"""Generated readers of messages against printing and converting."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from tests.engine.transport.test_grpc_json import API, messages
from tests.support.protobuf import GrpcApi, compile_proto
from weft.engine.codegen.messages import compile_projection
from weft.engine.transport.grpc_json import Printers
from weft.schemas.grpc import json_members, map_entry

REFUSED = (msgspec.MsgspecError, KeyError, TypeError, ValueError)
INT32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
NOT_NULL: Any = bool | int | float | str | list[Any] | dict[str, Any]
PRINTERS = Printers(API.pool)


class Answers:
    """The messages of a type, as a transport gives them."""

    def __init__(self, name: str, api: GrpcApi = API) -> None:
        self.response = api.pool.FindMessageTypeByName(name)
        self.printers = Printers(api.pool)

    def decode_response(self, data: bytes) -> Any:
        raise NotImplementedError


def outcome(read: Any, *arguments: Any) -> Any:
    """What *read* gives, or that it refuses."""
    try:
        return read(*arguments)
    except REFUSED:
        return "refused"


def is_same(found: Any, expected: Any) -> bool:
    """Equal, and of equal types all the way down; the entries of a map have no order."""
    return repr(_sorted(found)) == repr(_sorted(expected))


def _sorted(value: Any) -> Any:
    match value:
        case dict():
            return [(name, _sorted(value[name])) for name in sorted(value)]
        case list():
            return [_sorted(item) for item in value]
        case msgspec.Struct():
            return type(value).__name__, [_sorted(item) for item in msgspec.structs.astuple(value)]
        case _:
            return value


# -- types that a plan may have for a message

scalars = st.sampled_from(
    [str, int, INT32, bool, int | float, float, str | int, str | int | float, NOT_NULL, Any, str | int | None]
)


@st.composite
def types_of(draw: st.DrawFn, message: Descriptor, depth: int = 2) -> Any:
    """A struct of some members of *message*."""
    members = list(json_members(message).values())
    chosen = draw(st.lists(st.sampled_from(members), unique=True, max_size=6))
    fields: list[tuple[str, Any, Any]] = []
    rename = {}
    for index, member in enumerate(chosen):
        type_ = draw(_type_of(member, depth))
        required = draw(st.booleans())
        fields.append(
            (f"a{index}", type_ if required else type_ | None, msgspec.NODEFAULT if required else None)
        )
        rename[f"a{index}"] = member.json_name
    if draw(st.booleans()):  # a slot for a link
        fields.append(("slot", Any, None))
    return msgspec.defstruct("Object", fields, rename=rename, kw_only=True, gc=False)


@st.composite
def _type_of(draw: st.DrawFn, member: FieldDescriptor, depth: int) -> Any:
    entry = map_entry(member)
    value = entry.fields_by_name["value"] if entry is not None else member
    item = draw(_item_type(value, depth))
    if draw(st.integers(0, 9)) == 0:
        return draw(scalars)
    if entry is not None:
        return dict[str, item]  # type: ignore[valid-type]  # made at run time
    if member.is_repeated:
        return list[item | None] if draw(st.booleans()) else list[item]  # type: ignore[valid-type]  # likewise
    return item


@st.composite
def _item_type(draw: st.DrawFn, member: FieldDescriptor, depth: int) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(scalars)
    if member.enum_type is not None:
        names = [one.name for one in member.enum_type.values]
        return draw(st.sampled_from([Literal[tuple(names)], Literal[names[0]], Any, str, str | int | None]))
    if member.message_type is None or member.message_type.full_name.startswith("google."):
        return draw(scalars)
    if depth == 0:
        return Any
    return draw(types_of(member.message_type, depth - 1))


ALL = Answers("zoo.All")


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(types_of(ALL.response), st.lists(messages, min_size=1, max_size=4), st.binary(max_size=6))
def test_a_projection_gives_what_printing_and_converting_gives(
    type_: Any, values: list[Any], noise: bytes
) -> None:
    read = compile_projection(type_, ALL)
    for value in values:
        message = API.message("zoo.All", value)
        data = message.SerializeToString()
        expected = outcome(lambda m=message: msgspec.convert(PRINTERS.printer(ALL.response)(m), type_))
        assert is_same(outcome(read, data), expected)
        outcome(read, data + noise)  # whatever comes, it answers or refuses


WIDE = GrpcApi(
    compile_proto("""
syntax = "proto2";
package wide;
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/wrappers.proto";
message Wide {
  optional string HasField = 1; optional string class = 2; optional int64 i64 = 3; optional uint64 u64 = 4;
  optional google.protobuf.Timestamp at = 5; optional google.protobuf.Duration lasts = 6;
  optional google.protobuf.FieldMask mask = 7; optional google.protobuf.DoubleValue half = 8;
  optional google.protobuf.Any any = 9; repeated google.protobuf.Int64Value numbers = 10;
  optional group Inner = 11 { optional Wide wide = 1; }
  optional string FromString = 12 [default = "x"]; required string need = 13;
  map<int64, Wide> by_number = 14; optional bytes data = 15; optional bool flag = 16; optional Wide wide = 17;
  optional google.protobuf.StringValue text = 18; repeated Wide wides = 19; optional double d = 20;
}
""")
)
ANSWERS = Answers("wide.Wide", WIDE)


def wide(**members: Any) -> Message:
    return WIDE.message("wide.Wide", {"need": "", **members})


def read_as(message: Message, *, required: bool = False, **types: Any) -> Any:
    """The members of *types*, read as those."""
    fields = [
        (f"a{n}", type_ if required else type_ | None, msgspec.NODEFAULT if required else None)
        for n, type_ in enumerate(types.values())
    ]
    rename = {f"a{n}": name for n, name in enumerate(types)}
    type_ = msgspec.defstruct("Object", fields, rename=rename, kw_only=True, gc=False)
    found = compile_projection(type_, ANSWERS)(message.SerializeToString())
    assert is_same(found, msgspec.convert(ANSWERS.printers.printer(ANSWERS.response)(message), type_))
    return msgspec.to_builtins(found)


@pytest.mark.parametrize(
    ("name", "value", "type_"),
    [
        ("HasField", "x", str),
        ("class", "x", str),
        ("FromString", "y", str),
        ("i64", -(2**63), str | int),
        ("u64", 2**64 - 1, str | int),
        ("at", "0001-01-01T00:00:00Z", str),
        ("lasts", "1.500s", str),
        ("mask", "fooBar,b", str),
        ("half", 0.5, int | float),
        ("text", "", str),
        ("numbers", [1, -1], list[str | int]),
        ("numbers", [1, -1], list[int | None]),
        ("data", "AP8=", str),
        ("flag", False, bool),
        ("any", {"@type": "x/google.protobuf.StringValue", "value": "hi"}, NOT_NULL),
        ("any", {"@type": "x/google.protobuf.Duration", "value": "1s"}, Any),
    ],
)
def test_a_member_is_read_as_it_was_sent(name: str, value: Any, type_: Any) -> None:
    assert read_as(wide(**{name: value}), **{name: type_}) == {name: value}
    assert read_as(wide(**{name: value}), required=True, **{name: type_}) == {name: value}


def test_an_absent_member_is_null_where_it_may_be() -> None:
    absent = {"HasField": None, "i64": None, "at": None, "half": None, "any": None}
    assert read_as(wide(), HasField=str, i64=int, at=str, half=float, any=NOT_NULL) == absent


@pytest.mark.parametrize("name", ["HasField", "at", "half", "flag"])
def test_an_absent_member_that_must_be_there_is_refused(name: str) -> None:
    type_ = msgspec.defstruct("Object", [("a", Any)], rename={"a": name}, kw_only=True)
    with pytest.raises(REFUSED):
        compile_projection(type_, ANSWERS)(wide().SerializeToString())


@pytest.mark.parametrize(
    ("value", "name", "type_"),
    [
        ({"d": "NaN"}, "d", int | float),
        ({"d": "-Infinity"}, "d", int | float),
        ({"half": "Infinity"}, "half", int | float),
        ({"i64": 2**31}, "i64", INT32),
        ({"HasField": "x"}, "HasField", int),
    ],
)
def test_a_value_of_another_kind_is_refused(value: Any, name: str, type_: Any) -> None:
    struct = msgspec.defstruct("Object", [("a", type_)], rename={"a": name}, kw_only=True)
    with pytest.raises(REFUSED):
        compile_projection(struct, ANSWERS)(wide(**value).SerializeToString())


def test_a_time_beyond_the_years_is_refused_and_harms_no_other_member() -> None:
    message = wide(flag=True)
    message.at.seconds = 2**40  # type: ignore[attr-defined]  # made at run time
    struct = msgspec.defstruct("Object", [("a", str | None, None)], rename={"a": "at"}, kw_only=True)
    with pytest.raises(REFUSED):
        compile_projection(struct, ANSWERS)(message.SerializeToString())
    assert read_as(message, flag=bool) == {"flag": True}


def test_bytes_that_are_no_message_are_refused() -> None:
    struct = msgspec.defstruct("Object", [("a", str | None, None)], rename={"a": "at"}, kw_only=True)
    with pytest.raises(REFUSED):
        compile_projection(struct, ANSWERS)(b"\xff\xff")


def test_messages_within_messages_are_read_member_by_member() -> None:
    leaf: Any = msgspec.defstruct("Leaf", [("a", str | None, None)], rename={"a": "HasField"}, kw_only=True)
    message = wide(
        wide={"need": "", "HasField": "in"},
        wides=[{"need": "", "HasField": "one"}, {"need": ""}],
        byNumber={"7": {"need": "", "HasField": "seven"}},
        inner={"wide": {"need": "", "HasField": "group"}},
    )
    group: Any = msgspec.defstruct("Group", [("a", leaf | None, None)], rename={"a": "wide"}, kw_only=True)
    assert read_as(message, wide=leaf, wides=list[leaf], byNumber=dict[str, leaf], inner=group) == {
        "wide": {"HasField": "in"},
        "wides": [{"HasField": "one"}, {"HasField": None}],
        "byNumber": {"7": {"HasField": "seven"}},
        "inner": {"wide": {"HasField": "group"}},
    }


def test_a_wrapper_as_a_whole_answer_is_its_value() -> None:
    answers = Answers("google.protobuf.StringValue", WIDE)
    data = WIDE.message("google.protobuf.StringValue", "hi").SerializeToString()
    assert compile_projection(str, answers)(data) == "hi"
    assert compile_projection(str | None, answers)(b"") == ""
    with pytest.raises(REFUSED):
        compile_projection(int, answers)(data)


def test_members_may_be_called_as_parts_of_a_message_are() -> None:
    api = GrpcApi(
        compile_proto("""
syntax = "proto3"; package odd;
message Odd { string DESCRIPTOR = 1; optional string HasField = 2; string __class__ = 3; string None = 4; }
""")
    )
    answers = Answers("odd.Odd", api)
    data = b"\x0a\x01a\x12\x01b\x1a\x01c\x22\x01d"
    members = list(json_members(answers.response))
    fields = [(f"a{n}", str) for n in range(len(members))]
    rename = {f"a{n}": name for n, name in enumerate(members)}
    struct: Any = msgspec.defstruct("Object", fields, rename=rename, kw_only=True)
    assert msgspec.structs.astuple(compile_projection(struct, answers)(data)) == ("a", "b", "c", "d")
