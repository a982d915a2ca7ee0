"""Where one worker's time goes under load, sampled by py-spy from outside.

A sample counts for the deepest frame of Python; what that frame calls in C counts as its own: msgspec as the
caller's, the event loop as granian's ``_spawn_rsgi_worker``, the system's write as ``Connection._write``.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from .contenders.base import Contender
from .contenders.npm import CACHE
from .install import run
from .load import Mode, run_load
from .rounds import Running, started
from .workload import Workload

MOST_ROWS: Final = 25
_FRAME: Final = re.compile(r"(?P<name>.+) \((?P<file>.+?)(?::\d+)?\)")


def install() -> Path:
    """The program py-spy, installed into a virtual environment of its own in `.bench/` once."""
    folder = CACHE / "py-spy"
    program = folder / "bin" / "py-spy"
    if not program.exists():
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "py-spy"])
    return program


def profile(contender: Contender, workload: Workload, mode: Mode, *, seconds: float) -> Counter[str]:
    """Samples of *contender*'s one worker under load, by function, with the module before its name."""
    program = install()
    with started([contender], workers=1) as running, TemporaryDirectory() as folder:
        serving = running.contenders[contender.name][1]
        _load(running, contender, workload, mode, 2)
        worker = max(serving.program.pids(), key=serving.program.cpu_of)
        stacks = Path(folder) / "stacks"
        record = [str(program), "record", "--pid", str(worker), "--duration", str(round(seconds))]
        record += ["--rate", "500", "--nonblocking", "--format", "raw", "--output", str(stacks)]
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(_load, running, contender, workload, mode, seconds + 2)
            run(record)
            loading.result()
        return read_stacks(stacks.read_text())


def _load(running: Running, contender: Contender, workload: Workload, mode: Mode, seconds: float) -> None:
    serving = running.contenders[contender.name][1]
    run_load(
        serving.url_for(workload, mode),
        workload,
        mode,
        connections=contender.connections_for(workload),
        seconds=seconds,
        groups={},
        count_calls=lambda: 0,
        least_operations=0,
    )


def read_stacks(text: str) -> Counter[str]:
    """Samples by the deepest frame, from lines of ``frame;frame;… count``."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        frames, _, count = line.rpartition(" ")
        found[_named(frames.rpartition(";")[2])] += int(count)
    return found


def _named(frame: str) -> str:
    if not frame:
        return "(threads without Python)"
    match = _FRAME.fullmatch(frame)
    if match is None:
        return frame
    path = Path(match["file"]).with_suffix("")
    return f"{'/'.join(path.parts[-2:])} {match['name']}"


def report(found: Counter[str], *, contender: str, workload: str, mode: str) -> str:
    """The functions with the most samples, as shares."""
    total = found.total()
    lines: Sequence[str] = [f"{count / total:6.1%}  {name}" for name, count in found.most_common(MOST_ROWS)]
    return "\n".join([f"{contender}, {workload}, {mode}: {total} samples of one worker", *lines, ""])
