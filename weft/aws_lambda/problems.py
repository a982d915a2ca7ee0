"""What is wrong with an event."""

from __future__ import annotations

from typing import Any

_LONGEST = 40


class EventError(ValueError):
    """An event, or a result, that is not of the type that the handler names.

    Attributes:
        path: Where, such as ``items[3].quantity``; ``""`` for the whole of it.
        problem: What is expected there.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path or 'the event'}: {problem}")


def expected(path: str, what: str, value: Any) -> EventError:
    """An error that says what is expected at *path*, and the kind of what is there; never the value itself."""
    return EventError(path, f"{what} is expected, {kind_of(value)} is there")


def kind_of(value: Any) -> str:
    """The JSON kind of *value*, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, dict) else type(value).__name__[:_LONGEST]


def member(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else name
