"""Documents that differ only in literals: their common shape, found without parsing them.

A scanner marks the literals that stand as arguments of fields. Documents that are equal but for them have
one shape: what was parsed, validated and planned for one of them serves the others, with other values.

Not marked are literals that decide more than a value: in arguments of directives (``@skip(if: true)``
decides which fields are in) and in definitions of variables; and literals that hold variables.

Source: GraphQL specification, "Lexical Tokens", "Input Values".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int]
"""Where a literal begins and ends in the text."""

# Possessive throughout: what one part has taken no other may try, so that no text takes more than linear time.
_IGNORED: Final = r"(?:[ \t\n\r,\ufeff]++|\#[^\n\r]*+)*+"
_NAME: Final = r"[_A-Za-z][_0-9A-Za-z]*+"
# A string without escapes, which is its own value. What holds half a character or a control character is
# left to the parser: it is not marked.
_PLAIN_STRING: Final = r'"[^"\\\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*+"(?!")'
PLAIN_STRING: Final = re.compile(_PLAIN_STRING)
"""A string that is its own value between its quotes."""
# A string that does not end is taken up to where it must have ended: to look for its end from each of its
# quotes would take quadratic time. It is no literal, which the parser finds.
_STRING: Final = r'"""(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:"""|\Z)|"(?:[^"\\\n\r]++|\\[^\n\r])*+"?+'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+(?![_0-9A-Za-z.])"

_OUTSIDE: Final = re.compile(rf"{_STRING}|\#[^\n\r]*+|@{_IGNORED}{_NAME}{_IGNORED}\(?|[{{}}(]")
_IN_PARENTHESES: Final = re.compile(rf"{_STRING}|\#[^\n\r]*+|[()]")
_CLOSE: Final = re.compile(rf"{_IGNORED}\)")
_ARGUMENT: Final = re.compile(
    rf"{_IGNORED}{_NAME}{_IGNORED}:{_IGNORED}"
    rf"(?:(?P<literal>{_PLAIN_STRING}|{_NUMBER}|{_NAME}|{_STRING})|(?P<variable>\${_NAME})|(?P<composite>[\[{{]))"
)
_IN_COMPOSITE: Final = re.compile(rf"{_STRING}|[\[\]{{}}$()#]")

# Below the parser's bound on nesting (200), which counts selection sets and values together.
_MAX_SELECTION_DEPTH: Final = 100
_MAX_VALUE_DEPTH: Final = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """What a document has in common with those that differ in literals only.

    Attributes:
        key: Equal for such documents: the text with a mark for each literal. Equal literals have equal marks,
            for fields of one response name must have equal arguments, and equal calls are made once.
        literals: The distinct literals as they stand in the text; their place is the number in their mark.
        spans: Where literals stand, in the order of the text.
    """

    key: str
    literals: tuple[str, ...]
    spans: tuple[Span, ...]


def shape_of(text: str) -> Shape | None:
    """The shape of a document; ``None`` if it has no literals to mark, or cannot be scanned.

    A text that is no document may have a shape too: nothing was prepared for it then.
    """
    spans = _find_literals(text)
    if not spans or "\0" in text:
        return None
    numbers: dict[str, int] = {}
    parts: list[str] = []
    done = 0
    for start, end in spans:
        number = numbers.setdefault(text[start:end], len(numbers))
        parts.append(f"{text[done:start]}\0{number}\0")
        done = end
    parts.append(text[done:])
    return Shape("".join(parts), tuple(numbers), tuple(spans))


def _find_literals(text: str) -> list[Span] | None:
    spans: list[Span] = []
    position = depth = 0
    search = _OUTSIDE.search
    while found := search(text, position):
        position = found.end()
        match text[found.start()]:
            case "{":
                depth += 1
                if depth > _MAX_SELECTION_DEPTH:
                    return None
            case "}":
                depth -= 1
            case "(" if depth:
                after = _mark_arguments(text, position, spans)
                if after is None:
                    return None
                position = after
            case "(":  # definitions of variables
                position = _after_parentheses(text, position)
            case "@" if text[position - 1] == "(":
                position = _after_parentheses(text, position)
            case _:
                pass
    return spans


def _after_parentheses(text: str, position: int) -> int:
    depth = 1
    while depth and (found := _IN_PARENTHESES.search(text, position)):
        position = found.end()
        match text[found.start()]:
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case _:
                pass
    return position


def _mark_arguments(text: str, position: int, spans: list[Span]) -> int | None:
    """Add the literals of a field's arguments to *spans*; where the arguments end, if they can be read."""
    while found := _ARGUMENT.match(text, position):
        position = found.end()
        match found.lastgroup:
            case "literal":
                spans.append(found.span("literal"))
            case "composite":
                start = found.start("composite")
                end, constant = _after_composite(text, start)
                if end is None:
                    return None
                if constant:
                    spans.append((start, end))
                position = end
            case _:
                pass
    closing = _CLOSE.match(text, position)
    return closing.end() if closing else None


def _after_composite(text: str, start: int) -> tuple[int | None, bool]:
    """Where the list or object that begins at *start* ends, and whether it may be marked."""
    position, depth, constant = start, 0, True
    while found := _IN_COMPOSITE.search(text, position):
        position = found.end()
        match text[found.start()]:
            case "[" | "{":
                depth += 1
                constant = constant and depth <= _MAX_VALUE_DEPTH
            case "]" | "}":
                depth -= 1
                if not depth:
                    return position, constant
            case "$":
                constant = False
            case "(" | ")" | "#":  # an error, or a comment, which may hold anything
                return None, False
            case _:
                pass
    return None, False
