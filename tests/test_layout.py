"""The house: where things lie, and that every path to them works."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("discovery", "engine", "gateway", "schemas")


def python_files(*folders: str) -> list[Path]:
    return [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py")) if "_pb2" not in p.name]


def own_files() -> list[Path]:
    face = [p for p in python_files("weft") if not any(parent.is_symlink() for parent in p.parents)]
    return [*python_files(*PACKAGES), *face]


@pytest.mark.parametrize("package", PACKAGES)
def test_weft_holds_one_relative_symlink_per_package(package: str) -> None:
    link = ROOT / "weft" / package
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{package}"
    assert link.resolve() == ROOT / package


def test_the_symlinks_are_all_there_is_at_the_top() -> None:
    packages = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"weft", "tests", "examples"}
    assert packages == set(PACKAGES)


@pytest.mark.parametrize("path", own_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_imports_its_own_modules_relatively(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not [name.name for name in node.names if name.name.split(".")[0] in {"weft", *PACKAGES}]
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] not in {"weft", *PACKAGES}


def test_every_module_says_what_it_is() -> None:
    silent = [p for p in own_files() if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


def test_a_packages_docstring_lists_its_modules() -> None:
    unnamed: dict[str, set[str]] = {}
    for init in (p for p in own_files() if p.name == "__init__.py" and p.parent.name != "weft"):
        text = ast.get_docstring(ast.parse(init.read_text())) or ""
        modules = {p.stem for p in init.parent.glob("*.py")} - {"__init__", "__main__"}
        modules |= {p.parent.name for p in init.parent.glob("*/__init__.py")}
        missing = {m for m in modules if not re.search(rf"``[^`]*\b{m}\b[^`]*``", text)}
        if missing:
            unnamed[str(init.relative_to(ROOT))] = missing
    assert unnamed == {}


def test_modules_stay_small() -> None:
    large = {str(p.relative_to(ROOT)): n for p in own_files() if (n := p.read_text().count("\n")) > 600}
    assert large == {}


def test_python_m_weft_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "weft", "--version"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "weft")
