"""The engine of the newest snapshot, swapped without dropping an operation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..discovery import load_snapshot
from ..engine.execute.engine import Engine
from ..engine.operation import GraphQLRequest, Response
from ..schemas.catalog import Snapshot
from ..schemas.errors import OperationError, WeftError

logger = logging.getLogger(__name__)

MakeEngine = Callable[[Snapshot], Engine]
"""Builds an engine: work for a thread, for a large catalog takes a second."""

FileVersion: TypeAlias = tuple[int, int, int]
"""What tells one version of the snapshot file from another."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot, and the version of the file that it was read from."""

    version: FileVersion
    snapshot: Snapshot


def file_version(path: Path) -> FileVersion:
    """The version of the file at *path*, which is replaced as a whole and never written in place.

    Raises:
        OSError: There is none.
    """
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_ino, stat.st_size)


class _Generation:
    """One engine, and whether a newer one has taken its place."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.retired = asyncio.Event()

    async def live(self, opened: asyncio.Future[None]) -> None:
        """Keep the engine open until it is retired and its last operation has ended.

        What goes wrong as it opens is told to *opened*, and never ends the other engines.
        """
        try:
            async with self.engine:
                opened.set_result(None)
                await self.retired.wait()
                await self.engine.drained()
        except Exception as error:
            if opened.done():
                logger.exception("engine not closed in order")
            else:
                opened.set_exception(error)


class LiveEngine:
    """An engine that is always the one of the newest snapshot.

    It is an async context manager: it owns the engines and the tasks that keep them.
    """

    def __init__(self, make: MakeEngine, settle: Callable[[], None] = lambda: None) -> None:
        """Make engines by *make*; *settle* is called when one was opened or closed."""
        self._make = make
        self._settle = settle
        self._current: _Generation | None = None
        self._stack = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> LiveEngine:
        """Start without an engine: see ``swap``."""
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for the operations under way, and close all engines."""
        self._retire()
        await self._stack.aclose()

    async def swap(self, snapshot: Snapshot) -> None:
        """Serve *snapshot* from now on. Operations under way end in the engine they began in.

        Raises:
            WeftError: No engine can be made of it; the one before goes on.
        """
        assert self._group is not None
        generation = _Generation(await asyncio.to_thread(self._make, snapshot))
        opened = asyncio.get_running_loop().create_future()
        self._group.create_task(self._keep(generation, opened))
        try:
            # Shielded: an engine that opens while nobody waits for it any more is closed like any other.
            await asyncio.shield(opened)
        except BaseException:
            generation.retired.set()
            raise
        self._retire()
        self._current = generation
        self._settle()
        logger.info("serving a new snapshot", extra={"content_hash": snapshot.catalog.content_hash})

    async def _keep(self, generation: _Generation, opened: asyncio.Future[None]) -> None:
        await generation.live(opened)
        del generation
        self._settle()

    def _retire(self) -> None:
        if self._current is not None:
            self._current.retired.set()
            self._current = None

    def _engine(self) -> Engine:
        if self._current is None:
            raise OperationError("no schema has been loaded yet", code="NOT_READY")
        return self._current.engine

    @property
    def ready(self) -> bool:
        """Whether a schema is loaded."""
        return self._current is not None

    @property
    def sdl(self) -> str:
        """The schema as text; the same object as long as the schema is the same."""
        return self._current.engine.sdl if self._current else ""

    def execute(
        self, request: GraphQLRequest, *, headers: Mapping[str, str], allow: frozenset[str], deadline: float
    ) -> Coroutine[Any, Any, Response]:
        """Execute a query or mutation in the newest engine."""
        return self._engine().execute(request, headers=headers, allow=allow, deadline=deadline)

    def subscribe(self, request: GraphQLRequest, *, headers: Mapping[str, str]) -> AsyncGenerator[Response]:
        """The responses of a subscription. It stays in the engine in which it began."""
        return self._engine().subscribe(request, headers=headers)


@asynccontextmanager
async def following(
    path: Path,
    make: MakeEngine,
    *,
    loaded: Loaded | None = None,
    poll_s: float = 0.5,
    settle: Callable[[], None] = lambda: None,
    also: Callable[[], object] = lambda: None,
) -> AsyncIterator[LiveEngine]:
    """An engine that follows the snapshot file at *path*.

    It need not exist yet: until it does, the engine is not ready.

    Args:
        path: What ``weft discover`` writes; replaced as a whole, never written in place.
        make: Builds the engine of one snapshot.
        loaded: What the file held a moment ago; where it still does it is not read again.
        poll_s: Seconds between two looks at the file.
        settle: Called when an engine was opened or closed.
        also: What an engine depends on besides: another one is made when it has changed.
    """
    async with LiveEngine(make, settle) as live:
        seen = await _follow_once(path, live, None, loaded, also=also)
        async with asyncio.TaskGroup() as group:
            follower = group.create_task(_follow(path, live, seen, poll_s, also))
            try:
                yield live
            finally:
                follower.cancel()


_Seen: TypeAlias = tuple[FileVersion, object]


async def _follow(
    path: Path, live: LiveEngine, seen: _Seen | None, poll_s: float, also: Callable[[], object]
) -> None:
    while True:
        await asyncio.sleep(poll_s)
        seen = await _follow_once(path, live, seen, also=also)


async def _follow_once(
    path: Path,
    live: LiveEngine,
    seen: _Seen | None,
    loaded: Loaded | None = None,
    *,
    also: Callable[[], object],
) -> _Seen | None:
    """Swap if what is followed is another than *seen*; what was seen this time."""
    try:
        now = await asyncio.to_thread(lambda: (file_version(path), also()))
    except OSError:
        return seen  # it will be there, or the last good engine goes on
    if now == seen:
        return seen
    try:
        if loaded is not None and loaded.version == now[0]:
            await live.swap(loaded.snapshot)
        else:
            await live.swap(await asyncio.to_thread(load_snapshot, path))
    except WeftError as error:
        logger.error("snapshot not usable", extra={"path": str(path), "reason": str(error)})  # noqa: TRY400
    except Exception:
        # A fault of ours in one snapshot must not end what the one before serves.
        logger.exception("snapshot not usable", extra={"path": str(path)})
    return now
