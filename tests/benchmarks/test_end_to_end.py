"""The contenders that need no other registry than Python's: their answers, and the calls they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from .check import WrongAnswer, check
from .contenders.bare import BARE, BARE_GRPC
from .contenders.base import Contender
from .contenders.strawberry import STRAWBERRY
from .contenders.weft import WEFT, WEFT_GRPC
from .install import need_programs
from .load import Mode, run_load
from .rounds import Running, started
from .workload import Workload, workloads

CONTENDERS: Final = (WEFT, BARE, WEFT_GRPC, BARE_GRPC, STRAWBERRY)
MODES: Final[tuple[Mode, ...]] = ("differs", "same")
CASES: Final = [
    pytest.param(contender, workload, mode, id=f"{contender.name}-{workload.name}-{mode}")
    for contender in CONTENDERS
    for workload in workloads().values()
    for mode in MODES
    if contender.measured(workload, mode)
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # starting them takes its time


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    need_programs("nginx", "wrk")
    with started(CONTENDERS, workers=1) as found:
        yield found


@pytest.mark.parametrize(("contender", "workload", "mode"), CASES)
def test_answers_are_right_and_calls_are_the_fewest(
    running: Running, contender: Contender, workload: Workload, mode: Mode
) -> None:
    serving = running.contenders[contender.name][1]
    calls = check(contender, serving, running.upstream, workload, mode, exact=True)
    assert calls == (0 if contender.calls_fixed and mode == "same" else workload.calls)


def test_a_wrong_answer_is_told(running: Running) -> None:
    contender, serving = running.contenders["bare"]
    wrong = Workload("posts", "{posts{title}}", {"data": {"posts": []}}, 1)
    with pytest.raises(WrongAnswer, match="bare, posts, differs: status 200"):
        check(contender, serving, running.upstream, wrong, "differs", exact=True)


def test_too_many_calls_are_told(running: Running) -> None:
    contender, serving = running.contenders["bare"]
    titles = workloads()["titles"]
    wrong = Workload("titles", titles.query, titles.answer, 2)
    with pytest.raises(WrongAnswer, match="1 upstream calls an operation, 2 expected"):
        check(contender, serving, running.upstream, wrong, "differs", exact=True)


@pytest.mark.parametrize("mode", MODES)
def test_wrk_loads_and_costs_are_told(running: Running, mode: Mode) -> None:
    contender, serving = running.contenders["bare"]
    workload = workloads()["titles"]
    sample = run_load(
        serving.url_for(workload, mode),
        workload,
        mode,
        connections=10,
        seconds=1,
        groups={"server": serving.program, "upstream": running.upstream.program},
        count_calls=running.upstream.requests,
    )
    assert sample is not None
    assert sample.operations > 0
    assert set(sample.cpu_us) == {"server", "upstream", "wrk"}
    assert sample.calls == pytest.approx(1 if mode == "differs" else 0, abs=0.5)
    assert contender.connections_for(workload) == 100
