"""Processes that are started beside this one, and that must not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def end_with_parent() -> None:
    """Send this process SIGTERM once the one that started it is gone, however that came about.

    A daemon process ends with its parent only where the parent ends in order: not after SIGKILL.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="weft-parent", daemon=True).start()
