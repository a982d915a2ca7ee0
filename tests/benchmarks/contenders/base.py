"""What a contender is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ..load import Mode
from ..running import Program
from ..workload import Workload

HTTP: Final = frozenset({"posts", "titles", "greet", "wide"})
"""Workloads of the HTTP upstream."""
GRPC: Final = frozenset({"grpc"})
"""Those of the gRPC upstream."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Where a contender finds what it calls.

    Attributes:
        http: URL of the HTTP upstream, without a path.
        grpc: ``host:port`` of the gRPC upstream.
    """

    http: str
    grpc: str


@dataclass(frozen=True, slots=True)
class Serving:
    """A contender that is ready.

    Attributes:
        program: All of its processes.
        url: Takes operations.
        fixed: Takes operations of the workload of this name and answers constant bytes, for ``same``.
    """

    program: Program
    url: str
    fixed: Mapping[str, str] = field(default_factory=dict)

    def url_for(self, workload: Workload, mode: Mode) -> str:
        """Where *workload* is sent."""
        return self.fixed.get(workload.name, self.url) if mode == "same" else self.url


class Start(Protocol):
    """Starts a contender."""

    def __call__(self, upstreams: Upstreams, folder: Path, workers: int) -> AbstractContextManager[Serving]:
        """Serve until the block ends.

        Args:
            upstreams: What it calls.
            folder: An empty one, for its files.
            workers: Server processes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Contender:
    """One that answers the queries.

    Attributes:
        name: Short, for tables.
        start: See `Start`.
        versions: What it is made of, by package; asked once it is installed.
        install: Makes sure that it can start.
        workloads: Names of those that it answers.
        modes: Those that it is measured in.
        connections: That keep all of its processes busy, by workload, where the workload's own would each
            wait longer than a run takes.
        calls_fixed: In ``same`` it makes no upstream calls.
    """

    name: str
    start: Start
    versions: Callable[[], Mapping[str, str]]
    install: Callable[[], None] = lambda: None
    workloads: frozenset[str] = HTTP
    modes: tuple[Mode, ...] = ("differs", "same")
    connections: Mapping[str, int] = field(default_factory=dict)
    calls_fixed: bool = False

    def connections_for(self, workload: Workload) -> int:
        """The connections that clients keep busy."""
        return self.connections.get(workload.name, workload.connections)

    def measured(self, workload: Workload, mode: Mode) -> bool:
        """Whether it takes part in *workload* in *mode*."""
        return workload.name in self.workloads and mode in self.modes
