"""``weft call --learn``: a function without types gets those of its calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.local_lambda import REGION, LocalLambda, local_lambda

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

CODE = """
def handler(event, context):
    return {"id": event.get("id"), "token": "hunter2", "lines": [{"sku": "a", "count": 2}] if event.get("full") else []}
"""
MANIFEST = {
    "team-describe-item": {"outputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}}
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[LocalLambda]:
    async with local_lambda() as running:
        await running.create("team-get-order", "team-describe-item", code=CODE, timeout_s=10)
        yield running


@pytest.fixture
def folder(service: LocalLambda, tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    place = {"region": REGION, "endpoint": service.url, "functions": "team-*", "manifest": "manifest.json"}
    (tmp_path / "weft.yaml").write_text(json.dumps({"upstreams": [{"name": "team", "lambda": place}]}))
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "weft", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


async def test_calls_teach_the_types_of_a_function(folder: Path) -> None:
    assert run(folder, "discover")[0] == 0
    code, printed, said = run(folder, "call", "get_order", 'payload={"id": "7"}', "--learn")
    assert (code, json.loads(printed)["id"]) == (0, "7")
    assert "learned from 1 call of team-get-order:" in said
    assert 'payload: {"type":"object","properties":{"id":{"type":"string"}}}' in said
    assert "`weft discover` takes it over" in said
    assert run(folder, "call", "get_order", 'payload={"id": "8", "full": true}', "--learn")[0] == 0

    assert run(folder, "discover")[0] == 0
    functions = json.loads(run(folder, "discover", "--json")[1])["functions"]
    learned = next(one for one in functions if one["id"] == "team.get_order")
    assert learned["types_from"] == "2 calls (weft call --learn)"
    assert learned["arguments"] == ["id", "full"]
    schema = run(folder, "schema", "export")[1]
    assert "order(id: String, full: Boolean): Order" in schema
    assert "lines: [Line!]" in schema
    assert "hunter2" not in (folder / "weft.learned.json").read_text()


async def test_another_source_goes_before_and_that_is_said(folder: Path) -> None:
    code, _, said = run(folder, "call", "describe_item", 'payload={"id": "7"}', "--learn")
    assert code == 0
    assert "its types come from its manifest manifest.json, which goes before" in said
