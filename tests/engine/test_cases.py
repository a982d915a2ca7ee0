"""Every folder of ``tests/cases``: one operation over the shop, what is called for it and what it answers.

A case holds:

- ``operation.graphql``, and ``variables.json`` where it has variables;
- ``answers.json``, where a function answers something else than the shop's data: by its id either
  ``{"answer": …}`` or ``{"error": "timeout" | "unreachable" | a status}``;
- ``rules.json``, where bulk functions are configured: fields of ``BulkRule``;
- ``plan.txt``, ``calls.json`` (sorted) and ``response.json``, which ``WEFT_UPDATE_CASES=1`` writes anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.memory import Answer
from tests.support.shop_engine import ShopEngine
from weft.schemas.errors import UpstreamError, UpstreamStatus, UpstreamTimeout, UpstreamUnreachable
from weft.schemas.links import BulkRule

CASES = Path(__file__).resolve().parents[1] / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/operation.graphql"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_case(folder: Path) -> None:
    query = (folder / "operation.graphql").read_text()
    variables = _read_json(folder / "variables.json", {})
    answers = {id_: _answer(id_, given) for id_, given in _read_json(folder / "answers.json", {}).items()}
    rules = [BulkRule(**rule) for rule in _read_json(folder / "rules.json", [])]
    shop = ShopEngine(answers, bulk=rules)

    plan = shop.engine.explain(query, variables)
    response = await shop.run(query, variables)
    calls = sorted(([id_, arguments] for id_, arguments in shop.calls), key=json.dumps)
    shop.calls.clear()
    shop.transport.as_bytes = True  # as compiled plans take it; a plan is compiled when it is run again
    assert await shop.run(query, variables) == response
    assert sorted(([id_, arguments] for id_, arguments in shop.calls), key=json.dumps) == calls

    _holds(folder / "plan.txt", plan)
    _holds(folder / "calls.json", "[\n" + ",\n".join(f"  {json.dumps(call)}" for call in calls) + "\n]\n")
    _holds(folder / "response.json", json.dumps(response, indent=2) + "\n")


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 20


def _read_json(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text()) if path.exists() else otherwise


def _answer(function: str, given: dict[str, Any]) -> Answer:
    answer = _error(function, given["error"]) if "error" in given else given["answer"]
    return lambda **_arguments: answer


def _error(function: str, kind: str) -> UpstreamError:
    upstream = function.partition(".")[0]
    match kind:
        case "timeout":
            return UpstreamTimeout(upstream, function)
        case "unreachable":
            return UpstreamUnreachable(upstream, function, detail="connection refused by 10.0.0.1")
        case status:
            return UpstreamStatus(upstream, function, status=status)


def _holds(path: Path, found: str) -> None:
    if os.environ.get("WEFT_UPDATE_CASES") == "1":
        path.write_text(found)
    assert found == path.read_text()
