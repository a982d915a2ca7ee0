"""A real server of other people's making: etcd, in Go, which serves no reflection."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import weft
from weft.engine.execute.schema import WeftSchema
from weft.engine.operation import GraphQLRequest

ETCD = shutil.which("etcd") or ""
PROTOS = Path(__file__).parent / "etcd"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ETCD, reason="etcd is not installed (apt-get install etcd-server)"),
]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.asynccontextmanager
async def etcd(folder: Path) -> AsyncIterator[WeftSchema]:
    client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    options = {
        "data-dir": folder / "data",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    args = [ETCD, *(f"--{name}={value}" for name, value in options.items())]
    process = await asyncio.create_subprocess_exec(
        *args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        settings = weft.Settings.from_mapping(
            {
                "upstreams": [
                    {
                        "name": "etcd",
                        "url": client.replace("http", "grpc"),
                        "grpc": {"descriptors": str(PROTOS)},
                    }
                ],
                "functions": {
                    "etcd.KV.Range": {"effect": "read"},
                    "etcd.Maintenance.Status": {"effect": "read"},
                },
                "discovery": {"snapshot": str(folder / "snapshot.json")},
            }
        )
        snapshot = await weft.discover(settings)
        assert [one.state for one in snapshot.statuses] == ["ready"]
        async with weft.stitch(snapshot, settings) as schema, asyncio.timeout(30):
            status: dict[str, Any] = {"errors": ()}
            while "errors" in status:  # it starts
                await asyncio.sleep(0.1)
                status = await weft.execute(schema, "{ status { version } }")
            yield schema
    finally:
        process.kill()
        await process.wait()


async def test_a_server_without_reflection_is_read_written_and_watched(tmp_path: Path) -> None:
    async with etcd(tmp_path) as schema:
        put = 'mutation { put(key: "Zm9v", value: "YmFy") { header { revision } } }'
        written: Any = await weft.execute(schema, put)
        revision = written["data"]["put"]["header"]["revision"]
        for _ in range(3):
            read = await weft.execute(
                schema, '{ range(key: "Zm9v") { count kvs { key value modRevision } } }'
            )
            assert read == {
                "data": {
                    "range": {
                        "count": 1,
                        "kvs": [{"key": "Zm9v", "value": "YmFy", "modRevision": revision}],
                    }
                }
            }
        failed: Any = await weft.execute(schema, '{ range(key: "") { count } }')
        assert failed["errors"][0]["extensions"]["code"] == "INVALID_ARGUMENT"
        watch = """subscription {
            watch(requests: [{requestUnion: {createRequest: {key: "Zm9v", startRevision: 1}}}]) {
                created
                events { type kv { value } }
            }
        }"""
        stream = schema.engine.subscribe(GraphQLRequest(watch, {}, None))
        async with contextlib.aclosing(stream):
            first, second = [msgspec.json.decode((await anext(stream)).body) for _ in range(2)]
    assert first == {"data": {"watch": {"created": True, "events": []}}}
    event = {"type": "PUT", "kv": {"value": "YmFy"}}
    assert second == {"data": {"watch": {"created": False, "events": [event]}}}
