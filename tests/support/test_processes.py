"""The helper that runs programs beside a test."""

from __future__ import annotations

import pytest

from tests.support.processes import running_process

SAY_READY = (
    "import signal; print('ready on here:1', flush=True); print('call GET /a', flush=True); signal.pause()"
)


async def test_a_program_that_is_ready_is_given_with_its_address() -> None:
    async with running_process(["-c", SAY_READY]) as process:
        assert process.url == "http://here:1"
        assert await process.calls_once(1) == ["GET /a"]


async def test_the_program_is_gone_after_the_block() -> None:
    async with running_process(["-c", SAY_READY]) as process:
        pass
    assert process.process.returncode is not None


async def test_a_program_that_ends_early_is_told_with_what_it_printed() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        async with running_process(["-c", "raise SystemExit('no such thing')"]):
            raise AssertionError("unreachable")


async def test_a_program_that_says_nothing_is_given_up() -> None:
    with pytest.raises(RuntimeError, match="did not say"):
        async with running_process(["-c", "import signal; signal.pause()"], timeout_s=0.2):
            raise AssertionError("unreachable")
