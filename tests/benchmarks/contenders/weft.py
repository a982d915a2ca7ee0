"""Weft itself: discovered and served by its command line, with its defaults."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from ..running import ROOT, NotRunning, free_port, running
from .base import GRPC, Contender, Serving, Upstreams

# The program `weft`, of this checkout whatever is installed.
_PROGRAM: Final = "from weft.cli import main; main()"


def start_http(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    yield from _start({"url": upstreams.http, "openapi": "/openapi.json"}, folder, workers)


def start_grpc(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    yield from _start({"url": f"grpc://{upstreams.grpc}"}, folder, workers)


def _start(upstream: Mapping[str, Any], folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    settings = {
        "upstreams": [{"name": "bench", "forward": ["authorization"], **upstream}],
        "server": {"port": port, "workers": workers},
    }
    (folder / "weft.yaml").write_text(json.dumps(settings))  # which YAML reads too
    weft = [sys.executable, "-c", _PROGRAM]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*weft, "discover"], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode != 0:
        raise NotRunning(f"weft discover failed:\n{done.stdout}{done.stderr}")

    def ready() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    with running([*weft, "serve"], log=folder / "weft.log", ready=ready, cwd=folder, env=env) as program:
        yield Serving(program, f"http://127.0.0.1:{port}/graphql")


def _versions(*names: str) -> Mapping[str, str]:
    return {name: version(name) for name in ("weft", "granian", "uvloop", "msgspec", "graphql-core", *names)}


WEFT: Final = Contender("weft", contextmanager(start_http), lambda: _versions("httptools"))
WEFT_GRPC: Final = Contender(
    "weft-grpc", contextmanager(start_grpc), lambda: _versions("grpcio", "protobuf"), workloads=GRPC
)
