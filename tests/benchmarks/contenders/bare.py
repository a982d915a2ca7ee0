"""Starts the bare limits: `bare_http` and `bare_grpc`, on granian with the settings that Weft gives it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Final

from weft.app.processes import schedule_as_batch
from weft.engine.endpoint.server import serve

from ..running import ROOT, answers, free_port, running
from ..workload import workloads
from . import bare_grpc, bare_http
from .base import GRPC, Contender, Serving, Upstreams


def start_http(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    env = {bare_http.UPSTREAM_PORT: upstreams.http.rpartition(":")[2]}
    yield from _start(bare_http, env, folder, workers)


def start_grpc(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    yield from _start(bare_grpc, {bare_grpc.UPSTREAM: upstreams.grpc}, folder, workers)


def _start(module: ModuleType, env: Mapping[str, str], folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    args = [sys.executable, "-m", __name__, module.__name__, str(port), str(workers)]
    env = {**env, "PYTHONPATH": str(ROOT)}
    with running(args, log=folder / "bare.log", ready=answers(port), env=env) as program:
        url = f"http://127.0.0.1:{port}"
        fixed = {name: f"{url}{bare_http.FIXED}{name}" for name in workloads()}
        yield Serving(program, f"{url}/graphql", fixed)


def _versions(*names: str) -> Mapping[str, str]:
    return {name: version(name) for name in ("granian", "uvloop", "msgspec", *names)}


BARE: Final = Contender("bare", contextmanager(start_http), lambda: _versions("httptools"), calls_fixed=True)
BARE_GRPC: Final = Contender(
    "bare-grpc",
    contextmanager(start_grpc),
    lambda: _versions("grpcio", "protobuf"),
    workloads=GRPC,
    calls_fixed=True,
)


if __name__ == "__main__":
    module, port, workers = sys.argv[1:]
    schedule_as_batch()  # as Weft's workers are
    serve(f"{module}:application", port=int(port), workers=int(workers), log_level="warning")
