"""The lock file, and the names that it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLObjectType

from tests.app.conftest import MakeSettings
from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import Catalog, get, ref, shape, upstream
from weft.app.discovering import write_snapshot
from weft.app.stitching import load_lock, save_lock, stitch_snapshot
from weft.schemas.catalog import Snapshot, Upstream
from weft.schemas.errors import ConfigError, DocumentError
from weft.settings import Settings


def shop(name: str, *members: str) -> Snapshot:
    """A snapshot with one upstream that has a type ``Item``."""
    return Snapshot(catalog=Catalog.of(item_upstream(name, *members)))


def item_upstream(name: str, *members: str) -> Upstream:
    return upstream(name, get(f"{name}.get_item", "/item", ref("Item")), shape("Item", *members))


@pytest.fixture
def settings(settings_for: MakeSettings) -> Settings:
    return settings_for()


def test_absent_lock_keeps_no_name(tmp_path: Path) -> None:
    assert load_lock(tmp_path / "weft.lock") == {}


def test_saved_names_are_loaded(settings: Settings) -> None:
    stitched = stitch_snapshot(shop("zoo", "id"), settings)
    assert save_lock(settings.names.lock, stitched)
    assert load_lock(settings.names.lock) == dict(stitched.names)


def test_equal_names_leave_the_file_alone(settings: Settings) -> None:
    stitched = stitch_snapshot(shop("zoo", "id"), settings)
    save_lock(settings.names.lock, stitched)
    before = settings.names.lock.stat()
    assert not save_lock(settings.names.lock, stitched)
    assert settings.names.lock.stat() == before


def test_missing_folders_are_made(settings_for: MakeSettings) -> None:
    settings = settings_for(names={"lock": "a/b/weft.lock"})
    assert save_lock(settings.names.lock, stitch_snapshot(shop("zoo", "id"), settings))


def test_lock_that_cannot_be_written_is_a_setting_to_change(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"names\.lock: cannot be written"):
        save_lock(tmp_path / "file" / "weft.lock", stitch_snapshot(shop("zoo", "id"), settings))


def test_lock_that_cannot_be_read_is_a_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"names\.lock: cannot be read"):
        load_lock(tmp_path)


def test_damaged_lock_names_its_file(settings: Settings) -> None:
    settings.names.lock.write_text("<<<<<<< HEAD")
    with pytest.raises(DocumentError, match=r"weft\.lock"):
        stitch_snapshot(shop("zoo", "id"), settings)


def test_names_stay_when_an_upstream_with_a_clashing_type_appears(settings: Settings) -> None:
    write_snapshot(settings, shop("zoo", "id"))
    alone = stitch_snapshot(shop("zoo", "id"), settings).schema
    # It sorts before the other, so without the lock the names would be its own.
    both = Snapshot(catalog=Catalog.of(item_upstream("ark", "id", "size"), item_upstream("zoo", "id")))
    write_snapshot(settings, both)
    together = stitch_snapshot(both, settings).schema
    assert alone.query_type is not None
    assert together.query_type is not None
    for name, field in alone.query_type.fields.items():
        assert str(together.query_type.fields[name].type) == str(field.type)
    item = together.type_map["Item"]
    assert isinstance(item, GraphQLObjectType)
    assert item.fields.keys() == {"id"}
    assert len(together.query_type.fields) == 2


def test_a_function_is_what_the_configuration_says(tmp_path: Path) -> None:
    settings = Settings.from_mapping(
        {
            "upstreams": [],
            "functions": {"orders.cancelOrder": {"effect": "read"}, "orders.getOrder": {"off": True}},
        },
        tmp_path,
    )
    schema = stitch_snapshot(Snapshot(catalog=SHOP), settings).schema
    assert schema.query_type is not None
    assert "cancelOrder" in schema.query_type.fields
    assert "order" not in schema.query_type.fields


@pytest.mark.parametrize("namespaces", [True, ["zoo"], ["zoo", "away"]])
def test_namespaces_are_those_of_the_settings(settings_for: MakeSettings, namespaces: object) -> None:
    made = stitch_snapshot(shop("zoo", "id"), settings_for(names={"namespaces": namespaces}))
    assert made.schema.query_type is not None
    assert list(made.schema.query_type.fields) == ["zoo"]


@pytest.mark.parametrize("namespaces", [False, [], ["away"]])
def test_other_upstreams_have_no_namespace(settings_for: MakeSettings, namespaces: object) -> None:
    made = stitch_snapshot(shop("zoo", "id"), settings_for(names={"namespaces": namespaces}))
    assert made.schema.query_type is not None
    assert list(made.schema.query_type.fields) == ["item"]
