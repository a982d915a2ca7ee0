"""How worker processes run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_CHILD = """
import os, threading
from weft.app.processes import schedule_as_batch
schedule_as_batch()
found = []
thread = threading.Thread(target=lambda: found.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
child = os.fork()
if child == 0:
    os._exit(os.sched_getscheduler(0))
print(os.sched_getscheduler(0), *found, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the policy is Linux's")
def test_batch_policy_holds_for_threads_and_processes_to_come() -> None:
    done = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(os.SCHED_BATCH)] * 3
