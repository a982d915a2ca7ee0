"""YAML as JSON values, by the core schema of YAML 1.2.

PyYAML resolves scalars by YAML 1.1: dates become dates, ``on`` and ``no`` become booleans, ``200`` as a key
becomes a number. OpenAPI asks for none of that ("Format": the JSON schema ruleset, keys are strings), so only
PyYAML's parser is used, and its events are built into values here. That also bounds what aliases may expand
to before anything is expanded.

Source: YAML 1.2.2, section 10.3.2, "Tag Resolution" of the core schema.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from ..catalog import Json

MAX_VALUES: Final = 3_000_000
"""Values after aliases are expanded. The largest document of the corpus has 400,000."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,4000}|0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_MERGE: Final = "<<"


class YamlError(Exception):
    """The text is no YAML, or YAML that JSON cannot hold. The message is one line."""


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "key", "merges", "values", "weight")

    def __init__(self, values: dict[str, Json] | list[Json], anchor: str | None) -> None:
        self.values = values
        self.anchor = anchor
        self.key: str | None = None
        self.merges: list[Json] = []
        self.weight = 1


def decode_yaml(data: bytes, *, max_depth: int) -> Json:
    """The first document of a YAML stream.

    Of a key that is there twice the last value counts, as in JSON. Merge keys (``<<``) are followed.
    Aliases share the value that they stand for.

    Raises:
        YamlError: No YAML; nested deeper than *max_depth*; larger than `MAX_VALUES` when expanded; a key
            that is no scalar; an alias inside of what it stands for.
    """
    try:
        return _build(yaml.parse(data, Loader=_LOADER), max_depth)
    except yaml.YAMLError as error:
        raise YamlError(_say(error)) from error
    except UnicodeDecodeError as error:
        raise YamlError("the text is not UTF-8") from error


def _build(events: Iterator[Any], max_depth: int) -> Json:
    stack: list[_Open] = []
    anchors: dict[str, tuple[Json, int]] = {}
    total = 0
    for event in events:
        value: Json
        weight = 1
        match event:
            case yaml.ScalarEvent():
                if stack and isinstance(stack[-1].values, dict) and stack[-1].key is None:
                    stack[-1].key = _key(event)
                    if event.anchor:
                        anchors[event.anchor] = (event.value, 1)
                    continue
                value = _scalar(event)
                if event.anchor:
                    anchors[event.anchor] = (value, 1)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(stack) >= max_depth:
                    raise YamlError(f"nested more than {max_depth} levels deep")
                if stack and isinstance(stack[-1].values, dict) and stack[-1].key is None:
                    raise YamlError(f"{_line(event)}a key must be a scalar")
                stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))
                continue
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                ended = stack.pop()
                value, weight = _finished(ended), ended.weight
                if ended.anchor:
                    anchors[ended.anchor] = (value, weight)
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    raise YamlError(f"{_line(event)}alias of nothing before it")
                value, weight = anchors[event.anchor]
                if stack and isinstance(stack[-1].values, dict) and stack[-1].key is None:
                    if isinstance(value, dict | list):
                        raise YamlError(f"{_line(event)}a key must be a scalar")
                    stack[-1].key = str(value)
                    continue
            case yaml.DocumentEndEvent():
                raise YamlError("it is empty")
            case _:
                continue
        if not stack:
            return value
        total = _put(stack[-1], value, weight)
        if total > MAX_VALUES:
            raise YamlError("its aliases expand to too much")
    raise YamlError("it is empty")


def _put(into: _Open, value: Json, weight: int) -> int:
    """Add *value* to an open collection; the weight that the collection has now."""
    into.weight += weight
    if isinstance(into.values, list):
        into.values.append(value)
    else:
        key, into.key = into.key, None
        if key == _MERGE:
            into.merges.append(value)
        elif key is not None:
            into.values[key] = value
    return into.weight


def _finished(ended: _Open) -> Json:
    if isinstance(ended.values, dict):
        # Merge keys of YAML 1.1: what stands here wins over what is merged, the earlier merged wins.
        for merged in ended.merges:
            for source in merged if isinstance(merged, list) else [merged]:
                if isinstance(source, dict):
                    for key, value in source.items():
                        ended.values.setdefault(key, value)
    return ended.values


def _key(event: Any) -> str:
    return str(event.value)


def _scalar(event: Any) -> Json:
    text: str = event.value
    plain, _ = event.implicit
    tag = event.tag
    if tag == "tag:yaml.org,2002:str" or (tag is None and not plain):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in {"0x", "0o"} else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _line(event: Any) -> str:
    return f"line {event.start_mark.line + 1}: "


def _say(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"no YAML: {line}{error.problem or error.context or 'cannot be parsed'}"
    return "no YAML: it holds characters that YAML does not allow"
