"""The short form of ``python -m tests.corpus.grpc``: real APIs, each method called once."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.corpus.grpc import packages
from tests.corpus.grpc.check import check
from tests.corpus.grpc.stored import NAMES, load
from weft.engine.transport import grpc_json


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_every_method_is_a_field_and_every_answer_arrives_as_it_was_sent(name: str) -> None:
    outcome = await check(load(name))
    assert outcome.failures == []
    assert outcome.fields >= outcome.methods.total() > 0
    assert outcome.warnings == 0


@pytest.mark.slow
async def test_the_check_notices_an_answer_that_is_not_as_it_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(data: Any) -> str:
        return "AAAA" + base64.b64encode(data).decode()

    monkeypatch.setattr(grpc_json, "_print_bytes", wrong)
    outcome = await check(load("grpcio-channelz"), rounds=3)
    assert outcome.failures != []


@pytest.mark.slow
def test_descriptors_are_read_from_an_installed_distribution() -> None:
    name = "grpcio-channelz"
    folder = str(importlib.metadata.distribution(name).locate_file(""))
    printed = subprocess.check_output([sys.executable, "-S", "-E", packages.__file__, name, folder])
    found, kept = json.loads(printed), load(name)
    assert tuple(found["services"]) == kept.services
    if found["version"] == kept.version:
        assert base64.b64decode(found["descriptors"]) == kept.descriptors
