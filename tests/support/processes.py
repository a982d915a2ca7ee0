"""Programs run beside a test: started, watched for readiness, and stopped with the block."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class RunningProcess:
    """A program that said it is ready.

    Attributes:
        process: The operating system's process.
        address: What followed the ready text, such as ``127.0.0.1:40111``; never empty.
        lines: What it printed to stdout and stderr so far, in order.
    """

    process: asyncio.subprocess.Process
    address: str = ""
    lines: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)

    @property
    def url(self) -> str:
        """``http://`` and the address."""
        return f"http://{self.address}"

    @property
    def calls(self) -> list[str]:
        """The lines that start with ``call ``, without that word."""
        return [line.removeprefix("call ") for line in self.lines if line.startswith("call ")]

    async def calls_once(self, count: int, *, timeout_s: float = 5.0) -> list[str]:
        """``calls``, as soon as there are *count*: a line may arrive after the answer that it announces."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.calls) >= count)
        return self.calls

    async def line_once(self, line: str, count: int = 1, *, timeout_s: float = 10.0) -> None:
        """Wait until it has printed *line* so often."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self.lines.count(line) >= count)

    async def add_line(self, line: str) -> None:
        """Take in one more printed line."""
        self.lines.append(line)
        async with self._changed:
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def running_process(
    args: Sequence[str],
    *,
    ready: str = "ready on",
    timeout_s: float = 20.0,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[RunningProcess]:
    """Run ``python *args`` from the repository's top until the block ends.

    Args:
        args: The script and its arguments. Pass ``--port 0`` and read ``address`` for a free port.
        ready: The block starts after a line that starts with this, and goes on with an address.
        timeout_s: For that line to appear, and for the program to stop on SIGTERM.
        env: The whole environment; ``None`` inherits.

    Raises:
        RuntimeError: The program ended, or said nothing in time; the message holds what it printed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *args,
        cwd=ROOT,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = RunningProcess(process)
    is_ready = asyncio.Event()

    async def read_lines() -> None:
        assert process.stdout is not None
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            await running.add_line(line)
            if line.startswith(ready) and not is_ready.is_set():
                running.address = line.removeprefix(ready).strip()
                is_ready.set()
        is_ready.set()  # it ended: stop waiting

    reader = asyncio.create_task(read_lines())
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(is_ready.wait(), timeout_s)
        if not running.address:
            printed = "\n".join(running.lines)
            raise RuntimeError(f"{args[0]} did not say {ready!r}; it printed:\n{printed}")
        yield running
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            process.kill()
            await process.wait()
        await reader
