"""granian's main process, with patience: a worker that dies is started again, and later each time.

granian ends all workers when one dies twice within 5.5 s, so that one request that kills its worker, sent twice,
would end the service.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final

from granian import Granian

logger = logging.getLogger(__name__)

SHORT_LIFE_S: Final = 10.0
"""A worker that lived longer was well: what is counted begins anew."""

FIRST_DELAY_S: Final = 0.1
MOST_DELAY_S: Final = 5.0
MOST_SHORT_LIVES: Final = 12
"""One after the other, of one worker: half a minute of trying. Then whoever started the server is to decide."""


@dataclass
class Backoff:
    """When workers that died are started again.

    Attributes:
        clock: In seconds.
        due: When each is started that is to be, by its number.
    """

    clock: Callable[[], float] = time.monotonic
    due: dict[int, float] = field(default_factory=dict)
    _lives: dict[int, int] = field(default_factory=dict)

    def died(self, worker: int, born: float) -> bool:
        """Note the death of a worker that was started at *born*; whether it is to be started again."""
        now = self.clock()
        lives = self._lives.get(worker, 0) + 1 if now - born < SHORT_LIFE_S else 1
        self._lives[worker] = lives
        if lives > MOST_SHORT_LIVES:
            return False
        # The first is replaced at once: the others have its work to do.
        delay = 0.0 if lives == 1 else min(FIRST_DELAY_S * 2 ** (lives - 2), MOST_DELAY_S)
        self.due[worker] = now + delay
        logger.error("worker died; it is started again", extra={"worker": worker + 1, "in_s": delay})
        return True

    def take_due(self) -> list[int]:
        """Those that are to be started now."""
        now = self.clock()
        found = sorted(worker for worker, at in self.due.items() if at <= now)
        for worker in found:
            del self.due[worker]
        return found

    def wait_s(self) -> float | None:
        """Until the next is to be started; ``None`` if none is."""
        return max(0.0, min(self.due.values()) - self.clock()) if self.due else None


class Wake:
    """What the main loop waits for, in place of a ``threading.Event``.

    A handler of a signal runs in the thread that waits. An event that is set from there deadlocks, where the
    signal comes just as the wait begins: both want its lock.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Wake who waits, or who is about to."""
        self._queue.put(None)  # reentrant, says its documentation

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait; whether it was for something."""
        try:
            self._queue.get(timeout=timeout_s)
        except Empty:
            return False
        return True

    def clear(self) -> None:
        """``wait`` has cleared it."""


LEAVE_SIGNAL: Final = getattr(signal, "SIGUSR1", None)
"""Tells a worker that it is about to be stopped; the systems that have no such signal have no Envoy either."""


class Supervisor(Granian):  # type: ignore[misc, valid-type]  # granian chooses its server by the kind of Python
    """granian, but for what it does when a worker dies, and when all are to end.

    Attributes:
        leave_s: After SIGTERM, how long workers go on while they tell that they leave. Not after SIGINT.
    """

    leave_s: float = 0.0
    _is_hasty: bool = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what granian takes."""
        super().__init__(*arguments, **options)
        self.main_loop_interrupt = Wake()

    def signal_handler_interrupt(self, *arguments: Any, **options: Any) -> None:
        """Note which signal it was."""
        self._is_hasty = self._is_hasty or arguments[:1] == (signal.SIGINT,)
        super().signal_handler_interrupt(*arguments, **options)

    def _stop_workers(self) -> None:
        """Let workers tell that they leave: a request on its way to one that ends at once would be lost."""
        if self.leave_s and self.interrupt_signal and not self._is_hasty and LEAVE_SIGNAL is not None:
            for worker in self.wrks:
                with contextlib.suppress(ProcessLookupError, AttributeError):  # a thread has no process
                    os.kill(worker.inner.pid, LEAVE_SIGNAL)
            time.sleep(self.leave_s)
        end = time.monotonic() + (self.workers_kill_timeout or 0)
        for worker in self.wrks:
            worker.terminate()
        # Another thread waits for each worker, too. Until it has noted its end granian takes it for one that goes
        # on, and kills it.
        for worker in self.wrks:
            while worker.is_alive() and time.monotonic() < end:
                time.sleep(0.005)
        super()._stop_workers()

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        """Start the workers; where none is started again, the socket is theirs alone.

        As long as this process holds it too, it takes connections that nobody serves once the worker is dead.
        """
        super()._spawn_workers(spawn_target, target_loader)
        if not self.respawn_failed_workers and multiprocessing.get_start_method() == "fork":
            self._drop_shared_socket()

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Watch the workers until a signal comes, or one cannot be kept alive."""
        backoff = Backoff()
        while True:
            self.main_loop_interrupt.wait(backoff.wait_s())
            if self.interrupt_signal:
                return
            if self.reload_signal:
                self._reload(spawn_target, target_loader)
            died = list(self.interrupt_children)
            if died and not self.respawn_failed_workers:
                return
            for worker in died:
                if not backoff.died(worker, self.wrks[worker].birth):
                    logger.error("worker keeps dying; the server ends", extra={"worker": worker + 1})
                    return
                self.interrupt_children.remove(worker)
            due = backoff.take_due()
            if due:
                self._respawn_workers(due, spawn_target, target_loader)
