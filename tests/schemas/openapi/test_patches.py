from typing import Any

import pytest

from weft.schemas.errors import DocumentError
from weft.schemas.openapi import parse_document
from weft.schemas.openapi.patches import apply_patches, merge_patch


def test_a_merge_patch_takes_out_adds_and_replaces() -> None:
    # RFC 7396, appendix A
    assert merge_patch({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merge_patch({"a": [{"b": "c"}]}, {"a": [1]}) == {"a": [1]}
    assert merge_patch(["a", "b"], {"a": "b", "c": None}) == {"a": "b"}


def test_a_json_patch_changes_one_place_of_what_yaml_shares() -> None:
    data = b"""
openapi: 3.0.0
paths:
  /a: &item {get: {operationId: a}}
  /b: *item
"""
    patch = [{"op": "replace", "path": "/paths/~1a/get/operationId", "value": "changed"}]
    root = parse_document(data, source="x", patches=[patch]).root
    assert root["paths"] == {"/a": {"get": {"operationId": "changed"}}, "/b": {"get": {"operationId": "a"}}}


def test_a_document_without_a_version_can_be_given_one() -> None:
    assert parse_document(b'{"paths": {}}', source="x", patches=[{"openapi": "3.0.0"}]).version == "3.0"


def test_what_was_given_is_left_as_it_was() -> None:
    root: Any = {"a": {"b": 1}}
    apply_patches(root, [[{"op": "remove", "path": "/a/b"}], {"a": None}], source="x")
    assert root == {"a": {"b": 1}}


@pytest.mark.parametrize(
    "operation", [{"op": "remove", "path": "/x/y"}, {"op": "odd", "path": ""}, {"op": "add"}]
)
def test_an_operation_that_does_not_fit_is_an_error_of_the_document(operation: dict[str, str]) -> None:
    with pytest.raises(DocumentError, match="patch 1, operation 1"):
        apply_patches({"a": 1}, [[operation]], source="x")
