"""Starts the bare limit: `bare_http`, on granian with the settings that Weft gives it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

from weft.engine.endpoint.server import serve

from ..running import ROOT, answers, free_port, running
from ..workload import workloads
from . import bare_http
from .base import Contender, Serving, Upstreams


@contextmanager
def start(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    args = [sys.executable, "-m", __name__, bare_http.__name__, str(port), str(workers)]
    env = {bare_http.UPSTREAM_PORT: upstreams.http.rpartition(":")[2], "PYTHONPATH": str(ROOT)}
    with running(args, log=folder / "bare.log", ready=answers(port), env=env) as program:
        url = f"http://127.0.0.1:{port}"
        fixed = {name: f"{url}{bare_http.FIXED}{name}" for name in workloads()}
        yield Serving(program, f"{url}/graphql", fixed)


def versions() -> Mapping[str, str]:
    return {name: version(name) for name in ("granian", "uvloop", "msgspec", "httptools")}


BARE: Final = Contender("bare", start, versions, calls_fixed=True)


if __name__ == "__main__":
    module, port, workers = sys.argv[1:]
    serve(f"{module}:application", port=int(port), workers=int(workers), log_level="warning")
