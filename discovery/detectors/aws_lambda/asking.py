"""One question for each function, a few at once; answers are used for a while.

Lambda answers 15 requests of its control plane a second for a whole account, whoever asks. An account with a
thousand functions could not be asked for each one's tags at every look; and a first look that runs out of time
leaves its answers to the next.
"""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .failures import AWS_FAILURES, Stop

T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """How far a probe has come, for the reason of one that runs out of time.

    Attributes:
        asked: Questions for single functions that were to be asked.
        answered: Those that were answered.
    """

    asked: int = 0
    answered: int = 0

    def __str__(self) -> str:
        if not self.asked:
            return "no answer within the time limit"
        done = f"{self.answered} of {self.asked} questions about single functions are answered"
        return f"no answer within the time limit (discovery.timeout); {done}, the rest are asked at the next look"


async def ask_each(
    keys: Iterable[str], ask: Callable[[str], Awaitable[T]], *, slots: asyncio.Semaphore, progress: Progress
) -> dict[str, T]:
    """The answers, by key.

    Args:
        keys: What to ask about.
        ask: Asks about one.
        slots: Bounds the questions at once.
        progress: Counts.

    Raises:
        Exception: One of `AWS_FAILURES`, or `Stop`: the first. What was not asked yet is not asked.
    """
    failures: list[Exception] = []
    waiting = list(dict.fromkeys(keys))
    progress.asked += len(waiting)

    async def one(key: str) -> T | None:
        async with slots:
            if failures:
                return None
            try:
                found = await ask(key)
            except (*AWS_FAILURES, Stop) as error:
                failures.append(error)
                return None
            progress.answered += 1
            return found

    async with asyncio.TaskGroup() as group:
        tasks = {key: group.create_task(one(key)) for key in waiting}
    if failures:
        raise failures[0]
    return {key: found for key, task in tasks.items() if (found := task.result()) is not None}


class Kept(Generic[T]):
    """Answers that are used for a while, by what they are about.

    Args:
        max_age_s: How long one is used, in the mean: by lot half of it or up to one and a half, so that not all
            are asked for at once again.
        random: A number from 0 up to 1.
    """

    def __init__(self, max_age_s: float, *, random: Callable[[], float] = random_module.random) -> None:
        self._max_age_s = max_age_s
        self._random = random
        self._answers: dict[str, tuple[T, float]] = {}

    async def get_or_ask(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, asked for if there is none that may be used."""
        now = asyncio.get_running_loop().time()
        found = self._answers.get(key)
        if found is not None and now < found[1]:
            return found[0]
        answer = await ask()
        self._answers[key] = (answer, now + self._max_age_s * (0.5 + self._random()))
        return answer

    def forget_others(self, keys: Collection[str]) -> None:
        """Keep only what is about these."""
        self._answers = {key: answer for key, answer in self._answers.items() if key in keys}
