"""The example's four services, running, with Weft's configuration for them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from examples.shop.services import HERE, PORTS, Shop, running_shop

QUERY = (HERE / "query.graphql").read_text().strip()


@dataclass(frozen=True)
class RunningShop:
    """The services, and a weft.yaml for their ports.

    Attributes:
        shop: The processes.
        ports: By service.
        config: The configuration file, in a folder of its own.
    """

    shop: Shop
    ports: dict[str, int]
    config: Path

    def canonical(self, text: str) -> str:
        """*text* with the ports of the documentation in place of the real ones."""
        for name, port in self.ports.items():
            text = text.replace(str(port), str(PORTS[name]))
        return text

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[str]]:
        """A list that holds, after the block, the calls that the services got in it."""
        before = self.shop.settle()
        seen: list[str] = []
        yield seen
        seen.extend(self.shop.calls_since(before))


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextlib.contextmanager
def start_shop(folder: Path) -> Iterator[RunningShop]:
    """Run the services on free ports."""
    *service_ports, weft_port = free_ports(len(PORTS) + 1)
    ports = dict(zip(PORTS, service_ports, strict=True))
    text = (HERE / "weft.yaml").read_text()
    for name, port in PORTS.items():
        text = text.replace(str(port), str(ports[name]))
    config = folder / "weft.yaml"
    config.write_text(f"{text}server: {{port: {weft_port}}}\n")
    with running_shop(ports) as shop:
        yield RunningShop(shop, {**ports}, config)
