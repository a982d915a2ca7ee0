"""Problems: where a document breaks OpenAPI's own rules. For people; reading goes on regardless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from ..catalog import Json, ReadingWarning
from .document import Document
from .references import pointer_token

MAX_PROBLEMS: Final = 20
MAX_BYTES: Final = 2 * 1024 * 1024
"""Larger documents are not checked: the metaschema takes about 1 s for each MB."""

MAX_BYTES_IN_DEPTH: Final = 256 * 1024
"""Larger documents are checked against the metaschema only: defaults, ids and parameters take 3 s for each MB."""

_VALIDATORS: Final = {
    "2.0": "OpenAPIV2SpecValidator",
    "3.0": "OpenAPIV30SpecValidator",
    "3.1": "OpenAPIV31SpecValidator",
}


class _NoFetching(dict[str, Callable[[str], Any]]):
    """Handlers of every scheme, none of which fetches: without them the library would ask the network."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __missing__(self, scheme: str) -> Callable[[str], Any]:
        def refuse(uri: str) -> Any:
            raise LookupError("references to other documents are not followed")

        return refuse


def check_document(document: Document) -> tuple[ReadingWarning, ...]:
    """The first breaches of the document's own rules, at most `MAX_PROBLEMS`.

    This is the slow half of looking at a document, up to 2 s: call it in a thread. Nothing is fetched, and
    nothing is raised.
    """
    if document.size > MAX_BYTES:
        reason = f"not checked: larger than {MAX_BYTES // (1024 * 1024)} MiB"
        return (ReadingWarning(kind="unchecked", pointer="", reason=reason),)
    found: dict[tuple[str, str], ReadingWarning] = {}
    try:
        for problem in islice(_problems(document), MAX_PROBLEMS):
            found.setdefault((problem.pointer, problem.reason), problem)
    except Exception as error:  # noqa: BLE001 - the library raises what it likes on documents it cannot follow
        reason = f"not checked to the end: {type(error).__name__}"
        found["", reason] = ReadingWarning(kind="unchecked", pointer="", reason=reason)
    return tuple(found.values())


def _problems(document: Document) -> Iterator[ReadingWarning]:
    # Imported where it is used: it takes 0.4 s, and who only calls functions never needs it.
    import openapi_spec_validator
    from jsonschema_path import SchemaPath

    # Its `iter_errors` keeps every document for ever (an `lru_cache`), so its two halves are run here.
    stated = document.root.get("openapi")
    is_32 = isinstance(stated, str) and stated.startswith("3.2")
    name = "OpenAPIV32SpecValidator" if is_32 else _VALIDATORS[document.version]
    validator = getattr(openapi_spec_validator, name, None)
    if validator is None:
        return  # a version of the library that does not know 3.2
    for error in validator.schema_validator.iter_errors(document.root):
        yield _problem(error)
    if document.size <= MAX_BYTES_IN_DEPTH and not _refers_elsewhere(document.root):
        path = SchemaPath.from_dict(document.root, handlers=_NoFetching())
        for error in validator(path).root_validator(path):
            # Patterns are of ECMAScript, and are checked here as Python's.
            if error.validator != "format" or error.validator_value != "regex":
                yield _problem(error)


def _problem(error: Any) -> ReadingWarning:
    pointer = "".join(f"/{pointer_token(str(token))}" for token in error.absolute_path)
    # The nearest cause says more than "is not valid under any of the given schemas".
    cause = min(error.context or (), key=lambda one: len(one.message), default=error)
    reason = " ".join(str(cause.message).split())
    return ReadingWarning(
        kind="invalid", pointer=pointer, reason=reason if len(reason) <= 200 else f"{reason[:199]}…"
    )


def _refers_elsewhere(root: Json) -> bool:
    level: list[Json] = [root]
    while level:
        inner: list[Json] = []
        for value in level:
            if isinstance(value, dict):
                reference = value.get("$ref", "#")
                if isinstance(reference, str) and not reference.startswith("#"):
                    return True
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner
    return False
