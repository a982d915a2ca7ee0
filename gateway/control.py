"""The control plane: what is configured and discovered, kept current in every Envoy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..schemas.errors import ConfigError, WeftError
from .envoy.preflight import preflight
from .limits.budgets import Budgets
from .lower import Lowered, World, lower
from .lower.canaries import headers_of
from .lower.filters import LAMBDA
from .objects.weft import CanarySpec
from .publish.ads import AdsPublisher

logger = logging.getLogger(__name__)

MakeWorld = Callable[[], World]
"""Reads everything anew: work for a thread."""


@dataclass(slots=True)
class ControlPlane:
    """Lowers, checks and publishes. What cannot be used changes nothing: the last good resources go on.

    Attributes:
        make_world: What the resources follow from.
        publisher: Tells Envoys.
        envoy: Checks resources before they are published; ``None`` leaves it to the Envoys.
        budgets: Of the rate limit service.
        status_file: Where ``weft status`` reads; ``None`` for nowhere.
        headers_file: Where engines read which headers of clients canaries look at; ``None`` for nowhere.
        details: What else the status says, such as where the sockets are.
    """

    make_world: MakeWorld
    publisher: AdsPublisher
    envoy: Path | None = None
    budgets: Budgets = field(default_factory=Budgets)
    status_file: Path | None = None
    headers_file: Path | None = None
    details: dict[str, Any] = field(default_factory=dict)
    lowered: Lowered | None = field(default=None, init=False)
    problem: str = field(default="", init=False)
    read_at: float = field(default=0.0, init=False)
    published_at: float = field(default=0.0, init=False)
    _world: World | None = field(default=None, init=False)
    _next: World | None = field(default=None, init=False)
    _written: bytes = field(default=b"", init=False)

    async def refresh(self) -> bool:
        """Lower everything anew, and publish it if it differs; whether what is configured now is published.

        Never raises for what is configured: the problem is logged and shown in the status.
        """
        try:
            await self._refresh()
        except WeftError as error:
            self.problem = str(error)
            logger.error("gateway not changed; the last good one goes on", extra={"reason": self.problem})  # noqa: TRY400
            return False
        except Exception:
            # A fault of ours in one object must not end the control plane.
            self.problem = "an internal error, which the log holds"
            logger.exception("gateway not changed; the last good one goes on")
            return False
        else:
            self.problem = ""
            return True
        finally:
            await self.write_status()

    async def start(self) -> None:
        """Publish for the first time.

        Raises:
            WeftError: What is configured cannot be used.
        """
        await self._refresh()
        await self.write_status()

    def _canaries(self) -> dict[str, dict[str, int]]:
        objects = self._world.objects if self._world is not None else ()
        return {one.name: one.spec.shares for one in objects if isinstance(one.spec, CanarySpec)}

    async def read(self) -> None:
        """Read everything, and tell engines that start now what canaries look at; ``start`` goes on with it.

        Raises:
            WeftError: It cannot be read.
        """
        self._next = await asyncio.to_thread(self._read)

    def _read(self) -> World:
        read_at = time.time()
        try:
            world = self.make_world()
        finally:
            self.read_at = read_at
        if self.headers_file is not None:
            _replace(self.headers_file, msgspec.json.encode(headers_of(world.objects)))
        return world

    async def _refresh(self) -> None:
        world = self._next if self._next is not None else await asyncio.to_thread(self._read)
        self._next = None
        lowered: Lowered = await asyncio.to_thread(lower, world)
        if self.lowered is None or lowered.resources.version != self.lowered.resources.version:
            if self.envoy is not None:
                await preflight(lowered.resources, self.envoy)
            await self.publisher.publish(lowered.resources)
            self.published_at = time.time()
        self.budgets.replace(lowered.limits)
        self.lowered = lowered
        self._world = world

    async def follow(self, paths: Callable[[], Iterable[Path]], *, poll_s: float = 0.1) -> None:
        """Refresh for ever, whenever one of the files changes.

        Args:
            paths: The files; folders stand for what lies in them.
            poll_s: Seconds between two looks: each costs a `stat` for a file.
        """

        def look() -> list[tuple[str, int, int]]:
            return _marks(paths())

        seen = await asyncio.to_thread(look)
        while True:
            await asyncio.sleep(poll_s)
            now = await asyncio.to_thread(look)
            if now != seen:
                seen = now
                await self.refresh()
            else:
                await self.write_status()

    async def write_status(self) -> None:
        """Write what ``weft status`` shows, if it has changed."""
        if self.status_file is None:
            return
        data = msgspec.json.encode(self.status())
        if data != self._written:
            self._written = data
            try:
                await asyncio.to_thread(_replace, self.status_file, data)
            except OSError as error:
                raise ConfigError(
                    source=str(self.status_file), key="", problem=f"cannot be written: {error.strerror}"
                ) from error

    def status(self) -> dict[str, Any]:
        """What is published, what each Envoy has of it, and what is wrong."""
        lowered = self.lowered
        return {
            **self.details,
            "version": lowered.resources.version if lowered else "",
            "read_at": self.read_at,
            "published_at": self.published_at,
            "problem": self.problem,
            "canaries": self._canaries(),
            "nodes": [
                {
                    "node": node.node,
                    "connected": node.connected,
                    "version": node.version,
                    "acked": node.acked,
                    "refusals": node.refusals,
                    "refusal": msgspec.to_builtins(node.refusal) if node.refusal else None,
                }
                for node in self.publisher.nodes
            ],
            "listeners": [
                {"name": name, "address": _address(resource["address"])}
                for name, resource in (lowered.resources.listeners.items() if lowered else ())
            ],
            "routes": [
                {
                    "route": route.name,
                    "function": route.function,
                    "match": _match(route.match),
                    "weights": _weights(route.action),
                }
                for route in (lowered.routes if lowered else ())
            ],
        }


def _address(address: dict[str, Any]) -> str:
    if "pipe" in address:
        return f"unix:{address['pipe']['path']}"
    found = address["socket_address"]
    return f"{found['address']}:{found['port_value']}"


def _match(match: dict[str, Any]) -> str:
    path = next(
        (str(match[key]) for key in ("path", "path_separated_prefix", "prefix") if key in match),
        match.get("safe_regex", {}).get("regex", ""),
    )
    parts = []
    for header in match.get("headers", ()):
        value = header.get("string_match", {})
        text = value.get("exact") or value.get("safe_regex", {}).get("regex", "")
        parts.append(str(text) if header["name"] == ":method" else f"{header['name']}={text}")
    return " ".join((path, *parts))


def _weights(action: dict[str, Any]) -> dict[str, int]:
    route = action.get("route", {})
    if "cluster" in route:
        return {route["cluster"]: 100}
    weights: dict[str, int] = {}
    for cluster in route.get("weighted_clusters", {}).get("clusters", ()):
        name = cluster["name"] + _qualifier(cluster)
        weights[name] = weights.get(name, 0) + cluster["weight"]
    return weights


def _qualifier(cluster: dict[str, Any]) -> str:
    """``:live`` of a Lambda function's version; its versions have one cluster."""
    invoke = cluster.get("typed_per_filter_config", {}).get(LAMBDA, {}).get("invoke_config", {})
    parts = str(invoke.get("arn", "")).split(":")
    return f":{parts[7]}" if len(parts) > 7 else ""


def _marks(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    marks = []
    for path in paths:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in (path, *files):
            try:
                found = file.stat()
            except OSError:
                marks.append((str(file), 0, 0))
            else:
                marks.append((str(file), found.st_mtime_ns, found.st_ino))
    return marks


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(data)
    temporary.chmod(0o600)
    temporary.replace(path)
