"""Programs that are measured: started in a session of their own, watched, and stopped with the block."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
STOP_S: Final = 10.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class NotRunning(RuntimeError):
    """A program ended, or did not get ready in time; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and all of its children: one session of the operating system.

    Attributes:
        pid: Of the first process, which is the session's id.
        log: What it prints.
    """

    pid: int
    log: Path

    def pids(self) -> list[int]:
        """The processes that are there now."""
        found: list[int] = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    state, _, _, session = _stat(folder)[:4]
                    if int(session) == self.pid and state != "Z":
                        found.append(int(folder.name))
        return sorted(found)

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, of the processes that are there now."""
        return sum(self.cpu_of(pid) for pid in self.pids())

    def cpu_of(self, pid: int) -> float:
        """Seconds of CPU of one process; 0 if it has ended."""
        with contextlib.suppress(OSError):
            fields = _stat(Path(f"/proc/{pid}"))
            return (int(fields[11]) + int(fields[12])) / _TICKS
        return 0.0

    def tail(self) -> str:
        """The processes that are left, and the end of what they printed."""
        return f"{len(self.pids())} processes are left\n" + self.log.read_text(errors="replace")[-4000:]

    def rss_bytes(self) -> dict[int, int]:
        """Resident memory, by process."""
        found: dict[int, int] = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                found[pid] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return found


def _stat(folder: Path) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the third on. Source: proc(5)."""
    return (folder / "stat").read_text().rpartition(")")[2].split()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    args: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], bool],
    timeout_s: float = 60.0,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run *args* until the block ends; it begins once *ready* says so.

    Args:
        args: The program and its arguments.
        log: The file for what it prints.
        ready: Asked again and again.
        timeout_s: For getting ready.
        cwd: Its working folder.
        env: Added to this process's environment.

    Raises:
        NotRunning: It ended, or was not ready in time.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            args,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    program = Program(process.pid, log)
    try:
        until = time.monotonic() + timeout_s
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                raise NotRunning(f"{args[0]} did not get ready:\n{program.tail()}")
            time.sleep(0.02)
        yield program
    finally:
        _stop(program, process)


def _stop(program: Program, process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    for pid in program.pids():  # what did not follow
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    until = time.monotonic() + STOP_S
    while program.pids() and time.monotonic() < until:
        time.sleep(0.01)


def answers(port: int) -> Callable[[], bool]:
    """Whether something listens on *port*."""

    def ready() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    return ready
