"""Every block of the README and the pages in docs/ is run.

- ``console``: each ``$ weft …`` line is run in a folder with the shop's configuration while the shop is
  running; what follows is its output. White space counts as one blank; a line ``…`` stands for any lines.
  Lines with ``make`` and ``git`` are checked to exist, and run by the continuous integration itself.
- ``python``: run, with the same shop; ``yaml``: read as settings; ``graphql``: validated against the shop's
  schema; ``text``: pictures and plans; a plan is compared with what ``explain`` prints.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet
from graphql import build_schema, parse, validate

import weft
from tests.support.shop import QUERY, RunningShop

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
KINDS = {"console", "python", "yaml", "graphql", "text", "json"}


def blocks() -> Iterator[ParameterSet]:
    for page in PAGES:
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            line = page.read_text()[: match.start()].count("\n") + 1
            yield pytest.param(match[1], match[2], id=f"{page.name}:{line}:{match[1]}")


BLOCKS = list(blocks())


def of_kind(kind: str) -> list[ParameterSet]:
    return [block for block in BLOCKS if block.values[0] == kind]


@pytest.fixture(scope="session")
def discovered(shop: RunningShop) -> RunningShop:
    done = run_weft(shop, ["discover"])
    assert done.returncode == 0, done.stderr
    return shop


def run_weft(shop: RunningShop, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        cwd=shop.config.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(shop.config.parent)},
    )


def test_every_block_names_its_kind() -> None:
    assert {block.values[0] for block in BLOCKS} <= KINDS


@pytest.mark.parametrize(("kind", "text"), of_kind("console"))
def test_console(kind: str, text: str, discovered: RunningShop) -> None:
    for command, expected in commands(text):
        arguments = shlex.split(command)
        if arguments[0] == "make":
            assert re.search(rf"^{arguments[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif arguments[0] == "weft" and arguments[1] not in {"up", "serve"} and "--watch" not in arguments:
            done = run_weft(discovered, arguments[1:])
            printed = discovered.canonical(done.stdout + done.stderr)
            assert matches(expected, printed), printed
        else:
            assert arguments[0] in {"git", "cd", "pip", "weft", "curl"}


def commands(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> "):
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif line.strip():
            found[-1][1].append(" ".join(line.split()))
    return found


def matches(expected: list[str], printed: str) -> bool:
    if not expected:
        return True
    lines = [" ".join(line.split()) for line in printed.splitlines() if line.strip()]
    pattern = "\n".join(
        r".*(?:\n.*)*?" if line == "…" else re.escape(line).replace("…", ".*") for line in expected
    )
    return re.fullmatch(pattern, "\n".join(lines)) is not None


@pytest.mark.parametrize(("kind", "text"), of_kind("python"))
async def test_python(kind: str, text: str, discovered: RunningShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(discovered.config.parent)
    module = ModuleType("weft_docs_block")  # Strawberry looks annotations up in their module
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = compile(text, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, vars(module))
    if inspect.isawaitable(result):
        async with asyncio.timeout(30):
            await result


@pytest.mark.parametrize(("kind", "text"), of_kind("yaml"))
def test_yaml(kind: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCTS_TOKEN", "t")
    config = tmp_path / "weft.yaml"
    config.write_text(text if "upstreams:" in text else f"upstreams: []\n{text}")
    assert weft.load_settings(config).server.port >= 0


@pytest.mark.parametrize(("kind", "text"), of_kind("graphql"))
def test_graphql(kind: str, text: str, discovered: RunningShop) -> None:
    schema = build_schema(run_weft(discovered, ["schema", "export"]).stdout)
    if re.match(r"\s*(type|enum|input|scalar|extend|\"\"\")", text):
        for definition in re.findall(r"^\s*(?:type|input|enum) (\w+)", text, re.MULTILINE):
            assert definition in schema.type_map
    else:
        assert validate(schema, parse(text)) == []


@pytest.mark.parametrize(("kind", "text"), of_kind("text"))
def test_text(kind: str, text: str, discovered: RunningShop) -> None:
    if text.startswith("query\n"):
        assert run_weft(discovered, ["explain", QUERY]).stdout == text
    else:
        assert text.strip()
