"""Starts `strawberry_app` on uvicorn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ..running import ROOT, answers, free_port, running
from .base import Contender, Serving, Upstreams

# By name: the module's environment is that of its own process.
_APP: Final = "tests.benchmarks.contenders.strawberry_app"


@contextmanager
def start(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    args = [sys.executable, "-m", "uvicorn", f"{_APP}:app", "--port", str(port), "--workers", str(workers)]
    args += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    env = {"BENCH_UPSTREAM": upstreams.http, "PYTHONPATH": str(ROOT)}
    with running(args, log=folder / "strawberry.log", ready=answers(port), env=env) as program:
        yield Serving(program, f"http://127.0.0.1:{port}/graphql/")


def versions() -> Mapping[str, str]:
    return {
        name: version(name) for name in ("strawberry-graphql", "graphql-core", "aiohttp", "uvicorn", "uvloop")
    }


STRAWBERRY: Final = Contender("strawberry", start, versions, connections={"wide": 2})
