from typing import Any

import msgspec
import pytest

from weft.schemas.errors import DocumentError
from weft.schemas.openapi import Document, parse_document

YAML = b"""\
openapi: 3.0.3
info:
  title: Orders
  version: 1.10
  x-since: 2024-01-31
paths:
  /orders:
    get:
      responses:
        200: &ok
          description: yes
          x-flags: [on, off, no, 0x1F, 1_000, 08, ~, true]
        201: *ok
"""


def parse(data: bytes) -> Document:
    return parse_document(data, source="orders")


def root_of(data: bytes) -> Any:
    return parse(data).root


def reason_of(data: bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        parse(data)
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_json_is_read() -> None:
    document = parse(b'{"openapi": "3.1.0", "info": {"title": "Orders", "version": "7"}, "paths": {}}')
    assert (document.version, document.title, document.api_version) == ("3.1", "Orders", "7")


def test_byte_order_mark_is_passed_by() -> None:
    assert parse(b'\xef\xbb\xbf{"swagger": "2.0"}').version == "2.0"


def test_yaml_is_read() -> None:
    assert parse(YAML).title == "Orders"


def test_yaml_response_codes_are_strings() -> None:
    responses = root_of(YAML)["paths"]["/orders"]["get"]["responses"]
    assert list(responses) == ["200", "201"]


def test_yaml_scalars_follow_the_core_schema() -> None:
    root = root_of(YAML)
    assert root["info"]["x-since"] == "2024-01-31"
    flags = root["paths"]["/orders"]["get"]["responses"]["200"]["x-flags"]
    assert flags == ["on", "off", "no", 31, "1_000", 8, None, True]


def test_yaml_alias_stands_for_its_anchor() -> None:
    responses = root_of(YAML)["paths"]["/orders"]["get"]["responses"]
    assert responses["201"] is responses["200"]


def test_yaml_merge_keys_give_way_to_what_stands_there() -> None:
    root = root_of(b"openapi: 3.0.0\nx-a: &a {p: 1, q: 2}\nx-b: {<<: *a, q: 3}")
    assert root["x-b"] == {"q": 3, "p": 1}


def test_yaml_last_of_equal_keys_counts() -> None:
    assert root_of(b"openapi: 3.0.0\nx-a: 1\nx-a: 2")["x-a"] == 2


def test_yaml_tag_makes_a_string() -> None:
    assert root_of(b"openapi: 3.0.0\nx-a: !!str 12")["x-a"] == "12"


def test_unquoted_version_is_understood() -> None:
    assert parse(b"swagger: 2.0").version == "2.0"


def test_version_3_2_is_read_as_3_1() -> None:
    assert parse(b'{"openapi": "3.2.0"}').version == "3.1"


def test_alias_bomb_is_refused() -> None:
    lines = ["openapi: 3.0.0", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "aliases" in reason_of("\n".join(lines).encode())


def test_alias_inside_its_anchor_is_refused() -> None:
    assert "alias" in reason_of(b"openapi: 3.0.0\nx-a: &a [*a]")


@pytest.mark.parametrize(
    "deep", [b'{"openapi": "3.0.0", "x": ' + b"[" * 900 + b"]" * 900 + b"}", b"[" * 9000]
)
def test_deep_nesting_is_refused(deep: bytes) -> None:
    assert "200 levels" in reason_of(deep)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!DOCTYPE html><html></html>", "not an OpenAPI document: it is HTML"),
        (b"\n <html lang=en>", "not an OpenAPI document: it is HTML"),
        (b'<?xml version="1.0"?><wsdl/>', "not an OpenAPI document: it is XML"),
        (b"", "not an OpenAPI document: it is empty"),
        (b"[]", "not an OpenAPI document: it is a list"),
        (b"Not Found", "not an OpenAPI document: it is plain text"),
        (b"404", "not an OpenAPI document: it is a single value"),
        (b'{"detail": "Not Found"}', "not an OpenAPI document: no `openapi` or `swagger` member"),
        (b'{"asyncapi": "2.0.0"}', "not an OpenAPI document: it is AsyncAPI"),
        (b'{"swaggerVersion": "1.2"}', "Swagger 1 is not read; 2.0, 3.0 and 3.1 are"),
        (b'{"openapi": "4.0.0"}', "OpenAPI version 4.0.0 is not read; 2.0, 3.0 and 3.1 are"),
        (b'{"openapi": ["3"]}', "OpenAPI version a list is not read; 2.0, 3.0 and 3.1 are"),
    ],
)
def test_what_is_no_openapi_document_is_named(data: bytes, reason: str) -> None:
    assert reason_of(data) == reason


@pytest.mark.parametrize(
    "data", [b'{"openapi": ', b"\xff\xfe\x00", b"a: [", b"\x00", b"? [a]\n: b", b"&a : *b"]
)
def test_broken_text_is_refused_in_one_line(data: bytes) -> None:
    assert reason_of(data).startswith("not an OpenAPI document: ")


def test_error_names_the_source() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(b"[]")
    assert str(caught.value).startswith("orders: ")


def test_numbers_beyond_64_bits_are_kept() -> None:
    assert root_of(msgspec.json.encode({"openapi": "3.0.0", "x": 10**30}))["x"] == 10**30
