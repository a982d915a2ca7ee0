"""Workers that die are started again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import aiohttp
import pytest

from tests.support.processes import running_process
from weft.engine.endpoint.supervisor import MOST_SHORT_LIVES, SHORT_LIFE_S, Backoff, Wake


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_is_started_again_at_once_and_then_later_each_time() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(8):
        assert backoff.died(0, born=clock.now)
        wait = backoff.wait_s()
        assert wait is not None
        waits.append(round(wait, 3))
        clock.now += wait
        assert backoff.take_due() == [0]
    assert waits == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5]
    assert backoff.wait_s() is None


def test_one_that_was_well_counts_anew_and_each_for_itself() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(4):
        assert backoff.died(0, born=clock.now)
    clock.now = 100
    assert backoff.died(1, born=99)
    assert backoff.wait_s() == 0
    assert backoff.died(0, born=clock.now - SHORT_LIFE_S)
    assert backoff.due[0] == clock.now


def test_one_that_never_lives_ends_the_server() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    assert all(backoff.died(0, born=clock.now) for _ in range(MOST_SHORT_LIVES))
    assert not backoff.died(0, born=clock.now)


def test_a_signal_wakes_whoever_waits_whenever_it_comes() -> None:
    wake = Wake()
    seen: list[int] = []

    def handle(number: int, _: object) -> None:
        seen.append(number)
        wake.set()

    before = signal.signal(signal.SIGUSR2, handle)
    try:
        sender = threading.Thread(target=lambda: [os.kill(os.getpid(), signal.SIGUSR2) for _ in range(2000)])
        sender.start()
        while sender.is_alive() or seen:
            if not seen:
                continue
            seen.clear()
            assert wake.wait(10)
        sender.join()
    finally:
        signal.signal(signal.SIGUSR2, before)
    while wake.wait(0):
        pass
    assert not wake.wait(0.001)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
async def test_a_server_outlives_workers_that_die_one_after_the_other(unused_tcp_port: int) -> None:
    async with (
        running_process(["-m", "tests.engine.endpoint.served", str(unused_tcp_port)]) as served,
        aiohttp.ClientSession() as http,
    ):
        seen: set[int] = set()
        async with asyncio.timeout(30):
            while len(seen) < 4:
                for worker in set(children(served.process.pid)) - seen:
                    try:
                        async with http.post(f"{served.url}/graphql", json={"query": "{hello}"}) as answer:
                            assert answer.status == 200
                    except aiohttp.ClientError:
                        continue  # it does not listen yet
                    seen.add(worker)
                    os.kill(worker, signal.SIGKILL)
                await asyncio.sleep(0.05)
        assert served.process.returncode is None
        served.process.terminate()
        assert await served.process.wait() == 0
