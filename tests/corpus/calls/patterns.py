"""Texts that a regular expression matches, for schemas with ``pattern``."""

from __future__ import annotations

import re
from re import _constants as code  # type: ignore[attr-defined]  # there is no public parser of patterns
from re import _parser as sre_parse  # type: ignore[attr-defined]
from typing import Any

_MOST = 3
"""Repetitions beyond the least, where the pattern leaves their number open."""


_PROPERTIES = {
    "L": "a-zA-Z", "N": "0-9", "Nd": "0-9", "Z": " ", "Zs": " ", "P": "!-/:-@", "S": "$+<=>", "M": "",
    "LD": "a-zA-Z0-9", "Punct": "!-/:-@", "Lu": "A-Z", "Ll": "a-z", "Alpha": "a-zA-Z", "Alnum": "a-zA-Z0-9",
    "ASCII": "\\x00-\\x7f", "Digit": "0-9", "Graph": "!-~", "Print": " -~",
}  # fmt: skip


def portable(pattern: str) -> str:
    """*pattern* with the Unicode properties of ECMAScript as classes that Python knows, or as it is.

    Python's validators of JSON Schema cannot read them; the classes allow less, which is enough for examples.
    """
    try:
        re.compile(pattern)
    except re.error:
        inside = False
        written: list[str] = []
        at = 0
        while at < len(pattern):
            found = re.compile(r"\\p\{(?:Is)?(\w+)\}").match(pattern, at)
            if found and found[1] in _PROPERTIES:
                text = _PROPERTIES[found[1]]
                written.append(text if inside else f"[{text}]")
                at = found.end()
                continue
            if pattern[at] == "\\":
                written.append(pattern[at : at + 2])
                at += 2
                continue
            inside = pattern[at] == "[" or (inside and pattern[at] != "]")
            written.append(pattern[at])
            at += 1
        return "".join(written)
    return pattern


def text_matching(pattern: str, *, least: int = 0, most: int | None = None) -> str | None:
    """A text that *pattern* matches as a whole or in part; ``None`` where none was found.

    Args:
        pattern: As JSON Schema has it: it may match anywhere in the text.
        least: The least length.
        most: The greatest length.
    """
    try:
        tree = sre_parse.parse(pattern)
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    for extra in dict.fromkeys((0, 1, max(least - 1, 0), least, _MOST, 8, 16)):
        text = _write(tree, extra)
        if text is None or (most is not None and len(text) > most):
            continue
        if len(text) < least and not pattern.endswith("$"):
            text += "a" * (least - len(text))
        if len(text) >= least and compiled.search(text):
            return text
    return None


def _write(tree: Any, extra: int) -> str | None:
    written: list[str] = []
    for operator, argument in tree:
        text = _one(operator, argument, extra)
        if text is None:
            return None
        written.append(text)
    return "".join(written)


def _one(operator: Any, argument: Any, extra: int) -> str | None:
    match operator:
        case code.LITERAL:
            return chr(argument)
        case code.NOT_LITERAL:
            return "a" if argument != ord("a") else "b"
        case code.ANY:
            return "a"
        case code.IN:
            return _of_class(argument)
        case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
            low, high, inner = argument
            count = low if high == low else min(int(high), int(low) + extra)
            # `.*`: nothing is the shortest text, and often not what is meant.
            text = _write(inner, extra)
            return None if text is None and count else (text or "") * count
        case code.SUBPATTERN:
            return _write(argument[-1], extra)
        case code.ATOMIC_GROUP:
            return _write(argument, extra)
        case code.BRANCH:
            return next((text for one in argument[1] if (text := _write(one, extra)) is not None), None)
        case code.AT | code.ASSERT_NOT:
            return ""
        case code.ASSERT:
            return ""
        case _:
            return None


def _of_class(items: Any) -> str | None:
    negated = items and items[0][0] is code.NEGATE
    members = items[1:] if negated else items
    pattern = re.compile("[" + ("^" if negated else "") + "".join(_class_text(i) for i in members) + "]")
    for candidate in "a1A0Z9_-. /:+=@b\t":
        if pattern.match(candidate):
            return candidate
    return next((chr(c) for c in range(33, 0x3000) if pattern.match(chr(c))), None)


_CATEGORIES = {
    code.CATEGORY_DIGIT: r"\d", code.CATEGORY_NOT_DIGIT: r"\D", code.CATEGORY_SPACE: r"\s",
    code.CATEGORY_NOT_SPACE: r"\S", code.CATEGORY_WORD: r"\w", code.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip


def _class_text(item: Any) -> str:
    operator, argument = item
    match operator:
        case code.LITERAL:
            return re.escape(chr(argument))
        case code.RANGE:
            return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        case code.CATEGORY:
            return _CATEGORIES[argument]
        case _:
            return ""
