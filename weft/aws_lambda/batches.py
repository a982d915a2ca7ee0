"""Many inputs in one invocation: a bad one costs its own position, and results go back by key.

The event of a batch is ``{"items": [input, ...]}``, the answer ``{"results": [...], "errors": [...]}``: each
result has the key of its input, and so has each error, beside ``errorType`` and ``errorMessage``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .encoding import encode
from .problems import EventError

logger = logging.getLogger(__name__)

ITEMS = "items"
RESULTS = "results"
ERRORS = "errors"


def is_batch(event: Any) -> bool:
    """Whether *event* holds many inputs."""
    return isinstance(event, dict) and event.keys() == {ITEMS} and isinstance(event[ITEMS], list)


def answer_batch(
    inputs: Sequence[Any],
    *,
    key: str,
    decode: Callable[[Any, str], Any],
    run: Callable[[list[Any]], Any],
    finish: Callable[[Any, Any], Any],
    most: int,
) -> dict[str, Any]:
    """The answer to many inputs.

    Args:
        inputs: As they came.
        key: Member that is the key of an input and of a result.
        decode: One input, and its path, to what the handler takes; raises `EventError`.
        run: The handler: a list of inputs to a list of results in any order, each with its key; a mapping by
            key; or a list in the order of the inputs. An exception in the place of a result is that key's.
        finish: A result and its key as JSON.
        most: Inputs of one invocation.
    """
    if len(inputs) > most:
        raise EventError(ITEMS, f"{len(inputs)} inputs are too many, {most} are taken at once")
    keys: list[Any] = []
    taken: list[Any] = []
    errors: list[dict[str, Any]] = []
    for at, one in enumerate(inputs):
        own = one.get(key) if isinstance(one, dict) else None
        try:
            taken.append(decode(one, f"{ITEMS}[{at}]"))
            keys.append(own)
        except EventError as error:
            errors.append(_error(key, own, error))
    results: list[Any] = []
    for own, result in by_key(run(taken), keys, key) if taken else ():
        try:
            if isinstance(result, BaseException):
                raise result  # noqa: TRY301 - it is the handler's, and is treated as one that was raised
            results.append(finish(result, own))
        except Exception as error:  # it costs its own position
            if not isinstance(error, EventError):
                logger.warning("a result is an error", exc_info=error)
            errors.append(_error(key, own, error))
    return {RESULTS: results, **({ERRORS: errors} if errors else {})}


def one_by_one(run: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    """A handler of one input as one of many; what it raises stands in the place of its result."""

    def run_all(inputs: list[Any]) -> list[Any]:
        results: list[Any] = []
        for one in inputs:
            try:
                results.append(run(one))
            except Exception as error:  # noqa: BLE001 - it becomes an error of this input
                results.append(error)
        return results

    return run_all


def key_of(result: Any, key: str) -> Any:
    """The key that a result holds; ``None`` if it holds none."""
    if isinstance(result, Mapping):
        return result.get(key)
    found = getattr(result, key, None)
    return None if callable(found) else found


def by_key(results: Any, keys: list[Any], key: str) -> list[tuple[Any, Any]]:
    """The results with their keys; inputs without one are left out: they have no result."""
    if isinstance(results, Mapping):
        # Keys in Python may be UUIDs or dates, which are text in JSON.
        found = {_text(own): result for own, result in results.items()}
        return [(own, found[_text(own)]) for own in keys if _text(own) in found]
    if not isinstance(results, list | tuple):
        raise TypeError(
            f"a handler of many inputs answers a list or a mapping by {key}, not a {type(results).__name__}"
        )
    held = [key_of(result, key) for result in results]
    in_order = len(results) == len(keys) and all(
        one is None or _text(one) == _text(own) for one, own in zip(held, keys, strict=True)
    )
    if in_order:
        return [(own, result) for own, result in zip(keys, results, strict=True) if result is not None]
    if any(one is None for one, result in zip(held, results, strict=True) if result is not None):
        raise TypeError(
            f"{len(results)} results came for {len(keys)} inputs, and some hold no {key!r} to tell whose they are"
        )
    return [(encode(one), result) for one, result in zip(held, results, strict=True) if result is not None]


def _text(own: Any) -> str:
    return str(encode(own))


def _error(key: str, own: Any, error: BaseException) -> dict[str, Any]:
    return {key: own, "errorType": type(error).__name__, "errorMessage": str(error)}
