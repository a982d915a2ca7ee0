"""Envoy as a child process: started, watched, drained, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from ..child import Child
from .admin import Admin, AdminUnreachable

logger = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 30.0
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """How Envoy runs.

    Attributes:
        binary: The program.
        folder: For its bootstrap and its sockets; a Unix socket's path has at most 107 bytes.
        concurrency: Worker threads.
        drain_s: How long requests under way may go on at the stop.
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
    """One Envoy. It is an async context manager: it runs in the block, and is drained and stopped after it."""

    def __init__(
        self,
        settings: EnvoySettings,
        bootstrap: Mapping[str, Any],
        *,
        mask: Callable[[str], str] = lambda line: line,
    ) -> None:
        """Take how it runs, what it starts with, and what takes secrets out of its log's lines."""
        self.settings = settings
        self.admin = Admin(settings.admin_socket)
        self._bootstrap = bootstrap
        file = settings.folder / "bootstrap.json"
        self.child = Child(
            [
                settings.binary,
                *("--config-path", str(file)),
                *("--concurrency", str(settings.concurrency)),
                *("--drain-time-s", str(max(1, round(settings.drain_s)))),
                *("--drain-strategy", "immediate"),
                *("--log-level", settings.log_level),
                *("--log-format", "%l %n: %v"),
                # Nothing is handed over between two Envoys here: listeners are drained, and clients come back.
                "--disable-hot-restart",
            ],
            name="envoy",
            environment=envoy_environment(settings.environment),
            on_line=lambda line: _log(mask(line)),
            before_start=lambda: settings.admin_socket.unlink(missing_ok=True),
        )

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self.child.pid

    async def __aenter__(self) -> EnvoyProcess:
        """Start it. It may not take requests yet: see ``admin.until_live``."""
        await asyncio.to_thread(_write_private, self.settings.folder / "bootstrap.json", self._bootstrap)
        await self.admin.__aenter__()
        await self.child.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain it, then stop it."""
        try:
            await self._drain()
        finally:
            await self.child.__aexit__()
            await self.admin.__aexit__()

    async def _drain(self) -> None:
        with contextlib.suppress(AdminUnreachable, TimeoutError):
            async with asyncio.timeout(self.settings.drain_s):
                await self.admin.ask("/drain_listeners?graceful", method="POST")
                while await self._has_requests():  # noqa: ASYNC110 - Envoy says nothing by itself
                    await asyncio.sleep(0.05)

    async def _has_requests(self) -> bool:
        """Whether requests are under way in the public listeners."""
        stats = await self.admin.stats(r"^http\.edge.*\.downstream_rq_active$")
        return any(stats.values())


def envoy_environment(environment: Mapping[str, str] | None) -> dict[str, str]:
    """The environment that Envoy runs in: where AWS credentials are in it, they are not looked for elsewhere."""
    found = dict(os.environ if environment is None else environment)
    if "AWS_ACCESS_KEY_ID" in found:
        found.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    return found


def _log(line: str) -> None:
    level, _, rest = line.partition(" ")
    if "work-in-progress" in rest:
        level = "info"  # a remark on a filter that is in the chain by our choice
    logger.log(_LEVELS.get(level, logging.WARNING), "envoy: %s", rest or line)


def _write_private(path: Path, value: Mapping[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(value))
