"""What the machine gives: cores, and a port."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ..schemas.errors import ConfigError
from ..settings import Settings

_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final = Path("/proc/self/cgroup")


def worker_count(settings: Settings) -> int:
    """How many processes serve: as configured, or one a core."""
    workers = settings.server.workers
    return usable_cores() if workers == "auto" else workers


def usable_cores(*, groups: Path = _GROUPS, own_groups: Path = _OWN_GROUPS) -> int:
    """Cores that this process may run on, no more than its control groups' CPU quota; at least 1.

    A quota of 1.5 cores counts as 1: a second process would be stopped for half of each period.

    Args:
        groups: Where control groups are mounted.
        own_groups: The file that names this process's.

    Source: Linux, ``Documentation/admin-guide/cgroup-v2.rst`` (``cpu.max``) and
    ``Documentation/scheduler/sched-bwc.rst`` (``cpu.cfs_quota_us`` of version 1).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in _quotas(groups, own_groups))]))


def free_port(config: Path, settings: Settings) -> int:
    """The configured port, or a free one where it is 0.

    Worker processes share their port, so the operating system would let a second Weft share it too.

    Raises:
        ConfigError: Nothing can listen there.
    """
    return free_port_at(config, settings.server.host, settings.server.port)


def free_port_at(config: Path, host: str, port: int, *, key: str = "server") -> int:
    """*port*, or a free one where it is 0.

    Raises:
        ConfigError: Nothing can listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # What closed connections leave behind does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            source=str(config),
            key=key,
            problem=f"cannot listen on {host}:{port}: {error.strerror}",
            accepted="an address of this machine as `host`, and a free `port`; 0 takes one",
        ) from error


def _quotas(groups: Path, own_groups: Path) -> Iterator[float]:
    """Cores that each control group of this process, and each above it, may use."""
    try:
        lines = own_groups.read_text().splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from _quotas_above(groups, path, _quota_of_version_2)
        elif "cpu" in controllers.split(","):
            yield from _quotas_above(groups / controllers, path, _quota_of_version_1)
            yield from _quotas_above(groups / "cpu", path, _quota_of_version_1)


def _quotas_above(mounted: Path, path: str, read: Callable[[Path], float | None]) -> Iterator[float]:
    # In a container the path may be the host's, and only the mount's root be there: it is read in any case.
    parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
    for end in range(len(parts), -1, -1):
        try:
            quota = read(mounted.joinpath(*parts[:end]))
        except (OSError, ValueError):
            continue
        if quota is not None:
            yield quota


def _quota_of_version_2(group: Path) -> float | None:
    quota, _, period = (group / "cpu.max").read_text().strip().partition(" ")
    return None if quota == "max" else int(quota) / int(period or 100_000)


def _quota_of_version_1(group: Path) -> float | None:
    quota = int((group / "cpu.cfs_quota_us").read_text())
    return None if quota < 0 else quota / int((group / "cpu.cfs_period_us").read_text())
