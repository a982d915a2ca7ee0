"""A folder with the shop's configuration, looked at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.program import weft
from tests.support.shop import RunningShop
from weft.cli import main


@dataclass(frozen=True)
class Discovered:
    """A folder in which ``weft discover`` was run.

    Attributes:
        folder: It holds ``weft.yaml``, the snapshot and the lock file.
        done: What ``weft discover --functions --warnings`` answered.
    """

    folder: Path
    done: subprocess.CompletedProcess[str]

    @property
    def snapshot(self) -> Path:
        return self.folder / ".weft" / "snapshot.json"


@pytest.fixture(scope="session")
def discovered(shop: RunningShop, tmp_path_factory: pytest.TempPathFactory) -> Discovered:
    folder = tmp_path_factory.mktemp("discovered")
    shutil.copy(shop.config, folder / "weft.yaml")
    return Discovered(folder, weft(folder, "discover", "--functions", "--warnings"))


@dataclass(frozen=True)
class Ended:
    """How a run of the program ended."""

    returncode: int
    stdout: str
    stderr: str


RunHere = Callable[..., Ended]


@pytest.fixture
def weft_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> RunHere:
    """Runs ``weft`` in a folder and in this process, which spares its start."""

    def run(folder: Path, *arguments: str) -> Ended:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["weft", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        written = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return Ended(end.value.code, written.out, written.err)

    return run
