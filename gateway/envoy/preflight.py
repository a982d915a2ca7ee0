"""Resources checked by Envoy itself before any Envoy is told of them."""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from ...schemas.errors import ConfigError
from ..resources import Resources
from .bootstrap import ControlAddress, control_cluster, static_bootstrap

TIMEOUT_S: Final = 30.0
# Envoy's marker before what protobuf prints differs from run to run.
_MARKER: Final = re.compile(r"(goo\.gle/debug\w+|goo\.gle/debugonly)\s*")
_LINE: Final = re.compile(
    r"^error initializing configuration[^:]*:\s*|^\[[^\]]*\]\[\d+\]\[\w+\]\[\w+\]\s*(\[[^\]]*\]\s*)?"
)


class Refused(ConfigError):
    """Envoy does not take a configuration."""


async def preflight(resources: Resources, envoy: Path, *, environment: dict[str, str] | None = None) -> None:
    """Hold *resources* to what Envoy accepts, by ``envoy --mode validate``: 60 to 200 ms.

    Raises:
        Refused: With Envoy's reason, and the object that the resource it names came from.
    """
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
    if process.returncode == 0:
        return
    reason = resources.mask(reason_of(output.decode(errors="replace")))
    raise Refused(source=origin_of(resources, reason), key="", problem=f"Envoy refuses it: {reason}")


def reason_of(text: str) -> str:
    """Envoy's reason without its log's prefixes."""
    # What is wrong comes last, behind the whole message that it is in.
    constraint = re.search(r"Proto constraint validation failed \((.*)\)\s*$", text, re.DOTALL)
    if constraint:
        return re.sub(r": embedded message failed validation \| caused by ", ": ", constraint[1])[:1000]
    lines = [line for line in text.splitlines() if "error initializing" in line] or text.splitlines()[-1:]
    cleaned = _MARKER.sub("", _LINE.sub("", lines[0] if lines else "no reason given"))
    # What follows is the whole bootstrap, secrets and all.
    cleaned = re.split(r"\)?: ?\{\"", cleaned)[0]
    return re.sub(r"^.*?error initializing (config(uration)?|network config)[^:]*:\s*", "", cleaned).strip()[
        :1000
    ]


def origin_of(resources: Resources, text: str) -> str:
    """The object that the resource named in *text* came from; ``gateway`` if none is named.

    Source: Envoy names a listener, cluster or route configuration in quotes or after its type.
    """
    named = [
        (len(name), origin)
        for (_, name), origin in resources.origins.items()
        if name and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text)
    ]
    return max(named)[1] if named else "gateway"
