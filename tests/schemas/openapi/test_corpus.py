"""Real documents, where they are at hand, and small ones that always are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from weft.schemas.catalog import (
    Catalog,
    EnumShape,
    HookBinding,
    HttpBinding,
    ListOf,
    MapOf,
    ObjectShape,
    Reference,
    ShapeName,
    Type,
    UnionShape,
    Upstream,
    UpstreamId,
)
from weft.schemas.openapi import parse_document, read_openapi

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
SMALL = {
    "petstore.json": b"""{"swagger": "2.0", "info": {"title": "Pets", "version": "1"}, "host": "pets.example",
        "paths": {"/pets/{id}": {"get": {"operationId": "getPet", "parameters": [
            {"name": "id", "in": "path", "required": true, "type": "integer", "format": "int64"}],
            "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Pet"}}}}}},
        "definitions": {"Pet": {"type": "object", "properties": {"owner": {"$ref": "#/definitions/Pet"}}}}}""",
    "faulty.yaml": b"""
openapi: 3.1.0
info: {title: Faulty}
paths:
  /a: {get: {responses: {200: {$ref: '#/nowhere'}}}, post: {}}
  /b: {get: {parameters: [{name: x}], responses: {default: {content: {'*/*': {schema: {type: odd}}}}}}}
""",
}


def documents() -> Iterator[Any]:
    stated = os.environ.get("WEFT_CORPUS")
    folder = Path(stated) if stated else Path(__file__).parents[4] / "shared" / "corpus" / "openapi"
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        slow = [pytest.mark.slow] if path.stat().st_size > 1_000_000 else []
        yield pytest.param(path, marks=slow, id=path.name)
    for name in SMALL:
        yield pytest.param(name, id=name)


def read(document: Path | str) -> tuple[int, Upstream]:
    data = document.read_bytes() if isinstance(document, Path) else SMALL[document]
    parsed = parse_document(data, source=str(document))
    paths = parsed.root.get("paths")
    assert isinstance(paths, dict)
    operations = sum(
        method in METHODS for item in paths.values() if isinstance(item, dict) for method in item
    )
    upstream = read_openapi(parsed, upstream=UpstreamId("up"), document_url="https://up.example/openapi.json")
    return operations, upstream


def named(type_: Type) -> set[ShapeName]:
    while isinstance(type_, ListOf | MapOf):
        type_ = type_.item if isinstance(type_, ListOf) else type_.value
    return {type_.shape} if isinstance(type_, Reference) else set()


@pytest.mark.parametrize("document", list(documents()))
def test_every_operation_is_a_function_whose_types_are_all_there(document: Path | str) -> None:
    operations, upstream = read(document)
    called = {function.id for function in upstream.functions if isinstance(function.binding, HttpBinding)}
    assert len(called) == operations
    used: set[ShapeName] = set()
    for webhook in upstream.webhooks:
        used |= named(webhook.payload) if webhook.payload else set()
    for function in upstream.functions:
        binding = function.binding
        if not isinstance(binding, HttpBinding):
            assert isinstance(binding, HookBinding)
            used |= named(function.result) if function.result else set()
            continue
        bound = [p.argument for p in binding.parameters]
        for body in (binding.body, *binding.other_bodies):
            if body is not None:
                bound += [body.argument, *([body.choice] if body.choice else [])]
        assert sorted(bound) == sorted({argument.name for argument in function.arguments})
        for type_ in [argument.type for argument in function.arguments] + [function.result]:
            used |= named(type_) if type_ else set()
    for name, shape in upstream.shapes.items():
        assert shape.name == name
        match shape:
            case ObjectShape():
                assert shape.fields
                assert len({field.name for field in shape.fields}) == len(shape.fields)
                for field in shape.fields:
                    used |= named(field.type)
            case UnionShape():
                assert len(shape.members) > 1
                assert all(isinstance(upstream.shapes[member], ObjectShape) for member in shape.members)
                if shape.discriminator:
                    assert set(shape.discriminator.mapping.values()) <= set(shape.members)
                used |= set(shape.members)
            case EnumShape():
                assert shape.values
    assert used == set(upstream.shapes)


@pytest.mark.parametrize("document", list(SMALL))
def test_equal_documents_give_equal_catalogs(document: str) -> None:
    _, first = read(document)
    _, second = read(document)
    assert Catalog.of(first).content_hash == Catalog.of(second).content_hash


def test_order_of_the_document_does_not_matter() -> None:
    root = msgspec.json.decode(SMALL["petstore.json"])
    root["paths"]["/a"] = {"post": {"operationId": "getPet"}, "get": {"operationId": "getPet"}}
    turned = {**root, "paths": dict(reversed(root["paths"].items()))}
    hashes = {
        Catalog.of(
            read_openapi(
                parse_document(msgspec.json.encode(one), source="x"),
                upstream=UpstreamId("up"),
                document_url="",
            )
        ).content_hash
        for one in (root, turned)
    }
    assert len(hashes) == 1
