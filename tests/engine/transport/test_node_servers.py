"""Servers of other people's making, on grpc-js: one with its own server reflection, and a Firestore."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import weft
from tests.corpus.grpc.stored import load
from tests.engine.transport.test_etcd import free_ports
from weft.engine.execute.schema import WeftSchema
from weft.engine.operation import GraphQLRequest

HERE = Path(__file__).parent / "node"
MODULES = Path(__file__).parents[3] / ".cache" / "grpc-servers" / "node_modules"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (MODULES.is_dir() and shutil.which("node")), reason="not installed (make servers)"
    ),
]


@contextlib.asynccontextmanager
async def node(script: str, *args: str) -> AsyncIterator[str]:
    """The port that a script of ``node`` listens on."""
    process = await asyncio.create_subprocess_exec(
        *("node", str(HERE / script), *args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(MODULES)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            port = (await process.stdout.readline()).decode().strip()
        assert port.isdigit(), port
        yield port
    finally:
        process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def woven(port: str, folder: Path, **grpc: Any) -> AsyncIterator[WeftSchema]:
    settings = weft.Settings.from_mapping(
        {
            "upstreams": [{"name": "node", "url": f"grpc://127.0.0.1:{port}", "grpc": grpc}],
            "discovery": {"snapshot": str(folder / "snapshot.json")},
        }
    )
    snapshot = await weft.discover(settings)
    assert [one.state for one in snapshot.statuses] == ["ready"]
    async with weft.stitch(snapshot, settings) as schema, asyncio.timeout(30):
        yield schema


async def events(schema: WeftSchema, query: str) -> list[Any]:
    stream = schema.engine.subscribe(GraphQLRequest(query, {}, None))
    async with contextlib.aclosing(stream):
        return [msgspec.json.decode(one.body) async for one in stream]


ALL = """{
    petId kind note toys { key value { label } } chip tattoo markCase born nick more weight marks photo
    home { __typename ... on Meadow { name } ... on Cage { number } } parent { petId note }
}"""


def pet(pet_id: str) -> dict[str, Any]:
    return {
        "petId": pet_id,
        "kind": "KIND_DOG",
        "note": "",
        "toys": [{"key": "ball", "value": {"label": "b"}}],
        "chip": None,
        "tattoo": "9007199254740993",
        "markCase": "tattoo",
        "born": "2023-11-14T22:13:20.005Z",
        "nick": "n",
        "more": None,
        "weight": "18446744073709551615",
        "marks": [-1, 0, 1],
        "photo": "AP8=",
        "home": {"__typename": "Meadow", "name": "m"},
        "parent": {"petId": f"{pet_id}'s parent", "note": None},
    }


async def test_the_reflection_of_grpc_js_is_read_and_its_four_kinds_of_methods_are_called(
    tmp_path: Path,
) -> None:
    async with node("reflection.js") as port, woven(port, tmp_path) as schema:
        for _ in range(3):
            assert await weft.execute(schema, '{ pet(petId: "p") ' + ALL + " }") == {
                "data": {"pet": pet("p")}
            }
        listed = await weft.execute(schema, '{ watchPets(petId: "p", first: 1) ' + ALL + " }")
        assert listed == {"data": {"watchPets": [pet("p1")]}}
        watched = await events(schema, 'subscription { watchPets(petId: "p") ' + ALL + " }")
        assert watched == [{"data": {"watchPets": pet(f"p{n}")}} for n in (1, 2)]
        requests = '(requests: [{petId: "a"}, {petId: "b"}])'
        fed = await weft.execute(schema, "mutation { feedPets" + requests + " { count } }")
        assert fed == {"data": {"feedPets": {"count": 2}}}
        chatted = await events(schema, "subscription { chatPets" + requests + ALL + " }")
        assert chatted == [{"data": {"chatPets": pet(name)}} for name in "ab"]
        failed: Any = await weft.execute(schema, "{ pet { petId } }")
        assert failed["errors"][0]["extensions"]["code"] == "INVALID_ARGUMENT"


async def test_a_firestore_is_written_and_read(tmp_path: Path) -> None:
    descriptors = tmp_path / "firestore.binpb"
    descriptors.write_bytes(load("google-cloud-firestore").descriptors)
    (free,) = free_ports(1)
    root = "projects/p/databases/(default)/documents"
    services = {"descriptors": str(descriptors), "services": ["google.firestore.v1.Firestore"]}
    async with node("firestore.js", str(free)) as port, woven(port, tmp_path, **services) as schema:
        asked: dict[str, Any] = {"errors": ()}
        while "errors" in asked:  # it says that it listens before it does
            await asyncio.sleep(0.05)
            asked = await weft.execute(schema, "{ batchGetDocuments(documents: []) { missing } }")
        commit = """mutation ($writes: [WriteInput!]) {
            commit(database: "projects/p/databases/(default)", writes: $writes) { commitTime }
        }"""
        writes = [
            {"operation": {"update": {"name": f"{root}/pets/{name}", "fields": fields(name, age)}}}
            for name, age in (("rex", 3), ("tom", 12))
        ]
        written: Any = await weft.execute(schema, commit, {"writes": writes})
        assert written["data"]["commit"]["commitTime"]
        got: Any = await weft.execute(
            schema,
            """query ($documents: [String!]) { batchGetDocuments(documents: $documents) {
                resultCase missing found { fields { key value { valueTypeCase stringValue integerValue } } }
            } }""",
            {"documents": [f"{root}/pets/tom", f"{root}/pets/nobody"]},
        )
        name = {"valueTypeCase": "stringValue", "stringValue": "tom", "integerValue": None}
        age = {"valueTypeCase": "integerValue", "stringValue": None, "integerValue": 12}
        found = {"fields": [{"key": "age", "value": age}, {"key": "name", "value": name}]}
        # Protobuf promises no order of a map's entries.
        got["data"]["batchGetDocuments"][0]["found"]["fields"].sort(key=lambda one: one["key"])
        assert got == {
            "data": {
                "batchGetDocuments": [
                    {"resultCase": "found", "missing": None, "found": found},
                    {"resultCase": "missing", "missing": f"{root}/pets/nobody", "found": None},
                ]
            }
        }
        where = """{filterType: {fieldFilter: {
            field: {fieldPath: "age"}, op: LESS_THAN, value: {valueType: {integerValue: 10}}
        }}}"""
        query = f"""subscription {{
            runQuery(parent: "{root}", structuredQuery: {{from: [{{collectionId: "pets"}}], where: {where}}}) {{
                document {{ name }}
            }}
        }}"""
        queried = await events(schema, query)
    assert queried == [{"data": {"runQuery": {"document": {"name": f"{root}/pets/rex"}}}}]


def fields(name: str, age: int) -> list[dict[str, Any]]:
    return [
        {"key": "name", "value": {"valueType": {"stringValue": name}}},
        {"key": "age", "value": {"valueType": {"integerValue": age}}},
    ]
