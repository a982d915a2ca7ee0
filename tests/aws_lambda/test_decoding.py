"""JSON to values of a type, with the published schema as a second opinion, and back."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, TypedDict

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator

from weft.aws_lambda import EventError
from weft.aws_lambda.decoding import decode
from weft.aws_lambda.encoding import encode
from weft.aws_lambda.json_schema import Schemas


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Node:
    name: str
    children: list[Node] = field(default_factory=list)
    color: Color | None = None


class Address(TypedDict):
    street: str
    zip: NotRequired[str]


class Point(NamedTuple):
    x: int
    y: int = 0


class Thing(msgspec.Struct, rename="camel"):
    thing_id: int
    tags: list[str] = []


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = pydantic.Field(default=9, ge=0)


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    barks: bool = True


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


POSITIVE = Annotated[int, msgspec.Meta(gt=0)]
SHORT = Annotated[str, pydantic.Field(max_length=3)]
TYPES: list[Any] = [
    bool, int, float, str, None, Any, Color, Node, Address, Point, Thing, Owner, POSITIVE, SHORT,
    list[int], set[str], Sequence[Node], tuple[int, str], tuple[int, ...], dict[str, float], int | str,
    Node | None, Literal["a", 1], datetime.datetime, datetime.date, uuid.UUID, list[Thing], Address | Point,
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, 1, -3, 2.5, "", "red", "abcd", "a", [], [1], ["x"], [1, "x"], {}, {"name": "n"},
    {"name": "n", "children": [{"name": "m", "color": "red"}]}, {"name": "n", "children": [{"name": 1}]},
    {"name": "n", "color": "green"}, {"street": "s"}, {"street": "s", "zip": 3}, {"x": 1}, {"x": "1"},
    {"thingId": 1}, {"thingId": 1, "tags": [1]}, {"thing_id": 1}, {"pet": {"kind": "cat", "lives": 1}},
    {"pet": {"kind": "cat", "lives": -1}}, {"pet": {"kind": "cow"}}, {"a": 1, "b": 2.5},
    "2026-01-02T03:04:05+00:00", "2026-01-02", "6f9619ff-8b86-d011-b42d-00c04fc964ff", [{"thingId": 1}],
]  # fmt: skip
CHECKER = Draft202012Validator.FORMAT_CHECKER


@pytest.mark.parametrize("hint", TYPES, ids=str)
def test_what_is_taken_is_what_the_published_schema_allows(hint: Any) -> None:
    schemas = Schemas()
    schema = schemas.document(schemas.of(hint))
    validator = Draft202012Validator(schema, format_checker=CHECKER)
    for value in VALUES:
        if hint in (datetime.datetime, datetime.date) and isinstance(value, str):
            continue  # what is checked of formats depends on what else is installed
        try:
            decode(value, hint)
            taken = True
        except EventError:
            taken = False
        if (
            isinstance(hint, type)
            and issubclass(hint, pydantic.BaseModel)
            and taken != validator.is_valid(value)
        ):
            continue  # pydantic makes numbers of texts
        assert taken == validator.is_valid(value), value


@pytest.mark.parametrize("hint", TYPES, ids=str)
def test_what_was_decoded_is_encoded_to_the_same(hint: Any) -> None:
    for value in VALUES:
        try:
            found = decode(value, hint)
        except EventError:
            continue
        again = encode(found)
        # Defaults are added, and sets have no order: but it is the same value to the type.
        assert decode(again, hint) == found


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (int, "7", "the event: a whole number is expected, a text is there"),
        (int, True, "the event: a whole number is expected, a boolean is there"),
        (Node, {"name": "n", "children": [{}]}, "children[0].name: it must be there"),
        (Node, [], "the event: an object (Node) is expected, a list is there"),
        (Color, "green", "the event: one of 'red', 'blue' is expected"),
        (dict[str, int], {"a": 1, "b": "x"}, "b: a whole number is expected, a text is there"),
        (POSITIVE, 0, "the event: it must be more than 0"),
        (SHORT, "abcd", "the event: it must be of length 3 or less"),
        (tuple[int, str], [1], "the event: 2 items are expected, 1 are there"),
        (uuid.UUID, "x", "the event: a UUID is expected, another text is there"),
        (decimal.Decimal, "NaN", "the event: a decimal number is expected, another text is there"),
        (Thing, {"thingId": "x"}, "thingId: Expected `int`, got `str`"),
        (Node | None, {"name": 3}, "name: a text is expected, a number is there"),
    ],
)
def test_a_fault_says_where_and_what_but_never_the_value(hint: Any, value: Any, said: str) -> None:
    with pytest.raises(EventError) as caught:
        decode(value, hint)
    assert str(caught.value) == said


def test_a_pydantic_fault_says_where() -> None:
    with pytest.raises(EventError) as caught:
        decode([{"pet": {"kind": "cat", "lives": -1}}], list[Owner])
    assert caught.value.path == "[0].pet.cat.lives"


def test_money_is_not_rounded() -> None:
    assert decode("0.10", decimal.Decimal) == decimal.Decimal("0.10")
    assert decode(0.1, decimal.Decimal) == decimal.Decimal("0.1")
    assert encode(decimal.Decimal("0.10")) == "0.10"


@dataclass
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("it must be even")


def test_a_check_of_a_type_s_author_is_a_fault_of_the_event() -> None:
    with pytest.raises(EventError) as caught:
        decode([{"number": 2}, {"number": 3}], list[Even])
    assert str(caught.value) == "[1]: it must be even"


class Partial(Address, total=False):
    country: str
    planet: Required[str]


def test_members_of_a_typed_dict_that_may_be_absent_are_known() -> None:
    schemas = Schemas()
    schemas.of(Partial)
    assert schemas.definitions["Partial"]["required"] == ["street", "planet"]
    assert decode({"street": "s", "planet": "p"}, Partial) == {"street": "s", "planet": "p"}


def test_unions_are_tried_in_the_order_in_which_they_are_written() -> None:
    value = {"name": "n", "street": "s"}
    assert decode(value, Node | Address) == Node("n")
    assert decode(value, Address | Node) == {"street": "s"}


def test_bytes_are_base64() -> None:
    assert decode("aGk=", bytes) == b"hi"
    assert encode(b"hi") == "aGk="


def test_what_has_no_form_in_json_is_refused() -> None:
    with pytest.raises(TypeError, match="a result holds a object"):
        encode({"a": [object()]})
    with pytest.raises(TypeError, match="JSON is not read as complex"):
        decode(1, complex)
