"""Detectors, registries and a clock that do what a test says.

The detectors are checked against the real ones where `tests/discovery/test_probe.py` uses both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.discovery import Candidate, Detected, Detection, HttpAddress
from weft.schemas.catalog import Function, FunctionId, HttpBinding, HttpTarget, Upstream, UpstreamId


@dataclass(slots=True)
class Clock:
    """A clock that only a test moves. *waits* holds what was slept."""

    now: float = 1_000_000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let *seconds* pass at once."""
        self.waits.append(seconds)
        self.now += seconds


@dataclass(slots=True)
class ScriptedDetector:
    """Answers by the candidate's address, as *script* says at that moment.

    A script's value is an answer, an exception to raise, or a function of the memo.
    """

    script: dict[str, Any]
    name: str = "openapi"
    asked: list[str] = field(default_factory=list)

    async def detect(
        self, candidate: Candidate, *, memo: Mapping[str, Any] | None, deadline: float
    ) -> Detection:
        """The answer that is written down for *candidate*."""
        self.asked.append(candidate.key)
        answer = self.script[candidate.key]
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = await answer(memo)
        assert isinstance(answer, Detection)
        return answer


@dataclass(slots=True)
class ChangingRegistry:
    """Says what *listed* holds, or raises *error*."""

    listed: Sequence[Candidate] = ()
    error: Exception | None = None
    name: str = "changing"
    asked: int = 0

    async def candidates(self) -> Sequence[Candidate]:
        """The candidates of this moment."""
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.listed


def at(url: str, name: str | None = None, **more: Any) -> Candidate:
    """An HTTP candidate."""
    return Candidate(HttpAddress(url), name=name, **more)


def reads(name: str, *functions: str) -> Detected:
    """The answer "here is an upstream that wishes to be called *name*"."""
    upstream = UpstreamId(name)
    return Detected(
        Upstream(
            id=upstream,
            target=HttpTarget(base_url="http://a"),
            functions=tuple(
                Function(
                    id=FunctionId(f"{name}.{function}"),
                    upstream=upstream,
                    name=function,
                    binding=HttpBinding(method="GET", path=f"/{function}"),
                )
                for function in functions or ("get",)
            ),
        ),
        memo={"of": name},
    )
