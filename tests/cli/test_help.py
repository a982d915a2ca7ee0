"""What the program says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import RunHere
from tests.cli.program import ROOT, weft

pytestmark = pytest.mark.slow

COMMANDS = (
    ("up",),
    ("discover",),
    ("serve",),
    ("links",),
    ("explain",),
    ("call",),
    ("schema", "export"),
    ("config", "check"),
    ("config", "schema"),
)


def test_version_is_one_line(tmp_path: Path) -> None:
    done = weft(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("weft ")
    assert done.stdout.count("\n") == 1


def test_help_names_every_command(tmp_path: Path) -> None:
    done = weft(tmp_path, "--help")
    assert done.returncode == 0
    assert {command[0] for command in COMMANDS} <= set(done.stdout.split())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_has_an_example(
    command: tuple[str, ...], tmp_path: Path, weft_here: RunHere
) -> None:
    done = weft_here(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert f"weft {' '.join(command)}" in done.stdout.partition("Examples")[2]


def test_start_loads_no_client_library() -> None:
    heavy = {"aiohttp", "aiobotocore", "grpc", "graphql", "strawberry", "pydantic", "granian"}
    code = f"import sys, weft.cli.main; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
