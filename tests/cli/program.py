"""The program ``weft``, run as its users run it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TIMEOUT_S: Final = 30.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of this machine but the path."""
    return {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder), **more}


def weft(folder: Path, *arguments: str, given: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """What ``weft`` answers in *folder*, through pipes."""
    return subprocess.run(
        [sys.executable, "-m", "weft", *arguments],
        cwd=folder,
        env=environment(folder, **env),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def weft_in_terminal(folder: Path, *arguments: str, columns: int = 200) -> tuple[int, str]:
    """The exit code of ``weft`` and all that it wrote to a terminal."""
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(its_end, (50, columns))
    with os.fdopen(terminal, "rb", buffering=0) as written:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "weft", *arguments],
                cwd=folder,
                env=environment(folder, TERM="xterm-256color"),
                stdin=its_end,
                stdout=its_end,
                stderr=its_end,
                start_new_session=True,
            )
        finally:
            os.close(its_end)
        text = b""
        with process, contextlib.suppress(OSError):  # EIO: the other end is closed
            while piece := written.read(65536):
                text += piece
    return process.returncode, text.decode()


def plain(text: str) -> str:
    """*text* without the colours and movements of a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@dataclass
class RunningWeft:
    """A ``weft`` that goes on until it is stopped.

    Attributes:
        lines: What it wrote so far, to both outputs.
    """

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines.extend(line.rstrip() for line in lines)

    def line_with(self, text: str) -> str:
        """The first line with *text* in it, once it is written."""
        until(lambda: any(text in line for line in self.lines) or self.process.poll() is not None)
        found = [line for line in self.lines if text in line]
        assert found, "\n".join(self.lines)
        return found[0]

    @property
    def url(self) -> str:
        """Where it says that its API is, without the path."""
        match = re.search(r"(http://\S+)/graphql", self.line_with("GraphQL at "))
        assert match
        return match[1]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the process alone; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)

    @property
    def group(self) -> list[int]:
        """The ids of the processes of its session that live, its own among them."""
        return [pid for pid, session in sessions() if session == self.process.pid]


@contextlib.contextmanager
def running_weft(folder: Path, *arguments: str, **env: str) -> Iterator[RunningWeft]:
    """Run ``weft`` until the block ends; whatever it left behind is ended too."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "weft", *arguments],
        cwd=folder,
        env=environment(folder, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = RunningWeft(process)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        running._reader.join(10)


def sessions() -> Iterator[tuple[int, int]]:
    """Each process that lives, and its session."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if after_name[0] != "Z":
                    yield int(entry.name), int(after_name[3])


def until(holds: Callable[[], Any], *, timeout_s: float = TIMEOUT_S) -> None:
    """Wait for a condition outside of this process, of which nobody tells."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def ask(url: str, query: str) -> Any:
    """The response to *query*, through HTTP."""
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def answers(url: str, path: str = "/readyz") -> bool:
    """Whether *path* is answered with 200."""
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def assert_stops_whole(running: RunningWeft, number: signal.Signals = signal.SIGTERM) -> None:
    """It ends in order within seconds, and with it all that it started."""
    assert running.stop(number) == 0
    until(lambda: not running.group, timeout_s=5)
    assert not any("refused to gracefully stop" in line for line in running.lines), "\n".join(running.lines)
    assert not any("Traceback" in line for line in running.lines), "\n".join(running.lines)
