"""The control plane's own figures, as Prometheus reads them: what Envoys have, and what they refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from .control import ControlPlane

_HELP: Final = {
    "weft_gateway_problem": "1 while what is configured cannot be used.",
    "weft_gateway_published_timestamp_seconds": "When resources were published last.",
    "weft_gateway_envoy_connected": "1 for an Envoy that is here, 0 for one that has gone.",
    "weft_gateway_envoy_current": "1 for an Envoy that has what was published last.",
    "weft_gateway_refusals_total": "Updates that an Envoy refused, by the resource that it names.",
}


def figures(control: ControlPlane) -> str:
    """Every figure, in Prometheus's text format."""
    nodes = control.publisher.nodes
    version = control.publisher.resources.version
    samples = [
        ("weft_gateway_problem", {}, float(bool(control.problem))),
        ("weft_gateway_published_timestamp_seconds", {}, control.published_at),
        *(("weft_gateway_envoy_connected", {"node": node.node}, float(node.connected)) for node in nodes),
        *(
            ("weft_gateway_envoy_current", {"node": node.node}, float(node.version == version))
            for node in nodes
        ),
        *(
            (
                "weft_gateway_refusals_total",
                {"node": node.node, "type": kind, "resource": resource},
                float(count),
            )
            for node in nodes
            for (kind, resource), count in sorted(node.refused.items())
        ),
    ]
    return "".join(_lines(samples))


def _lines(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> Iterable[str]:
    before = ""
    for name, labels, value in samples:
        if name != before:
            before = name
            kind = "counter" if name.endswith("_total") else "gauge"
            yield f"# HELP {name} {_HELP[name]}\n# TYPE {name} {kind}\n"
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{shown}}} {value:.15g}\n" if shown else f"{name} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class FiguresServer:
    """Serves the figures at ``/metrics``. An async context manager: it listens in the block."""

    def __init__(
        self, control: ControlPlane, *, socket: Path | None = None, host: str = "", port: int = 0
    ) -> None:
        """Take where to listen: a Unix socket, or a host and a port."""
        self._control = control
        self._socket = socket
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FiguresServer:
        """Listen.

        Raises:
            OSError: Nothing can listen there.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site: web.BaseSite
        if self._socket is not None:
            site = web.UnixSite(self._runner, str(self._socket))
        else:
            site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        text = figures(self._control)
        return web.Response(text=text, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})
