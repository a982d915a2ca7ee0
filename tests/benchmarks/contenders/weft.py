"""Weft itself: discovered and served by its command line, with its defaults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from ..running import ROOT, NotRunning, free_port, running
from .base import Contender, Serving, Upstreams

_CONFIG: Final = """
upstreams:
  - {{name: bench, url: "{http}", openapi: /openapi.json, forward: [authorization]}}
server: {{port: {port}, workers: {workers}}}
"""


# The program `weft`, of this checkout whatever is installed.
_PROGRAM: Final = "from weft.cli import main; main()"


@contextmanager
def start(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    config = folder / "weft.yaml"
    config.write_text(_CONFIG.format(http=upstreams.http, port=port, workers=workers))
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
                return answer.status == 200
        except (URLError, OSError):
            return False

    with running([*weft, "serve"], log=folder / "weft.log", ready=ready, cwd=folder, env=env) as program:
        yield Serving(program, f"http://127.0.0.1:{port}/graphql")


def versions() -> Mapping[str, str]:
    return {
        name: version(name) for name in ("weft", "granian", "uvloop", "msgspec", "httptools", "graphql-core")
    }


WEFT: Final = Contender("weft", start, versions)
