"""Every form that a .proto file may have: served, discovered by reflection, and called with random messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.corpus.grpc.check import check
from tests.corpus.grpc.packages import Described
from tests.support.protobuf import compile_protos

FORMS = sorted((Path(__file__).parent / "forms").glob("*.proto"))


def described(path: Path) -> Described:
    found = compile_protos({path.name: path.read_text()}, google=True)
    files = FileDescriptorSet.FromString(found).file
    file = next(one for one in files if one.name == path.name)
    services = tuple(f"{file.package}.{one.name}" for one in file.service)
    return Described(path.stem, "", services, found)


@pytest.mark.slow
@pytest.mark.parametrize("path", FORMS, ids=[path.stem for path in FORMS])
async def test_every_form_arrives_as_it_was_sent(path: Path) -> None:
    outcome = await check(described(path), rounds=1, more=9)
    assert outcome.failures == []
    assert outcome.warnings == 0
    assert min(outcome.methods[kind] for kind in ("none", "server", "client", "both")) > 0
    assert outcome.reached / outcome.leaves > 0.9
