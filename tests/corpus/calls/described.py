"""What a document says of its operations, read without Weft: parameters, bodies, answers, servers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from jsonschema.exceptions import ValidationError
from openapi_schema_validator import (
    OAS30ReadValidator,
    OAS30WriteValidator,
    OAS31Validator,
    oas30_format_checker,
    oas31_format_checker,
)
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from .examples import Direction, Examples, Impossible
from .patterns import portable

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_URI = "urn:document"


@dataclass(frozen=True)
class Described:
    """One operation of a document.

    Attributes:
        parameters: By name and place, references followed.
        body: The request body, references followed.
        servers: Base paths under which the document says that it is called.
    """

    path: str
    method: str
    operation: Mapping[str, Any]
    parameters: Mapping[tuple[str, str], Mapping[str, Any]]
    body: Mapping[str, Any]
    base_path: str

    @property
    def key(self) -> str:
        return f"{self.method.upper()} {self.path}"


@dataclass
class DescribedApi:
    """A document, and validators for its schemas."""

    root: dict[str, Any]
    _cache: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _make_portable(self.root)
        resource: Resource[Any] = Resource.from_contents(self.root, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        self._is_30 = str(self.root.get("openapi", "")).startswith("3.0")
        self.examples = Examples(self.root, self.fits)

    def fits(self, value: Any, schema: Any, direction: Direction) -> bool:
        """Whether *value* fits *schema*; a schema that no validator can read fits nothing."""
        return self.misfit(value, schema, direction) is None

    def misfit(self, value: Any, schema: Any, direction: Direction) -> str | None:
        """Why *value* does not fit *schema*; ``None`` if it does."""
        kind: Any = OAS31Validator
        if self._is_30:
            kind = OAS30WriteValidator if direction == "request" else OAS30ReadValidator
        checker = oas30_format_checker if self._is_30 else oas31_format_checker
        resolver = self._registry.resolver(base_uri=_URI)
        try:
            validator = kind(schema, registry=self._registry, format_checker=checker, _resolver=resolver)
            error: ValidationError | None = next(iter(validator.iter_errors(value)), None)
        except Exception as fault:  # noqa: BLE001 - whatever a broken schema does to its validator
            return f"the validator fails: {type(fault).__name__}"
        return None if error is None else f"{'/'.join(str(p) for p in error.path)}: {error.message[:200]}"

    def operations(self) -> Iterator[Described]:
        """Every operation."""
        for path, stated in (self.root.get("paths") or {}).items():
            if path.startswith("x-"):
                continue
            item = self.examples.resolve(stated)
            for method in METHODS:
                operation = item.get(method) if isinstance(item, Mapping) else None
                if isinstance(operation, Mapping):
                    yield self._described(path, method, item, operation)

    def _described(self, path: str, method: str, item: Mapping[str, Any], operation: Any) -> Described:
        parameters: dict[tuple[str, str], Mapping[str, Any]] = {}
        for one in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]:
            try:
                resolved = self.examples.resolve(one)
                parameters[resolved["name"], resolved["in"]] = resolved
            except (Impossible, KeyError, TypeError):
                continue
        body: Mapping[str, Any] = {}
        if operation.get("requestBody"):
            try:
                body = self.examples.resolve(operation["requestBody"])
            except Impossible:
                body = {}
        servers = (
            operation.get("servers") or item.get("servers") or self.root.get("servers") or [{"url": "/"}]
        )
        return Described(path, method, operation, parameters, body, base_path(servers[0]))

    def answer(self, described: Described) -> tuple[int, Mapping[str, Any]]:
        """Status and content of the answer that the document describes for a call that went well."""
        responses = described.operation.get("responses") or {}
        codes = sorted(c for c in responses if re.fullmatch(r"2(\d\d|XX)", str(c))) or [
            c for c in responses if c == "default"
        ]
        found: list[tuple[int, Mapping[str, Any]]] = []
        for code in codes:
            status = int(str(code).replace("XX", "00")) if code != "default" else 200
            try:
                response = self.examples.resolve(responses[code])
            except Impossible:
                continue
            found.append((status, response.get("content") or {}))
        with_content = [one for one in found if one[1]]
        return next(iter(with_content or found), (200, {}))


def _make_portable(node: Any) -> None:
    """Rewrite the patterns under *node* that Python cannot read."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        if isinstance(at, dict):
            if isinstance(at.get("pattern"), str):
                at["pattern"] = portable(at["pattern"])
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at


def base_path(server: Mapping[str, Any]) -> str:
    """The path of a server's URL, its variables at their defaults."""
    variables = server.get("variables") or {}
    url = re.sub(
        r"\{([^{}]*)\}",
        lambda found: str((variables.get(found[1]) or {}).get("default", found[0])),
        str(server.get("url") or "/"),
    )
    return urlsplit(url).path.rstrip("/")
