"""What the settings say of one upstream's document, nullability and links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType

from tests.support.small_catalogs import Catalog, get, key_argument, ref, shape, upstream
from weft.app.stitching import stitch_snapshot
from weft.discovery import HttpAddress
from weft.schemas.catalog import Snapshot, UpstreamId, UpstreamStatus
from weft.settings import ConfigErrors, ServerUpstream, Settings
from weft.settings.upstreams import address_of


def settings_of(base: Path, **entry: Any) -> Settings:
    return Settings.from_mapping({"upstreams": [{"name": "zoo", "url": "http://zoo.example", **entry}]}, base)


def http_address(settings: Settings) -> HttpAddress:
    entry = settings.upstreams[0]
    assert isinstance(entry, ServerUpstream)
    found = address_of(entry)
    assert isinstance(found, HttpAddress)
    return found


MERGE = {"info": {"title": "Zoo"}}
OPERATIONS = [{"op": "remove", "path": "/paths"}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (MERGE, (MERGE,)),
        (OPERATIONS, (OPERATIONS,)),
        ([MERGE, OPERATIONS, MERGE], (MERGE, OPERATIONS, MERGE)),
        ("merge.json", (MERGE,)),
        (["merge.json", "operations.yaml"], (MERGE, OPERATIONS)),
        (None, ()),
    ],
)
def test_patches_are_merge_patches_json_patches_and_files(given: Any, expected: Any, tmp_path: Path) -> None:
    (tmp_path / "merge.json").write_text(json.dumps(MERGE))
    (tmp_path / "operations.yaml").write_text("- {op: remove, path: /paths}\n")
    assert http_address(settings_of(tmp_path, patch=given)).patches == expected


@pytest.mark.parametrize("given", [5, "gone.json", [5], [["x"]], "empty.yaml"])
def test_what_is_no_patch_is_a_mistake_in_the_settings(given: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(ConfigErrors, match="patch"):
        settings_of(tmp_path, patch=given)


def test_references_are_kept_to_the_same_origin_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    assert http_address(settings_of(tmp_path)).references == "same-origin"
    assert http_address(settings_of(tmp_path, references="any")).references == "any"
    with pytest.raises(ConfigErrors, match="references"):
        settings_of(tmp_path, references="all")


def snapshot() -> Snapshot:
    zoo = upstream(
        "zoo", get("zoo.get_pet", "/pet", ref("Pet"), key_argument("id")), shape("Pet", "id", "owner_id")
    )
    people = upstream(
        "people",
        get("people.get_owner", "/owner", ref("Owner"), key_argument("owner_id")),
        shape("Owner", "id"),
    )
    statuses = tuple(
        UpstreamStatus(upstream=UpstreamId(name), state="ready", address=f"http://{name}.example")
        for name in ("zoo", "people")
    )
    return Snapshot(catalog=Catalog.of(zoo, people), statuses=statuses)  # fmt: skip


def pet(settings: Settings) -> dict[str, str]:
    found = stitch_snapshot(snapshot(), settings).schema.get_type("Pet")
    assert isinstance(found, GraphQLObjectType)
    return {name: str(field.type) for name, field in found.fields.items()}


def test_outputs_of_a_relaxed_upstream_are_nullable(tmp_path: Path) -> None:
    assert pet(settings_of(tmp_path))["id"].endswith("!")
    assert pet(settings_of(tmp_path, nullability="relaxed"))["id"] + "!" == pet(settings_of(tmp_path))["id"]


def test_an_upstream_apart_is_not_linked_to_others(tmp_path: Path) -> None:
    assert "owner" in pet(settings_of(tmp_path))
    assert "owner" not in pet(settings_of(tmp_path, apart=True))
