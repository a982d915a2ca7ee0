"""Small documents for the tests of the OpenAPI reader."""

from typing import Any

import msgspec

from weft.schemas.catalog import (
    Discriminator,
    Function,
    Reference,
    Shape,
    ShapeName,
    Type,
    Upstream,
    UpstreamId,
)
from weft.schemas.openapi import parse_document, read_openapi

URL = "https://shop.example/v1/openapi.json"


def read(root: dict[str, Any], *, url: str = URL, base_url: str | None = None) -> Upstream:
    """*root* as an upstream called ``shop``; ``openapi`` is 3.0.3 unless it says otherwise."""
    if "swagger" not in root:
        root = {"openapi": "3.0.3", **root}
    document = parse_document(msgspec.json.encode(root), source="test")
    return read_openapi(document, upstream=UpstreamId("shop"), document_url=url, base_url=base_url)


def read_schema(
    schema: Any, *, version: str = "3.0.3", **components: Any
) -> tuple[Type, dict[str, Shape], Upstream]:
    """The type of a schema that ``GET /order`` (``get_order``) answers, the shapes by name, the upstream."""
    content = {"application/json": {"schema": schema}}
    upstream = read(
        {
            "openapi": version,
            "paths": {
                "/order": {"get": {"operationId": "get_order", "responses": {"200": {"content": content}}}}
            },
            "components": {"schemas": components},
        }
    )
    result = upstream.functions[0].result
    assert result is not None
    return result, {str(name): shape for name, shape in upstream.shapes.items()}, upstream


def read_operation(
    operation: dict[str, Any], *, path: str = "/orders", method: str = "get", **more: Any
) -> Function:
    """The function of a single operation."""
    return read({"paths": {path: {method: operation}}, **more}).functions[0]


def kinds(upstream: Upstream) -> list[tuple[str, str]]:
    """Kind and pointer of each warning."""
    return [(warning.kind, warning.pointer) for warning in upstream.warnings]


def ref(name: str, *, nullable: bool = False) -> Reference:
    """A reference to the shape called *name*."""
    return Reference(shape=ShapeName(name), nullable=nullable)


def discriminator(member: str, **mapping: str) -> Discriminator:
    """A discriminator whose mapping is *mapping*: values to names of shapes."""
    return Discriminator(property=member, mapping={value: ShapeName(name) for value, name in mapping.items()})
