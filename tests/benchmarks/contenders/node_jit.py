"""graphql-jit and DataLoader on Node, written by hand; the program is ``graphql_jit/server.js``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..running import answers, free_port, running
from ..workload import WIDE_TYPES
from .base import Contender, Serving, Upstreams
from .npm import NpmFolder

PACKAGES: Final = NpmFolder("graphql_jit")


@contextmanager
def start(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    port = free_port()
    args = ["node", "server.js", str(port), upstreams.http, str(workers), json.dumps(WIDE_TYPES)]
    env = {"NODE_ENV": "production"}
    with running(args, log=folder / "node.log", ready=answers(port), cwd=PACKAGES.folder, env=env) as program:
        yield Serving(program, f"http://127.0.0.1:{port}/graphql")


GRAPHQL_JIT: Final = Contender("graphql-jit", start, PACKAGES.versions, PACKAGES.install)
