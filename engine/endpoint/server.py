"""The application served by granian: in worker processes, or inside a running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server.embed import Server

from .rsgi import Application
from .supervisor import Supervisor

logger = logging.getLogger(__name__)

# Requests that one worker holds at once; the next ones wait in the socket's backlog.
BACKPRESSURE: Final = 1024
BACKLOG: Final = 2048
# What an operation may still take (EndpointSettings.timeout_s), and a little more.
STOP_TIMEOUT_S: Final = 35


def serve(
    target: str | Callable[[], Application],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    respawn: bool = True,
    uds: Path | None = None,
    backpressure: int = BACKPRESSURE,
    stop_timeout_s: int = STOP_TIMEOUT_S,
    leave_s: float = 0.0,
    log_level: str = "info",
    log_config: dict[str, Any] | None = None,
) -> None:
    """Serve an application from worker processes, until SIGTERM or SIGINT.

    Args:
        target: What makes the ``Application``; it is called once in each worker. A ``module:function``, or
            the function itself where workers are forked.
        host: Address to listen on.
        port: Port to listen on.
        workers: Number of processes.
        respawn: Start a worker again that died, and later each time; off, all end with it.
        uds: Path of a Unix socket, in place of *host* and *port*.
        backpressure: Requests that one worker holds at once.
        stop_timeout_s: For open requests to end; workers that take longer are killed.
        leave_s: After SIGTERM, how long workers go on while they tell a gateway that they leave.
        log_level: Of granian's own log.
        log_config: For ``logging.config.dictConfig``, in each process.
    """
    granian = Supervisor(
        target if isinstance(target, str) else "weft",
        address=host,
        port=port,
        uds=uds,
        interface=Interfaces.RSGI,
        loop=Loops.uvloop,
        factory=True,
        workers=workers,
        websockets=False,
        backlog=BACKLOG,
        backpressure=backpressure,
        respawn_failed_workers=respawn,
        workers_kill_timeout=stop_timeout_s,
        log_access=False,
        log_level=LogLevels(log_level),
        log_dictconfig=log_config,
    )
    granian.leave_s = leave_s
    if isinstance(target, str):
        granian.serve()
    else:
        loader: Any = target  # granian's annotation is of a loader that takes a target
        granian.serve(target_loader=loader, wrap_loader=False)


@contextlib.asynccontextmanager
async def running(application: Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve *application* in the running event loop until the block ends.

    Args:
        application: It is started and stopped here.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.

    Yields:
        The URL without a path, such as ``http://127.0.0.1:40111``. The engine is up by then.

    Raises:
        RuntimeError: The engine failed to start (the log says why), or granian did.
    """
    with socket.socket() as reserved:
        # granian listens with SO_REUSEPORT: a socket that is bound and does not listen keeps the port ours.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, port))
        port = reserved.getsockname()[1]
        server = Server(
            application,
            address=host,
            port=port,
            interface=Interfaces.RSGI,
            websockets=False,
            backpressure=BACKPRESSURE,
            log_enabled=False,
        )
        serving = asyncio.create_task(server.serve())
        started = asyncio.create_task(application.started())
        try:
            await asyncio.wait((serving, started), return_when=asyncio.FIRST_COMPLETED)
            if not started.done():
                raise RuntimeError("granian failed to start") from serving.exception()
            if not started.result():
                raise RuntimeError("the engine failed to start; the log says why")
            yield f"http://{host}:{port}"
        finally:
            started.cancel()
            application.end_streams()
            server.stop()  # type: ignore[no-untyped-call]  # granian leaves it untyped
            await asyncio.wait((serving,))
            await application.stopped()
