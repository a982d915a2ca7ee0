"""What ``weft status`` shows: what is published, what Envoy has, and how endpoints are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from ..schemas.errors import WeftError
from .envoy.admin import Admin, AdminUnreachable

_OWN: Final = ("weft_",)


class NotRunning(WeftError):
    """No gateway has been started with this configuration."""


def read_status(path: Path) -> dict[str, Any]:
    """What the control plane wrote last, and whether it still runs (``running``).

    Raises:
        NotRunning: There is no such file.
    """
    try:
        status: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as error:
        raise NotRunning(f"no gateway has run here: there is no {path}") from error
    except (OSError, msgspec.DecodeError) as error:
        raise NotRunning(f"{path} cannot be read") from error
    return {**status, "running": _is_alive(int(status.get("pid", 0)))}


async def full_status(path: Path) -> dict[str, Any]:
    """The same, with what Envoy itself says: its state, and the health of each cluster's endpoints.

    Raises:
        NotRunning: There is no such file.
    """
    status = read_status(path)
    status["envoy"], status["endpoints"] = "unreachable", []
    admin = status.get("admin")
    if admin is None or not status["running"]:
        return status
    async with Admin(Path(admin)) as envoy:
        try:
            status["envoy"] = (await envoy.ask("/ready"))[1].strip()
            clusters = await envoy.ask_json("/clusters?format=json")
        except AdminUnreachable:
            return status
    for cluster in clusters.get("cluster_statuses", ()):
        if not cluster["name"].startswith(_OWN):
            status["endpoints"] += [
                _endpoint(cluster["name"], host) for host in cluster.get("host_statuses", ())
            ]
    return status


def _endpoint(cluster: str, host: dict[str, Any]) -> dict[str, Any]:
    address = host["address"]
    place = address.get("pipe", {}).get("path")
    if place is None:
        found = address["socket_address"]
        place = f"{found['address']}:{found['port_value']}"
    else:
        place = f"unix:{place}"
    health = dict(host.get("health_status", {}))
    health.pop("eds_health_status", None)
    bad = sorted(name for name, value in health.items() if value is True)
    counts = {stat["name"]: int(stat.get("value", 0)) for stat in host.get("stats", ())}
    return {
        "cluster": cluster,
        "address": place,
        "health": ", ".join(name.replace("failed_", "").replace("_", " ") for name in bad) or "healthy",
        "requests": counts.get("rq_total", 0),
        "errors": counts.get("rq_error", 0),
    }


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
