"""The short form of ``python -m tests.corpus.grpc``: real APIs, each method called once or twice."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.corpus.grpc.check import check
from tests.corpus.grpc.packages import GENERATED, described
from weft.engine.transport import grpc_json

SMALL = ("googleapis-common-protos", "grpcio-channelz", "grpcio-health-checking")


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
async def test_every_method_is_a_field_and_every_answer_arrives_as_it_was_sent(name: str) -> None:
    assert name in GENERATED
    outcome = await check(described(name), rounds=2)
    assert outcome.failures == []
    assert outcome.fields >= outcome.methods > 0


@pytest.mark.slow
async def test_the_check_notices_an_answer_that_is_not_as_it_was_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wrong(data: Any) -> str:
        return "AAAA" + base64.b64encode(data).decode()

    monkeypatch.setattr(grpc_json, "_print_bytes", wrong)
    outcome = await check(described("grpcio-channelz"), rounds=3)
    assert outcome.failures != []
