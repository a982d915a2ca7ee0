"""The settings' file, read with the line of everything in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from ..schemas.errors import ConfigError
from ..schemas.openapi.yaml_core import YamlError, decode_yaml
from .model import Settings
from .problems import ConfigErrors, Location, dotted, validate
from .values import Surroundings

# A hand-written file has kilobytes; whoever gives a log or an archive by mistake is told at once.
MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_DEPTH: Final = 50


def load_settings(path: Path | str, *, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in the file at *path*.

    Args:
        path: A ``weft.yaml``; relative paths in it begin in its folder.
        environment: Where ``${NAME}`` is looked up; this process's environment if it is left out.

    Raises:
        ConfigErrors: With every mistake, each with its line, its key and what would be accepted.
    """
    file = Path(path)
    source = str(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise ConfigErrors([ConfigError(source=source, key="", problem=problem)]) from error
    if len(data) > MAX_BYTES:
        raise ConfigErrors([ConfigError(source=source, key="", problem="is larger than 4 MiB")])
    root = _compose(data, source)
    if root is None or not isinstance(root, yaml.MappingNode):
        accepted = "a mapping with `upstreams`"
        problem = "is empty" if root is None else "must be a mapping"
        raise ConfigErrors([ConfigError(source=source, key="", problem=problem, accepted=accepted)])
    if repeated := _repeated(root, source):
        raise ConfigErrors(repeated)
    try:
        # YAML 1.2: `off` is a key of ours, and no boolean.
        value: Any = decode_yaml(data, max_depth=_MAX_DEPTH)
    except YamlError as error:
        raise ConfigErrors([ConfigError(source=source, key="", problem=str(error))]) from error

    def line_of(location: Location, *, of_key: bool) -> int:
        return _line_of(root, location, of_key=of_key)

    surroundings = Surroundings(file.parent.absolute(), os.environ if environment is None else environment)
    return validate(Settings, value, surroundings, source=source, line_of=line_of)


def _compose(data: bytes, source: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(data, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        text = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 0
        raise ConfigErrors(
            [ConfigError(source=source, key="", problem=f"is no YAML: {text}", line=line)]
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = "is no YAML: it holds characters that YAML does not allow"
        raise ConfigErrors([ConfigError(source=source, key="", problem=problem)]) from error
    except RecursionError as error:
        raise ConfigErrors([ConfigError(source=source, key="", problem="is nested too deep")]) from error
    return node


def _repeated(root: yaml.Node, source: str) -> list[ConfigError]:
    """Keys that stand twice in one mapping: of two values one would be lost in silence."""
    problems: list[ConfigError] = []
    waiting: list[tuple[yaml.Node, tuple[int | str, ...]]] = [(root, ())]
    visited: set[int] = set()
    while waiting:
        node, location = waiting.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(item, (*location, index)) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in lines and name != "<<":
                    problem = f"stands twice; first in line {lines[name]}"
                    place = dotted((*location, name))
                    problems.append(ConfigError(source=source, key=place, problem=problem, line=line))
                lines.setdefault(name, line)
                waiting.append((value, (*location, name)))
    return sorted(problems, key=lambda found: found.line)


def _line_of(root: yaml.Node, location: Location, *, of_key: bool) -> int:
    """The line of the value at *location*, or of its key; where it is absent, of what should hold it."""
    node, line = root, root.start_mark.line
    for part in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((k, v) for k, v in node.value if k.value == part), None)
            if entry is None:
                break
            key, node = entry
            line = key.start_mark.line if of_key else node.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1
