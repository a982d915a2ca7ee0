"""GraphQL Mesh and Hive Gateway: Mesh composes the OpenAPI description, the gateway serves the result.

The link is batched (``hive/mesh.config.ts``), and documents are compiled (``--jit``): without it, it was
slower by half.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..running import NotRunning, answers, free_port, running
from .base import Contender, Serving, Upstreams
from .npm import NpmFolder

PACKAGES: Final = NpmFolder("hive")


@contextmanager
def start(upstreams: Upstreams, folder: Path, workers: int) -> Iterator[Serving]:
    compose(upstreams, folder)
    port = free_port()
    gateway = PACKAGES.folder / "node_modules" / "@graphql-hive" / "gateway" / "dist" / "bin.js"
    args = ["node", str(gateway), "supergraph", "supergraph.graphql", "--host", "127.0.0.1"]
    args += ["--port", str(port), "--fork", str(workers), "--jit"]
    env = {"NODE_ENV": "production", "LOG_LEVEL": "warn"}
    log = folder / "gateway.log"
    with running(args, log=log, ready=answers(port), timeout_s=120, cwd=folder, env=env) as program:
        yield Serving(program, f"http://127.0.0.1:{port}/graphql")


def compose(upstreams: Upstreams, folder: Path) -> None:
    """Write ``supergraph.graphql`` into *folder*.

    Raises:
        NotRunning: Mesh failed.
    """
    shutil.copy(PACKAGES.folder / "mesh.config.ts", folder)
    # What the configuration imports is looked up from where it lies.
    (folder / "node_modules").symlink_to(PACKAGES.folder / "node_modules")
    env = {
        **os.environ,
        "BENCH_OPENAPI": f"{upstreams.http}/openapi.json",
        "BENCH_UPSTREAM": upstreams.http,
    }
    done = subprocess.run(
        ["node_modules/.bin/mesh-compose", "-c", "mesh.config.ts", "-o", "supergraph.graphql"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise NotRunning(f"mesh-compose failed:\n{done.stdout}{done.stderr}")
    (folder / "mesh.config.ts").unlink()  # the gateway would take it for its own


HIVE: Final = Contender("hive", start, PACKAGES.versions, PACKAGES.install, connections={"wide": 2})
