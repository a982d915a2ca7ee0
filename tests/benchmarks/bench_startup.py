"""Time from ``weft serve`` to the first 200 of ``/readyz``, over a snapshot of a thousand functions.

As a script it prints medians, the processor's seconds beside the clock's, and where they go:
``python -m tests.benchmarks.bench_startup [RUNS] [FUNCTIONS]``. The suite holds the seconds to a bound:
``tests/app/test_startup.py``.
"""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.large_catalog import large_catalog
from weft.discovery import save_snapshot
from weft.schemas.catalog import Snapshot, UpstreamStatus

ROOT: Final = Path(__file__).resolve().parents[2]

STAGES: Final = """
import sys, time
began = time.process_time()
def stage(name):
    global began
    now = time.process_time()
    print(f"{now - began:.6f} {name}")
    began = now
print(f"{began:.6f} interpreter")
began = time.process_time()
import weft.cli.main; stage("import of the command line")
from weft.settings import load_settings; stage("import of the settings")
settings = load_settings("weft.yaml"); stage("settings")
import weft.app.serving, weft.engine.transport.http; stage("import of the engine and its endpoint")
import gc; gc.disable()
from weft.discovery import load_snapshot
snapshot = load_snapshot(settings.discovery.snapshot); stage("snapshot")
from weft.app.stitching import weave_snapshot
from weft.schemas.stitch import stitch
woven = weave_snapshot(snapshot, settings); stage("links")
stitched = stitch(snapshot.catalog, woven); stage("schema")
engine = weft.app.serving.make_engine(snapshot, settings, stitched=stitched); stage("engine")
application = weft.app.serving.make_application(settings); stage("endpoint")
"""


def write(folder: Path, functions: int, port: int) -> None:
    """A configuration and its snapshot."""
    catalog = large_catalog(functions)
    places = {upstream.id: upstream.target.base_url for upstream in catalog.upstreams}  # type: ignore[union-attr]
    statuses = tuple(UpstreamStatus(upstream=id_, state="ready", address=url) for id_, url in places.items())
    save_snapshot(folder / ".weft" / "snapshot.json", Snapshot(catalog=catalog, statuses=statuses))
    upstreams = "".join(f"  - {{name: {id_}, url: '{url}'}}\n" for id_, url in places.items())
    (folder / "weft.yaml").write_text(f"upstreams:\n{upstreams}server: {{port: {port}}}\n")


def cpu_of(run: Callable[[], float]) -> tuple[float, float]:
    """What *run* gives, and the processor's seconds of the processes that it started and ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def start_and_stop(folder: Path, port: int) -> float:
    """Seconds from the start of ``weft serve`` to its readiness."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "weft", "serve"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(port):
            if process.poll() is not None:
                raise RuntimeError("weft serve has ended")
            time.sleep(0.002)
        return time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def is_ready(port: int) -> bool:
    """Whether ``/readyz`` is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def stages(folder: Path, runs: int) -> dict[str, float]:
    """The processor's seconds of each stage, the least of *runs* in processes of their own."""
    best: dict[str, float] = {}
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", STAGES],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            seconds, _, name = line.partition(" ")
            best[name] = min(best.get(name, 1e9), float(seconds))
    return best


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(runs: int = 7, functions: int = 1_000) -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as name, socket.socket() as reserved:
        folder = Path(name)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        reserved.close()
        write(folder, functions, port)
        found = [cpu_of(lambda: start_and_stop(folder, port)) for _ in range(runs)]
        walls, seconds = zip(*found, strict=True)
        load = os.getloadavg()[0]
        say(f"{functions} functions, Python {platform.python_version()}, load {load:.1f}, {runs} runs")
        say(f"from start to ready: median {statistics.median(walls):.2f} s, least {min(walls):.2f} s")
        say(f"processor, start to stop, all processes: median {statistics.median(seconds):.2f} s")
        say("processor, by stage, in one process:")
        for stage, least in stages(folder, runs).items():
            say(f"  {least * 1000:7.1f} ms  {stage}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
