"""Objects from YAML files: read, checked, each with the file and line that it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from ...schemas.errors import ConfigError
from .backends import SecretSpec
from .base import Object, Origin
from .kinds import IGNORED, KINDS

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one file. Hand-written files have kilobytes; a cluster's export has a few megabytes."""


# libyaml reads a file of thousands of routes in a tenth of the time, where PyYAML was built with it.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ObjectProblems(ConfigError):
    """Every mistake that was found in the objects; the first one's facts are its own.

    Attributes:
        problems: In the order of the files and their lines; at least one.
    """

    def __init__(self, problems: Iterable[ConfigError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            source=first.source,
            key=first.key,
            problem=first.problem,
            accepted=first.accepted,
            line=first.line,
        )
        self.args = ("\n".join(str(problem) for problem in self.problems),)


def load_objects(paths: Iterable[Path]) -> tuple[Object, ...]:
    """The objects in the files at *paths*; a folder stands for its ``.yaml`` and ``.yml`` files.

    Raises:
        ObjectProblems: With every mistake.
    """
    objects: list[Object] = []
    problems: list[ConfigError] = []
    for path in paths:
        for file in files_in(path):
            try:
                documents = list(documents_in(file))
            except ConfigError as error:
                problems.append(error)
                continue
            for origin, value in documents:
                _read_into(objects, problems, value, origin)
    problems += _repeated(objects)
    if problems:
        raise ObjectProblems(problems)
    return tuple(objects)


def read_object(value: Any, origin: Origin) -> Object | None:
    """One document as an object; ``None`` for a kind that says nothing to one machine.

    Raises:
        ObjectProblems: It is no object, or has a mistake.
    """
    objects: list[Object] = []
    problems: list[ConfigError] = []
    _read_into(objects, problems, value, origin)
    if problems:
        raise ObjectProblems(problems)
    return objects[0] if objects else None


def _read_into(objects: list[Object], problems: list[ConfigError], value: Any, origin: Origin) -> None:
    def wrong(key: str, text: str, accepted: str = "") -> None:
        problems.append(
            ConfigError(source=origin.source, key=key, problem=text, accepted=accepted, line=origin.line)
        )

    if not isinstance(value, Mapping):
        wrong("", "is no object", "a mapping with `apiVersion`, `kind`, `metadata` and `spec`")
        return
    api, kind_name = str(value.get("apiVersion", "")), str(value.get("kind", ""))
    group, _, version = api.rpartition("/")
    if (group, kind_name) in IGNORED:
        return
    kind = KINDS.get((group, kind_name))
    if kind is None:
        known = ", ".join(f"{k.group or 'v1'} {k.name}" for k in KINDS.values())
        wrong("kind", f"{api} {kind_name} is no kind that is read", known)
        return
    if version not in kind.versions:
        wrong("apiVersion", f"version {version!r} of {kind_name} is not read", ", ".join(kind.versions))
        return
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(name, str) or not name:
        wrong("metadata.name", "is missing", "the object's name")
        return
    place = f"{kind_name}/{name}"
    if kind_name in {"Secret", "ConfigMap"}:
        spec_value: Any = {
            key: value[key] for key in ("data", "stringData", "type") if value.get(key) is not None
        }
        spec_value["plain"] = kind_name == "ConfigMap"
    else:
        spec_value = value.get("spec", {})
    try:
        spec = msgspec.convert(spec_value, type=kind.spec)
        if isinstance(spec, SecretSpec):
            _ = spec.values  # decoded here, where a mistake has a place
    except (msgspec.ValidationError, ValueError) as error:
        text, _, pointer = str(error).rpartition(" - at `$")
        wrong(f"{place} spec{pointer.rstrip('`')}" if text else place, _plain(text or str(error)))
        return
    namespace = metadata.get("namespace")
    objects.append(
        Object(
            group=group,
            kind=kind_name,
            name=name,
            namespace=namespace if isinstance(namespace, str) else "default",
            spec=spec,
            origin=origin,
        )
    )


def _plain(text: str) -> str:
    if text.startswith("Object contains unknown field"):
        return f"{text.replace('Object contains unknown field', 'has the unknown field')}, or one that only a cluster does"
    return text[:1].lower() + text[1:]


def _repeated(objects: list[Object]) -> list[ConfigError]:
    first: dict[tuple[str, str, str, str], Object] = {}
    problems = []
    for one in objects:
        before = first.setdefault((one.group, one.kind, one.namespace, one.name), one)
        if before is not one:
            text = f"stands twice; first in {before.origin}"
            problems.append(
                ConfigError(source=one.origin.source, key=one.id, problem=text, line=one.origin.line)
            )
    return problems


def files_in(path: Path) -> list[Path]:
    """The file at *path*, or the ``.yaml`` and ``.yml`` files of that folder."""
    return sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]


def documents_in(path: Path) -> Iterable[tuple[Origin, Any]]:
    """The documents of a file, each with its place; the items of a List are documents.

    Raises:
        ConfigError: It cannot be read, or is no YAML.
    """
    source = str(path)
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(source=source, key="", problem=f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(source=source, key="", problem="is larger than 16 MiB")
    loader = _LOADER(data)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            value = loader.construct_document(node)
            if value is None:
                continue
            if isinstance(value, Mapping) and str(value.get("kind", "")) == "List":
                yield from (
                    (Origin(source, node.start_mark.line + 1), item) for item in value.get("items", ())
                )
            else:
                yield Origin(source, node.start_mark.line + 1), value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise ConfigError(source=source, key="", problem=f"is no YAML: {error.problem}", line=line) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(source=source, key="", problem="is no YAML that can be read") from error
    finally:
        loader.dispose()
