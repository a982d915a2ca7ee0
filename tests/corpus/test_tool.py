"""``make corpus`` itself, over documents that are always there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.documents import SMALL, documents_in
from tests.corpus.one import read_one


@pytest.mark.parametrize("path", documents_in(SMALL), ids=lambda path: path.name)
def test_every_operation_of_every_small_document_is_a_field(path: Path, tmp_path: Path) -> None:
    found = read_one(path, path.name, tmp_path / "schema.graphql")
    assert found.error == ""
    assert found.converted
    assert found.covered == found.operations > 0
    assert (tmp_path / "schema.graphql").stat().st_size > 100


def test_a_text_that_is_no_document_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    found = read_one(tmp_path / "a.json", "a.json", None)
    assert not found.converted
    assert found.error == "a.json: not an OpenAPI document: no `openapi` or `swagger` member"


@pytest.mark.slow
def test_the_report_has_every_document_and_the_exit_status_says_whether_all_is_well(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    def run(folder: Path) -> int:
        command = [
            sys.executable,
            "-m",
            "tests.corpus",
            "--no-graphql-js",
            "--dir",
            str(folder),
            "--report",
            str(report),
        ]
        return subprocess.run(command, check=False, capture_output=True, timeout=50).returncode

    assert run(SMALL) == 0
    found = json.loads(report.read_text())
    assert [one["name"] for one in found["documents"]] == [path.name for path in documents_in(SMALL)]
    for one in found["documents"]:
        assert one["converted"]
        assert {"name", "converted", "operations", "covered", "seconds", "peak_mb", "warnings"} <= one.keys()
        assert one["peak_mb"] > 1
    (tmp_path / "bad.json").write_text("[]")
    report = tmp_path / "other.json"
    assert run(tmp_path) == 1
