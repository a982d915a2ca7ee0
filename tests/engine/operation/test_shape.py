"""The scanner: which literals it marks, and that no text takes it long."""

from __future__ import annotations

import pytest
from graphql import ArgumentNode, DirectiveNode, FieldNode, GraphQLError, Node, Visitor, parse, visit
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.engine.operation.shape import Shape, shape_of


def literals(text: str) -> tuple[str, ...]:
    shape = shape_of(text)
    return shape.literals if shape else ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a(x: 5) }", ("5",)),
        ("{ a(x: -1.5e-3, y: true z: null) }", ("-1.5e-3", "true", "null")),
        ("{ a(x: RED) { b(y: RED) } }", ("RED",)),
        ('{ a(x: "") }', ('""',)),
        ('{ a(x: ""y: "q") }', ('""', '"q"')),
        (r'{ a(x: "q\"{") }', (r'"q\"{"',)),
        (r'{ a(x: """b "q" \""" (x: 1)""") }', (r'"""b "q" \""" (x: 1)"""',)),
        ('{ a(x: [1, "]", {b: "}"}]) }', ('[1, "]", {b: "}"}]',)),
        ("{ a(x: {b: {c: 1}}, y: 2) }", ("{b: {c: 1}}", "2")),
        ("{ a #(x: 1)\n (#\n x #:\n : #2\n 3 #)\n) }", ("3",)),
        ("query Q($x: Int = 5, $y: T = {a: 1} @d(b: 2)) { a(x: $x, y: 6) }", ("6",)),
        ("fragment F on T { a(x: 7) }", ("7",)),
    ],
)
def test_literals_of_field_arguments_are_marked(text: str, expected: tuple[str, ...]) -> None:
    assert literals(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{ a }",
        "{ a @skip(if: true) }",
        "{ a @skip #(\n (if: true) { b } }",
        "query ($x: Int = 5) { a(x: $x) }",
        "query Q @d(a: 1) { a }",
        "{ a(x: {b: $v, c: 1}) }",
        "{ a(x: [1, $v]) }",
        "{ a(x: [1 # it may hold anything ]\n ]) }",
        "{ a(x: " + "[" * 60 + "]" * 60 + ") }",
        '"""(x: 1)""" type T { a: Int }',
        "{ a(x: 5\0) }",
    ],
)
def test_other_literals_are_not_marked(text: str) -> None:
    assert shape_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "{ a(x: 5b: 3) }",
        '{ a(x: "a""b") }',
        "{ a(x: 01) }",
        "{ a(x: 1.) }",
        "{ a(x: [) }",
        '{ a(x: "q }',
        "{ a(5) }",
    ],
)
def test_what_is_no_argument_has_no_shape(text: str) -> None:
    assert shape_of(text) is None


def test_equal_literals_have_equal_marks() -> None:
    def key(text: str) -> str:
        shape = shape_of(text)
        assert shape is not None
        return shape.key

    assert key("{ a(x: 1) a(x: 1) }") == key('{ a(x: "q") a(x: "q") }')
    assert key("{ a(x: 1) a(x: 1) }") != key("{ a(x: 1) a(x: 2) }")


class _FieldLiterals(Visitor):
    """Where literals stand as arguments of fields, by the parser's word."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[tuple[int, int], Node] = {}

    def enter_argument(
        self, node: ArgumentNode, _key: object, _parent: object, _path: object, ancestors: list[object]
    ) -> None:
        owner = next(one for one in reversed(ancestors) if isinstance(one, FieldNode | DirectiveNode))
        assert node.value.loc is not None
        if isinstance(owner, FieldNode):
            self.spans[node.value.loc.start, node.value.loc.end] = node.value


PIECES = (
    "{", "}", "(", ")", "[", "]", ":", "$v", "a", "b: 1", "x:", "5", '"s"', '"""', '"', "\\", "#", "\n", " ", ",",
    "@d", "@skip(if: true)", "query Q", "($v: Int = 5)", "fragment F on T", "...F", "(x: 1)", '(y: "q")', "{ a }",
    "(x: [1, {b: 2}])", '(x: """b""")', "\ufeff", "null", "-1.5",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)
    | st.lists(st.sampled_from(PIECES)).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_what_is_marked_in_a_document_is_a_literal_of_a_field(text: str) -> None:
    text = f"{{ a(x: 1) {text} }}"
    shape = shape_of(text)
    try:
        document = parse(text)
    except GraphQLError:
        return  # nothing is prepared for it
    if shape is not None:
        found = _FieldLiterals()
        visit(document, found)
        assert set(shape.spans) <= found.spans.keys()
        assert [text[start:end] for start, end in shape.spans] == _read(shape)


def _read(shape: Shape) -> list[str]:
    marks = shape.key.split("\0")[1::2]
    return [shape.literals[int(mark)] for mark in marks]


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        '"""',
        '"\\"',
        ' [\\"',
        '"""[\\"',
        '{a(x:{$\\"""""',
        "@",
        "@a #\n",
        "{a(x:[",
        "# \n",
        "(",
        "{a(" + " " * 99,
    ],
)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    """Quadratic, these would take seconds or minutes."""
    for start in ("", "{", "{a(x:", '{a(x:"""'):
        shape_of(start + piece * (100_000 // len(piece)))
