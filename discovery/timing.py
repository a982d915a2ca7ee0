"""When to look again."""

from __future__ import annotations

from collections.abc import Callable

from .state import DiscoverySettings


def next_interval_s(settings: DiscoverySettings, *, random: Callable[[], float]) -> float:
    """How long a candidate that is well is left alone: the interval, give or take a tenth.

    So that not all upstreams, nor all copies of Weft, are asked in one moment.
    """
    return settings.interval_s * (0.9 + 0.2 * random())


def back_off_s(
    failures: int,
    settings: DiscoverySettings,
    *,
    retry_after_s: float | None,
    random: Callable[[], float],
) -> float:
    """How long a candidate that failed is left alone.

    Args:
        failures: In a row, at least 1.
        settings: The first and the longest wait.
        retry_after_s: How long it asked to be left alone; ``None`` if it did not say.
        random: A number from 0 up to 1.

    Source: "equal jitter" of the AWS Architecture Blog, "Exponential Backoff And Jitter": half of the wait
    is certain, half is random.
    """
    # 2**30 is past every bound; a larger power would overflow a float one day.
    most: float = min(settings.back_off_s * 2.0 ** min(failures - 1, 30), settings.max_back_off_s)
    wait = most / 2 + most / 2 * random()
    if retry_after_s is not None:
        wait = max(wait, min(retry_after_s, settings.max_retry_after_s))
    return wait
