"""Resources checked by Envoy itself before any Envoy is told of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ...schemas.errors import ConfigError
from ..reasons import is_named, reason_of
from ..resources import Resource, Resources, routes_in
from .bootstrap import ControlAddress, control_cluster, static_bootstrap

TIMEOUT_S: Final = 30.0


class Refused(ConfigError):
    """Envoy does not take a configuration."""


async def preflight(resources: Resources, envoy: Path, *, environment: dict[str, str] | None = None) -> None:
    """Hold *resources* to what Envoy accepts, by ``envoy --mode validate``: 60 to 200 ms.

    Raises:
        Refused: With Envoy's reason, and the object that what it refuses came from.
    """
    reason = await validate(resources, envoy, environment=environment)
    if reason is None:
        return
    # Envoy names few of what it does not take: the one that is meant is looked for.
    origin = await _guilty(resources, envoy, environment=environment) or origin_of(resources, reason)
    raise Refused(source=origin or "gateway", key="", problem=f"Envoy refuses it: {reason}")


async def validate(
    resources: Resources, envoy: Path, *, environment: dict[str, str] | None = None
) -> str | None:
    """Why Envoy does not take *resources*; ``None`` if it does."""
    with tempfile.TemporaryDirectory(prefix="weft-") as folder:
        file = Path(folder) / "bootstrap.json"
        control = control_cluster(ControlAddress(path=Path(folder) / "xds.sock"))
        bootstrap = static_bootstrap(resources, admin=Path(folder) / "admin.sock", extra_clusters=[control])
        data = msgspec.json.encode(bootstrap)
        await asyncio.to_thread(file.write_bytes, data)
        process = await asyncio.create_subprocess_exec(
            envoy,
            *("--mode", "validate", "--config-path", str(file), "--log-level", "warning"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                output, _ = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
    return None if process.returncode == 0 else reason_of(output.decode(errors="replace"))


async def _guilty(resources: Resources, envoy: Path, *, environment: dict[str, str] | None) -> str | None:
    """The object of the first route or cluster that Envoy refuses; ``None`` if it is neither.

    Halves what is left until one is: ten checks for a thousand routes.
    """

    async def first_refused(names: Sequence[str], few: Callable[[frozenset[str]], Resources]) -> str | None:
        async def is_refused(count: int) -> bool:
            return await validate(few(frozenset(names[:count])), envoy, environment=environment) is not None

        if not names or await is_refused(0) or not await is_refused(len(names)):
            return None
        taken, refused = 0, len(names)
        while refused - taken > 1:
            middle = (taken + refused) // 2
            if await is_refused(middle):
                refused = middle
            else:
                taken = middle
        return names[refused - 1]

    hosts = (host for configuration in resources.routes.values() for host in configuration["virtual_hosts"])
    routes = list(dict.fromkeys(route["name"] for host in hosts for route in routes_in(host)))
    found = await first_refused(routes, lambda names: _with_routes(resources, names))
    if found is not None:
        return resources.origins.get(("paths", found))
    alone = Resources(clusters=resources.clusters, secrets=resources.secrets)
    found = await first_refused(
        list(resources.clusters),
        lambda names: alone.with_types(
            clusters={name: one for name, one in resources.clusters.items() if name in names}
        ),
    )
    return None if found is None else resources.origins.get(("clusters", found))


def _with_routes(resources: Resources, names: frozenset[str]) -> Resources:
    """*resources* with those routes of *names* alone, of all that come from objects."""

    def few(host: Resource) -> Resource:
        found = {route["name"]: route for route in routes_in(host)}
        if not found:
            return host
        rest = {key: value for key, value in host.items() if key != "matcher"}
        return {**rest, "routes": [route for name, route in found.items() if name in names]}

    routes = {
        name: {
            **configuration,
            "virtual_hosts": [few(host) for host in configuration["virtual_hosts"]],
        }
        for name, configuration in resources.routes.items()
    }
    return resources.with_types(routes=routes)


def origin_of(resources: Resources, text: str) -> str | None:
    """The object of the resource named in *text*; ``None`` if none is named, or only a list of routes is.

    Source: Envoy names a listener, cluster or route configuration in quotes or after its type.
    """
    named = [
        (len(name), origin)
        for (kind, name), origin in resources.origins.items()
        if kind != "routes" and is_named(name, text)
    ]
    return max(named)[1] if named else None
