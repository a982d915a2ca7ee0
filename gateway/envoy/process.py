"""Envoy as a child process: started, watched, started again, drained, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ...schemas.errors import WeftError
from .admin import Admin, AdminUnreachable

logger = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.1
_MOST_BACKOFF_S: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class EnvoyFailed(WeftError):
    """Envoy did not start."""


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """How Envoy runs.

    Attributes:
        binary: The program.
        folder: For its bootstrap and its sockets; a Unix socket's path has at most 107 bytes.
        concurrency: Worker threads.
        drain_s: How long connections may go on once listeners close.
        log_level: Of Envoy's own log, which is passed on to ours.
        environment: In place of this process's own; AWS credentials are taken from it.
    """

    binary: Path
    folder: Path
    concurrency: int = 1
    drain_s: float = 5.0
    log_level: str = "warning"
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def admin_socket(self) -> Path:
        """Where its admin interface listens."""
        return self.folder / "admin.sock"


class EnvoyProcess:
    """One Envoy. It is an async context manager: it runs in the block, and is drained and stopped after it.

    When it dies it is started again, after a pause that doubles each time.
    """

    def __init__(self, settings: EnvoySettings, bootstrap: Mapping[str, Any]) -> None:
        self.settings = settings
        self.admin = Admin(settings.admin_socket)
        self.restarts = 0
        self._bootstrap = bootstrap
        self._process: asyncio.subprocess.Process | None = None
        self._group = asyncio.TaskGroup()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> EnvoyProcess:
        """Start it. It may not take requests yet: see ``admin.until_live``."""
        file = self.settings.folder / "bootstrap.json"
        await asyncio.to_thread(file.write_bytes, msgspec.json.encode(self._bootstrap))
        await asyncio.to_thread(file.chmod, 0o600)
        await self.admin.__aenter__()
        await self._start()
        await self._group.__aenter__()
        self._watcher = self._group.create_task(self._watch())
        return self

    async def __aexit__(self, *details: Any) -> None:
        """Drain it, then stop it."""
        assert self._watcher is not None
        self._watcher.cancel()
        try:
            await self._stop()
        finally:
            await self._group.__aexit__(None, None, None)
            await self.admin.__aexit__()

    async def _start(self) -> None:
        settings = self.settings
        with contextlib.suppress(FileNotFoundError):
            await asyncio.to_thread(settings.admin_socket.unlink)
        self._process = await asyncio.create_subprocess_exec(
            settings.binary,
            *("--config-path", str(settings.folder / "bootstrap.json")),
            *("--concurrency", str(settings.concurrency)),
            *("--drain-time-s", str(max(1, round(settings.drain_s)))),
            *("--drain-strategy", "immediate"),
            *("--log-level", settings.log_level),
            *("--log-format", "%l %n: %v"),
            # Nothing is handed over between two Envoys here: listeners are drained, and clients come back.
            "--disable-hot-restart",
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=None if settings.environment is None else dict(settings.environment),
            preexec_fn=_end_with_parent,
        )

    async def _watch(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        while True:
            assert self._process is not None
            began = asyncio.get_running_loop().time()
            code = await self._follow(self._process)
            if asyncio.get_running_loop().time() - began > _MOST_BACKOFF_S:
                backoff_s = _FIRST_BACKOFF_S
            logger.error("Envoy ended; it is started again", extra={"code": code, "in_s": backoff_s})
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, _MOST_BACKOFF_S)
            self.restarts += 1
            await self._start()

    async def _follow(self, process: asyncio.subprocess.Process) -> int:
        """Pass its log on until it ends."""
        assert process.stderr is not None
        while line := await process.stderr.readline():
            text = line.decode(errors="replace").rstrip()
            level, _, rest = text.partition(" ")
            logger.log(_LEVELS.get(level, logging.WARNING), "envoy: %s", rest or text)
        return await process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(AdminUnreachable, TimeoutError):
            async with asyncio.timeout(self.settings.drain_s + 1):
                await self.admin.ask("/drain_listeners?graceful", method="POST")
                while await self._has_requests():
                    await asyncio.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _has_requests(self) -> bool:
        """Whether requests are under way in the public listeners."""
        stats = await self.admin.stats(r"^http\.edge.*\.downstream_rq_active$")
        return any(stats.values())


_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def _end_with_parent() -> None:
    """Between fork and exec: the kernel ends this process with its parent, however that one ends."""
    os.setpgid(0, 0)  # Ctrl-C goes to the parent, which drains before it stops its children
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
