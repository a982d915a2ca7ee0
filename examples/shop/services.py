"""The shop's four services as processes of their own, and what they were asked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = {
    "products": HERE / "products" / "app.py",
    "orders": HERE / "orders" / "app.py",
    "inventory": HERE / "inventory" / "server.py",
    "pricing": HERE / "pricing" / "local_lambda.py",
}
PORTS = {"products": 8101, "orders": 8102, "inventory": 8103, "pricing": 8104}
START_TIMEOUT_S = 30.0


@dataclass
class Service:
    """One running service. Each prints ``ready on host:port`` once, and ``call …`` for every call."""

    name: str
    process: subprocess.Popen[str]
    calls: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def stop(self) -> None:
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(5)

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.read_lines(lines)

    def read_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.lines.append(line.rstrip())
            if line.startswith("call "):
                self.calls.append(line.removeprefix("call ").rstrip())
            elif line.startswith("ready on "):
                self.ready.set()
        self.ready.set()


@dataclass
class Shop:
    """All four."""

    services: dict[str, Service]

    def settle(self) -> dict[str, int]:
        """How many calls each service has had, once what they print has arrived here."""
        before: dict[str, int] = {}
        while (counts := {name: len(s.calls) for name, s in self.services.items()}) != before:
            before = counts
            time.sleep(0.1)
        return counts

    def calls_since(self, counts: dict[str, int]) -> list[str]:
        """The calls after *counts*, by service: ``orders: GET /orders?limit=50``."""
        self.settle()
        return [f"{n}: {call}" for n, service in self.services.items() for call in service.calls[counts[n] :]]


@contextlib.contextmanager
def running_shop(ports: dict[str, int] | None = None) -> Iterator[Shop]:
    """Start the four services, wait until each is ready, and stop them when the block ends.

    Raises:
        RuntimeError: One of them did not start; the message holds what it printed.
    """
    ports = ports or PORTS
    services: dict[str, Service] = {}
    try:
        for name, script in SCRIPTS.items():
            process = subprocess.Popen(
                [sys.executable, str(script), "--port", str(ports[name])],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C goes to the demo, which stops them in order
            )
            services[name] = Service(name, process)
        deadline = time.monotonic() + START_TIMEOUT_S
        for service in services.values():
            service.ready.wait(max(0.0, deadline - time.monotonic()))
            if service.process.poll() is not None or not service.ready.is_set():
                printed = "\n  ".join(service.lines[-15:])
                raise RuntimeError(f"the service {service.name} did not start; it printed:\n  {printed}")
        yield Shop(services)
    finally:
        for service in services.values():
            with contextlib.suppress(ProcessLookupError):
                service.process.send_signal(signal.SIGTERM)
        for service in services.values():
            service.stop()
