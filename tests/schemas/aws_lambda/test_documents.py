"""Schemas of Lambda functions from files."""

from __future__ import annotations

import json

import pytest

from weft.schemas.aws_lambda import LambdaSchema, parse_manifest, parse_tool_schema
from weft.schemas.errors import DocumentError

TOOL = {
    "name": "get-prices",
    "description": "Prices.",
    "inputSchema": {"type": "object"},
    "outputSchema": {"type": "array"},
}
SCHEMA = LambdaSchema("get-prices", "Prices.", {"type": "object"}, {"type": "array"})


def tool(text: str) -> LambdaSchema:
    return parse_tool_schema(text.encode(), source="tool")


def manifest(text: str) -> dict[str, LambdaSchema]:
    return parse_manifest(text.encode(), source="manifest")


def test_a_tool_definition_is_read() -> None:
    assert tool(json.dumps(TOOL)) == SCHEMA


def test_a_list_of_one_tool_definition_is_read() -> None:
    assert tool(json.dumps([TOOL])) == SCHEMA


def test_yaml_is_read() -> None:
    assert tool("inputSchema:\n  type: object\n") == LambdaSchema(input_schema={"type": "object"})


def test_a_manifest_may_be_a_list() -> None:
    assert manifest(json.dumps([TOOL])) == {"get-prices": SCHEMA}


def test_a_manifest_may_be_a_mapping_by_function_name() -> None:
    found = manifest("pricing-get: {outputSchema: {type: string}, name: ignored}")
    assert found == {"pricing-get": LambdaSchema(name="pricing-get", output_schema={"type": "string"})}


def test_an_empty_manifest_describes_nothing() -> None:
    assert manifest("{}") == {}
    assert manifest("[]") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("010", 10),
        ("true", True),
        ("~", None),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
    ],
)
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert tool(f"inputSchema: {{enum: [{text}]}}").input_schema == {"enum": [value]}


def test_keys_are_text() -> None:
    assert tool("inputSchema: {properties: {200: {}, no: {}}}").input_schema == {
        "properties": {"200": {}, "no": {}}
    }


def test_aliases_and_merge_keys_are_followed() -> None:
    found = tool("inputSchema: &a {type: object}\noutputSchema: {<<: *a, title: B}")
    assert found.output_schema == {"type": "object", "title": "B"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{]", "neither JSON nor YAML"),
        ("\x00", "neither JSON nor YAML"),
        ("a: [1", "neither JSON nor YAML"),
        ("!!python/object:os.system {}", "not a tool definition"),
        ("", "neither JSON nor YAML"),
        ("3", "not a tool definition"),
        ("name: a", "not a tool definition"),
        ("[]", "one tool definition is expected, here are 0"),
        (json.dumps([TOOL, TOOL]), "one tool definition is expected, here are 2"),
        ("inputSchema: &a [*a]", "alias"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_tool_definition_is_refused(text: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        tool(text)


def test_aliases_cannot_expand_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(DocumentError, match="expand to too much"):
        tool("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "pointer", "said"),
    [
        ("3", "", "neither a list"),
        ("a/b: 3", "/a~1b", "not a tool definition"),
        ("- {inputSchema: {}}", "/0", "needs a name"),
        (json.dumps([TOOL, TOOL]), "/1/name", "described twice"),
    ],
)
def test_a_fault_of_a_manifest_says_where(text: str, pointer: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        manifest(text)
    assert (caught.value.source, caught.value.pointer) == ("manifest", pointer)


def test_a_description_may_say_how_the_function_is_invoked() -> None:
    assert manifest("mail: {invocation: event}") == {"mail": LambdaSchema(name="mail", invocation="event")}


def test_a_way_to_invoke_a_function_that_there_is_none_of_is_refused_with_its_place() -> None:
    with pytest.raises(DocumentError) as caught:
        manifest("mail: {invocation: async}")
    assert caught.value.pointer == "/mail/invocation"
    assert caught.value.reason.endswith("accepted: request, event, stream")
