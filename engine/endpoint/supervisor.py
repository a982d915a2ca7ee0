"""granian's main process, with patience: a worker that dies is started again, and later each time.

granian ends all workers when one dies twice within 5.5 s, so that one request that kills its worker, sent twice,
would end the service.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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


class Supervisor(Granian):  # type: ignore[misc, valid-type]  # granian chooses its server by the kind of Python
    """granian, but for what it does when a worker dies."""

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
            # Cleared before it is looked at: what comes meanwhile sets it again.
            self.main_loop_interrupt.clear()
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
