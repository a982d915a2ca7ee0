from typing import Any

import msgspec
import pytest

from weft.engine.transport.http_xml import MAX_DEPTH, BadXml, decode_xml, encode_xml
from weft.schemas.catalog.xml import XmlElement, XmlForm
from weft.schemas.openapi.document import parse_document
from weft.schemas.openapi.references import References, Warnings
from weft.schemas.openapi.xml import XmlReader

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def form(schema: Any, **components: Any) -> XmlForm:
    root = {"openapi": "3.1.0", "paths": {}, "components": {"schemas": components}}
    document = parse_document(msgspec.json.encode(root), source="test")
    warnings = Warnings()
    return XmlReader(References(document, warnings), warnings).form(schema, "/schema")


def written(one: XmlForm, value: Any) -> str:
    return encode_xml(one, value).decode().removeprefix(DECLARATION)


STRINGS = {"type": "array", "items": {"type": "string"}}


# OpenAPI 3.1.1, "XML Object Examples".
@pytest.mark.parametrize(
    ("schema", "value", "xml"),
    [
        (
            {"type": "object", "properties": {"animals": STRINGS}},
            {"animals": ["a", "b"]},
            "<animals>a</animals><animals>b</animals>",
        ),
        (
            {
                "type": "object",
                "properties": {
                    "animals": {"type": "array", "items": {"type": "string", "xml": {"name": "animal"}}}
                },
            },
            {"animals": ["a"]},
            "<animal>a</animal>",
        ),
        (
            {"type": "object", "properties": {"animals": {**STRINGS, "xml": {"name": "aliens"}}}},
            {"animals": ["a"]},
            "<animals>a</animals>",
        ),
        (
            {"type": "object", "properties": {"animals": {**STRINGS, "xml": {"wrapped": True}}}},
            {"animals": ["a"]},
            "<animals><animals>a</animals></animals>",
        ),
        (
            {
                "type": "object",
                "properties": {
                    "animals": {
                        "type": "array",
                        "items": {"type": "string", "xml": {"name": "animal"}},
                        "xml": {"name": "aliens", "wrapped": True},
                    }
                },
            },
            {"animals": ["a"]},
            "<aliens><animal>a</animal></aliens>",
        ),
        (
            {
                "type": "object",
                "properties": {"animals": {**STRINGS, "xml": {"name": "aliens", "wrapped": True}}},
            },
            {"animals": ["a"]},
            "<aliens><aliens>a</aliens></aliens>",
        ),
        (
            {
                "type": "object",
                "properties": {"name": {"type": "string", "xml": {"namespace": "http://n", "prefix": "s"}}},
            },
            {"name": "x"},
            '<s:name xmlns:s="http://n">x</s:name>',
        ),
    ],
)
def test_lists_and_names_are_written_and_read_as_the_specification_has_them(
    schema: Any, value: Any, xml: str
) -> None:
    one = form(schema)
    assert written(one, value) == f"<root>{xml}</root>"
    assert decode_xml(one, encode_xml(one, value)) == value


def test_component_names_its_root_and_attributes_stand_in_the_tag() -> None:
    one = form(
        {"$ref": "#/components/schemas/Person"},
        Person={
            "type": "object",
            "properties": {
                "id": {"type": "integer", "xml": {"attribute": True}},
                "name": {"type": "string", "xml": {"namespace": "http://n/", "prefix": "sample"}},
            },
        },
    )
    value = {"id": 123, "name": 'a<b>&"'}
    assert written(one, value) == (
        '<Person id="123"><sample:name xmlns:sample="http://n/">a&lt;b&gt;&amp;"</sample:name></Person>'
    )
    assert decode_xml(one, encode_xml(one, value)) == value


def test_recursive_values_are_written_and_read() -> None:
    one = form(
        {"$ref": "#/components/schemas/Tree"},
        Tree={
            "type": "object",
            "xml": {"name": "tree"},
            "properties": {
                "n": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            },
        },
    )
    value = {"n": 1, "children": [{"n": 2, "children": []}, {"n": 3, "children": [{"n": 4, "children": []}]}]}
    assert decode_xml(one, encode_xml(one, value)) == value


def test_values_have_the_types_of_their_schemas() -> None:
    kinds = ("integer", "number", "boolean", "string")
    one = form({"type": "object", "properties": {kind: {"type": kind} for kind in kinds}})
    body = b"<x><integer> 7 </integer><number>1.5</number><boolean>1</boolean><string> s </string></x>"
    assert decode_xml(one, body) == {"integer": 7, "number": 1.5, "boolean": True, "string": " s "}
    assert decode_xml(one, b"<x><integer>seven</integer></x>") == {"integer": "seven"}


def test_absent_wrapper_is_no_list_and_absent_items_are_an_empty_one() -> None:
    one = form({"type": "object", "properties": {"a": STRINGS, "b": {**STRINGS, "xml": {"wrapped": True}}}})
    assert decode_xml(one, b"<x/>") == {"a": []}
    assert decode_xml(one, b"<x><b/></x>") == {"a": [], "b": []}


def test_list_that_is_a_whole_document_has_one_root() -> None:
    one = form(
        {"type": "array", "xml": {"name": "people"}, "items": {"type": "string", "xml": {"name": "person"}}}
    )
    assert decode_xml(one, encode_xml(one, ["a", "b"])) == ["a", "b"]


def test_nil_is_null() -> None:
    one = form({"type": "object", "properties": {"a": {"type": "integer"}}})
    body = b'<x xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><a i:nil="true"/></x>'
    assert decode_xml(one, body) == {"a": None}


def test_what_nobody_described_becomes_members() -> None:
    one = form({"type": "object", "properties": {"any": {}}})
    body = b'<x><any k="v"><a>1</a><a>2</a><b><c>3</c></b></any></x>'
    assert decode_xml(one, body) == {"any": {"k": "v", "a": ["1", "2"], "b": {"c": "3"}}}


@pytest.mark.parametrize(
    "body",
    [
        b"no xml",
        b"<a>",
        b'<!DOCTYPE x [<!ENTITY e "boom">]><x>&e;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        b'<?xml version="1.0" encoding="no-such"?><x/>',
        b"\xff\xfe<x/>",
        b"<x>" * 3000 + b"</x>" * 3000,
    ],
)
def test_bad_and_hostile_documents_are_refused(body: bytes) -> None:
    with pytest.raises(BadXml):
        decode_xml(XmlForm(root=XmlElement(name="x")), body)


@pytest.mark.parametrize("value", [{"a b": 1}, {"<x>": 1}, {"a": "\x00"}, {"a": {"": 1}}])
def test_what_xml_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(BadXml):
        encode_xml(XmlForm(root=XmlElement(name="x")), value)


def test_depth_of_what_is_written_is_bounded() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH + 5):
        value = {"a": value}
    with pytest.raises(BadXml):
        encode_xml(XmlForm(root=XmlElement(name="x")), value)
