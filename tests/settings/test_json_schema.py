"""The form of the settings, for editors."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from weft.settings import settings_json_schema

EXAMPLE: dict[str, Any] = yaml.safe_load(
    """
upstreams:
  - http://127.0.0.1:8101
  - grpc://127.0.0.1:8103
  - lambda: {region: eu-west-1, endpoint: http://127.0.0.1:8104, manifest: file, functions: "pricing-*"}
  - {name: products, url: "http://127.0.0.1:8102", openapi: specs/products.yaml,
     headers: {authorization: "Bearer ${PRODUCTS_TOKEN}"}, forward: [authorization], timeout: 5s,
     max_concurrency: 32, ignore: false}
server: {host: 127.0.0.1, port: 8080, workers: auto, graphiql: true, introspection: true, timeout: 30s,
         max_depth: 16, max_body: 1MB}
discovery: {interval: 30, timeout: 10s, concurrency: 16, snapshot: .weft/snapshot.json}
links:
  - {field: Order.product, function: products.get_product, keys: {product_id: productId}}
  - {field: Product.stock, "off": true}
bulk:
  - {function: inventory.InventoryService.BatchGetStock, for: inventory.InventoryService.GetStock,
     argument: productIds, items: stocks, key: productId, max: 100}
names: {lock: weft.lock}
"""
)


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in [schema, *schema["$defs"].values()]:
        yield from section.get("properties", {}).items()


def test_it_is_a_schema_of_2020_12() -> None:
    schema = settings_json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_it_accepts_the_example() -> None:
    Draft202012Validator(settings_json_schema()).validate(EXAMPLE)


@pytest.mark.parametrize("section", ["server", "discovery", "names"])
def test_it_rejects_a_typo_in_a_section(section: str) -> None:
    wrong = copy.deepcopy(EXAMPLE)
    wrong[section]["typo"] = 1
    assert not Draft202012Validator(settings_json_schema()).is_valid(wrong)


@pytest.mark.parametrize(
    "entry",
    [
        "ftp://a",
        7,
        {},
        {"url": "http://a", "heders": {}},
        {"lambda": {"region": "a", "manifst": "b"}},
        {"name": "a"},
    ],
)
def test_it_rejects_what_is_no_upstream(entry: Any) -> None:
    assert not Draft202012Validator(settings_json_schema()).is_valid({"upstreams": [entry]})


def test_it_rejects_what_is_no_duration() -> None:
    schema = Draft202012Validator(settings_json_schema())
    assert not schema.is_valid({"upstreams": [], "server": {"timeout": "soon"}})


def test_every_property_has_a_title_and_a_description() -> None:
    found = list(properties(settings_json_schema()))
    assert len(found) > 30
    assert [name for name, schema in found if not schema["title"] or not schema["description"]] == []
