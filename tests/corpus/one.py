"""One document, from its bytes to a schema, in a process of its own so that its memory can be told."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from graphql import GraphQLObjectType, print_schema
from msgspec import Struct

from weft.schemas.catalog import Catalog, HttpBinding, Json, UpstreamId
from weft.schemas.errors import WeftError
from weft.schemas.links import weave
from weft.schemas.openapi import Document, parse_document, read_openapi
from weft.schemas.stitch import RootBinding, Stitched, binding_of, stitch

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})


class Reading(Struct, frozen=True, kw_only=True):
    """What became of one document.

    Attributes:
        name: Its path below the corpus' folder.
        converted: Whether there is a schema, valid by graphql-core's ``validate_schema``.
        operations: Operations in the document, counted without the reader.
        covered: Those of them that a field of a root type calls.
        seconds: From bytes to schema.
        cpu_seconds: The same, without the time in which other processes had the core.
        peak_mb: The most memory that the process had, imports included.
        warnings: How many of each kind.
        error: One line; ``""`` if it converted.
        graphql_js: What graphql-js says of the schema: ``""`` for valid, ``None`` where it was not asked.
    """

    name: str
    converted: bool
    operations: int
    covered: int
    seconds: float
    cpu_seconds: float = 0.0
    peak_mb: float
    warnings: dict[str, int]
    bytes: int = 0
    types: int = 0
    error: str = ""
    graphql_js: str | None = None


def read_one(path: Path, name: str, sdl: Path | None) -> Reading:
    """Convert the document at *path*; its schema as text goes to *sdl*, after the clock has stopped."""
    data = path.read_bytes()
    operations = covered = types = 0
    warnings: dict[str, int] = {}
    error = ""
    gc.collect()
    start, cpu_start = time.perf_counter(), time.process_time()
    seconds = cpu_seconds = peak = 0.0
    try:
        document = parse_document(data, source=name)
        upstream = read_openapi(
            document, upstream=UpstreamId("upstream"), document_url="https://upstream.example/openapi.json"
        )
        catalog = Catalog.of(upstream)
        stitched = stitch(catalog, weave(catalog))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        peak = _peak_mb()
        operations = len(operations_of(document))
        covered = len(operations_of(document) & called_by(stitched))
        types = len(stitched.schema.type_map)
        warnings = dict(Counter(warning.kind for warning in upstream.warnings).most_common())
        if sdl is not None:
            sdl.write_text(print_schema(stitched.schema))
    except WeftError as problem:
        error = str(problem)
    except Exception as problem:  # noqa: BLE001 - what it is, is the finding
        error = f"{type(problem).__name__}: {problem}"
    if error:
        seconds, cpu_seconds, peak = time.perf_counter() - start, time.process_time() - cpu_start, _peak_mb()
    return Reading(
        name=name,
        converted=not error,
        operations=operations,
        covered=covered,
        seconds=round(seconds, 4),
        cpu_seconds=round(cpu_seconds, 4),
        peak_mb=round(peak, 1),
        warnings=warnings,
        bytes=len(data),
        types=types,
        error=" ".join(error.split())[:500],
    )


def operations_of(document: Document) -> set[tuple[str, str]]:
    """Method and path of every operation, told from the document alone."""
    found: set[tuple[str, str]] = set()
    paths = document.root.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not path.startswith("x-"):
            found |= {
                (method.upper(), path if path.startswith("/") else f"/{path}")
                for method in _methods(_item(item, document.root))
            }
    return found


def _methods(item: dict[str, Json]) -> Iterator[str]:
    yield from (method for method in item if method in METHODS)
    others = item.get("additionalOperations")
    yield from others if isinstance(others, dict) else ()


def _item(item: Json, root: Json) -> dict[str, Json]:
    if not isinstance(item, dict):
        return {}
    reference = item.get("$ref")
    at: Json = item
    if isinstance(reference, str) and reference.startswith("#/"):
        at = root
        for token in reference[2:].split("/"):
            at = at.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    methods = {method: value for method, value in item.items() if isinstance(value, dict)}
    return {**methods, **{k: v for k, v in at.items() if isinstance(v, dict)}} if isinstance(at, dict) else {}


def called_by(stitched: Stitched) -> set[tuple[str, str]]:
    """Method and path of every operation that a root field calls."""
    found: set[tuple[str, str]] = set()
    schema = stitched.schema
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for field in root.fields.values() if isinstance(root, GraphQLObjectType) else ():
            bound = binding_of(field)
            if isinstance(bound, RootBinding) and isinstance(bound.function.binding, HttpBinding):
                found.add((bound.function.binding.method, bound.function.binding.path))
    return found


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
