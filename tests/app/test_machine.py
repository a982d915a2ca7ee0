"""What the machine gives: cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.conftest import MakeSettings
from weft.app.machine import usable_cores, worker_count


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))


def cores(folder: Path, own: str, **files: str) -> int:
    """With control groups of these *files*, and *own* as what names this process's."""
    for name, text in files.items():
        path = folder.joinpath(*name.replace("__", ".").split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "own").write_text(own)
    return usable_cores(groups=folder, own_groups=folder / "own")


def test_without_a_quota_every_core_is_used(tmp_path: Path) -> None:
    assert cores(tmp_path, "0::/\n", cpu__max="max 100000\n") == 8
    assert usable_cores(groups=tmp_path, own_groups=tmp_path / "none") == 8


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("300000 100000", 3),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("900000 100000", 8),
        ("400000", 4),
        ("x", 8),
    ],
)
def test_quota_bounds_the_cores_and_leaves_one(tmp_path: Path, quota: str, expected: int) -> None:
    assert cores(tmp_path, "0::/\n", cpu__max=quota) == expected


def test_least_quota_of_all_groups_above_counts(tmp_path: Path) -> None:
    files = {"a/b/cpu__max": "max 100000", "a/cpu__max": "200000 100000", "cpu__max": "600000 100000"}
    assert cores(tmp_path, "0::/a/b\n", **files) == 2


def test_quota_of_a_container_is_read_though_its_path_is_the_host_s(tmp_path: Path) -> None:
    assert cores(tmp_path, "0::/kubepods/pod1/c1\n", cpu__max="200000 100000") == 2


def test_quota_of_version_1_is_read(tmp_path: Path) -> None:
    files = {"cpu,cpuacct/d/cpu__cfs_quota_us": "250000", "cpu,cpuacct/d/cpu__cfs_period_us": "100000"}
    assert cores(tmp_path, "4:memory:/d\n3:cpu,cpuacct:/d\n", **files) == 2


def test_no_quota_of_version_1_is_minus_one(tmp_path: Path) -> None:
    files = {"cpu/cpu__cfs_quota_us": "-1", "cpu/cpu__cfs_period_us": "100000"}
    assert cores(tmp_path, "3:cpu:/\n", **files) == 8


def test_configured_number_of_workers_wins(settings_for: MakeSettings) -> None:
    assert worker_count(settings_for(server={"workers": 3})) == 3
    assert worker_count(settings_for()) == usable_cores()
