"""The snapshot on disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.support.discovery_fakes import reads
from weft.discovery import load_snapshot, save_snapshot
from weft.schemas.catalog import Catalog, Snapshot
from weft.schemas.errors import DiscoveryError, DocumentError

SNAPSHOT = Snapshot(catalog=Catalog.of(reads("orders").upstream))


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "snapshot.json"
    save_snapshot(path, SNAPSHOT)
    assert load_snapshot(path) == SNAPSHOT


def test_only_the_snapshot_is_left_behind(tmp_path: Path) -> None:
    for _ in range(2):
        save_snapshot(tmp_path / "snapshot.json", SNAPSHOT)
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.json"]


def test_others_may_read_it_and_not_write_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save_snapshot(tmp_path / "snapshot.json", SNAPSHOT)
    finally:
        os.umask(before)
    assert (tmp_path / "snapshot.json").stat().st_mode & 0o777 == 0o644


def test_a_failure_leaves_the_old_snapshot_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "snapshot.json"
    save_snapshot(path, SNAPSHOT)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiscoveryError, match="cannot be written: No space left on device"):
        save_snapshot(path, Snapshot(catalog=Catalog()))
    assert load_snapshot(path) == SNAPSHOT
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    names = tuple(f"f{number}" for number in range(500))
    snapshots = [SNAPSHOT, Snapshot(catalog=Catalog.of(reads("orders", *names).upstream))]
    save_snapshot(path, SNAPSHOT)

    def write(snapshot: Snapshot) -> None:
        for _ in range(10):
            save_snapshot(path, snapshot)

    writers = [threading.Thread(target=write, args=(snapshot,)) for snapshot in snapshots]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert load_snapshot(path) in snapshots
    for writer in writers:
        writer.join()


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "snapshot.json"
    link.symlink_to(tmp_path / "real.json")
    save_snapshot(link, SNAPSHOT)
    assert link.is_symlink()
    assert load_snapshot(tmp_path / "real.json") == SNAPSHOT


def test_a_missing_snapshot_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="there is no snapshot yet; run `weft discover`"):
        load_snapshot(tmp_path / "snapshot.json")


def test_a_folder_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read: Is a directory"):
        load_snapshot(tmp_path)


def test_a_damaged_snapshot_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text("{")
    with pytest.raises(DocumentError, match=r"snapshot\.json: not a snapshot"):
        load_snapshot(path)
