"""A fault in a document costs only what it touches."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from graphql import validate_schema

from weft.schemas.catalog import Catalog, UpstreamId
from weft.schemas.errors import DocumentError
from weft.schemas.links import weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.openapi.document import Document
from weft.schemas.stitch import stitch

SMALL = Path(__file__).parents[2] / "corpus" / "small"
ODD: tuple[Any, ...] = (
    None, True, 0, -1.5, "", "#/nowhere", [], {}, [None], {"$ref": 1}, {"$ref": "#/paths"}, {"type": ["odd", 1]},
    {"allOf": [None, {"$ref": "#/components/schemas/Order"}]}, {"enum": [{}, [], None]}, {"oneOf": []}, "string",
    {"type": "array", "items": [1]}, {"properties": []}, {"required": {}}, {"discriminator": 5}, {"$ref": "#"},
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every member and item, with what holds it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        inner = list(one.items() if isinstance(one, dict) else enumerate(one))
        found += [(one, key) for key, _ in inner]
        waiting += [item for _, item in inner if isinstance(item, dict | list)]
    return found


@pytest.mark.parametrize("path", sorted(SMALL.iterdir()), ids=lambda path: path.name)
@pytest.mark.parametrize("seed", range(12))
def test_a_document_with_odd_values_anywhere_still_gives_a_valid_schema(path: Path, seed: int) -> None:
    chance = random.Random(f"{path.name} {seed}")
    whole = parse_document(path.read_bytes(), source=path.name)
    root = copy.deepcopy(whole.root)
    for _ in range(1 + seed):
        holder, key = chance.choice(places(root))
        holder[key] = copy.deepcopy(chance.choice(ODD))
    document = Document(root=root, version=whole.version, source="broken")
    upstream = read_openapi(
        document, upstream=UpstreamId("up"), document_url="https://up.example/openapi.json"
    )
    catalog = Catalog.of(upstream)
    assert validate_schema(stitch(catalog, weave(catalog)).schema) == []


@pytest.mark.parametrize("path", sorted(SMALL.iterdir()), ids=lambda path: path.name)
def test_a_document_that_breaks_off_is_refused_in_one_line_or_read(path: Path) -> None:
    data = path.read_bytes()
    reasons: list[str] = []
    for end in range(1, len(data), len(data) // 20):
        try:
            parse_document(data[:end], source=path.name)
        except DocumentError as error:
            reasons.append(error.reason)
    assert all(reason and "\n" not in reason for reason in reasons)


def test_the_rest_is_read_and_the_warning_says_where() -> None:
    document = parse_document((SMALL / "orders-3.0.yaml").read_bytes(), source="orders")
    upstream = read_openapi(
        document, upstream=UpstreamId("up"), document_url="https://up.example/openapi.json"
    )
    (warning,) = upstream.warnings
    assert warning.kind == "unresolved-ref"
    assert warning.pointer == "/components/schemas/Order/properties/broken/$ref"
    assert len(upstream.functions) == 5
