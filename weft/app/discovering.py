"""The configured upstreams, looked at once or for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias

from ..discovery import discover_once, load_snapshot, save_snapshot
from ..discovery.detectors import Detector
from ..discovery.detectors.aws_lambda import LambdaDetector
from ..discovery.detectors.grpc import GrpcDetector
from ..discovery.detectors.openapi import OpenApiDetector
from ..discovery.probe import Progress
from ..discovery.state import DiscoveryState
from ..discovery.watch import has_changed, watch
from ..schemas.catalog import Snapshot
from ..schemas.errors import DocumentError, WeftError
from ..settings import Settings, discovery_settings, registries
from .learning import learned_file
from .logs import log_level
from .processes import end_with_parent
from .stitching import save_lock, stitch_snapshot

logger = logging.getLogger(__name__)


class Teller(Protocol):
    """One end of a pipe between processes."""

    def send(self, obj: Any) -> None:
        """Tell the other end *obj*."""
        ...

    def recv(self) -> Any:
        """What the other end tells, once it does; ``EOFError`` if it is gone."""
        ...

    def close(self) -> None:
        """Let go of this end."""
        ...


OnFirst: TypeAlias = Callable[[Snapshot, tuple[str, ...]], None]
"""Told of the first snapshot, and what ``write_snapshot`` returned for it."""


def detectors(settings: Settings | None = None) -> tuple[Detector, ...]:
    """One of each kind; *settings* say where what was learned from calls is kept."""
    learned = learned_file(settings) if settings is not None else None
    return (OpenApiDetector(), GrpcDetector(), LambdaDetector(learned=learned))


async def discover(settings: Settings, *, on_progress: Progress | None = None) -> Snapshot:
    """Look at every configured upstream once.

    An upstream that cannot be read does not stop the others: its state in ``snapshot.statuses`` says why.
    Where the snapshot file knows its last good functions, these are kept and the state is ``stale``.

    Args:
        settings: Which upstreams there are, and how they are looked at.
        on_progress: Told how each probe ended, as it ends.
    """
    state = await discover_once(
        registries(settings),
        detectors(settings),
        settings=discovery_settings(settings),
        previous=_state_of(await asyncio.to_thread(_last_snapshot, settings)),
        on_progress=on_progress,
    )
    return state.snapshot


def _last_snapshot(settings: Settings) -> Snapshot | None:
    path = settings.discovery.snapshot
    if not path.exists():
        return None
    try:
        return load_snapshot(path)
    except DocumentError as error:
        logger.warning("last snapshot not usable", extra={"path": str(path), "reason": error.reason})
        return None


def _state_of(snapshot: Snapshot | None) -> DiscoveryState | None:
    return None if snapshot is None else DiscoveryState.from_snapshot(snapshot)


def write_snapshot(settings: Settings, snapshot: Snapshot) -> tuple[str, ...]:
    """Write the snapshot file, and keep the names of its schema in the lock file.

    Returns:
        Configured links and bulk functions that came to nothing, for what they name is not there now.

    Raises:
        ConfigError: A configured link or bulk function contradicts the catalog; nothing is written.
        DiscoveryError: The file cannot be written.
    """
    stitched = stitch_snapshot(snapshot, settings)
    save_lock(settings.names.lock, stitched)
    save_snapshot(settings.discovery.snapshot, snapshot)
    return tuple(text for text in stitched.weave.notes if text.startswith(("links[", "bulk[")))


async def watch_and_write(
    settings: Settings,
    snapshot: Snapshot | None = None,
    *,
    on_progress: Progress | None = None,
    on_first: OnFirst | None = None,
) -> None:
    """Look at every upstream, then again for ever, and write every change.

    Args:
        settings: Which upstreams there are, and how they are looked at.
        snapshot: What the snapshot file holds, if anything that can be read.
        on_progress: Told how each probe of the first round ended, as it ends.
        on_first: Told of the first round, once it is written.

    Raises:
        WeftError: With *on_first*, if the first round could not be written: see ``write_snapshot``.
    """
    last = snapshot
    snapshots = watch(
        registries(settings),
        detectors(settings),
        settings=discovery_settings(settings),
        previous=_state_of(snapshot),
        on_progress=lambda status: on_progress(status) if on_progress else None,
    )
    async with aclosing(snapshots):
        if on_first is not None:
            last = await anext(snapshots)
            on_first(last, await asyncio.to_thread(write_snapshot, settings, last))
            on_progress = None
        async for current in snapshots:
            if last is not None and not has_changed(last, current):
                continue
            last = current
            try:
                await asyncio.to_thread(write_snapshot, settings, current)
            except WeftError as error:
                # The last good snapshot stays: what serves it goes on.
                logger.error("snapshot not written", extra={"reason": str(error)})  # noqa: TRY400
            except Exception:
                # A fault of ours in one snapshot must not end the watch.
                logger.exception("snapshot not written")


async def watch_from_snapshot(
    settings: Settings, *, on_progress: Progress | None = None, on_first: OnFirst | None = None
) -> None:
    """``watch_and_write`` from what the snapshot file holds."""
    last = await asyncio.to_thread(_last_snapshot, settings)
    await watch_and_write(settings, last, on_progress=on_progress, on_first=on_first)


@contextlib.contextmanager
def watching_process(watch: Callable[[Teller], Coroutine[Any, Any, None]]) -> Iterator[Teller]:
    """A process of its own that runs *watch*, an endless coroutine function, until the block ends.

    It also ends when this process is gone, however that came about. It is forked: this process must have
    started no threads and opened no connections.

    Args:
        watch: Is given a connection by which it may tell something.

    Yields:
        Where it is told. ``EOFError`` there means that the process has ended.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_watch_in_process, args=(watch, sender, receiver), name="weft-discovery", daemon=True
    )
    process.start()
    sender.close()
    try:
        yield receiver
    finally:
        receiver.close()
        process.terminate()
        process.join(10)


def _watch_in_process(
    watch: Callable[[Teller], Coroutine[Any, Any, None]], sender: Teller, receiver: Teller
) -> None:
    receiver.close()
    logging.getLogger().setLevel(log_level())
    end_with_parent()
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError), contextlib.closing(sender):
        asyncio.run(_until_sigterm(watch(sender)))


async def _until_sigterm(watching: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Ended in order, it leaves no half of a snapshot behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await watching
