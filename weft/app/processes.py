"""Processes that are started beside this one: they must not outlive it, have a heap of their own, and are busy."""

from __future__ import annotations

import contextlib
import gc
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


def schedule_as_batch() -> None:
    """Let threads of this process, and of those that it starts, finish their turn when another wakes.

    A worker's event loop is fed by threads: granian's, which read requests, and gRPC's, which read answers. By
    default each that wakes takes the core from the loop, hands it one event, and gives it back; where all cores
    are busy, operations over gRPC cost twice their CPU by that, and over HTTP a tenth more. As a batch process
    the loop goes on, and finds many events at once. It costs no privilege; where there is no such policy, or it is
    refused, all stays as it is.

    Source: Linux, sched(7), ``SCHED_BATCH``.
    """
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def settle_heap() -> None:
    """Take all that is alive now out of the garbage collector's sight.

    A schema is hundreds of thousands of objects that live as long as it is served. To walk them again and
    again was measured at a quarter of a busy worker's time.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def collect_less_often() -> None:
    """Let more objects come to life before the garbage collector looks.

    An operation over a long list makes thousands of objects at once, of which none is part of a cycle.
    """
    gc.set_threshold(20_000, 20, 50)
