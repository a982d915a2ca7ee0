"""A child process that is started again when it dies, and that dies with this one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

_IS_LINUX: Final = sys.platform == "linux"
_FIRST_BACKOFF_S: Final = 0.1
_MOST_BACKOFF_S: Final = 10.0
# Linux: the kernel ends the child with this process, however that one ends. It is said by the child itself,
# before it becomes the program: code of ours between fork and exec would run beside gRPC's threads, and died.
_LAUNCH: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Child:
    """One program. It is an async context manager: it runs in the block, and is stopped after it.

    When it dies it is started again, after a pause that doubles each time.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        before_start: Callable[[], None] | None = None,
        stop_timeout_s: float = 5.0,
        stop_signal: int = signal.SIGTERM,
    ) -> None:
        """Take what to run.

        Args:
            command: The program and its arguments.
            name: What the log calls it.
            environment: In place of this process's own.
            on_line: Called with each line that it writes to standard error.
            before_start: Called before each start, in a thread.
            stop_timeout_s: Between the signal that stops it and SIGKILL.
            stop_signal: Sent to stop it.
        """
        self.name = name
        self.restarts = 0
        self._command = command
        self._environment = environment
        self._on_line = on_line or (lambda line: logger.warning("%s: %s", name, line))
        self._before_start = before_start
        self._stop_timeout_s = stop_timeout_s
        self._stop_signal = stop_signal
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._group = asyncio.TaskGroup()

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Child:
        """Start it."""
        await self._start()
        await self._group.__aenter__()
        self._watcher = self._group.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it: SIGTERM, then SIGKILL."""
        assert self._watcher is not None
        self._watcher.cancel()
        await asyncio.wait({self._watcher})  # it reads what the child says: from here that is ours
        try:
            await self._stop()
        finally:
            await self._group.__aexit__(None, None, None)

    async def _start(self) -> None:
        if self._before_start is not None:
            await asyncio.to_thread(self._before_start)
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid())] if _IS_LINUX else []
        self._process = await asyncio.create_subprocess_exec(
            *launcher,
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=None if self._environment is None else dict(self._environment),
            process_group=0,  # Ctrl-C goes to the parent, which drains before it stops its children
        )

    async def _watch(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        loop = asyncio.get_running_loop()
        while True:
            assert self._process is not None
            began = loop.time()
            code = await self._follow(self._process)
            if loop.time() - began > _MOST_BACKOFF_S:
                backoff_s = _FIRST_BACKOFF_S
            logger.error(
                "child ended; it is started again",
                extra={"child": self.name, "code": code, "in_s": backoff_s},
            )
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _MOST_BACKOFF_S)
            self.restarts += 1
            await self._start()

    async def _follow(self, process: asyncio.subprocess.Process) -> int:
        assert process.stderr is not None
        with contextlib.suppress(ValueError):  # a line beyond the reader's bound
            while line := await process.stderr.readline():
                self._on_line(line.decode(errors="replace").rstrip())
        return await process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self._stop_signal)
        try:
            async with asyncio.timeout(self._stop_timeout_s):
                await _drained(process)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for its end; what it still says must not fill the pipe meanwhile."""
    assert process.stderr is not None
    reader: Any = process.stderr
    while await reader.read(65536):
        pass
    await process.wait()
